/*
 * Measures logins and what they are compared with, one a line of standard input, each in a process forked for it, so that
 * loading the module counts as it does in sshd and sudo. Fields are separated by tabs:
 *
 *   login  CONFDIR  SERVICE  USER  RHOST  ANSWER   pam_start to pam_end; the first question gets ANSWER
 *   load   FILE                                    dlopen and dlclose of a module
 *   bare   CONFDIR  STORE  USER                    the input and output of a durable login and nothing else
 *
 * Prints for each, on one line: the PAM code (-1: it did not finish), nanoseconds, peak memory added in KiB.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct measured {
    int code;
    uint64_t nanoseconds;
    long peak_kib;
};

static void die(const char *what)
{
    fprintf(stderr, "pam-bench: %s: %s\n", what, strerror(errno));
    exit(70);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- peak memory ---- */

static void forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        die("/proc/self/clear_refs");
    close(fd);
}

static long peak_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "re");
    if (f == NULL)
        die("/proc/self/status");
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

/* ---- a login ---- */

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    const char **answer = data;
    struct pam_response *array = calloc((size_t)count, sizeof *array);
    if (array == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        if (*answer == NULL || (array[i].resp = strdup(*answer)) == NULL) {
            for (int j = 0; j < i; j++)
                free(array[j].resp);
            free(array);
            return PAM_CONV_ERR;
        }
        *answer = NULL; /* a second question would measure two tries */
    }
    *responses = array;
    return PAM_SUCCESS;
}

/* Whatever delay a module asks for is not its cost. */
static void do_not_delay(int code, unsigned microseconds, void *data)
{
    (void)code;
    (void)microseconds;
    (void)data;
}

static int log_in(char **fields)
{
    const char *answer = fields[5];
    struct pam_conv conv = { converse, &answer };
    pam_handle_t *pam = NULL;
    int code = pam_start_confdir(fields[2], fields[3], &conv, fields[1], &pam);
    if (code != PAM_SUCCESS)
        return code;
    pam_set_item(pam, PAM_RHOST, fields[4]);
    pam_set_item(pam, PAM_FAIL_DELAY, (const void *)do_not_delay);
    code = pam_authenticate(pam, 0);
    pam_end(pam, code);
    return code;
}

/* ---- loading ---- */

static int load(char **fields)
{
    void *module = dlopen(fields[1], RTLD_NOW); /* as libpam does */
    if (module == NULL) {
        fprintf(stderr, "pam-bench: %s\n", dlerror());
        return PAM_OPEN_ERR;
    }
    dlclose(module);
    return PAM_SUCCESS;
}

/*
 * ---- the floor under every durable login ----
 *
 * The files of a login by the same safe way (no link followed, every folder on the way looked at): names, configuration,
 * store, lock, enrollment, both slots, one durable write, one line of log. Nothing is parsed and nothing decided; the one HMAC
 * would cost about a microsecond.
 */

#define SLOT 4096
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* Opens an absolute path folder by folder. */
static int walk(const char *path)
{
    char copy[512], *rest = copy, *name;
    struct stat st;
    int at = open("/", FOLDER);

    snprintf(copy, sizeof copy, "%s", path);
    while (at >= 0 && (name = strsep(&rest, "/")) != NULL) {
        int next;
        if (*name == '\0')
            continue;
        next = openat(at, name, FOLDER);
        close(at);
        at = next;
        if (at >= 0)
            fstat(at, &st);
    }
    return at;
}

static bool slurp(int at, const char *name, char *buffer, size_t room)
{
    struct stat st;
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool done = fd >= 0 && fstat(fd, &st) == 0 && read(fd, buffer, room) >= 0;
    if (fd >= 0)
        close(fd);
    return done;
}

static int bare(char **fields)
{
    static char buffer[64 * 1024];
    static const char line[] = "<86>event=accepted user=\"somebody\" service=\"sshd\" rhost=\"192.0.2.7\" token=\"phone\"";
    const char *config = fields[1], *store = fields[2], *user = fields[3];
    struct sockaddr_un log = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
    struct passwd *account;
    int dir, users, person, state, sock;

    if ((account = getpwnam(user)) == NULL || getpwuid(account->pw_uid) == NULL)
        return PAM_USER_UNKNOWN;
    dir = walk(config);
    if (dir < 0 || !slurp(dir, "nightlatch.toml", buffer, sizeof buffer))
        return PAM_SYSTEM_ERR;
    close(dir);
    dir = walk(store);
    if (dir < 0 || !slurp(dir, "store.toml", buffer, sizeof buffer))
        return PAM_SYSTEM_ERR;
    users = openat(dir, "users", FOLDER);
    person = openat(users, user, FOLDER);
    state = openat(person, "state.1", O_RDWR | O_DSYNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (person < 0 || flock(state, LOCK_EX) != 0 || !slurp(person, "enrollment.toml", buffer, sizeof buffer))
        return PAM_SYSTEM_ERR;
    /* What the first slot held is written back to it, so the state stays what it was. */
    if (state < 0 || pread(state, buffer, 2 * SLOT, 0) != 2 * SLOT || pwrite(state, buffer, SLOT, 0) != SLOT)
        return PAM_SYSTEM_ERR;
    flock(state, LOCK_UN);
    close(state);
    close(person);
    close(users);
    close(dir);
    sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&log, sizeof log) != 0 ||
        send(sock, line, sizeof line - 1, MSG_NOSIGNAL) < 0)
        return PAM_SYSTEM_ERR;
    close(sock);
    return PAM_SUCCESS;
}

/* ---- one line, one process ---- */

static struct measured measure(char **fields, int (*what)(char **))
{
    struct measured m = { .code = -1 };
    int ends[2];
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        die("fork");
    if (child == 0) {
        close(ends[0]);
        forget_peak();
        long peak = peak_kib();
        uint64_t start = now_ns();
        m.code = what(fields);
        m.nanoseconds = now_ns() - start;
        m.peak_kib = peak_kib() - peak;
        _exit(write(ends[1], &m, sizeof m) == sizeof m ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &m, sizeof m) != sizeof m)
        m.code = -1;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return m;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    /* Hosts have looked accounts up before they come to PAM: the libraries of NSS are there already. */
    getpwnam("root");
    while ((length = getline(&line, &room, stdin)) > 0) {
        char *fields[8] = { NULL }, *rest = line;
        int count = 0;
        int (*what)(char **) = NULL;

        line[length - 1] = '\0';
        while (count < 7 && (fields[count] = strsep(&rest, "\t")) != NULL)
            count++;
        if (count == 6 && strcmp(fields[0], "login") == 0)
            what = log_in;
        else if (count == 2 && strcmp(fields[0], "load") == 0)
            what = load;
        else if (count == 4 && strcmp(fields[0], "bare") == 0)
            what = bare;
        if (what == NULL) {
            fprintf(stderr, "pam-bench: not understood: %s\n", line);
            return 64;
        }
        struct measured m = measure(fields, what);
        printf("%d\t%llu\t%ld\n", m.code, (unsigned long long)m.nanoseconds, m.peak_kib);
        fflush(stdout);
    }
    free(line);
    return 0;
}
