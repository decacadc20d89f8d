#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

static void test_copies(void **state)
{
    AUTO(free_ptr) char *whole = xstrdup("abc");
    AUTO(free_ptr) char *part = xstrndup("abcdef", 3);
    AUTO(free_ptr) char *longer = xstrndup("ab", 10);
    AUTO(free_ptr) char *printed = xasprintf("%s-%d", "x", 7);

    (void)state;
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "abc");
    assert_string_equal(longer, "ab");
    assert_string_equal(printed, "x-7");
    assert_null(xstrdup_or_null(NULL));
}

static void test_nothing_is_something(void **state)
{
    AUTO(free_ptr) void *none = xmalloc(0);
    AUTO(free_ptr) void *zero = xcalloc(0, 8);

    (void)state;
    assert_non_null(none);
    assert_non_null(zero);
    none = xrealloc(none, 0);
    assert_non_null(none);
}

static void test_zeroed_or_not_at_all(void **state)
{
    AUTO(free_ptr) char *zeros = calloc_or_null(3, 5);
    AUTO(free_ptr) void *none = calloc_or_null(0, 8);

    (void)state;
    assert_non_null(zeros);
    assert_non_null(none);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(zeros[i], 0);
    }
}

static void test_replace(void **state)
{
    char *slot = NULL;

    (void)state;
    xreplace(&slot, "first");
    assert_string_equal(slot, "first");
    xreplace(&slot, slot + 2); /* text may lie inside the old value */
    assert_string_equal(slot, "rst");
    xreplace(&slot, NULL);
    assert_null(slot);
}

static void test_take(void **state)
{
    AUTO(free_ptr) char *owner = xstrdup("a");
    char *taken = take_ptr(&owner);

    (void)state;
    assert_null(owner);
    assert_string_equal(taken, "a");
    free(taken);
}

struct outer {
    int before;
    int member;
};

static void test_container(void **state)
{
    struct outer outer = {1, 2};

    (void)state;
    assert_ptr_equal(container_of(&outer.member, struct outer, member), &outer);
}

static void die_of_a_bug(void)
{
    bug_if(1 + 1 == 2);
}

static void die_of_a_null(void)
{
    free(require_memory(NULL));
}

static void die_of_a_role(void)
{
    assume_engine_role();
}

/* The program must end by SIGABRT, with a line that names the event. */
static void assert_dies(void (*deadly)(void), const char *event)
{
    char text[512] = "";
    size_t used = 0;
    ssize_t got;
    int status = 0;
    int fds[2];
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(fds[1], STDERR_FILENO);
        deadly();
        _exit(0);
    }
    (void)close(fds[1]);
    while ((got = read(fds[0], text + used, sizeof text - 1 - used)) > 0) {
        used += (size_t)got;
    }
    (void)close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(text, event) == NULL) {
        fail_msg("%s: status %d, log \"%s\"", event, status, text);
    }
}

static void test_ends(void **state)
{
    (void)state;
    assert_dies(die_of_a_bug, "ERROR bug condition=\"1 + 1 == 2\"");
    assert_dies(die_of_a_null, "ERROR out_of_memory");
    assert_dies(die_of_a_role, "condition=!is_engine");
}

static void test_role(void **state)
{
    (void)state;
    enter_engine_role();
    assume_engine_role();
    leave_engine_role();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_nothing_is_something),
        cmocka_unit_test(test_zeroed_or_not_at_all),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
