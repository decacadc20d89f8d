#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/condition.h"

static void test_etags(void **state)
{
    static const struct {
        const char *field;
        bool is_weak_match;
        bool is_strong_match;
    } rows[] = {
        {NULL, false, false},
        {"", false, false},
        {"*", true, true},
        {"  *", true, true},
        {"\"1.2\"", true, true},
        {"W/\"1.2\"", true, false},
        {"w/\"1.2\"", false, false},
        {"\"1.3\"", false, false},
        {"\"1.2", false, false},
        {"1.2", false, false},
        {"\"x\", \"1.2\"", true, true},
        {"\"x\",\"1.2\",\"y\"", true, true},
        {"W/\"x\" , W/\"1.2\"", true, false},
        {"\"a,b\", \"1.2\"", true, true},
        {"\"x\" \"1.2\"", true, true},
        {"x, \"1.2\"", false, false},
        {"\"\"", false, false},
        {",,\"1.2\",,", true, true},
        {"\"*\"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (etag_listed(rows[i].field, "\"1.2\"", true) != rows[i].is_weak_match ||
            etag_listed(rows[i].field, "\"1.2\"", false) != rows[i].is_strong_match) {
            fail_msg("%s", rows[i].field != NULL ? rows[i].field : "(none)");
        }
    }
    assert_true(etag_is_any(" *"));
    assert_false(etag_is_any("\"*\""));
}

static void test_ranges(void **state)
{
    static const struct {
        const char *field;
        int64_t size;
        struct range range;
    } rows[] = {
        {NULL, 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=0-9", 10, {RANGE_PART, 0, 10}},
        {"bytes=0-0", 10, {RANGE_PART, 0, 1}},
        {"Bytes=3-5", 10, {RANGE_PART, 3, 3}},
        {"bytes= 3-5 ", 10, {RANGE_PART, 3, 3}},
        {"bytes=3-", 10, {RANGE_PART, 3, 7}},
        {"bytes=9-", 10, {RANGE_PART, 9, 1}},
        {"bytes=0-99", 10, {RANGE_PART, 0, 10}},
        {"bytes=-3", 10, {RANGE_PART, 7, 3}},
        {"bytes=-10", 10, {RANGE_PART, 0, 10}},
        {"bytes=-99", 10, {RANGE_PART, 0, 10}},
        {"bytes=0-99999999999999999999999", 10, {RANGE_PART, 0, 10}},
        {"bytes=10-", 10, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=10-20", 10, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=99999999999999999999999-", 10, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=-0", 10, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=0-0", 0, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=-1", 0, {RANGE_OUTSIDE, 0, 0}},
        {"bytes=5-3", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=-", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=1", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=a-b", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=0-1,3-4", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=--1", 10, {RANGE_WHOLE, 0, 10}},
        {"lines=0-1", 10, {RANGE_WHOLE, 0, 10}},
        {"", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes", 10, {RANGE_WHOLE, 0, 10}},
        {"bytes=0-1;x", 10, {RANGE_WHOLE, 0, 10}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct range range = range_parse(rows[i].field, rows[i].size);

        if (range.kind != rows[i].range.kind || range.first != rows[i].range.first ||
            range.length != rows[i].range.length) {
            fail_msg("%s: kind %u, %lld + %lld", rows[i].field != NULL ? rows[i].field : "(none)",
                     range.kind, (long long)range.first, (long long)range.length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
