/* test_estimate.c - times are learnt by template, backend and size of the work, and odd ones move them little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bridge/pace.h"
#include "core/estimate.h"

static const struct estimate_about flux = {"flux", "gpu0", "{\"steps\":20,\"prompt\":\"x\"}"};

static void assert_near(int64_t ms, int64_t wanted)
{
    assert_in_range((uint64_t)ms, (uint64_t)(wanted - wanted / 50 - 1),
                    (uint64_t)(wanted + wanted / 50 + 1));
}

static void test_nothing_is_known(void **state)
{
    struct estimate *e = estimate_new();

    (void)state;
    assert_int_equal(estimate_run_ms(e, &flux), 0);
    assert_int_equal(estimate_usual_ms(e), 0);
    assert_true(estimate_error(e) <= 0);
    estimate_learn(e, &flux, 0);
    estimate_learn(e, &flux, -5);
    assert_int_equal(estimate_run_ms(e, &flux), 0);
    estimate_free(e);
    estimate_free(NULL);
}

static void test_the_first_counts_whole(void **state)
{
    struct estimate *e = estimate_new();

    (void)state;
    estimate_learn(e, &flux, 10000);
    assert_near(estimate_run_ms(e, &flux), 10000);
    assert_near(estimate_usual_ms(e), 10000);
    estimate_free(e);
}

static void test_the_size_of_the_work_counts(void **state)
{
    struct estimate *e = estimate_new();
    const struct estimate_about twice = {"flux", "gpu0", "{\"steps\":40}"};
    const struct estimate_about four = {"flux", "gpu0", "{\"steps\":40,\"count\":2}"};

    (void)state;
    estimate_learn(e, &flux, 10000);
    assert_near(estimate_run_ms(e, &twice), 20000);
    assert_near(estimate_run_ms(e, &four), 40000);
    estimate_free(e);
}

static void test_a_backend_is_learnt_by_itself(void **state)
{
    struct estimate *e = estimate_new();
    struct estimate_about slow = flux;
    struct estimate_about unknown = flux;

    (void)state;
    slow.backend = "gpu1";
    unknown.backend = "gpu2";
    for (int i = 0; i < 20; i++) {
        estimate_learn(e, &flux, 1000);
        estimate_learn(e, &slow, 8000);
    }
    assert_near(estimate_run_ms(e, &flux), 1000);
    assert_near(estimate_run_ms(e, &slow), 8000);
    assert_in_range((uint64_t)estimate_run_ms(e, &unknown), 1500,
                    6000); /* of the template, anywhere */
    unknown.template_name = "other";
    assert_int_equal(estimate_run_ms(e, &unknown), estimate_usual_ms(e));
    estimate_free(e);
}

static void test_it_gets_better_and_one_odd_job_moves_it_little(void **state)
{
    struct estimate *e = estimate_new();

    (void)state;
    estimate_learn(e, &flux, 60000);
    for (int i = 0; i < 60; i++) {
        estimate_learn(e, &flux, 1000);
    }
    assert_in_range((uint64_t)estimate_run_ms(e, &flux), 950, 1100);
    assert_true(estimate_error(e) < 1.2);
    estimate_learn(e, &flux, 600000);
    assert_in_range((uint64_t)estimate_run_ms(e, &flux), 950, 2200);
    estimate_free(e);
}

static void test_inputs_that_say_nothing(void **state)
{
    static const char *const inputs[] = {"",
                                         "{",
                                         "[]",
                                         "null",
                                         "{\"steps\":\"many\"}",
                                         "{\"steps\":-4}",
                                         "{\"steps\":1e400}",
                                         "{\"steps\":0}",
                                         NULL};
    struct estimate *e = estimate_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        const struct estimate_about odd = {"odd", "gpu0", inputs[i]};

        estimate_learn(e, &odd, 5000);
        assert_near(estimate_run_ms(e, &odd), 5000);
    }
    estimate_free(e);
}

static void test_the_place_in_the_queue(void **state)
{
    struct pace_of_queue p = {.usual_ms = 0};

    (void)state;
    assert_int_equal(pace_done_in_ms(&p, 1), 0);
    pace_set(&p, 1000, 0);
    assert_int_equal(pace_done_in_ms(&p, 1), 0);
    pace_set(&p, 1000, 1);
    assert_int_equal(pace_done_in_ms(&p, 0), 0);
    assert_int_equal(pace_done_in_ms(&p, 1), 1500);
    assert_int_equal(pace_done_in_ms(&p, 4), 4500);
    pace_set(&p, 1000, 2);
    assert_int_equal(pace_done_in_ms(&p, 4), 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known),
        cmocka_unit_test(test_the_first_counts_whole),
        cmocka_unit_test(test_the_size_of_the_work_counts),
        cmocka_unit_test(test_a_backend_is_learnt_by_itself),
        cmocka_unit_test(test_it_gets_better_and_one_odd_job_moves_it_little),
        cmocka_unit_test(test_inputs_that_say_nothing),
        cmocka_unit_test(test_the_place_in_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
