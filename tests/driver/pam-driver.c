/*
 * A small application of libpam that does what it is told and writes down what it sees.
 *
 *   pam-driver confdir=DIR service=NAME user=NAME… [rhost=HOST] [tty=NAME] [item=NAME[:TEXT]]… [silent=1] [live=1]
 *              [calls=auth,setcred,acct] [then-user=NAME] [conversation=KIND [at=N] [only=texts] [gives=CODE]]
 *              [logins=N] [processes=N]
 *              [clock=FILE clock-step=SECONDS] [closed=DIGITS] [room=BYTES] [caller=UID] [unwatched=1] < answers
 *
 * Answers are lines; `\xHH` and `\\` are escapes, so an answer may hold any byte. A line `%` ends the answers of one login
 * and begins those of the next (with fewer groups than logins or processes they are used in turn). A last line `*` repeats
 * the answer before it for as long as questions come. Without an answer left the conversation fails, as when somebody hangs up.
 *
 * With live=1 they are not read at once, but each when it is asked for; what was written down until then can be read.
 *
 * conversation= normal | fail (returns CODE, otherwise PAM_CONV_ERR) | answer-and-fail (the same, beside an answer) |
 * null-array (success without an array) | null-answer (an array whose answer is NULL) | answer-all (texts, too) |
 * answer-with-code (CODE is the answer's own) | rename (PAM_USER is that of then-user from then on) |
 * none (the application has no conversation function).
 * With at=N only the Nth message of a login is treated so, with only=texts no question is.
 *
 * With item=NAME:TEXT, that is set before the calls: user, user-prompt, service, rhost, ruser or tty, text escaped as answers are;
 * without a text it is taken away.
 *
 * With then-user=NAME, PAM_USER is NAME from the second call on.
 * With user= several times, the logins or processes are theirs in turn.
 * With logins=N, N logins are made one after the other in this process. With processes=N, N processes make one login each,
 * and every one of them waits at its first question until all of them are there.
 * With closed=02, the descriptors 0 and 2 are closed while logins are made, as some hosts close them.
 * With unwatched=1, what a module must leave as it was is not looked at: the host makes as few system calls as it can.
 * With room=BYTES, malloc has about that much left while the login is authenticated.
 * With caller=UID, that is the real uid while logins are made, as su has that of whoever called it.
 * With clock=FILE, libfaketime's FAKETIME_TIMESTAMP_FILE is moved by clock-step after each login.
 *
 * Output, one event a line, fields by tabs, text escaped as above:
 *   login   INDEX
 *   prompt  STYLE  MICROSECONDS  TEXT      (microseconds since the call or the last answer)
 *   delay   MICROSECONDS                   (what pam_fail_delay asked for; it is not slept)
 *   result  CALL   CODE  MICROSECONDS
 *   memory  LOGINS  HEAP_BYTES_IN_USE  RESIDENT_KIB
 *   host    WHAT   BEFORE  AFTER           (what a module must leave as it was)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <malloc.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

struct group {
    char **answers;
    size_t count;
    bool repeat_last;
};

struct login {
    const struct group *group;
    pam_handle_t *pam;
    size_t next;
    long messages;
    uint64_t since;
    int ready;  /* a byte is written here at the first question (-1: no barrier) */
    int go;     /* and end-of-file here releases everybody */
};

static const char *confdir, *service, *rhost, *tty, *clock_file, *then_user;
static const char **users;
static size_t user_count;
static const char *calls = "auth", *conversation = "normal";
static long logins = 1, processes = 1, clock_step;
static int flags;
static const char *closed;
static bool unwatched, live, only_texts;
static long at, gives = PAM_CONV_ERR;
static const char **items;
static size_t item_count;
static long room = -1, caller = -1;
static struct group *groups;
static size_t group_count;
static char out_buffer[1 << 16];

static void die(const char *what)
{
    fprintf(stderr, "pam-driver: %s: %s\n", what, strerror(errno));
    exit(70);
}

static void *or_die(void *p)
{
    if (p == NULL)
        die("out of memory");
    return p;
}

/* The real monotonic clock, past libfaketime: what is measured is how long something took. */
static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void print_escaped(const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\\')
            fputs("\\\\", stdout);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

/* ---- answers ---- */

static char *unescape(const char *line)
{
    char *answer = or_die(malloc(strlen(line) + 1)), *to = answer;
    while (*line) {
        unsigned byte;
        if (line[0] == '\\' && line[1] == '\\') {
            *to++ = '\\';
            line += 2;
        } else if (line[0] == '\\' && line[1] == 'x' && sscanf(line + 2, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            line += 4;
        } else {
            *to++ = *line++;
        }
    }
    *to = '\0';
    return answer;
}

static void read_answers(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    groups = or_die(calloc(1, sizeof *groups));
    group_count = 1;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (strcmp(line, "%") == 0) {
            groups = or_die(reallocarray(groups, group_count + 1, sizeof *groups));
            memset(&groups[group_count++], 0, sizeof *groups);
            continue;
        }
        struct group *g = &groups[group_count - 1];
        if (strcmp(line, "*") == 0) {
            g->repeat_last = true;
            continue;
        }
        g->answers = or_die(reallocarray(g->answers, g->count + 1, sizeof *g->answers));
        g->answers[g->count++] = unescape(line);
    }
    free(line);
}

/* The answer that somebody gives now. */
static const char *live_answer(void)
{
    static char *line, *answer;
    static size_t room;
    ssize_t length;
    free(answer);
    answer = NULL;
    fflush(stdout);
    length = getline(&line, &room, stdin);
    if (length > 0) {
        line[strcspn(line, "\n")] = '\0';
        answer = unescape(line);
    } else {
        free(line);
        line = NULL;
        room = 0;
    }
    return answer;
}

static const char *next_answer(struct login *l)
{
    if (live)
        return live_answer();
    if (l->next < l->group->count)
        return l->group->answers[l->next++];
    if (l->group->repeat_last && l->group->count > 0)
        return l->group->answers[l->group->count - 1];
    return NULL;
}

/* ---- the conversation ---- */

static void wait_for_the_others(struct login *l)
{
    char byte = 0;
    if (l->ready < 0)
        return;
    if (write(l->ready, &byte, 1) != 1)
        die("barrier");
    l->ready = -1;
    while (read(l->go, &byte, 1) < 0 && errno == EINTR)
        ;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct login *l = data;
    struct pam_response *array;
    const char *kind = "normal";

    for (int i = 0; i < count; i++) {
        const char *style;
        switch (messages[i]->msg_style) {
        case PAM_PROMPT_ECHO_OFF: style = "echo-off"; break;
        case PAM_PROMPT_ECHO_ON: style = "echo-on"; break;
        case PAM_ERROR_MSG: style = "error"; break;
        case PAM_TEXT_INFO: style = "info"; break;
        default: style = "unknown"; break;
        }
        printf("prompt\t%s\t%llu\t", style, (unsigned long long)(now_us() - l->since));
        print_escaped(messages[i]->msg);
        putchar('\n');
        if ((++l->messages == at || at == 0) && !(only_texts && style[0] == 'e' && style[1] == 'c'))
            kind = conversation;
    }

    if (strcmp(kind, "rename") == 0)
        pam_set_item(l->pam, PAM_USER, then_user);
    if (strcmp(kind, "fail") == 0)
        return (int)gives;
    if (strcmp(kind, "null-array") == 0) {
        *responses = NULL;
        return PAM_SUCCESS;
    }

    array = or_die(calloc((size_t)count, sizeof *array));
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON) {
            if (strcmp(kind, "answer-all") == 0)
                array[i].resp = or_die(strdup("nobody asked"));
            continue;
        }
        wait_for_the_others(l);
        if (strcmp(kind, "null-answer") == 0)
            continue;
        const char *answer = next_answer(l);
        if (answer == NULL) {
            for (int j = 0; j < i; j++)
                free(array[j].resp);
            free(array);
            return PAM_CONV_ERR;
        }
        array[i].resp = or_die(strdup(answer));
        if (strcmp(kind, "answer-with-code") == 0)
            array[i].resp_retcode = (int)gives;
    }
    *responses = array;
    l->since = now_us();
    return strcmp(kind, "answer-and-fail") == 0 ? (int)gives : PAM_SUCCESS;
}

static void note_delay(int code, unsigned microseconds, void *data)
{
    (void)code;
    (void)data;
    printf("delay\t%u\n", microseconds);
}

/* ---- one login ---- */

/* Memory that is taken: each block begins with the address of the one before. */
static char *taken;
enum { BLOCK = 4096 }; /* more than malloc keeps back by itself */

static void limit_data(rlim_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) == 0) {
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_DATA, &limit);
    }
}

static void give_back(long bytes)
{
    while (bytes > 0 && taken != NULL) {
        char *block = taken;
        taken = *(char **)block;
        free(block);
        bytes -= BLOCK;
    }
}

/* Leaves malloc about `room` bytes and no more: the data may not grow, and what the heap still holds is taken. */
static void take_memory(void)
{
    if (room < 0)
        return;
    limit_data(4096); /* 0 would mean none, to please valgrind */
    char *block;
    for (int most = 65536; most > 0 && (block = malloc(BLOCK)) != NULL; most--) {
        *(char **)block = taken;
        taken = block;
    }
    give_back(room);
}

static void give_memory_back(void)
{
    if (room < 0)
        return;
    limit_data(RLIM_INFINITY);
    give_back(LONG_MAX);
}

static void call(pam_handle_t *pam, struct login *l, const char *name)
{
    int code;
    l->since = now_us();
    if (strcmp(name, "auth") == 0) {
        take_memory();
        code = pam_authenticate(pam, flags);
        give_memory_back();
    } else if (strcmp(name, "setcred") == 0)
        code = pam_setcred(pam, PAM_ESTABLISH_CRED | flags);
    else if (strcmp(name, "acct") == 0)
        code = pam_acct_mgmt(pam, flags);
    else if (strcmp(name, "open") == 0)
        code = pam_open_session(pam, flags);
    else if (strcmp(name, "close") == 0)
        code = pam_close_session(pam, flags);
    else if (strcmp(name, "chauthtok") == 0)
        code = pam_chauthtok(pam, flags);
    else {
        errno = EINVAL;
        die(name);
    }
    printf("result\t%s\t%d\t%llu\n", name, code, (unsigned long long)(now_us() - l->since));
}

/* `NAME:TEXT` or `NAME` */
static void set_item(pam_handle_t *pam, const char *item)
{
    static const struct {
        const char *name;
        int type;
    } types[] = { { "service", PAM_SERVICE }, { "user", PAM_USER }, { "user-prompt", PAM_USER_PROMPT },
                  { "rhost", PAM_RHOST },     { "ruser", PAM_RUSER }, { "tty", PAM_TTY } };
    size_t length = strcspn(item, ":");
    char *text = item[length] == ':' ? unescape(item + length + 1) : NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == length && strncmp(types[i].name, item, length) == 0 &&
            pam_set_item(pam, types[i].type, text) == PAM_SUCCESS) {
            free(text);
            return;
        }
    errno = EINVAL;
    die(item);
}

static void log_in(long index, int ready, int go)
{
    struct login l = { .group = &groups[(size_t)index % group_count], .ready = ready, .go = go };
    struct pam_conv conv = { strcmp(conversation, "none") == 0 ? NULL : converse, &l };
    pam_handle_t *pam = NULL;
    char names[128], *rest, *name;
    int code;

    printf("login\t%ld\n", index);
    const char *user = user_count > 0 ? users[(size_t)index % user_count] : NULL;
    code = confdir ? pam_start_confdir(service, user, &conv, confdir, &pam) : pam_start(service, user, &conv, &pam);
    if (code != PAM_SUCCESS) {
        printf("result\tstart\t%d\t0\n", code);
        return;
    }
    l.pam = pam;
    if (rhost)
        pam_set_item(pam, PAM_RHOST, rhost);
    if (tty)
        pam_set_item(pam, PAM_TTY, tty);
    for (size_t i = 0; i < item_count; i++)
        set_item(pam, items[i]);
    pam_set_item(pam, PAM_FAIL_DELAY, (const void *)note_delay);

    snprintf(names, sizeof names, "%s", calls);
    for (name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        call(pam, &l, name);
        if (then_user)
            pam_set_item(pam, PAM_USER, then_user);
    }
    pam_end(pam, PAM_SUCCESS);
    if (l.ready >= 0) {
        char byte = 0;
        if (write(l.ready, &byte, 1) != 1)
            die("barrier");
    }
    fflush(stdout);
}

/* ---- what a module must leave as it was ---- */

struct host {
    int descriptors, threads, masked;
    unsigned umask, handlers;
    size_t environment, heap;
    char cwd[512], locale[128];
    long uid, gid;
};

static int entries(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        die(path);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static struct host look_at_host(void)
{
    struct host h = { 0 };
    sigset_t mask;
    h.descriptors = entries("/proc/self/fd");
    h.threads = entries("/proc/self/task");
    h.umask = umask(022);
    umask((mode_t)h.umask);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int s = 1; s < 65; s++) {
        struct sigaction action;
        h.masked += sigismember(&mask, s) == 1;
        if (sigaction(s, NULL, &action) == 0)
            h.handlers += (unsigned)s * (unsigned)(uintptr_t)action.sa_handler;
    }
    for (char **e = environ; e && *e; e++)
        for (char *c = *e; *c; c++)
            h.environment = h.environment * 31 + (unsigned char)*c;
    if (getcwd(h.cwd, sizeof h.cwd) == NULL)
        snprintf(h.cwd, sizeof h.cwd, "%s", strerror(errno)); /* it was removed */
    snprintf(h.locale, sizeof h.locale, "%s", setlocale(LC_ALL, NULL));
    h.uid = (long)geteuid() * 100000 + getuid();
    h.gid = (long)getegid() * 100000 + getgid();
    h.heap = mallinfo2().arena;
    return h;
}

static void compare_host(const struct host *a, const struct host *b)
{
    printf("host\tdescriptors\t%d\t%d\n", a->descriptors, b->descriptors);
    printf("host\tthreads\t%d\t%d\n", a->threads, b->threads);
    printf("host\tumask\t%u\t%u\n", a->umask, b->umask);
    printf("host\tblocked signals\t%d\t%d\n", a->masked, b->masked);
    printf("host\tsignal handlers\t%u\t%u\n", a->handlers, b->handlers);
    printf("host\tenvironment\t%zu\t%zu\n", a->environment, b->environment);
    printf("host\tworking directory\t%s\t%s\n", a->cwd, b->cwd);
    printf("host\tlocale\t%s\t%s\n", a->locale, b->locale);
    printf("host\tuser ids\t%ld\t%ld\n", a->uid, b->uid);
    printf("host\tgroup ids\t%ld\t%ld\n", a->gid, b->gid);
    /* What malloc keeps of what it was given back. libpam and long answers take a few MiB; a digest takes 19. */
    printf("host\theap, in units of 16 MiB\t0\t%zu\n", b->heap > a->heap ? (b->heap - a->heap) >> 24 : 0);
    /* waitpid says ECHILD when there is no child at all. */
    printf("host\tchildren\t0\t%d\n", waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : 1);
}

static void print_memory(long done)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &pages, &resident) != 2)
        die("/proc/self/statm");
    fclose(f);
    printf("memory\t%ld\t%zu\t%ld\n", done, mallinfo2().uordblks + mallinfo2().hblkhd,
           resident * (sysconf(_SC_PAGESIZE) / 1024));
    fflush(stdout);
}

static void move_clock(long done)
{
    FILE *f;
    if (clock_file == NULL)
        return;
    f = fopen(clock_file, "w");
    if (f == NULL || fprintf(f, "+%ld\n", done * clock_step) < 0 || fclose(f) != 0)
        die(clock_file);
}

/* What is written down goes by another descriptor from then on. */
static void close_standard(void)
{
    int elsewhere = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 20);
    fflush(stdout);
    if (elsewhere < 0 || (stdout = fdopen(elsewhere, "w")) == NULL)
        die("moving the output");
    for (const char *digit = closed; *digit != '\0'; digit++)
        close(*digit - '0');
}

/* ---- many at once ---- */

static void all_at_once(void)
{
    int ready[2], go[2], waiting = 0;
    char bytes[64];
    if (pipe(ready) != 0 || pipe(go) != 0)
        die("pipe");
    for (long i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            close(ready[0]);
            close(go[1]);
            log_in(i, ready[1], go[0]);
            exit(0);
        }
    }
    close(ready[1]);
    while (waiting < processes) {
        struct pollfd p = { .fd = ready[0], .events = POLLIN };
        ssize_t n;
        if (poll(&p, 1, 20000) <= 0)
            break; /* one of them died: the others are let go, and its result will be missing */
        n = read(ready[0], bytes, sizeof bytes);
        if (n <= 0)
            break;
        waiting += (int)n;
    }
    close(go[1]);
    while (wait(NULL) > 0)
        ;
}

static bool option(const char *argument, const char *key, const char **value)
{
    size_t n = strlen(key);
    if (strncmp(argument, key, n) != 0 || argument[n] != '=')
        return false;
    *value = argument + n + 1;
    return true;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
    for (int i = 1; i < argc; i++) {
        const char *number;
        if (option(argv[i], "confdir", &confdir) || option(argv[i], "service", &service) ||
            option(argv[i], "rhost", &rhost) || option(argv[i], "tty", &tty) ||
            option(argv[i], "calls", &calls) || option(argv[i], "conversation", &conversation) ||
            option(argv[i], "then-user", &then_user) || option(argv[i], "clock", &clock_file) || option(argv[i], "closed", &closed))
            continue;
        if (option(argv[i], "user", &number)) {
            users = or_die(reallocarray(users, user_count + 1, sizeof *users));
            users[user_count++] = number;
        } else if (option(argv[i], "item", &number)) {
            items = or_die(reallocarray(items, item_count + 1, sizeof *items));
            items[item_count++] = number;
        } else if (option(argv[i], "at", &number))
            at = atol(number);
        else if (option(argv[i], "gives", &number))
            gives = atol(number);
        else if (option(argv[i], "logins", &number))
            logins = atol(number);
        else if (option(argv[i], "processes", &number))
            processes = atol(number);
        else if (option(argv[i], "clock-step", &number))
            clock_step = atol(number);
        else if (option(argv[i], "room", &number))
            room = atol(number);
        else if (option(argv[i], "caller", &number))
            caller = atol(number);
        else if (strcmp(argv[i], "silent=1") == 0)
            flags |= PAM_SILENT;
        else if (strcmp(argv[i], "live=1") == 0)
            live = true;
        else if (strcmp(argv[i], "only=texts") == 0)
            only_texts = true;
        else if (strcmp(argv[i], "unwatched=1") == 0)
            unwatched = true;
        else {
            fprintf(stderr, "pam-driver: unknown argument %s\n", argv[i]);
            return 64;
        }
    }
    if (service == NULL) {
        fprintf(stderr, "pam-driver: service= is missing\n");
        return 64;
    }
    if (live)
        groups = or_die(calloc(group_count = 1, sizeof *groups));
    else
        read_answers();
    if (caller >= 0 && setresuid((uid_t)caller, (uid_t)-1, (uid_t)-1) != 0)
        die("setresuid");

    if (processes > 1) {
        all_at_once();
        return 0;
    }

    /* libpam logs by syslog(3), whose socket stays open in every host that logs; here too, before it is counted. */
    openlog("pam-driver", LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);

    if (closed)
        close_standard();

    struct host before = { 0 };
    if (!unwatched)
        before = look_at_host();
    /* The heap is looked at after some logins have warmed NSS and libpam up, and again at the end. */
    long warm = logins / 5;
    for (long i = 0; i < logins; i++) {
        log_in(i, -1, -1);
        move_clock(i + 1);
        if (!unwatched && (i + 1 == warm || i + 1 == logins))
            print_memory(i + 1);
    }
    if (!unwatched) {
        struct host after = look_at_host();
        compare_host(&before, &after);
    }

    /* Freed so that a leak checker speaks of the module only. */
    for (size_t g = 0; g < group_count; g++) {
        for (size_t a = 0; a < groups[g].count; a++)
            free(groups[g].answers[a]);
        free(groups[g].answers);
    }
    free(groups);
    free(users);
    free(items);
    return 0;
}
