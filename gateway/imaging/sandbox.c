#include "imaging/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

#define MEMORY_MAX_BYTES 1073741824
#define CPU_MAX_SECONDS  30
#define DESCRIPTORS_MAX  16

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static enum errc refuse(const char *what, int error, struct err *e)
{
    return err_set(e, ERR_INTERNAL_ERROR, "The sandbox cannot be set up: %s: %s.", what,
                   strerrordesc_np(error));
}

/* Also a limit that was lower before stays: nobody meant to give us more. */
static bool limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit now;

    if (getrlimit(what, &now) != 0) {
        return false;
    }
    now.rlim_max = now.rlim_max < value ? now.rlim_max : value;
    now.rlim_cur = now.rlim_max;
    return setrlimit(what, &now) == 0;
}

static bool limit_all(int64_t output_max)
{
    off_t at = lseek(STDOUT_FILENO, 0, SEEK_CUR); /* fails for a pipe, which has no limit */

    return limit(RLIMIT_CPU, CPU_MAX_SECONDS) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0) &&
           limit(RLIMIT_NOFILE, DESCRIPTORS_MAX) &&
           limit(RLIMIT_FSIZE, (rlim_t)output_max + (rlim_t)(at > 0 ? at : 0)) &&
           (HAS_SANITIZER || limit(RLIMIT_AS, MEMORY_MAX_BYTES));
}

static bool close_others(void)
{
    if (close_range(STDERR_FILENO + 1, ~0U, 0) == 0) {
        return true;
    }
    if (errno != ENOSYS) {
        return false;
    }
    /* Linux before 5.9. */
    for (long fd = sysconf(_SC_OPEN_MAX) - 1; fd > STDERR_FILENO; fd--) {
        (void)close((int)fd);
    }
    return true;
}

/* Memory yes, but none that can be executed, and no file mapped into it. */
static int allow_memory(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                              SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));

    return rc != 0 ? rc
                   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_output(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                              SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0));

    return rc != 0 ? rc
                   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                                      SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
}

static int fill_filter(scmp_filter_ctx filter)
{
    /* sysinfo: glibc's qsort asks how much memory the machine has. */
    static const int CALLS[] = {
        SCMP_SYS(munmap), SCMP_SYS(mremap),     SCMP_SYS(brk),           SCMP_SYS(madvise),
        SCMP_SYS(futex),  SCMP_SYS(sysinfo),    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(exit),   SCMP_SYS(exit_group),
    };
    int rc = allow_memory(filter);

    if (rc == 0) {
        rc = allow_output(filter);
    }
    for (size_t i = 0; i < COUNT_OF(CALLS) && rc == 0; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALLS[i], 0);
    }
    return rc;
}

static enum errc filter_calls(struct err *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = filter != NULL ? fill_filter(filter) : -ENOMEM;

    if (rc == 0) {
        rc = seccomp_load(filter);
    }
    seccomp_release(filter);
    return rc == 0 ? ERR_NONE : refuse("the filter of system calls", -rc, e);
}

enum errc sandbox_enter(int64_t output_max, struct err *e)
{
    if (!close_others()) {
        return refuse("descriptors", errno, e);
    }
    if (clearenv() != 0) { // NOLINT(concurrency-mt-unsafe): there is one thread
        return refuse("the environment", errno, e);
    }
    if (!limit_all(output_max)) {
        return refuse("limits", errno, e);
    }
    /* The last: who started us is who wants the result. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
        return refuse("rights", errno, e);
    }
    return HAS_SANITIZER ? ERR_NONE : filter_calls(e);
}
