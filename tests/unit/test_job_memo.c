#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "bridge/hub.h"
#include "bridge/job_memo.h"

#define UNKNOWN (-1)

static int64_t version_of(struct job_memo *m, struct id job)
{
    int64_t version = UNKNOWN;

    return job_memo_get(m, job, &version) ? version : UNKNOWN;
}

static void test_a_version_holds_until_the_job_changes(void **state)
{
    struct job_memo *m = job_memo_new();
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    assert_int_equal(version_of(m, a), UNKNOWN);
    job_memo_put(m, a, 5, job_memo_counts(m));
    job_memo_put(m, b, 7, job_memo_counts(m));
    job_memo_moved(m);
    assert_int_equal(version_of(m, a), 5);
    job_memo_changed(m, a);
    assert_int_equal(version_of(m, a), UNKNOWN);
    assert_int_equal(version_of(m, b), 7);
    job_memo_changed(m, a);
    job_memo_free(m);
    job_memo_free(NULL);
}

/* What was read before a change and is noted after it would be taken for new. */
static void test_a_late_note_is_dropped(void **state)
{
    struct job_memo *m = job_memo_new();
    struct id a = id_new();
    struct memo_counts since = job_memo_counts(m);

    (void)state;
    assume_engine_role();
    job_memo_changed(m, a);
    job_memo_put(m, a, 5, since);
    assert_int_equal(version_of(m, a), UNKNOWN);
    since = job_memo_counts(m);
    job_memo_moved(m);
    job_memo_put(m, a, 6, since);
    assert_int_equal(version_of(m, a), 6);
    job_memo_free(m);
}

static struct memo_answer new_answer(int64_t version, int64_t position, size_t size)
{
    AUTO(free_ptr) char *text = xcalloc(1, size);
    struct memo_answer answer = {.json = bytes_new((struct span){text, size}), .has_ended = false};

    job_etag(version, position, answer.etag);
    return answer;
}

static bool is_recalled(struct job_memo *m, struct id job, int64_t position, int64_t mono_ms)
{
    struct memo_answer found = {.json = NULL};
    bool is_there = job_memo_answer(m, job, position, mono_ms, &found);

    assert_int_equal(found.json != NULL, is_there);
    bytes_unref(found.json);
    return is_there;
}

static void test_an_answer_holds_as_long_as_its_tag(void **state)
{
    struct job_memo *m = job_memo_new();
    struct id a = id_new();
    struct memo_answer answer = new_answer(5, 3, 100);

    (void)state;
    assume_engine_role();
    job_memo_keep(m, a, &answer, 1000); /* nobody has noted its version */
    assert_false(is_recalled(m, a, 3, 0));
    job_memo_put(m, a, 5, job_memo_counts(m));
    assert_false(is_recalled(m, a, 3, 0));
    job_memo_keep(m, a, &answer, 1000);
    assert_true(is_recalled(m, a, 3, 999));
    assert_false(is_recalled(m, a, 3, 1000)); /* its time is over */
    assert_false(is_recalled(m, a, 2, 999));  /* it has moved up */
    job_memo_changed(m, a);
    assert_false(is_recalled(m, a, 3, 999));
    job_memo_put(m, a, 6, job_memo_counts(m));
    job_memo_keep(m, a, &answer, 1000); /* of the version before */
    assert_false(is_recalled(m, a, 3, 999));
    bytes_unref(answer.json);
    job_memo_free(m);
}

static void test_answers_are_bounded(void **state)
{
    struct job_memo *m = job_memo_new();
    struct memo_answer large = new_answer(1, 0, 16385);
    struct memo_answer fits = new_answer(1, 0, 16384);
    struct id first = id_new();
    int kept = 0;

    (void)state;
    job_memo_put(m, first, 1, job_memo_counts(m));
    job_memo_keep(m, first, &large, 1000);
    assert_false(is_recalled(m, first, 0, 1));
    for (int i = 0; i < 2000; i++) {
        struct id job = id_new();

        job_memo_put(m, job, 1, job_memo_counts(m));
        job_memo_keep(m, job, &fits, 1000);
        job_memo_keep(m, job, &fits, 1000); /* in its own place */
        kept += is_recalled(m, job, 0, 1);
    }
    assert_int_equal(kept, 1024); /* 16 MiB */
    bytes_unref(large.json);
    bytes_unref(fits.json);
    job_memo_free(m);
}

static void test_notes_are_bounded(void **state)
{
    struct job_memo *m = job_memo_new();
    struct id first = id_new();
    struct id second = id_new();
    struct id last = ID_NONE;

    (void)state;
    job_memo_put(m, first, 1, job_memo_counts(m));
    job_memo_put(m, second, 2, job_memo_counts(m));
    for (int i = 0; i < 8191; i++) {
        last = id_new();
        job_memo_put(m, last, 3, job_memo_counts(m));
    }
    assert_int_equal(version_of(m, first), UNKNOWN);
    assert_int_equal(version_of(m, second), 2);
    assert_int_equal(version_of(m, last), 3);
    job_memo_free(m);
}

static void assert_grown(struct job_memo *m, struct memo_counts *before, bool views, bool rows)
{
    struct memo_counts now = job_memo_counts(m);

    assert_int_equal(now.views > before->views, views);
    assert_int_equal(now.rows > before->rows, rows);
    *before = now;
}

/* The hub counts whatever anybody could see. */
static void test_what_the_hub_counts(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct job_memo *m = hub_memo(h);
    struct id job = id_new();
    struct memo_counts before = job_memo_counts(m);

    (void)state;
    assume_engine_role();
    assert_false(hub_queue_settle(h));
    assert_grown(m, &before, false, false);
    hub_queue_put(h, job, 0, 0, false);
    assert_true(hub_queue_settle(h));
    assert_grown(m, &before, true, false);
    job_memo_put(m, job, 1, before);
    hub_publish(h, job, bytes_new(SPAN_LIT("{}")), "\"2\"", false);
    assert_grown(m, &before, true, false);
    hub_publish(h, job, bytes_new(SPAN_LIT("{}")), "\"3\"", true);
    assert_grown(m, &before, true, true);
    assert_int_equal(version_of(m, job), UNKNOWN);
    hub_touch(h, job, true);
    assert_grown(m, &before, true, true);
    hub_touch(h, id_new(), true); /* that nobody has asked for */
    assert_grown(m, &before, true, true);
    hub_free(h);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct shared {
    struct job_memo *memo;
    struct id job;
    atomic_llong version; /* the truth */
    atomic_bool is_over;
    atomic_bool is_stale; /* somebody was told an old one */
};

static void *read_often(void *arg)
{
    struct shared *s = arg;

    while (!atomic_load(&s->is_over)) {
        struct memo_counts since = job_memo_counts(s->memo);
        int64_t version = atomic_load(&s->version);
        int64_t before;

        job_memo_put(s->memo, s->job, version, since);
        before = atomic_load(&s->version);
        if (job_memo_get(s->memo, s->job, &version) && version < before - 1) {
            atomic_store(&s->is_stale, true); /* a change that is being told is one behind */
        }
    }
    return NULL;
}

static void test_nobody_is_told_what_is_old(void **state)
{
    struct shared s = {.memo = job_memo_new(), .job = id_new()};
    pthread_t thread[4];

    (void)state;
    assume_engine_role();
    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, read_often, &s), 0);
    }
    for (int i = 0; i < 100000; i++) {
        (void)atomic_fetch_add(&s.version, 1);
        job_memo_changed(s.memo, s.job);
    }
    atomic_store(&s.is_over, true);
    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    assert_false(atomic_load(&s.is_stale));
    job_memo_free(s.memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_version_holds_until_the_job_changes),
        cmocka_unit_test(test_a_late_note_is_dropped),
        cmocka_unit_test(test_an_answer_holds_as_long_as_its_tag),
        cmocka_unit_test(test_answers_are_bounded),
        cmocka_unit_test(test_notes_are_bounded),
        cmocka_unit_test(test_what_the_hub_counts),
        cmocka_unit_test(test_nobody_is_told_what_is_old),
    };
    int rc = 0;

    enter_engine_role();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return rc;
}
