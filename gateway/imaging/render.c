/* render.c - starts comfygate-imaging, waits for it, and believes little of it.
 *
 * The child has three descriptors: the picture, the result, and a pipe for its
 * sentence. It ends, or it is killed at the deadline; until we have waited for it
 * its number is nobody else's, so the kill cannot hit another process.
 */
#include "imaging/render.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "imaging/program.h"

#define SENTENCE_SIZE 300
#define NUMBER_SIZE   24
#define PATH_SIZE     4096
#define ARGS_MAX      6
/* Where packages put what no user calls; seen from the folder of comfygate. */
#define PROGRAM_FOLDER "libexec/comfygate"
/* Between two looks at a child that has closed its pipe and is about to end. */
#define LOOK_NS 2000000
/* Between two looks at whether anybody still wants the result. */
#define LOOK_AROUND_MS 100

struct child {
    pid_t pid;
    int pipe; /* its standard error */
    int64_t deadline;
    const atomic_bool *is_canceled;
    bool is_overdue; /* we have killed it */
    size_t len;
    char sentence[SENTENCE_SIZE];
};

struct call {
    char *argv[ARGS_MAX + 1];
    char size[NUMBER_SIZE];
    char pixels[NUMBER_SIZE];
};

/* The program's path: where packages put it, or beside the file that this process runs. */
static enum errc find_program(char path[PATH_SIZE], struct err *e)
{
    static const char *const PLACES[] = {"/../" PROGRAM_FOLDER "/" PROGRAM_NAME, "/" PROGRAM_NAME};
    char folder[PATH_SIZE];
    ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash = NULL;
    bool is_found = false;

    if (len < 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "/proc/self/exe cannot be read: %m.");
    }
    folder[len] = '\0';
    slash = strrchr(folder, '/');
    if (slash == NULL || (size_t)(slash - folder) + strlen(PLACES[0]) >= PATH_SIZE) {
        return err_set(e, ERR_INTERNAL_ERROR, "The path of this program is too long.");
    }
    for (size_t i = 0; i < COUNT_OF(PLACES) && !is_found; i++) {
        (void)snprintf(path, PATH_SIZE, "%.*s%s", (int)(slash - folder), folder, PLACES[i]);
        is_found = access(path, X_OK) == 0;
    }
    if (!is_found) {
        return err_set(e, ERR_INTERNAL_ERROR,
                       "%s cannot be run: %m. It is installed beside comfygate, or in "
                       "../" PROGRAM_FOLDER ".",
                       path);
    }
    return ERR_NONE;
}

enum errc render_check(struct err *e)
{
    char path[PATH_SIZE];

    return find_program(path, e);
}

static void write_call(const struct render_request *r, char *path, struct call *c)
{
    static char thumbnail[] = "thumbnail";
    static char rendition[] = "rendition";
    static char edge[] = "--edge";
    static char max_bytes[] = "--max-bytes";
    static char max_pixels[] = "--max-pixels";
    bool is_thumbnail = r->kind == RENDER_THUMBNAIL;
    int64_t size = is_thumbnail                      ? r->edge
                   : r->max_bytes < RENDER_BYTES_MAX ? r->max_bytes
                                                     : RENDER_BYTES_MAX;

    (void)snprintf(c->size, sizeof c->size, "%lld", (long long)size);
    (void)snprintf(c->pixels, sizeof c->pixels, "%lld",
                   (long long)(r->max_pixels > 0 ? r->max_pixels : RENDER_PIXELS_MAX));
    c->argv[0] = path;
    c->argv[1] = is_thumbnail ? thumbnail : rendition;
    c->argv[2] = is_thumbnail ? edge : max_bytes;
    c->argv[3] = c->size;
    c->argv[4] = max_pixels;
    c->argv[5] = c->pixels;
    c->argv[6] = NULL;
}

/* The child's first three descriptors, from copies above them, so that none is overwritten before it
 * is used. */
static int place_descriptors(posix_spawn_file_actions_t *actions, const int fd[3])
{
    int rc = 0;

    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = posix_spawn_file_actions_adddup2(actions, fd[i], i);
    }
    return rc;
}

/* Our threads block signals and ignore some; the child starts without either, or it could not be
 * ended by one. In a group of its own, a key pressed at our terminal is not for it. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    int rc = 0;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    rc = posix_spawnattr_setsigmask(attributes, &none);
    if (rc == 0) {
        rc = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (rc == 0) {
        rc = posix_spawnattr_setpgroup(attributes, 0);
    }
    return rc != 0 ? rc
                   : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                              POSIX_SPAWN_SETSIGDEF |
                                                              POSIX_SPAWN_SETPGROUP);
}

/* errno's number, 0 = started. */
static int spawn(struct call *c, const int fd[3], pid_t *pid)
{
    char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = place_descriptors(&actions, fd);
        if (rc == 0) {
            rc = set_attributes(&attributes);
        }
        if (rc == 0) {
            rc = posix_spawn(pid, c->argv[0], &actions, &attributes, c->argv, no_environment);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static enum errc start(struct call *c, int in_fd, int out_fd, struct child *child, struct err *e)
{
    int ends[2] = {-1, -1};
    AUTO(file_close) int reader = -1;
    AUTO(file_close) int writer = -1;
    AUTO(file_close) int in = fcntl(in_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    AUTO(file_close) int out = fcntl(out_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    AUTO(file_close) int err = -1;
    int rc = 0;

    if (in < 0 || out < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "No descriptors for %s: %m.", PROGRAM_NAME);
    }
    reader = ends[0];
    writer = ends[1];
    err = fcntl(writer, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    rc = err >= 0 ? spawn(c, (const int[3]){in, out, err}, &child->pid) : errno;
    if (rc != 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "%s cannot be started: %s.", c->argv[0],
                       strerrordesc_np(rc));
    }
    child->pipe = file_take(&reader);
    return ERR_NONE;
}

/* Time is up, or nobody wants the result any more. */
static bool is_over(const struct child *child)
{
    return clock_mono_ms() >= child->deadline ||
           (child->is_canceled != NULL && atomic_load(child->is_canceled));
}

/* Whether the child has something to say, or has closed its end, before that. */
static bool wait_for_words(const struct child *child)
{
    struct pollfd ready = {.fd = child->pipe, .events = POLLIN};

    while (!is_over(child)) {
        if (poll(&ready, 1, LOOK_AROUND_MS) > 0) {
            return true;
        }
    }
    return false;
}

/* Keeps the beginning of what it says; false when it has closed the pipe. */
static bool hear(struct child *child)
{
    char words[512];
    ssize_t got = read(child->pipe, words, sizeof words);
    size_t room = sizeof child->sentence - 1 - child->len;

    if (got > 0) {
        room = (size_t)got < room ? (size_t)got : room;
        memcpy(child->sentence + child->len, words, room);
        child->len += room;
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* False when the system does not let us know how it ended. */
static bool reap(struct child *child, int *status)
{
    struct timespec pause = {.tv_nsec = LOOK_NS};
    pid_t rc = 0;

    /* Its pipe is closed, so it is ending, or pretends to. */
    while ((rc = waitpid(child->pid, status, child->is_overdue ? 0 : WNOHANG)) <= 0) {
        if (rc < 0 && errno != EINTR) {
            return false;
        }
        if (!child->is_overdue && is_over(child)) {
            child->is_overdue = true;
            (void)kill(child->pid, SIGKILL);
        } else if (!child->is_overdue) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return true;
}

/* One line of plain characters: the child may be in a stranger's hands. */
static void tame(struct child *child)
{
    child->sentence[child->len] = '\0';
    for (size_t i = 0; i < child->len; i++) {
        if (child->sentence[i] == '\n') {
            child->sentence[i] = '\0';
            break;
        }
        if (child->sentence[i] < ' ' || child->sentence[i] > '~') {
            child->sentence[i] = '?';
        }
    }
}

static const char *words_or(const struct child *child, const char *otherwise)
{
    return child->sentence[0] != '\0' ? child->sentence : otherwise;
}

static enum errc judge_signal(const struct child *child, int number, struct err *e)
{
    if (child->is_overdue || number == SIGXCPU) {
        return err_set(e, ERR_PICTURE_UNREADABLE,
                       "The picture takes longer than it is given, and was given up.");
    }
    return err_set(e, ERR_PICTURE_UNREADABLE,
                   "The program that reads pictures was stopped over this one (signal %d).",
                   number);
}

static enum errc judge_exit(const struct child *child, int code, struct err *e)
{
    switch (code) {
    case PROGRAM_DONE:
        return ERR_NONE;
    case PROGRAM_UNREADABLE:
    case PROGRAM_TOO_MANY_PIXELS:
        return err_set(e, ERR_PICTURE_UNREADABLE, "%s",
                       words_or(child, "The picture cannot be read."));
    case PROGRAM_NO_FIT:
        return err_set(e, ERR_RENDITION_IMPOSSIBLE, "%s",
                       words_or(child, "The picture cannot be made to fit."));
    case PROGRAM_DISK_FULL:
        return err_set(e, ERR_INSUFFICIENT_STORAGE, "The disk is full.");
    default:
        return err_set(e, ERR_INTERNAL_ERROR, "%s has failed (exit code %d): %s", PROGRAM_NAME,
                       code, words_or(child, "it does not say why."));
    }
}

/* A child that says that it is done may still lie. */
static enum errc check_result(const struct render_request *r, int out_fd, off_t before,
                              struct err *e)
{
    int64_t most = r->kind == RENDER_THUMBNAIL ? PROGRAM_THUMBNAIL_BYTES_MAX : r->max_bytes;
    struct stat info;

    if (fstat(out_fd, &info) != 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "The result cannot be seen: %m.");
    }
    if (!S_ISREG(info.st_mode)) {
        return ERR_NONE;
    }
    if (info.st_size <= before || info.st_size - before > most) {
        return err_set(e, ERR_PICTURE_UNREADABLE,
                       "The program that reads pictures gave no result for this one.");
    }
    return ERR_NONE;
}

static void check_request(const struct render_request *r)
{
    bool is_thumbnail = r->kind == RENDER_THUMBNAIL;

    bug_if(is_thumbnail && (r->edge < RENDER_EDGE_MIN || r->edge > RENDER_EDGE_MAX));
    bug_if(!is_thumbnail && r->max_bytes < RENDER_BYTES_MIN);
    bug_if(r->max_pixels < 0 || r->max_pixels > RENDER_PIXELS_MAX || r->deadline_ms < 0);
}

enum errc render_run(const struct render_request *r, int in_fd, int out_fd, struct err *e)
{
    char path[PATH_SIZE];
    struct call c;
    struct child child = {.pipe = -1};
    off_t before = lseek(out_fd, 0, SEEK_CUR);
    int status = 0;
    bool is_known = false;
    enum errc rc = find_program(path, e);

    check_request(r);
    if (rc != ERR_NONE) {
        return rc;
    }
    write_call(r, path, &c);
    child.deadline = clock_mono_ms() + (r->deadline_ms > 0 ? r->deadline_ms : RENDER_DEADLINE_MS);
    child.is_canceled = r->is_canceled;
    rc = start(&c, in_fd, out_fd, &child, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    while (wait_for_words(&child) && hear(&child)) {
    }
    is_known = reap(&child, &status);
    file_close(&child.pipe);
    tame(&child);
    if (!is_known) {
        return err_set(e, ERR_INTERNAL_ERROR, "How %s ended is not known: SIGCHLD is ignored.",
                       PROGRAM_NAME);
    }
    if (WIFSIGNALED(status)) {
        return judge_signal(&child, WTERMSIG(status), e);
    }
    rc = judge_exit(&child, WEXITSTATUS(status), e);
    return rc == ERR_NONE ? check_result(r, out_fd, before > 0 ? before : 0, e) : rc;
}
