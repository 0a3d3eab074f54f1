/* A PAM module that asks for a code as pam_nightlatch does, looks at nothing, and refuses 50 ms after the answer, three times.
 *
 * What a stranger's stopwatch shows with this one is sshd's own. */

#define _GNU_SOURCE
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <time.h>

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)flags, (void)argc, (void)argv;
    for (int question = 0; question < 3; question++) {
        char *answer = NULL;
        if (pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &answer, "Verification code: ") != PAM_SUCCESS)
            return PAM_CONV_ERR;
        free(answer);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
