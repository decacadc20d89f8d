#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bridge/hub.h"

#define NEVER 1000000000000

struct test_waiter {
    struct waiter w;
    int wakes;
};

static void count_wake(struct waiter *w)
{
    container_of(w, struct test_waiter, w)->wakes++;
}

static struct test_waiter waiter(struct id job, enum waiter_want want, int64_t deadline)
{
    return (struct test_waiter){
        .w = {.job = job, .want = want, .deadline_mono_ms = deadline, .wake = count_wake}};
}

static struct bytes *text(const char *words)
{
    return bytes_new(span_of(words));
}

static void assert_view(struct hub *h, struct id job, const char *json, const char *etag,
                        bool has_ended)
{
    struct hub_view view;

    assert_true(hub_peek(h, job, &view));
    assert_true(span_is(bytes_span(view.json), json));
    assert_string_equal(view.etag, etag);
    assert_int_equal(view.has_ended, has_ended);
    bytes_unref(view.json);
}

static void assert_no_view(struct hub *h, struct id job)
{
    struct hub_view view = {.json = NULL};

    assert_false(hub_peek(h, job, &view));
    assert_null(view.json);
}

static void test_views(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct id job = id_new();

    (void)state;
    assume_engine_role();
    assert_no_view(h, job);
    hub_publish(h, job, text("one"), "\"1\"", false);
    assert_view(h, job, "one", "\"1\"", false);
    hub_publish(h, job, text("two"), "\"2\"", true);
    assert_view(h, job, "two", "\"2\"", true);
    hub_touch(h, job, true);
    assert_no_view(h, job);
    hub_touch(h, job, true);
    hub_publish(h, job, text("three"), "\"3\"", true);
    hub_publish(h, job, text("four"), "\"4\"", false);
    assert_view(h, job, "four", "\"4\"", false);
    hub_free(h);
    hub_free(NULL);
}

static void test_ended_views_are_forgotten(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct id job[1200];
    struct id running = id_new();
    const char *mime = NULL;
    int64_t seq = 0;
    struct bytes *image = NULL;

    (void)state;
    assume_engine_role();
    hub_publish(h, running, text("running"), "r", false);
    for (int i = 0; i < 1200; i++) {
        job[i] = id_new();
        hub_set_preview(h, job[i], text("picture"), "image/png", i);
        hub_publish(h, job[i], text("ended"), "e", true);
        /* Who is looked at is kept. */
        assert_view(h, job[0], "ended", "e", true);
    }
    assert_no_view(h, job[1]);
    assert_null(hub_preview(h, job[1], &mime, &seq));
    assert_no_view(h, job[176]);
    assert_view(h, job[177], "ended", "e", true);
    assert_view(h, job[1199], "ended", "e", true);
    assert_view(h, running, "running", "r", false);
    image = hub_preview(h, job[1199], &mime, &seq);
    assert_non_null(image);
    assert_int_equal(seq, 1199);
    bytes_unref(image);
    hub_free(h);
}

static void test_previews(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct id job = id_new();
    const char *mime = NULL;
    int64_t seq = -1;
    struct bytes *image = NULL;

    (void)state;
    assume_engine_role();
    assert_null(hub_preview(h, job, &mime, &seq));
    assert_int_equal(seq, -1);
    hub_set_preview(h, job, text("a"), "image/jpeg", 1);
    hub_set_preview(h, job, text("b"), "image/png", 2);
    assert_no_view(h, job);
    image = hub_preview(h, job, &mime, &seq);
    assert_true(span_is(bytes_span(image), "b"));
    assert_string_equal(mime, "image/png");
    assert_int_equal(seq, 2);
    hub_touch(h, job, false);
    assert_null(hub_preview(h, job, &mime, &seq));
    assert_true(span_is(bytes_span(image), "b"));
    bytes_unref(image);
    hub_free(h);
}

static void test_backends(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct backend_counts counts = {.total = -1};
    struct bytes *json = NULL;

    (void)state;
    assume_engine_role();
    assert_null(hub_backends(h, &counts));
    assert_int_equal(counts.total, 0);
    hub_set_backends(h, text("[]"), &(struct backend_counts){.total = 1});
    hub_set_backends(
        h, text("[1]"),
        &(struct backend_counts){.total = 3, .up = 2, .draining = 1, .paused_since = 5});
    json = hub_backends(h, &counts);
    assert_true(span_is(bytes_span(json), "[1]"));
    assert_int_equal(counts.total, 3);
    assert_int_equal(counts.up, 2);
    assert_int_equal(counts.draining, 1);
    assert_int_equal(counts.paused_since, 5);
    bytes_unref(json);
    hub_free(h);
}

static struct node_info *nodes(const char *words)
{
    struct node_info *n = NULL;

    assert_int_equal(
        node_info_parse(span_of(words), (struct json_limits){.depth = 9, .nodes = 9}, &n, NULL),
        ERR_NONE);
    return n;
}

static void test_nodes(void **state)
{
    struct hub *h = hub_new(1, 0);
    struct node_info *first = NULL;
    struct node_info *second = NULL;
    int64_t generation = hub_nodes_generation(h);

    (void)state;
    assume_engine_role();
    assert_null(hub_nodes(h, 0));
    hub_set_nodes(h, 1, nodes("{\"A\":{}}"));
    assert_null(hub_nodes(h, 0));
    assert_null(hub_nodes(h, 2));
    first = hub_nodes(h, 1);
    assert_true(node_info_has_class(first, "A"));
    assert_int_equal(hub_nodes_generation(h), generation + 1);
    /* Who looks at the one before keeps it. */
    hub_set_nodes(h, 1, nodes("{\"B\":{}}"));
    hub_set_nodes(h, 0, nodes("{\"C\":{}}"));
    second = hub_nodes(h, 1);
    assert_true(node_info_has_class(first, "A"));
    assert_true(node_info_has_class(second, "B"));
    assert_int_equal(hub_nodes_generation(h), generation + 3);
    node_info_unref(first);
    hub_free(h);
    assert_true(node_info_has_class(second, "B"));
    node_info_unref(second);
}

static void test_who_is_woken(void **state)
{
    struct hub *h = hub_new(10, 0);
    struct id job = id_new();
    struct test_waiter change = waiter(job, WANT_CHANGE, NEVER);
    struct test_waiter end = waiter(job, WANT_END, NEVER);
    struct test_waiter other = waiter(id_new(), WANT_CHANGE, NEVER);

    (void)state;
    assume_engine_role();
    assert_true(hub_wait(h, &change.w));
    assert_true(hub_wait(h, &end.w));
    assert_true(hub_wait(h, &other.w));
    assert_int_equal(hub_waiters(h), 3);
    hub_publish(h, job, text("x"), "x", false);
    assert_int_equal(change.wakes, 1);
    assert_int_equal(end.wakes, 0);
    hub_publish(h, job, text("y"), "y", false);
    assert_int_equal(change.wakes, 1);
    assert_false(hub_unwait(h, &change.w));
    assert_true(hub_wait(h, &change.w));
    hub_touch(h, job, false);
    assert_int_equal(change.wakes, 2);
    assert_int_equal(end.wakes, 0);
    assert_true(hub_wait(h, &change.w));
    hub_publish(h, job, text("z"), "z", true);
    assert_int_equal(change.wakes, 3);
    assert_int_equal(end.wakes, 1);
    assert_true(hub_wait(h, &end.w));
    hub_touch(h, job, true);
    assert_int_equal(end.wakes, 2);
    assert_int_equal(other.wakes, 0);
    assert_true(hub_unwait(h, &other.w));
    assert_false(hub_unwait(h, &other.w));
    assert_int_equal(other.wakes, 0);
    hub_free(h);
}

static void test_deadlines(void **state)
{
    static const int64_t in_ms[] = {-5, 0, 1, 31, 32, 33, 500, 65535, 65536, 70000, 200000};
    struct test_waiter w[COUNT_OF(in_ms)];
    const int64_t start = 987654321;
    struct hub *h = hub_new(COUNT_OF(in_ms), 0);

    (void)state;
    assume_engine_role();
    hub_expire(h, start);
    for (size_t i = 0; i < COUNT_OF(in_ms); i++) {
        w[i] = waiter(id_new(), i % 2 == 0 ? WANT_CHANGE : WANT_END, start + in_ms[i]);
        assert_true(hub_wait(h, &w[i].w));
    }
    /* Each at the first look at or after its time, whatever the steps of the clock. */
    for (int64_t passed = 0; passed <= 201000; passed += passed < 100 ? 1 : 777) {
        hub_expire(h, start + passed);
        for (size_t i = 0; i < COUNT_OF(in_ms); i++) {
            assert_int_equal(w[i].wakes, in_ms[i] <= passed ? 1 : 0);
        }
    }
    hub_free(h);
}

static void test_a_leap_of_the_clock(void **state)
{
    struct hub *h = hub_new(3, 0);
    struct test_waiter first = waiter(id_new(), WANT_END, 50);
    struct test_waiter second = waiter(id_new(), WANT_END, NEVER - 1);
    struct test_waiter third = waiter(id_new(), WANT_END, NEVER + 100);

    (void)state;
    assume_engine_role();
    assert_true(hub_wait(h, &first.w));
    assert_true(hub_wait(h, &second.w));
    assert_true(hub_wait(h, &third.w));
    hub_expire(h, NEVER);
    assert_int_equal(first.wakes, 1);
    assert_int_equal(second.wakes, 1);
    assert_int_equal(third.wakes, 0);
    hub_expire(h, NEVER + 100);
    assert_int_equal(third.wakes, 1);
    hub_free(h);
}

static void test_ceiling_and_close(void **state)
{
    struct hub *h = hub_new(2, 0);
    struct id job = id_new();
    struct test_waiter a = waiter(job, WANT_END, NEVER);
    struct test_waiter b = waiter(job, WANT_CHANGE, NEVER);
    struct test_waiter c = waiter(id_new(), WANT_END, NEVER);

    (void)state;
    assert_true(hub_wait(h, &a.w));
    assert_true(hub_wait(h, &b.w));
    assert_false(hub_wait(h, &c.w));
    assert_true(hub_unwait(h, &b.w));
    assert_true(hub_wait(h, &c.w));
    assert_false(hub_is_closed(h));
    hub_close(h);
    assert_true(hub_is_closed(h));
    assert_int_equal(a.wakes, 1);
    assert_int_equal(b.wakes, 0);
    assert_int_equal(c.wakes, 1);
    assert_false(hub_wait(h, &a.w));
    assert_false(hub_unwait(h, &a.w));
    hub_close(h);
    hub_free(h);
}

static void test_queue(void **state)
{
    struct hub *h = hub_new(2, 0);
    struct id job[3] = {id_new(), id_new(), id_new()};
    struct id next[3];

    (void)state;
    assume_engine_role();
    for (int i = 0; i < 3; i++) {
        hub_queue_put(h, job[i], 0, 0, false);
    }
    assert_int_equal(hub_queue_length(h), 3);
    hub_queue_put(h, job[2], 0, 0, true);
    assert_int_equal(hub_position(h, job[2]), 1);
    assert_int_equal(hub_position(h, job[0]), 2);
    assert_int_equal(hub_queue_next(h, 0, next, 3), 2);
    assert_true(id_eq(next[0], job[0]) && id_eq(next[1], job[1]));
    assert_int_equal(hub_queue_next(h, 1, next, 3), 1);
    assert_true(id_eq(next[0], job[1]));
    assert_int_equal(hub_queue_next(h, 2, next, 3), 0);
    assert_int_equal(hub_queue_next(h, 0, next, 1), 1);
    hub_queue_remove(h, job[0]);
    assert_int_equal(hub_position(h, job[0]), 0);
    assert_int_equal(hub_position(h, id_new()), 0);
    hub_queue_remove(h, job[0]);
    hub_free(h);
}

/* `extra` waiters on jobs outside the queue decide from which side the hub looks for who moved. */
static void check_settle(int extra)
{
    struct hub *h = hub_new(100, 0);
    struct id job[4] = {id_new(), id_new(), id_new(), id_new()};
    struct test_waiter w[4];
    struct test_waiter end = waiter(job[3], WANT_END, NEVER);
    struct test_waiter outside[20];

    assume_engine_role();
    for (int i = 0; i < extra; i++) {
        outside[i] = waiter(id_new(), WANT_CHANGE, NEVER);
        assert_true(hub_wait(h, &outside[i].w));
    }
    for (int i = 0; i < 4; i++) {
        hub_queue_put(h, job[i], 0, 0, false);
        w[i] = waiter(job[i], WANT_CHANGE, NEVER);
    }
    hub_queue_settle(h);
    for (int i = 0; i < 4; i++) {
        assert_true(hub_wait(h, &w[i].w));
    }
    assert_true(hub_wait(h, &end.w));
    hub_queue_settle(h);
    /* Nothing moved; then something did that moved nobody. */
    hub_queue_put(h, job[2], 0, 0, false);
    hub_queue_put(h, id_new(), 0, 0, false);
    hub_queue_settle(h);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(w[i].wakes, 0);
    }
    hub_queue_remove(h, job[1]);
    assert_int_equal(w[2].wakes, 0);
    hub_queue_settle(h);
    assert_int_equal(w[0].wakes, 0);
    assert_int_equal(w[1].wakes, 0);
    assert_int_equal(w[2].wakes, 1);
    assert_int_equal(w[3].wakes, 1);
    assert_int_equal(end.wakes, 0);
    for (int i = 0; i < extra; i++) {
        assert_int_equal(outside[i].wakes, 0);
    }
    hub_close(h);
    hub_free(h);
}

static void test_settle(void **state)
{
    (void)state;
    check_settle(0);
    check_settle(20);
}

/* ---- threads ---------------------------------------------------------------------------------- */

#define READERS 4
#define ROUNDS  3000

struct reader {
    struct waiter w;
    struct hub *hub;
    struct id job;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
    int seen;
};

static void wake_reader(struct waiter *w)
{
    struct reader *r = container_of(w, struct reader, w);

    (void)pthread_mutex_lock(&r->lock);
    r->is_woken = true;
    (void)pthread_cond_signal(&r->woken);
    (void)pthread_mutex_unlock(&r->lock);
}

static int look(struct reader *r)
{
    struct hub_view view;

    if (!hub_peek(r->hub, r->job, &view)) {
        return 0;
    }
    bytes_unref(view.json);
    return (int)strtol(view.etag, NULL, 10);
}

static void sleep_until_woken(struct reader *r)
{
    (void)pthread_mutex_lock(&r->lock);
    while (!r->is_woken) {
        (void)pthread_cond_wait(&r->woken, &r->lock);
    }
    r->is_woken = false;
    (void)pthread_mutex_unlock(&r->lock);
}

/* As a request does: park, then look, then either take it back or sleep. Were a wake-up lost, it
 * would sleep for ever. */
static void *read_all(void *arg)
{
    struct reader *r = arg;

    while (r->seen < ROUNDS) {
        int version = 0;

        r->w = (struct waiter){
            .job = r->job, .want = WANT_CHANGE, .deadline_mono_ms = NEVER, .wake = wake_reader};
        assert_true(hub_wait(r->hub, &r->w));
        version = look(r);
        assert_true(version >= r->seen);
        if (version == r->seen || !hub_unwait(r->hub, &r->w)) {
            sleep_until_woken(r);
        }
        r->seen = look(r);
    }
    return NULL;
}

static void test_no_wake_up_is_lost(void **state)
{
    struct hub *h = hub_new(READERS, 0);
    struct reader reader[READERS] = {0};
    struct id job = id_new();

    (void)state;
    assume_engine_role();
    for (int i = 0; i < READERS; i++) {
        reader[i].hub = h;
        reader[i].job = job;
        (void)pthread_mutex_init(&reader[i].lock, NULL);
        (void)pthread_cond_init(&reader[i].woken, NULL);
        assert_int_equal(pthread_create(&reader[i].thread, NULL, read_all, &reader[i]), 0);
    }
    for (int version = 1; version <= ROUNDS; version++) {
        char etag[16];

        (void)snprintf(etag, sizeof etag, "%d", version);
        hub_publish(h, job, text(etag), etag, false);
        hub_expire(h, clock_mono_ms());
        (void)sched_yield();
    }
    for (int i = 0; i < READERS; i++) {
        (void)pthread_join(reader[i].thread, NULL);
        (void)pthread_mutex_destroy(&reader[i].lock);
        (void)pthread_cond_destroy(&reader[i].woken);
    }
    hub_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_ended_views_are_forgotten),
        cmocka_unit_test(test_previews),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_who_is_woken),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_a_leap_of_the_clock),
        cmocka_unit_test(test_ceiling_and_close),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_no_wake_up_is_lost),
    };
    int rc = 0;

    enter_engine_role();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return rc;
}
