/* Turns between lines: what they promise, against random arrivals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/fair_order.h"

#define WORK 1000

static void test_one_line_keeps_its_order(void **state)
{
    struct fair_order *f = fair_order_new();
    int64_t last = -1;

    (void)state;
    for (int i = 0; i < 100; i++) {
        int64_t start = fair_order_next(f, "anna", 1 + (int64_t)random_below(5000));

        assert_true(start > last);
        last = start;
        if (i % 3 == 0) {
            fair_order_begun(f, start);
        }
    }
    fair_order_free(f);
}

static void test_who_comes_later_is_among_the_next(void **state)
{
    struct fair_order *f = fair_order_new();
    int64_t anna[1000];
    int64_t berta[10];
    int before = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        anna[i] = fair_order_next(f, "anna", WORK);
    }
    for (int i = 0; i < 50; i++) {
        fair_order_begun(f, anna[i]);
    }
    for (int i = 0; i < 10; i++) {
        berta[i] = fair_order_next(f, "berta", WORK);
    }
    for (int i = 50; i < 1000; i++) {
        before += anna[i] < berta[9] ? 1 : 0;
    }
    assert_in_range(before, 8, 10);
    fair_order_free(f);
}

static void test_turns_are_by_work(void **state)
{
    struct fair_order *f = fair_order_new();
    int64_t video = 0;
    int64_t picture = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        video = fair_order_next(f, "videos", 100 * WORK);
    }
    for (int i = 0; i < 201; i++) {
        picture = fair_order_next(f, "pictures", WORK);
    }
    assert_int_equal(video, picture);
    fair_order_free(f);
}

static void test_nobody_saves_turns(void **state)
{
    struct fair_order *f = fair_order_new();

    (void)state;
    (void)fair_order_next(f, "anna", WORK);
    for (int i = 0; i < 100; i++) {
        fair_order_begun(f, fair_order_next(f, "berta", WORK));
    }
    /* Anna has submitted nothing meanwhile: she is not a hundred jobs ahead now. */
    assert_int_equal(fair_order_next(f, "anna", WORK), 99 * WORK);
    fair_order_free(f);
}

static void test_what_was_begun_is_next_again(void **state)
{
    struct fair_order *f = fair_order_new();
    int64_t first = fair_order_next(f, "anna", WORK);
    int64_t second = fair_order_next(f, "anna", WORK);

    (void)state;
    fair_order_begun(f, first);
    assert_true(fair_order_again(f) < second);
    fair_order_begun(f, second);
    fair_order_begun(f,
                     first); /* one that was passed over goes late: time does not run backwards */
    assert_int_equal(fair_order_again(f), second);
    fair_order_free(f);
}

static void test_work_is_never_nothing(void **state)
{
    struct fair_order *f = fair_order_new();

    (void)state;
    assert_true(fair_order_next(f, "anna", 0) < fair_order_next(f, "anna", -5));
    assert_int_equal(fair_order_next(f, "anna", 1), 2);
    fair_order_free(f);
}

static void test_lines_are_forgotten(void **state)
{
    struct fair_order *f = fair_order_new();
    char name[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof name, "user %d", i);
        fair_order_begun(f, fair_order_next(f, name, WORK));
        fair_order_begun(f, (int64_t)i * 2 * WORK);
        assert_true(fair_order_lines(f) < 2100);
    }
    /* Those that are ahead are kept, however many. */
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "busy %d", i);
        (void)fair_order_next(f, name, 10 * WORK);
    }
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "busy %d", i);
        assert_int_equal(fair_order_next(f, name, WORK), fair_order_again(f) + 10 * WORK);
    }
    fair_order_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line_keeps_its_order),
        cmocka_unit_test(test_who_comes_later_is_among_the_next),
        cmocka_unit_test(test_turns_are_by_work),
        cmocka_unit_test(test_nobody_saves_turns),
        cmocka_unit_test(test_what_was_begun_is_next_again),
        cmocka_unit_test(test_work_is_never_nothing),
        cmocka_unit_test(test_lines_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
