#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/process.h"

#define SPAN_BYTES ((size_t)64 << 20)
#define OPENED     20

static void test_descriptors(void **state)
{
    struct process_use before = process_use_now();
    struct process_use after;
    struct rlimit limit;
    int fd[OPENED];

    (void)state;
    for (size_t i = 0; i < OPENED; i++) {
        fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fd[i] >= 0);
    }
    after = process_use_now();
    for (size_t i = 0; i < OPENED; i++) {
        (void)close(fd[i]);
    }
    assert_int_equal(after.open_fds - before.open_fds, OPENED);
    assert_true(before.open_fds >= 3);
    assert_int_equal(process_use_now().open_fds, before.open_fds);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(process_use_now().max_fds, 200);
}

static void test_memory(void **state)
{
    struct process_use before = process_use_now();
    struct process_use after;
    char *space = xmalloc(SPAN_BYTES);

    (void)state;
    memset(space, 1, SPAN_BYTES);
    after = process_use_now();
    free(space);
    assert_true(before.resident_bytes > 0 && before.virtual_bytes >= before.resident_bytes);
    assert_true(after.resident_bytes - before.resident_bytes >= (int64_t)SPAN_BYTES * 9 / 10);
    assert_true(after.virtual_bytes - before.virtual_bytes >= (int64_t)SPAN_BYTES * 9 / 10);
}

static void test_time(void **state)
{
    int64_t before = process_use_now().cpu_us;
    int64_t until = clock_mono_ms() + 20000;
    int64_t now = before;

    (void)state;
    /* It grows by working alone, and not by more than one thread can work. */
    while (now - before < 50000) {
        assert_true(clock_mono_ms() < until);
        now = process_use_now().cpu_us;
    }
    assert_true(now - before < 20000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
