#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void test_empty(void **state)
{
    struct buf b = BUF_INIT(10);
    char *taken;

    (void)state;
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_span(&b).len, 0);
    assert_non_null(buf_span(&b).ptr);
    assert_true(buf_ok(&b));
    taken = buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
    buf_clear(&b);
}

static void test_ceiling(void **state)
{
    static const struct {
        const char *name;
        size_t max;
        const char *first;
        const char *second;
        const char *result;
        bool is_ok;
    } rows[] = {
        {"fits", 10, "abc", "def", "abcdef", true},
        {"fits exactly", 6, "abc", "def", "abcdef", true},
        {"one byte over", 5, "abc", "def", "abc", false},
        {"nothing goes into nothing", 0, "", "", "", true},
        {"a byte into nothing", 0, "a", "", "", false},
        {"after an overflow even what would fit stays out", 3, "abcd", "e", "", false},
        {"no ceiling", SIZE_MAX, "abc", "def", "abcdef", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf_clear) struct buf b = BUF_INIT(rows[i].max);

        (void)buf_append_str(&b, rows[i].first);
        (void)buf_append_str(&b, rows[i].second);
        if (strcmp(buf_str(&b), rows[i].result) != 0 || buf_ok(&b) != rows[i].is_ok) {
            fail_msg("%s: \"%s\", ok %d", rows[i].name, buf_str(&b), buf_ok(&b));
        }
    }
}

static void test_growth_stays_below_the_ceiling(void **state)
{
    AUTO(buf_clear) struct buf b = BUF_INIT(100000);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        assert_true(buf_append_char(&b, (char)('a' + i % 26)));
        assert_true(b.cap <= b.max + 1);
    }
    assert_false(buf_append_char(&b, 'x'));
    assert_int_equal(strlen(buf_str(&b)), 100000);
    buf_reset(&b);
    assert_true(buf_ok(&b));
    assert_string_equal(buf_str(&b), "");
    assert_true(buf_append_span(&b, SPAN_LIT("again")));
    assert_string_equal(buf_str(&b), "again");
}

static void test_format(void **state)
{
    AUTO(buf_clear) struct buf b = BUF_INIT(200);

    (void)state;
    assert_true(buf_appendf(&b, "%s=%d", "a", 5));
    assert_true(buf_appendf(&b, "%0150d", 0));
    assert_int_equal(b.len, 153);
    assert_false(buf_appendf(&b, "%050d", 0));
    assert_int_equal(b.len, 153);
    assert_false(buf_ok(&b));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    assert_int_equal(b.max, 200);
}

static void test_zero_bytes_and_take(void **state)
{
    struct buf b = BUF_INIT(10);
    char *taken;

    (void)state;
    assert_true(buf_append(&b, "a\0b", 3));
    assert_true(buf_append(&b, NULL, 0));
    assert_int_equal(b.len, 3);
    taken = buf_take(&b);
    assert_memory_equal(taken, "a\0b", 4);
    assert_int_equal(b.len, 0);
    assert_null(b.data);
    free(taken);
    assert_true(buf_append_str(&b, "new"));
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_growth_stays_below_the_ceiling),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_zero_bytes_and_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
