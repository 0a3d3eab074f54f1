/*
 * A PAM module that stands in for the login that enrolls somebody: it shows what it is given, as the login does, so that it
 * can be seen what clients make of it. It keeps nothing and guards nothing, and is in no program that people run.
 *
 *   auth required pam_stand_in.so DIR
 *
 * DIR/offer is the text of one prompt whose answer is seen while it is typed. An answer that is a line of DIR/codes is right,
 * and DIR/backup-codes is shown then, in another prompt. After another answer DIR/again is asked, twice.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

/* The text of a file, to be freed; NULL where there is none. */
static char *text_of(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    char *text = calloc(1, 65536);
    if (text != NULL)
        text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    return text;
}

/* Asks in one PAM_PROMPT_ECHO_ON message. The answer is to be freed; NULL where the conversation fails. */
static char *asked(pam_handle_t *pamh, const char *text)
{
    char *answer = NULL;
    if (text == NULL || pam_prompt(pamh, PAM_PROMPT_ECHO_ON, &answer, "%s", text) != PAM_SUCCESS)
        return NULL;
    return answer;
}

static int is_line_of(const char *lines, const char *answer)
{
    size_t length = strlen(answer);
    for (const char *line = lines; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, answer, length) == 0 && strchr("\n", line[length]) != NULL)
            return 1;
    }
    return 0;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)flags;
    if (argc != 1)
        return PAM_SERVICE_ERR;
    char *question = text_of(argv[0], "offer");
    char *again = text_of(argv[0], "again");
    char *codes = text_of(argv[0], "codes");
    char *backup_codes = text_of(argv[0], "backup-codes");

    int code = PAM_AUTH_ERR;
    for (int left = 3; left > 0 && code == PAM_AUTH_ERR; left--) {
        char *answer = asked(pamh, left == 3 ? question : again);
        if (answer == NULL)
            code = PAM_CONV_ERR;
        else if (codes != NULL && is_line_of(codes, answer))
            code = PAM_SUCCESS;
        free(answer);
    }
    if (code == PAM_SUCCESS) {
        char *answer = asked(pamh, backup_codes);
        if (answer == NULL)
            code = PAM_CONV_ERR;
        free(answer);
    }

    free(question);
    free(again);
    free(codes);
    free(backup_codes);
    return code;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
