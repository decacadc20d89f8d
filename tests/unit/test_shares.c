/* What each key has waiting and inside, and where that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/shares.h"

static void test_as_many_wait_as_allowed(void **state)
{
    struct shares *s = shares_new(2, 0);
    struct id first = id_new();

    (void)state;
    assert_true(shares_admit(s, "anna"));
    assert_true(shares_admit(s, "anna"));
    assert_false(shares_admit(s, "anna"));
    assert_true(shares_admit(s, "berta"));
    /* One of the two came into being. */
    shares_put(s, first, "anna");
    shares_begin_arrivals(s);
    assert_true(shares_admit(s, "anna"));
    assert_false(shares_admit(s, "anna"));
    shares_begin_arrivals(s);
    shares_put(s, id_new(), "anna");
    assert_false(shares_admit(s, "anna"));
    shares_remove(s, first);
    assert_true(shares_admit(s, "anna"));
    shares_free(s);
}

static void test_put_again_counts_once(void **state)
{
    struct shares *s = shares_new(2, 0);
    struct id job = id_new();

    (void)state;
    for (int i = 0; i < 5; i++) {
        shares_put(s, job, "anna");
    }
    assert_true(shares_admit(s, "anna"));
    assert_false(shares_admit(s, "anna"));
    shares_remove(s, job);
    shares_remove(s, job);
    shares_begin_arrivals(s);
    assert_true(shares_admit(s, "anna"));
    assert_true(shares_admit(s, "anna"));
    assert_false(shares_admit(s, "anna"));
    shares_free(s);
}

static void test_as_many_are_inside_as_allowed(void **state)
{
    struct shares *s = shares_new(0, 2);
    struct id anna = id_new();
    struct id berta = id_new();

    (void)state;
    shares_put(s, anna, "anna");
    shares_put(s, berta, "berta");
    for (int turn = 0; turn < 3; turn++) {
        shares_begin_turn(s);
        shares_inside(s, "anna");
        assert_true(shares_may_begin(s, anna));
        shares_inside(s, "anna");
        assert_false(shares_may_begin(s, anna));
        assert_true(shares_may_begin(s, berta));
    }
    shares_begin_turn(s);
    assert_true(shares_may_begin(s, anna));
    for (int i = 0; i < 100; i++) {
        assert_true(shares_admit(s, "anna"));
    }
    shares_free(s);
}

static void test_nobodys_jobs_have_no_limit(void **state)
{
    struct shares *s = shares_new(1, 1);
    struct id job = id_new();

    (void)state;
    shares_put(s, job, NULL);
    shares_put(s, id_new(), NULL);
    shares_inside(s, NULL);
    assert_true(shares_may_begin(s, job));
    assert_true(shares_admit(s, NULL));
    shares_remove(s, job);
    shares_free(s);
}

static void test_0_is_no_limit(void **state)
{
    struct shares *s = shares_new(0, 0);
    struct id job = id_new();

    (void)state;
    shares_put(s, job, "anna");
    for (int i = 0; i < 100; i++) {
        shares_inside(s, "anna");
        assert_true(shares_admit(s, "anna"));
        assert_true(shares_may_begin(s, job));
    }
    shares_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_wait_as_allowed),
        cmocka_unit_test(test_put_again_counts_once),
        cmocka_unit_test(test_as_many_are_inside_as_allowed),
        cmocka_unit_test(test_nobodys_jobs_have_no_limit),
        cmocka_unit_test(test_0_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
