/* What a process may still do in the sandbox: compute, and write its answer. Each attempt is a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "imaging/sandbox.h"

#define OUTPUT_MAX 4096
#define DONE       7 /* exit code of a child that came through */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_FILTER 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_FILTER 0
#endif
#endif
#ifndef HAS_FILTER
#define HAS_FILTER 1
#endif

/* How a child ends that locks itself in and then tries something, with `out` as standard output. */
static int try_inside(void (*attempt)(void), int out)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct err e = ERR_INIT;

        (void)dup2(out, STDOUT_FILENO);
        if (sandbox_enter(OUTPUT_MAX, &e) != ERR_NONE) {
            (void)fprintf(stderr, "%s\n", e.detail);
            _exit(1);
        }
        attempt();
        _exit(DONE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void try_nothing(void)
{
}

static void try_open(void)
{
    (void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_unlink(void)
{
    (void)unlink("/tmp/comfygate-no-such-file");
}

static void try_socket(void)
{
    (void)socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void try_fork(void)
{
    (void)fork();
}

static void try_exec(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
}

static void try_kill(void)
{
    (void)kill(1, 0); /* asks only */
}

static void try_trace(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void try_read(void)
{
    char byte = 0;

    (void)!read(STDIN_FILENO, &byte, 1);
}

static void try_write_elsewhere(void)
{
    (void)!write(STDIN_FILENO, "x", 1);
}

static void try_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_more_memory(void)
{
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

    (void)setrlimit(RLIMIT_AS, &none);
}

static void test_what_ends_the_process(void **state)
{
    static const struct {
        const char *name;
        void (*attempt)(void);
    } CASES[] = {
        {"open", try_open},   {"unlink", try_unlink},      {"socket", try_socket},
        {"fork", try_fork},   {"exec", try_exec},          {"kill", try_kill},
        {"trace", try_trace}, {"read", try_read},          {"write", try_write_elsewhere},
        {"code", try_code},   {"limits", try_more_memory},
    };

    (void)state;
    if (!HAS_FILTER) {
        skip(); /* a sanitizer's build goes without the filter */
    }
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int status = try_inside(CASES[i].attempt, STDOUT_FILENO);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) {
            fail_msg("%s: %#x", CASES[i].name, (unsigned)status);
        }
    }
}

/* ---- what goes on working ------------------------------------------------------------------------ */

static void use_memory(void)
{
    AUTO(free_ptr) char *much = calloc_or_null(1, 300000000);

    if (much == NULL) {
        _exit(1);
    }
    memset(much, 1, 300000000);
}

static void take_too_much_memory(void)
{
    AUTO(free_ptr) void *much = calloc_or_null(3, 500000000);

    _exit(much == NULL ? DONE : 1);
}

static void say(void)
{
    _exit(write(STDOUT_FILENO, "answer", 6) == 6 && write(STDERR_FILENO, "", 0) == 0 ? DONE : 1);
}

static void see_environment(void)
{
    _exit(environ == NULL || environ[0] == NULL ? DONE : 1);
}

static void test_what_works(void **state)
{
    void (*const ATTEMPTS[])(void) = {try_nothing, use_memory, say, see_environment};
    FILE *out = tmpfile();

    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < COUNT_OF(ATTEMPTS); i++) {
        int status = try_inside(ATTEMPTS[i], fileno(out));

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), DONE);
    }
    if (HAS_FILTER) {
        assert_int_equal(WEXITSTATUS(try_inside(take_too_much_memory, fileno(out))), DONE);
    }
    (void)fclose(out);
}

static void write_too_much(void)
{
    static const char BYTES[OUTPUT_MAX + 1];

    /* What fits is written, the rest ends the process. */
    if (write(STDOUT_FILENO, BYTES, sizeof BYTES) == OUTPUT_MAX) {
        (void)!write(STDOUT_FILENO, BYTES, 1);
    }
}

static void test_output_is_bounded(void **state)
{
    FILE *out = tmpfile();
    int status = 0;

    (void)state;
    assert_non_null(out);
    assert_int_equal(write(fileno(out), "before", 6), 6);
    status = try_inside(write_too_much, fileno(out));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXFSZ);
    assert_int_equal(lseek(fileno(out), 0, SEEK_END), 6 + OUTPUT_MAX);
    (void)fclose(out);
}

static int other_fd; /* for a child to look for */

static void look_for_other(void)
{
    _exit(write(other_fd, "x", 1) == -1 && errno == EBADF ? DONE : 1);
}

static void test_no_other_descriptor_is_left(void **state)
{
    int ends[2];
    int status = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    other_fd = ends[1];
    status = try_inside(look_for_other, STDOUT_FILENO);
    /* Where there is a filter, writing elsewhere ends the process before it can see that. */
    assert_true(HAS_FILTER ? WIFSIGNALED(status) : WEXITSTATUS(status) == DONE);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &other_fd, 1), 0);
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_ends_the_process),
        cmocka_unit_test(test_what_works),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_no_other_descriptor_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
