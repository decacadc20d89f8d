/* Every way a job can move: a table of single steps, and random walks held to the invariants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/job_fsm.h"

#define NOW 1000000

static const struct job_error OOM = {.code = JOB_ERR_OUT_OF_MEMORY};
static const struct job_error NODE = {.code = JOB_ERR_NODE_EXECUTION_ERROR};
static const struct job_error LOST = {.code = JOB_ERR_BACKEND_LOST};

static struct job_event event_of(enum job_event_kind kind)
{
    struct job_event ev = {.kind = kind,
                           .now = NOW,
                           .backend = "gpu0",
                           .error = &NODE,
                           .retry_min_ms = 1000,
                           .retry_max_ms = 60000};

    if (kind == EV_CLAIM) {
        ev.prompt_id = id_random();
    } else if (kind == EV_TROUBLED) {
        ev.error = &LOST;
    }
    return ev;
}

static unsigned step(struct job_row *row, enum job_event_kind kind)
{
    struct job_event ev = event_of(kind);

    return job_step(row, &ev);
}

static void start_row(struct job_row *row)
{
    job_row_init(row);
    row->id = id_new();
    row->max_attempts = 3;
    row->created_at = NOW - 10;
}

/* Letters of the events that lead to a state, so that a row of the table fits on a line. */
static enum job_event_kind kind_of(char letter)
{
    static const char LETTERS[] = "cndrtsfCeigxDTo";
    const char *at = strchr(LETTERS, letter);

    assert_non_null(at);
    return (enum job_event_kind)(at - LETTERS);
}

struct row_case {
    const char *name;
    const char *events;
    enum job_status status;
    enum job_phase phase;
    enum job_errc error;
    int attempt;
};

static const struct row_case CASES[] = {
    {"a plain success", "cdsfC", JOB_SUCCEEDED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"finished before it was seen to start", "cfC", JOB_SUCCEEDED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"refused graph", "cr", JOB_FAILED, PHASE_NONE, JOB_ERR_NODE_EXECUTION_ERROR, 1},
    {"not sent does not count", "cn", JOB_QUEUED, PHASE_WAITING, JOB_ERR_NONE, 0},
    {"started is running", "cds", JOB_RUNNING, PHASE_EXECUTING, JOB_ERR_NONE, 1},
    {"inside but not begun is queued", "cd", JOB_QUEUED, PHASE_SUBMITTED, JOB_ERR_NONE, 1},
    {"lost while waiting inside", "cdg", JOB_QUEUED, PHASE_WAITING, JOB_ERR_NONE, 1},
    {"lost three times", "cdgcdgcdg", JOB_FAILED, PHASE_NONE, JOB_ERR_BACKEND_LOST, 3},
    {"two ComfyUIs died under it", "cdsgcdsg", JOB_FAILED, PHASE_NONE, JOB_ERR_BACKEND_LOST, 2},
    {"one died under it, one stays away", "cdsgcdst", JOB_FAILED, PHASE_NONE, JOB_ERR_BACKEND_LOST,
     2},
    {"one stays away before it began", "cdstcdt", JOB_QUEUED, PHASE_WAITING, JOB_ERR_NONE, 2},
    {"node error", "cdse", JOB_FAILED, PHASE_NONE, JOB_ERR_NODE_EXECUTION_ERROR, 1},
    {"interrupted by somebody else", "cdsi", JOB_FAILED, PHASE_NONE, JOB_ERR_NODE_EXECUTION_ERROR,
     1},
    {"cancel while waiting", "x", JOB_CANCELED, PHASE_NONE, JOB_ERR_NONE, 0},
    {"cancel while running", "cdsx", JOB_CANCELING, PHASE_EXECUTING, JOB_ERR_NONE, 1},
    {"cancel, interrupted", "cdsxi", JOB_CANCELED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"cancel, gone", "cdxg", JOB_CANCELED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"cancel, but the result was faster", "cdsxfC", JOB_SUCCEEDED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"cancel, but it failed first", "cdsxe", JOB_FAILED, PHASE_NONE, JOB_ERR_NODE_EXECUTION_ERROR,
     1},
    {"cancel before the POST went out", "cxn", JOB_CANCELED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"cancel that is ignored", "cdsxo", JOB_CANCELED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"cancel twice", "cdsxx", JOB_CANCELING, PHASE_EXECUTING, JOB_ERR_NONE, 1},
    {"deadline while waiting", "D", JOB_EXPIRED, PHASE_NONE, JOB_ERR_DEADLINE_EXCEEDED, 0},
    {"deadline while inside", "cdDg", JOB_EXPIRED, PHASE_NONE, JOB_ERR_DEADLINE_EXCEEDED, 1},
    {"deadline after it began", "cdsD", JOB_RUNNING, PHASE_EXECUTING, JOB_ERR_NONE, 1},
    {"timeout, interrupted", "cdsTi", JOB_FAILED, PHASE_NONE, JOB_ERR_TIMEOUT, 1},
    {"timeout, lost", "cdsTg", JOB_FAILED, PHASE_NONE, JOB_ERR_TIMEOUT, 1},
    {"timeout, result was faster", "cdsTfC", JOB_SUCCEEDED, PHASE_NONE, JOB_ERR_NONE, 1},
    {"events of the past change nothing", "cdsfCsdfegxDT", JOB_SUCCEEDED, PHASE_NONE, JOB_ERR_NONE,
     1},
    {"delivered twice", "cddd", JOB_QUEUED, PHASE_SUBMITTED, JOB_ERR_NONE, 1},
    {"finished twice", "cdsff", JOB_RUNNING, PHASE_COLLECTING, JOB_ERR_NONE, 1},
    {"outputs lost with their ComfyUI", "cdsfg", JOB_QUEUED, PHASE_WAITING, JOB_ERR_NONE, 1},
    {"outputs cannot be had", "cdsft", JOB_QUEUED, PHASE_WAITING, JOB_ERR_NONE, 1},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct row_case *c = &CASES[i];
        AUTO(job_row_clear) struct job_row row;

        start_row(&row);
        for (const char *letter = c->events; *letter != '\0'; letter++) {
            (void)step(&row, kind_of(*letter));
        }
        if (row.status != c->status || row.phase != c->phase || row.error.code != c->error ||
            row.attempt != c->attempt) {
            fail_msg("%s: is %s/%s, error %s, attempt %d", c->name, job_status_word(row.status),
                     job_phase_word(row.phase), job_errc_word(row.error.code), row.attempt);
        }
    }
}

static void test_memory_gets_one_more_try(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_event oom = event_of(EV_FAILED);

    (void)state;
    oom.error = &OOM;
    start_row(&row);
    (void)step(&row, EV_CLAIM);
    (void)step(&row, EV_STARTED);
    assert_int_equal(job_step(&row, &oom), FX_CHANGED | FX_RELEASE | FX_REQUEUE);
    assert_true(row.not_before_at >= NOW + 500 && row.not_before_at <= NOW + 1000);
    assert_non_null(strstr(row.warnings_json, "\"out_of_memory\""));
    (void)step(&row, EV_CLAIM);
    (void)step(&row, EV_STARTED);
    assert_int_equal(job_step(&row, &oom), FX_CHANGED | FX_RELEASE | FX_ENDED);
    assert_int_equal(row.error.code, JOB_ERR_OUT_OF_MEMORY);
}

static void test_broken_devices_count_as_deaths(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_error broken = {.code = JOB_ERR_BACKEND_LOST};
    struct job_event failed = event_of(EV_FAILED);

    (void)state;
    failed.error = &broken;
    start_row(&row);
    row.max_attempts = 5;
    (void)step(&row, EV_CLAIM);
    (void)step(&row, EV_STARTED);
    assert_int_equal(job_step(&row, &failed), FX_CHANGED | FX_RELEASE | FX_REQUEUE);
    assert_int_equal(row.deaths, 1);
    (void)step(&row, EV_CLAIM);
    (void)step(&row, EV_STARTED);
    assert_int_equal(job_step(&row, &failed), FX_CHANGED | FX_RELEASE | FX_ENDED);
    assert_int_equal(row.deaths, 2);
}

static void test_effects(void **state)
{
    AUTO(job_row_clear) struct job_row row;

    (void)state;
    start_row(&row);
    assert_int_equal(step(&row, EV_CLAIM), FX_CHANGED | FX_POST);
    assert_int_equal(step(&row, EV_DELIVERED), FX_CHANGED);
    assert_int_equal(step(&row, EV_DELIVERED), 0);
    assert_int_equal(step(&row, EV_STARTED), FX_CHANGED);
    assert_int_equal(step(&row, EV_CANCEL), FX_CHANGED | FX_STOP);
    assert_int_equal(step(&row, EV_FINISHED), FX_CHANGED | FX_COLLECT);
    assert_int_equal(step(&row, EV_FINISHED), FX_COLLECT);
    assert_int_equal(step(&row, EV_COLLECTED), FX_CHANGED | FX_RELEASE | FX_ENDED);
    assert_non_null(strstr(row.warnings_json, "cancel_too_late"));
}

/* ---- random walks ---------------------------------------------------------------------------- */

static void check_shape(const struct job_row *row)
{
    bool has_ended = job_has_ended(row->status);
    bool is_inside = row->phase != PHASE_NONE && row->phase != PHASE_WAITING;

    assert_int_equal(has_ended, row->phase == PHASE_NONE);
    assert_int_equal(has_ended, row->completed_at != 0);
    assert_true(row->attempt >= 0 && row->attempt <= row->max_attempts);
    assert_int_equal(is_inside && row->attempt == 0, 0);
    assert_true(row->deaths < 2 || has_ended);
    assert_int_equal(row->phase == PHASE_WAITING && row->status != JOB_QUEUED, 0);
    assert_int_equal(row->phase == PHASE_WAITING && !id_is_none(row->prompt_id), 0);
    assert_int_equal(row->status == JOB_RUNNING && row->phase != PHASE_EXECUTING &&
                         row->phase != PHASE_COLLECTING,
                     0);
    assert_int_equal(row->status == JOB_CANCELING && row->stop != STOP_CANCEL, 0);
    assert_int_equal(row->status == JOB_FAILED && row->error.code == JOB_ERR_NONE, 0);
    assert_int_equal(row->status == JOB_SUCCEEDED && row->error.code != JOB_ERR_NONE, 0);
}

static void check_effects(const struct job_row *before, const struct job_row *after,
                          unsigned effects)
{
    bool was_inside = before->phase != PHASE_NONE && before->phase != PHASE_WAITING;
    bool is_inside = after->phase != PHASE_NONE && after->phase != PHASE_WAITING;

    assert_int_equal(after->version - before->version, (effects & FX_CHANGED) != 0 ? 1 : 0);
    assert_int_equal(was_inside && !is_inside, (effects & FX_RELEASE) != 0);
    assert_int_equal(job_has_ended(after->status) && !job_has_ended(before->status),
                     (effects & FX_ENDED) != 0);
    assert_int_equal(!was_inside && is_inside, (effects & FX_POST) != 0);
    if (job_has_ended(before->status)) {
        assert_int_equal(effects, 0);
        assert_int_equal(before->status, after->status);
    }
}

/* One step of any kind; a prompt fails for any of the reasons that count differently. */
static unsigned any_step(struct job_row *row)
{
    static const struct job_error *const REASONS[] = {&NODE, &OOM, &LOST};
    struct job_event ev = event_of((enum job_event_kind)(random() % (EV_STOP_OVERDUE + 1)));

    if (ev.kind == EV_FAILED) {
        ev.error = REASONS[(size_t)random() % COUNT_OF(REASONS)];
    }
    return job_step(row, &ev);
}

/* However it stands: where all goes well, it comes to its end. */
static void check_that_it_can_end(struct job_row *row)
{
    static const enum job_event_kind WELL[] = {EV_CLAIM, EV_DELIVERED, EV_STARTED, EV_FINISHED,
                                               EV_COLLECTED};

    for (size_t i = 0; i < COUNT_OF(WELL); i++) {
        (void)step(row, WELL[i]);
    }
    check_shape(row);
    assert_true(job_has_ended(row->status));
}

static void walk(unsigned seed, int steps)
{
    AUTO(job_row_clear) struct job_row row;

    srandom(seed);
    start_row(&row);
    row.max_attempts = 1 + (int)(random() % 5);
    for (int i = 0; i < steps; i++) {
        AUTO(job_row_clear) struct job_row before;

        job_row_copy(&before, &row);
        {
            unsigned effects = any_step(&row);

            check_effects(&before, &row, effects);
            check_shape(&row);
        }
    }
    check_that_it_can_end(&row);
}

static void test_random_walks(void **state)
{
    const char *count = getenv("FSM_WALKS");
    unsigned walks = count != NULL ? (unsigned)strtoul(count, NULL, 10) : 100000;

    (void)state;
    for (unsigned seed = 1; seed <= walks; seed++) {
        walk(seed, 1 + (int)(seed % 40));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_memory_gets_one_more_try),
        cmocka_unit_test(test_broken_devices_count_as_deaths),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_random_walks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
