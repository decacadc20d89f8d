/* Buckets of requests: how many, how they fill, that they are apart, and that there is an end to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/allowance.h"

#define SECOND INT64_C(1000000)
#define BEGIN  (INT64_C(5000) * SECOND)

static bool take(struct allowance *r, const char *name, int64_t now, struct allowance_state *state)
{
    return allowance_take(r, name, strlen(name), now, state);
}

static void test_as_many_as_fit(void **state)
{
    static const int64_t LIMIT[] = {1, 2, 7, 60, 61, 999, 6000, 77777, 100000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(LIMIT); i++) {
        struct allowance *r = allowance_new(LIMIT[i]);
        struct allowance_state s;

        for (int64_t n = 1; n <= LIMIT[i]; n++) {
            assert_true(take(r, "anna", BEGIN, &s));
            assert_int_equal(s.limit, LIMIT[i]);
            assert_int_equal(s.remaining, LIMIT[i] - n);
            assert_int_equal(s.wait_s, 0);
            assert_in_range(s.full_s, 1, 60);
        }
        assert_false(take(r, "anna", BEGIN, &s));
        assert_int_equal(s.remaining, 0);
        assert_int_equal(s.wait_s, (60 + LIMIT[i] - 1) / LIMIT[i]);
        allowance_free(r);
    }
}

static void test_who_waits_as_told_is_let_in(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct allowance *r = allowance_new(1 + (int64_t)random_below(100));
        int64_t now = BEGIN;
        struct allowance_state s;

        for (int i = 0; i < 150; i++) {
            now += (int64_t)random_below(100000);
            if (!take(r, "anna", now, &s)) {
                assert_in_range(s.wait_s, 1, 60);
                now += s.wait_s * SECOND;
                assert_true(take(r, "anna", now, &s));
            }
        }
        allowance_free(r);
    }
}

static void test_fills_evenly_and_not_over(void **state)
{
    struct allowance *r = allowance_new(6);
    struct allowance_state s;

    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_true(take(r, "anna", BEGIN, &s));
    }
    assert_int_equal(s.full_s, 60);
    assert_false(take(r, "anna", BEGIN + 9 * SECOND, &s));
    assert_int_equal(s.wait_s, 1);
    assert_true(take(r, "anna", BEGIN + 10 * SECOND, &s));
    assert_false(take(r, "anna", BEGIN + 10 * SECOND, &s));
    /* A day later there are six in it, and not more. */
    for (int i = 0; i < 6; i++) {
        assert_true(take(r, "anna", BEGIN + 86400 * SECOND, &s));
    }
    assert_false(take(r, "anna", BEGIN + 86400 * SECOND, &s));
    allowance_free(r);
}

static void test_what_is_refused_costs_nothing(void **state)
{
    struct allowance *r = allowance_new(1);
    struct allowance_state s;

    (void)state;
    assert_true(take(r, "anna", BEGIN, &s));
    for (int i = 0; i < 1000; i++) {
        assert_false(take(r, "anna", BEGIN + SECOND, &s));
        assert_int_equal(s.wait_s, 59);
    }
    assert_true(take(r, "anna", BEGIN + 60 * SECOND, &s));
    allowance_free(r);
}

static void test_each_has_a_bucket(void **state)
{
    struct allowance *r = allowance_new(1);
    struct allowance_state s;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(allowance_take(r, &i, sizeof i, BEGIN, &s));
    }
    for (uint32_t i = 0; i < 200; i++) {
        assert_false(allowance_take(r, &i, sizeof i, BEGIN, &s));
    }
    allowance_free(r);
}

static void test_many_strangers_push_out_no_one_who_is_over(void **state)
{
    struct allowance *r = allowance_new(100);
    struct allowance_state s;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(take(r, "anna", BEGIN, &s));
    }
    for (uint32_t i = 0; i < 1000000; i++) {
        assert_true(allowance_take(r, &i, sizeof i, BEGIN, &s));
    }
    assert_false(take(r, "anna", BEGIN, &s));
    allowance_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_as_fit),
        cmocka_unit_test(test_who_waits_as_told_is_let_in),
        cmocka_unit_test(test_fills_evenly_and_not_over),
        cmocka_unit_test(test_what_is_refused_costs_nothing),
        cmocka_unit_test(test_each_has_a_bucket),
        cmocka_unit_test(test_many_strangers_push_out_no_one_who_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
