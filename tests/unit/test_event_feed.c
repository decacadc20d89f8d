#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bridge/event_feed.h"

#define NEVER 1000000000000
#define BATCH 16

struct test_reader {
    struct feed_reader r;
    int wakes;
};

static void count_wake(struct feed_reader *r)
{
    container_of(r, struct test_reader, r)->wakes++;
}

static struct test_reader reader(struct id job, int64_t after)
{
    return (struct test_reader){
        .r = {.job = job, .seq = after, .wants_passing = true, .wake = count_wake}};
}

/* A reader must not move in memory once it has entered. */
#define ENTER(name, feed, job, after)                                                              \
    struct test_reader name = reader((job), (after));                                              \
    assert_true(event_feed_enter((feed), &(name).r))

static void put_sized(struct event_feed *f, int64_t seq, enum event_type type, struct id job,
                      size_t size) ON_ENGINE;
static void put_sized(struct event_feed *f, int64_t seq, enum event_type type, struct id job,
                      size_t size)
{
    AUTO(buf_clear) struct buf data = BUF_INIT(1U << 26);
    struct json_out o = json_out_to(&data);
    AUTO(free_ptr) char *filler = xcalloc(1, size + 1);
    struct event event;

    memset(filler, 'x', size);
    jo_str(&o, NULL, filler);
    event_render(&(struct event_row){.seq = seq, .type = type, .job = job, .data = buf_span(&data)},
                 &event);
    event_feed_put(f, &event);
    assert_null(event.text);
}

static void put(struct event_feed *f, int64_t seq, enum event_type type, struct id job) ON_ENGINE;
static void put(struct event_feed *f, int64_t seq, enum event_type type, struct id job)
{
    put_sized(f, seq, type, job, 0);
}

/* Takes all there is; the numbers come as text: "1 2 3 ". */
static const char *taken(struct event_feed *f, struct feed_reader *r)
{
    static char text[256];
    struct event batch[BATCH];
    size_t count = 0;
    size_t used = 0;

    text[0] = '\0';
    do {
        if (event_feed_take(f, r, batch, BATCH, &count) == FEED_BEHIND) {
            return "behind";
        }
        for (size_t i = 0; i < count; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%d ", (int)batch[i].seq);
            event_clear(&batch[i]);
        }
    } while (count == BATCH);
    return text;
}

static const char *passing(struct event_feed *f, struct feed_reader *r)
{
    static char text[256];
    struct event batch[BATCH];
    size_t count = event_feed_take_passing(f, r, batch, BATCH);
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                 batch[i].type == EVENT_JOB_PREVIEW    ? "preview "
                                 : batch[i].type == EVENT_JOB_PROGRESS ? "progress "
                                                                       : "updated ");
        event_clear(&batch[i]);
    }
    return text;
}

/* ---- durable events -------------------------------------------------------------------------- */

static void test_each_once_and_in_order(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1, .newest = 4});
    ENTER(all, f, ID_NONE, -1);
    ENTER(of_a, f, a, -1);
    assert_int_equal(all.r.seq, 4);
    put(f, 5, EVENT_JOB_QUEUED, a);
    put(f, 6, EVENT_JOB_QUEUED, b);
    put(f, 7, EVENT_BACKEND_UP, ID_NONE);
    put(f, 8, EVENT_JOB_STARTED, a);
    assert_string_equal(taken(f, &all.r), "5 6 7 8 ");
    assert_string_equal(taken(f, &all.r), "");
    assert_string_equal(taken(f, &of_a.r), "5 8 ");
    put(f, 9, EVENT_JOB_STARTED, b);
    assert_string_equal(taken(f, &of_a.r), "");
    assert_int_equal(of_a.r.seq, 9); /* goes on from there, though nothing was for it */
    assert_string_equal(taken(f, &all.r), "9 ");
    assert_int_equal(event_feed_range(f).newest, 9);
    assert_int_equal(event_feed_readers(f), 2);
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_a.r);
    event_feed_free(f);
    event_feed_free(NULL);
}

static void test_what_the_feed_does_not_reach_is_in_the_store(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1, .newest = 100});
    ENTER(old, f, ID_NONE, 3);
    ENTER(of_a, f, a, 3);
    assert_string_equal(taken(f, &old.r), "behind");
    assert_string_equal(taken(f, &of_a.r), "behind");
    assert_int_equal(old.r.seq, 3);
    old.r.seq = 100; /* has read the store */
    put(f, 101, EVENT_JOB_QUEUED, a);
    assert_string_equal(taken(f, &old.r), "101 ");
    assert_string_equal(taken(f, &of_a.r), "behind");
    event_feed_leave(f, &old.r);
    event_feed_leave(f, &of_a.r);
    event_feed_free(f);
}

static void test_the_ring_is_bounded(void **state)
{
    struct event_feed *f = event_feed_new(10);
    int64_t seq = 0;

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(slow, f, ID_NONE, -1);
    ENTER(quick, f, ID_NONE, -1);
    while (seq < 4096) {
        put(f, ++seq, EVENT_JOB_QUEUED, id_new());
    }
    quick.r.seq = 1;
    put(f, ++seq, EVENT_JOB_QUEUED, id_new()); /* the first falls out */
    assert_string_equal(taken(f, &slow.r), "behind");
    quick.r.seq = 4090;
    assert_string_equal(taken(f, &quick.r), "4091 4092 4093 4094 4095 4096 4097 ");
    /* By their bytes, too: of pieces of 4 MiB it keeps few, but always the newest. */
    for (int i = 0; i < 20; i++) {
        put_sized(f, ++seq, EVENT_JOB_SUCCEEDED, id_new(), 4U << 20);
    }
    quick.r.seq = seq - 12;
    assert_string_equal(taken(f, &quick.r), "behind");
    quick.r.seq = seq - 3;
    assert_int_equal(strlen(taken(f, &quick.r)), 15);
    event_feed_leave(f, &slow.r);
    event_feed_leave(f, &quick.r);
    event_feed_free(f);
}

/* What is put without its text is told all the same: those who listen find it in the store. */
static void test_an_event_without_text(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    put(f, 1, EVENT_JOB_QUEUED, a);
    ENTER(all, f, ID_NONE, 0);
    ENTER(of_a, f, a, 1);
    assert_true(event_feed_park(f, &of_a.r, NEVER));
    event_feed_put(f, &(struct event){.seq = 2, .type = EVENT_JOB_STARTED, .job = a});
    assert_int_equal(of_a.wakes, 1);
    assert_string_equal(taken(f, &all.r), "behind");
    assert_string_equal(taken(f, &of_a.r), "behind");
    all.r.seq = 2;
    put(f, 3, EVENT_JOB_FAILED, a);
    assert_string_equal(taken(f, &all.r), "3 ");
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_a.r);
    event_feed_free(f);
}

/* ---- passing events -------------------------------------------------------------------------- */

static void test_of_what_passes_the_newest_wins(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(all, f, ID_NONE, -1);
    ENTER(of_b, f, b, -1);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    put(f, 0, EVENT_JOB_PREVIEW, a);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    put(f, 0, EVENT_JOB_PROGRESS, b);
    assert_string_equal(passing(f, &all.r), "progress preview progress ");
    assert_string_equal(passing(f, &all.r), "");
    assert_string_equal(passing(f, &of_b.r), "progress ");
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_string_equal(passing(f, &all.r), "progress ");
    assert_string_equal(passing(f, &of_b.r), "");
    /* Who comes later begins with how far it is; an attempt that has ended leaves nothing. */
    put(f, 1, EVENT_JOB_REQUEUED, a);
    put(f, 2, EVENT_JOB_SUCCEEDED, b);
    {
        ENTER(late, f, ID_NONE, -1);
        assert_string_equal(passing(f, &late.r), "");
        put(f, 0, EVENT_JOB_PROGRESS, a);
        assert_string_equal(passing(f, &late.r), "progress ");
        event_feed_leave(f, &late.r);
    }
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_b.r);
    event_feed_free(f);
}

/* Counted is what somebody wanted and did not get, not what nobody listened to. */
static void test_what_is_dropped_is_counted(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();
    struct event one;

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    put(f, 0, EVENT_JOB_PROGRESS, a);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(event_feed_dropped(f), 0); /* nobody listens */
    ENTER(of_b, f, b, -1);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(event_feed_dropped(f), 0); /* nor to this job */
    ENTER(all, f, ID_NONE, -1);
    put(f, 0, EVENT_JOB_PREVIEW, a);
    assert_string_equal(passing(f, &all.r), "progress preview ");
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(event_feed_dropped(f), 0); /* the one before was taken */
    put(f, 0, EVENT_JOB_PROGRESS, a);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(event_feed_dropped(f), 2);
    put(f, 0, EVENT_JOB_PREVIEW, a);
    assert_int_equal(event_feed_take_passing(f, &all.r, &one, 1),
                     1); /* there is no room for the other */
    event_clear(&one);
    assert_int_equal(event_feed_dropped(f), 3);
    assert_string_equal(passing(f, &of_b.r), "");
    for (int i = 0; i < 300; i++) {
        put(f, 0, EVENT_QUEUE_UPDATED, ID_NONE);
    }
    assert_int_equal(event_feed_take_passing(f, &all.r, &one, 1), 1);
    event_clear(&one);
    assert_int_equal(event_feed_dropped(f), 3 + 300 - 256);
    event_feed_leave(f, &all.r);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(event_feed_dropped(f), 3 + 300 - 256);
    event_feed_leave(f, &of_b.r);
    event_feed_free(f);
}

static size_t count_passing(struct event_feed *f, struct feed_reader *r)
{
    struct event batch[BATCH];
    size_t total = 0;
    size_t count = 0;

    do {
        count = event_feed_take_passing(f, r, batch, BATCH);
        for (size_t i = 0; i < count; i++) {
            event_clear(&batch[i]);
        }
        total += count;
    } while (count > 0);
    return total;
}

static void test_updates_are_told_to_who_listens(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    put(f, 0, EVENT_JOB_UPDATED, a);
    ENTER(all, f, ID_NONE, -1);
    ENTER(of_b, f, b, -1);
    assert_string_equal(passing(f, &all.r), ""); /* it was before */
    /* Neither one after another nor the job's end takes them away. */
    put(f, 0, EVENT_JOB_UPDATED, a);
    put(f, 0, EVENT_BACKEND_UPDATED, ID_NONE);
    put(f, 0, EVENT_QUEUE_UPDATED, ID_NONE);
    put(f, 0, EVENT_JOB_UPDATED, b);
    put(f, 0, EVENT_JOB_UPDATED, b);
    put(f, 1, EVENT_JOB_SUCCEEDED, b);
    assert_string_equal(passing(f, &all.r), "updated updated updated updated updated ");
    assert_string_equal(passing(f, &all.r), "");
    assert_string_equal(passing(f, &of_b.r), "updated updated ");
    assert_string_equal(passing(f, &of_b.r), "");
    /* All that come in a short time are told, but no more than are kept. */
    for (int i = 0; i < 200; i++) {
        put(f, 0, EVENT_JOB_UPDATED, a);
    }
    assert_int_equal(count_passing(f, &all.r), 200);
    for (int i = 0; i < 1000; i++) {
        put(f, 0, EVENT_JOB_UPDATED, a);
    }
    assert_int_equal(count_passing(f, &all.r), 256);
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_b.r);
    event_feed_free(f);
}

/* ---- parking --------------------------------------------------------------------------------- */

static bool park(struct event_feed *f, struct test_reader *t)
{
    t->wakes = 0;
    return event_feed_park(f, &t->r, NEVER);
}

static void test_who_is_woken(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(all, f, ID_NONE, -1);
    ENTER(of_a, f, a, -1);
    of_a.r.wants_passing = false;
    assert_true(park(f, &all) && park(f, &of_a));
    put(f, 1, EVENT_JOB_QUEUED, b);
    assert_int_equal(all.wakes, 1);
    assert_int_equal(of_a.wakes, 0);
    assert_false(park(f, &all)); /* there is something already */
    assert_string_equal(taken(f, &all.r), "1 ");
    assert_true(park(f, &all));
    put(f, 0, EVENT_JOB_PROGRESS, a);
    assert_int_equal(all.wakes, 1);
    assert_int_equal(of_a.wakes, 0);
    assert_false(park(f, &all));
    assert_string_equal(passing(f, &all.r), "progress ");
    assert_true(park(f, &all));
    put(f, 2, EVENT_JOB_STARTED, a);
    assert_int_equal(all.wakes, 1);
    assert_int_equal(of_a.wakes, 1);
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_a.r);
    event_feed_free(f);
}

static void test_updates_wake_those_who_want_them(void **state)
{
    struct event_feed *f = event_feed_new(10);
    struct id a = id_new();
    struct id b = id_new();

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(all, f, ID_NONE, -1);
    ENTER(of_a, f, a, -1);
    ENTER(of_b, f, b, -1);
    ENTER(durable, f, ID_NONE, -1);
    durable.r.wants_passing = false;
    assert_true(park(f, &all) && park(f, &of_a) && park(f, &of_b) && park(f, &durable));
    put(f, 0, EVENT_JOB_UPDATED, a);
    assert_int_equal(all.wakes + of_a.wakes, 2);
    assert_int_equal(of_b.wakes + durable.wakes, 0);
    assert_false(park(f, &all)); /* there is something already */
    assert_false(park(f, &of_a));
    assert_string_equal(passing(f, &all.r), "updated ");
    assert_string_equal(passing(f, &of_a.r), "updated ");
    assert_true(park(f, &all) && park(f, &of_a));
    put(f, 0, EVENT_QUEUE_UPDATED, ID_NONE);
    assert_int_equal(all.wakes, 1);
    assert_int_equal(of_a.wakes + of_b.wakes + durable.wakes, 0);
    event_feed_close(f);
    event_feed_leave(f, &all.r);
    event_feed_leave(f, &of_a.r);
    event_feed_leave(f, &of_b.r);
    event_feed_leave(f, &durable.r);
    event_feed_free(f);
}

static void test_places_wake_those_who_want_them(void **state)
{
    struct event_feed *f = event_feed_new(10);

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(wants, f, ID_NONE, -1);
    ENTER(other, f, id_new(), -1);
    wants.r.wants_moves = true;
    assert_true(park(f, &wants) && park(f, &other));
    event_feed_moved(f);
    assert_int_equal(wants.wakes, 1);
    assert_int_equal(other.wakes, 0);
    assert_false(park(f, &wants));
    assert_true(event_feed_take_moves(f, &wants.r));
    assert_false(event_feed_take_moves(f, &wants.r));
    assert_true(park(f, &wants));
    event_feed_close(f);
    assert_int_equal(wants.wakes, 1);
    assert_int_equal(other.wakes, 1);
    event_feed_leave(f, &wants.r);
    event_feed_leave(f, &other.r);
    event_feed_free(f);
}

static void test_deadlines(void **state)
{
    struct event_feed *f = event_feed_new(10);

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(soon, f, ID_NONE, -1);
    ENTER(late, f, id_new(), -1);
    assert_true(event_feed_park(f, &soon.r, 1000));
    assert_true(event_feed_park(f, &late.r, 2000));
    event_feed_expire(f, 999);
    assert_int_equal(soon.wakes + late.wakes, 0);
    event_feed_expire(f, 1500);
    assert_int_equal(soon.wakes, 1);
    assert_int_equal(late.wakes, 0);
    event_feed_expire(f, 2500);
    assert_int_equal(late.wakes, 1);
    event_feed_leave(f, &soon.r);
    event_feed_leave(f, &late.r);
    event_feed_free(f);
}

static void test_limit_and_end(void **state)
{
    struct event_feed *f = event_feed_new(2);
    struct test_reader third = reader(ID_NONE, -1);

    (void)state;
    assume_engine_role();
    event_feed_begin(f, (struct feed_range){.oldest = 1});
    ENTER(first, f, ID_NONE, -1);
    ENTER(second, f, id_new(), -1);
    assert_false(event_feed_enter(f, &third.r));
    event_feed_leave(f, &second.r);
    assert_true(event_feed_enter(f, &third.r));
    assert_true(park(f, &first));
    event_feed_close(f);
    assert_true(event_feed_is_closed(f));
    assert_int_equal(first.wakes, 1);
    assert_false(park(f, &first));
    event_feed_leave(f, &third.r);
    assert_false(event_feed_enter(f, &third.r));
    event_feed_leave(f, &first.r);
    event_feed_free(f);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define READERS 8
#define JOBS    4
#define EVENTS  20000

struct threads {
    struct event_feed *feed;
    struct id job[JOBS];
};

struct listener {
    struct threads *shared;
    struct feed_reader r;
    atomic_bool is_woken;
    int index;
    int seen;
    int moves;
    bool is_faulty;
};

static void note_wake(struct feed_reader *r)
{
    atomic_store(&container_of(r, struct listener, r)->is_woken, true);
}

static void check(struct listener *l, struct event *batch, size_t count, int64_t *last)
{
    for (size_t i = 0; i < count; i++) {
        bool is_mine = l->r.topic == NULL || id_eq(batch[i].job, l->r.job);

        l->is_faulty |= batch[i].seq <= *last || !is_mine;
        l->is_faulty |= l->r.topic == NULL && batch[i].seq != *last + 1;
        *last = batch[i].seq;
        l->seen++;
        event_clear(&batch[i]);
    }
}

static void *listen(void *arg)
{
    struct listener *l = arg;
    struct event_feed *f = l->shared->feed;
    struct event batch[BATCH];
    size_t count = 0;
    int64_t last = 0;

    while (!event_feed_is_closed(f) || count > 0 || l->r.seq < EVENTS) {
        if (event_feed_take(f, &l->r, batch, BATCH, &count) == FEED_BEHIND) {
            l->r.seq++; /* as if it were read from the store */
            last = l->r.seq;
            continue;
        }
        check(l, batch, count, &last);
        if (count == 0) {
            size_t passed = event_feed_take_passing(f, &l->r, batch, BATCH);

            for (size_t i = 0; i < passed; i++) {
                event_clear(&batch[i]);
            }
            l->moves += event_feed_take_moves(f, &l->r) ? 1 : 0;
            atomic_store(&l->is_woken, false);
            if (event_feed_park(f, &l->r, clock_mono_ms() + 5)) {
                while (!atomic_load(&l->is_woken)) {
                    (void)sched_yield();
                }
            }
        }
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    struct threads shared = {.feed = event_feed_new(READERS)};
    struct listener listener[READERS];
    pthread_t thread[READERS];

    (void)state;
    assume_engine_role();
    event_feed_begin(shared.feed, (struct feed_range){.oldest = 1});
    for (int i = 0; i < JOBS; i++) {
        shared.job[i] = id_new();
    }
    for (int i = 0; i < READERS; i++) {
        listener[i] = (struct listener){.shared = &shared, .index = i};
        listener[i].r = (struct feed_reader){.job = i < JOBS ? shared.job[i] : ID_NONE,
                                             .wants_passing = true,
                                             .wants_moves = i % 2 == 0,
                                             .wake = note_wake};
        assert_true(event_feed_enter(shared.feed, &listener[i].r));
        assert_int_equal(pthread_create(&thread[i], NULL, listen, &listener[i]), 0);
    }
    for (int seq = 1; seq <= EVENTS; seq++) {
        put(shared.feed, seq, EVENT_JOB_STARTED, shared.job[seq % JOBS]);
        put(shared.feed, 0, EVENT_JOB_PROGRESS, shared.job[seq % JOBS]);
        if (seq % 64 == 0) {
            event_feed_moved(shared.feed);
            event_feed_expire(shared.feed, clock_mono_ms());
        }
    }
    event_feed_close(shared.feed);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        event_feed_leave(shared.feed, &listener[i].r);
        assert_false(listener[i].is_faulty);
        assert_true(listener[i].seen > 0);
    }
    event_feed_free(shared.feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once_and_in_order),
        cmocka_unit_test(test_what_the_feed_does_not_reach_is_in_the_store),
        cmocka_unit_test(test_the_ring_is_bounded),
        cmocka_unit_test(test_an_event_without_text),
        cmocka_unit_test(test_of_what_passes_the_newest_wins),
        cmocka_unit_test(test_what_is_dropped_is_counted),
        cmocka_unit_test(test_updates_are_told_to_who_listens),
        cmocka_unit_test(test_who_is_woken),
        cmocka_unit_test(test_updates_wake_those_who_want_them),
        cmocka_unit_test(test_places_wake_those_who_want_them),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_limit_and_end),
        cmocka_unit_test(test_many_threads),
    };
    int rc = 0;

    enter_engine_role();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return rc;
}
