/*
 * Measures logins and what they are compared with, one a line of standard input, each in a process forked for it, so that
 * loading the module counts as it does in sshd and sudo. Fields are separated by tabs:
 *
 *   login  CONFDIR  SERVICE  RHOST  USER  ANSWER   pam_start to pam_end; the first question gets ANSWER
 *   burst  CONFDIR  SERVICE  RHOST  USER  ANSWER [USER  ANSWER]...
 *                                                  the same for each pair, all let go at one moment; the time of each is from then
 *   load   FILE                                    dlopen and dlclose of a module
 *   bare   CONFDIR  STORE  USER                    the input and output of a durable login and nothing else
 *   clock  SECONDS                                 from now on the clock stands at that time, seconds since 1970
 *
 * Prints for each login, load and bare, on one line: the PAM code (-1: it did not finish), nanoseconds, peak memory added in
 * KiB; for a burst such a line for each pair, in their order.
 *
 * With arguments, `pam-bench count SECONDS login ...`, it does that one thing in its own process, inside the function
 * `counted`, prints nothing, and ends with the PAM code: for callgrind to count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
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

/*
 * ---- the clock of the modules ----
 *
 * The program's own symbols come before the C library's, so every module asks these; the same for all, and cheap. Only what
 * the time is stands still; how much of it passes can still be measured.
 */

static time_t standing;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *t)
{
    if (standing != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        *t = (struct timespec){ .tv_sec = standing };
        return 0;
    }
    if (real_clock_gettime == NULL)
        return (int)syscall(SYS_clock_gettime, clock, t);
    return real_clock_gettime(clock, t);
}

time_t time(time_t *seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (seconds != NULL)
        *seconds = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *now = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
    return 0;
}

static void stand_at(const char *seconds)
{
    standing = (time_t)strtoll(seconds, NULL, 10);
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

static int one_login(const char *confdir, const char *service, const char *rhost, const char *user, const char *answer)
{
    struct pam_conv conv = { converse, &answer };
    pam_handle_t *pam = NULL;
    int code = pam_start_confdir(service, user, &conv, confdir, &pam);
    if (code != PAM_SUCCESS)
        return code;
    pam_set_item(pam, PAM_RHOST, rhost);
    pam_set_item(pam, PAM_FAIL_DELAY, (const void *)do_not_delay);
    code = pam_authenticate(pam, 0);
    pam_end(pam, code);
    return code;
}

static int log_in(char **fields)
{
    return one_login(fields[1], fields[2], fields[3], fields[4], fields[5]);
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

static void print(struct measured m)
{
    printf("%d\t%llu\t%ld\n", m.code, (unsigned long long)m.nanoseconds, m.peak_kib);
}

/* ---- many logins at once ---- */

struct at_once {
    atomic_uint waiting;      /* who has come to the gate */
    _Atomic uint64_t opened;  /* when the gate was opened */
    struct measured each[];
};

static void burst(char **fields, size_t count)
{
    size_t logins = (count - 4) / 2, size = sizeof(struct at_once) + logins * sizeof(struct measured);
    struct at_once *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int gate[2];

    if (all == MAP_FAILED || pipe(gate) != 0)
        die("burst");
    for (size_t i = 0; i < logins; i++) {
        char **pair = fields + 4 + 2 * i, open;
        pid_t child = fork();
        if (child < 0)
            die("fork");
        all->each[i].code = -1;
        if (child != 0)
            continue;
        close(gate[1]);
        atomic_fetch_add(&all->waiting, 1);
        if (read(gate[0], &open, 1) != 0)
            _exit(1);
        all->each[i].code = one_login(fields[1], fields[2], fields[3], pair[0], pair[1]);
        all->each[i].nanoseconds = now_ns() - all->opened;
        _exit(0);
    }
    while (atomic_load(&all->waiting) < logins)
        usleep(1000);
    usleep(20000); /* the last of them is reading by now */
    all->opened = now_ns();
    close(gate[1]);
    close(gate[0]);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    for (size_t i = 0; i < logins; i++)
        print(all->each[i]);
    munmap(all, size);
}

/* ---- what to do ---- */

/* The thing that these fields ask for and that is one call; NULL where it is none. */
static int (*call_for(char **fields, size_t count))(char **)
{
    if (count == 6 && strcmp(fields[0], "login") == 0)
        return log_in;
    if (count == 2 && strcmp(fields[0], "load") == 0)
        return load;
    if (count == 4 && strcmp(fields[0], "bare") == 0)
        return bare;
    return NULL;
}

/* Found by its name: neither inlined nor cloned. */
__attribute__((noinline, noclone, used)) int counted(int (*what)(char **), char **fields)
{
    int code = what(fields);
    __asm__ volatile("" : "+r"(code)); /* and not left by a jump */
    return code;
}

static void follow(char *line)
{
    static char *fields[1024];
    size_t count = 0;
    int (*what)(char **);
    char *rest = line;

    while (count < sizeof fields / sizeof *fields && (fields[count] = strsep(&rest, "\t")) != NULL)
        count++;
    if (count == 2 && strcmp(fields[0], "clock") == 0)
        stand_at(fields[1]);
    else if (count >= 6 && count % 2 == 0 && strcmp(fields[0], "burst") == 0)
        burst(fields, count);
    else if ((what = call_for(fields, count)) != NULL)
        print(measure(fields, what));
    else {
        fprintf(stderr, "pam-bench: not understood: %s\n", fields[0]);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    /* Hosts have looked accounts up before they come to PAM: the libraries of NSS are there already. */
    getpwnam("root");
    if (argc > 3 && strcmp(argv[1], "count") == 0) {
        int (*what)(char **) = call_for(argv + 3, (size_t)argc - 3);
        if (what == NULL)
            return 64;
        stand_at(argv[2]);
        return counted(what, argv + 3);
    }
    while ((length = getline(&line, &room, stdin)) > 0) {
        line[length - 1] = '\0';
        follow(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}
