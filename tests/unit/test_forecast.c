/* test_forecast.c - what the engine knows at its start from the jobs in its store, and what it tells of one under way.
 */
#include "../store/store_help.h"

#include "bridge/pace.h"
#include "core/estimate.h"
#include "engine/internal.h"

#define STARTED INT64_C(1700000000000)

struct bench {
    struct engine engine;
    struct pace_of_queue pace;
};

static void open_bench(struct bench *b, struct fixture *f)
{
    *b = (struct bench){.pace = {.usual_ms = 0}};
    b->engine.store = f->store;
    b->engine.pace = &b->pace;
}

static void close_bench(struct bench *b)
{
    estimate_free(b->engine.estimate);
}

/* Of the template "t", in the order of the calls. */
static void add_ended(struct fixture *f, enum job_status status, int64_t ms)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    row.template_name = xstrdup("t");
    row.backend = xstrdup("gpu0");
    row.status = status;
    row.phase = PHASE_NONE;
    row.started_at = STARTED;
    row.completed_at = STARTED + ms;
    add_job(f, &row);
}

static int64_t told(const struct bench *b, const char *template_name)
{
    const struct estimate_about about = {template_name, "gpu0", "{}"};

    return estimate_run_ms(b->engine.estimate, &about);
}

static void test_an_empty_store(void **state)
{
    struct bench b;

    open_bench(&b, *state);
    assume_engine_role();
    forecast_open(&b.engine);
    assert_int_equal(told(&b, "t"), 0);
    close_bench(&b);
}

/* It must know after a restart what it would know without: the last jobs weigh most. */
static void test_a_restart_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct estimate *all_along = estimate_new();
    const struct estimate_about about = {"t", "gpu0", "{}"};
    struct bench b;

    assume_engine_role();
    for (int i = 0; i < 40; i++) {
        int64_t ms = i < 20 ? 60000 : 1000;

        add_ended(f, JOB_SUCCEEDED, ms);
        estimate_learn(all_along, &about, ms);
    }
    open_bench(&b, f);
    forecast_open(&b.engine);
    assert_int_equal(told(&b, "t"), estimate_run_ms(all_along, &about));
    assert_in_range((uint64_t)told(&b, "t"), 1000, 2500);
    assert_int_equal(told(&b, "other"), estimate_usual_ms(all_along));
    assert_true(estimate_error(b.engine.estimate) == estimate_error(all_along));
    estimate_free(all_along);
    close_bench(&b);
}

static void test_only_success_teaches(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    assume_engine_role();
    add_ended(f, JOB_FAILED, 10);
    add_ended(f, JOB_CANCELED, 20);
    add_ended(f, JOB_SUCCEEDED, 5000);
    add_ended(f, JOB_EXPIRED, 30);
    open_bench(&b, f);
    forecast_open(&b.engine);
    assert_in_range((uint64_t)told(&b, "t"), 4999, 5001);
    close_bench(&b);
}

static void test_the_end_of_a_running_job(void **state)
{
    AUTO(job_row_clear) struct job_row row = new_job();
    struct job_progress progress = {.value = 0.5};
    int64_t now = clock_wall_ms();
    struct bench b;

    assume_engine_role();
    add_ended(*state, JOB_SUCCEEDED, 60000);
    open_bench(&b, *state);
    forecast_open(&b.engine);
    row.template_name = xstrdup("t");
    row.status = JOB_RUNNING;
    row.started_at = now - 10000;
    assert_in_range((uint64_t)forecast_end(&b.engine, &row, NULL, 0), (uint64_t)now + 49000,
                    (uint64_t)now + 51000);
    /* Half done after 10 s: half of what it knows, half of what it sees. */
    assert_in_range((uint64_t)forecast_end(&b.engine, &row, &progress, 0), (uint64_t)now + 29000,
                    (uint64_t)now + 31000);
    row.started_at = now - 600000; /* ten times too late: never in the past */
    assert_true(forecast_end(&b.engine, &row, NULL, 0) > now);
    row.status = JOB_SUCCEEDED;
    assert_int_equal(forecast_end(&b.engine, &row, NULL, 0), 0);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_an_empty_store),
        store_test(test_a_restart_changes_nothing),
        store_test(test_only_success_teaches),
        store_test(test_the_end_of_a_running_job),
    };

    int failed = 0;

    enter_engine_role();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return failed;
}
