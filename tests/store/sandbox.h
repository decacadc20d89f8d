/* sandbox.h - a folder for one test, children that may be killed, and small disks.
 */
#ifndef CG_TESTS_SANDBOX_H
#define CG_TESTS_SANDBOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a folder ------------------------------------------------------------------------------------ */

#define SANDBOX_SIZE 64

static inline void sandbox_make(char dir[SANDBOX_SIZE])
{
    (void)snprintf(dir, SANDBOX_SIZE, "/tmp/comfygate-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline int sandbox_remove_one(const char *path, const struct stat *st, int flag,
                                     struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void sandbox_remove(const char *dir)
{
    assert_int_equal(nftw(dir, sandbox_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- a child ------------------------------------------------------------------------------------- */

static inline void child_check_at(bool is_so, const char *condition, const char *file, int line)
{
    if (!is_so) {
        (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
        _exit(1);
    }
}

/* For children: cmocka's own assertions would go on with the child's copy of the test. */
#define child_check(condition) child_check_at((condition), #condition, __FILE__, __LINE__)

/* Runs `live` in a child for a while, then kills it. */
static inline void kill_while(void (*live)(void *arg), void *arg, unsigned for_us)
{
    pid_t child = fork();

    if (child == 0) {
        live(arg);
        _exit(1);
    }
    assert_true(child > 0);
    (void)usleep(for_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* ---- a small disk -------------------------------------------------------------------------------- */

/* As root: a tmpfs that only the child sees. Else: a limit on the size of a file (RLIMIT_FSIZE), which
 * fails writes with EFBIG at the same places. */
enum small_disk { DISK_TMPFS, DISK_LIMIT };

#define DISK_NOT_POSSIBLE 77

static inline void make_disk_small(enum small_disk kind, const char *dir, unsigned bytes)
{
    if (kind == DISK_TMPFS) {
        char options[64];

        (void)snprintf(options, sizeof options, "size=%u", bytes);
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("comfygate-test", dir, "tmpfs", 0, options) != 0) {
            _exit(DISK_NOT_POSSIBLE);
        }
    } else {
        struct rlimit limit = {bytes, bytes};

        (void)signal(SIGXFSZ, SIG_IGN);
        child_check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
}

/* False when this kind cannot be had here (not root). */
static inline bool on_small_disk(enum small_disk kind, const char *dir, unsigned bytes,
                                 void (*check)(const char *dir))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        make_disk_small(kind, dir, bytes);
        check(dir);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == DISK_NOT_POSSIBLE) {
        print_message("needs root, not checked\n");
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

#endif
