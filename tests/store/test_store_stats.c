/* test_store_stats.c - what has ended lately, and what is inside a ComfyUI. Written against store.h only, like test_store.c.
 */
#include "store_help.h"

#define NOW INT64_C(1700000000000)

static void add_ended(struct fixture *f, enum job_status status, int64_t completed_at)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    row.status = status;
    row.phase = PHASE_NONE;
    row.created_at = completed_at - 3000;
    row.started_at = status == JOB_EXPIRED ? 0 : completed_at - 1000;
    row.completed_at = completed_at;
    row.template_name = status == JOB_FAILED ? NULL : xstrdup("sdxl");
    row.backend = status == JOB_EXPIRED ? NULL : xstrdup("gpu0");
    add_job(f, &row);
}

static void add_open(struct fixture *f, enum job_status status, enum job_phase phase)
{
    AUTO(job_row_clear) struct job_row row = new_job();

    row.status = status;
    row.phase = phase;
    add_job(f, &row);
}

struct notes {
    char text[200];
};

static void note(void *arg, const struct ended_job *job)
{
    struct notes *n = arg;
    size_t len = strlen(n->text);

    assert_int_equal(job->created_at, job->completed_at - 3000);
    assert_int_equal(job->started_at, job->status == JOB_EXPIRED ? 0 : job->completed_at - 1000);
    (void)snprintf(n->text + len, sizeof n->text - len, "%s/%s/%s/%d ",
                   job_status_word(job->status),
                   job->template_name != NULL ? job->template_name : "-",
                   job->backend != NULL ? job->backend : "-", (int)(job->completed_at - NOW));
}

static void assert_ended(struct fixture *f, int64_t since, int limit, const char *expected)
{
    struct notes n = {.text = ""};

    assert_st(ST_OK, store_ended(f->r, NULL, since, limit, note, &n));
    assert_string_equal(n.text, expected);
}

static void test_the_newest_end_first(void **state)
{
    struct fixture *f = *state;

    assert_ended(f, 0, 10, "");
    add_ended(f, JOB_FAILED, NOW + 2);
    add_ended(f, JOB_EXPIRED, NOW + 3);
    add_ended(f, JOB_SUCCEEDED, NOW + 1);
    add_ended(f, JOB_CANCELED, NOW);
    (void)add_new_job(f);
    add_open(f, JOB_RUNNING, PHASE_EXECUTING);
    assert_ended(f, NOW, 10,
                 "expired/sdxl/-/3 failed/-/gpu0/2 succeeded/sdxl/gpu0/1 canceled/sdxl/gpu0/0 ");
    assert_ended(f, NOW + 1, 10, "expired/sdxl/-/3 failed/-/gpu0/2 succeeded/sdxl/gpu0/1 ");
    assert_ended(f, NOW, 2, "expired/sdxl/-/3 failed/-/gpu0/2 ");
    assert_ended(f, NOW + 4, 10, "");
}

static void test_what_is_inside_a_comfyui(void **state)
{
    struct fixture *f = *state;
    int64_t count[JOB_STATUS_COUNT] = {7, 7, 7, 7, 7, 7, 7};

    assert_st(ST_OK, store_in_flight_counts(f->r, count));
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        assert_int_equal(count[i], 0);
    }
    (void)add_new_job(f);
    add_ended(f, JOB_SUCCEEDED, NOW);
    add_open(f, JOB_QUEUED, PHASE_SUBMITTED);
    add_open(f, JOB_RUNNING, PHASE_EXECUTING);
    add_open(f, JOB_RUNNING, PHASE_COLLECTING);
    add_open(f, JOB_CANCELING, PHASE_EXECUTING);
    assert_st(ST_OK, store_in_flight_counts(f->r, count));
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        assert_int_equal(count[i], i == JOB_RUNNING                        ? 2
                                   : i == JOB_QUEUED || i == JOB_CANCELING ? 1
                                                                           : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_the_newest_end_first),
        store_test(test_what_is_inside_a_comfyui),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
