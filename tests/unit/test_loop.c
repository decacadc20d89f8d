#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/comfy_ws.h"
#include "net/loop.h"

#define WAKES   2000
#define LATE_MS 400 /* of machines under load and sanitizers */
#define FAR_MS  60000

static struct loop *open_loop(void)
{
    struct loop *l = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(loop_open(ws_protocols(), &l, &e), ERR_NONE);
    assert_non_null(loop_lws(l));
    return l;
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this folder */
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void test_closes_what_it_opens(void **state)
{
    int before = 0;

    (void)state;
    loop_close(open_loop()); /* what libraries keep for the life of the process */
    before = open_descriptors();
    for (int i = 0; i < 5; i++) {
        struct loop *l = open_loop();

        loop_turn(l, 0);
        loop_close(l);
    }
    assert_int_equal(open_descriptors(), before);
    loop_close(NULL);
}

static void set_flag(void *arg)
{
    bool *flag = arg;

    *flag = true;
}

/* Beside another that has them, as in the gateway. */
static void test_a_loop_without_websockets(void **state)
{
    struct loop *other = NULL;
    struct loop *l = NULL;
    struct loop_timer timer = {.fire = NULL};
    bool has_fired = false;
    int64_t began = clock_mono_ms();

    (void)state;
    assert_int_equal(loop_open(ws_protocols(), &other, NULL), ERR_NONE);
    assert_int_equal(loop_open(NULL, &l, NULL), ERR_NONE);
    loop_timer_set(l, &timer, 20, set_flag, &has_fired);
    while (!has_fired) {
        assert_true(clock_mono_ms() - began < 10000);
        loop_turn(l, 1000);
    }
    loop_wake(l);
    began = clock_mono_ms();
    loop_turn(l, 5000);
    assert_true(clock_mono_ms() - began < 4000);
    loop_close(l);
    loop_close(other);
}

static void test_waits_as_long_as_asked(void **state)
{
    struct loop *l = open_loop();
    int64_t began = 0;
    int turns = 0;

    (void)state;
    began = clock_mono_ms();
    for (int i = 0; i < 100; i++) {
        loop_turn(l, 0);
    }
    assert_true(clock_mono_ms() - began < LATE_MS);
    /* A turn may be short, but an idle loop must not spin. */
    began = clock_mono_ms();
    while (clock_mono_ms() - began < 300) {
        loop_turn(l, 100);
        turns++;
    }
    assert_in_range(turns, 1, 20);
    assert_true(clock_mono_ms() - began < 400 + LATE_MS);
    loop_close(l);
}

/* ---- timers ------------------------------------------------------------------------------------- */

struct alarm {
    struct loop_timer timer;
    struct loop *loop;
    struct alarm *other; /* to be switched off */
    int64_t again_ms;    /* -1 = once */
    int64_t fired_mono_ms;
    int fires;
};

static void on_alarm(void *arg)
{
    struct alarm *a = arg;

    a->fires++;
    a->fired_mono_ms = clock_mono_ms();
    if (a->other != NULL) {
        loop_timer_off(a->loop, &a->other->timer);
    }
    if (a->again_ms >= 0) {
        loop_timer_set(a->loop, &a->timer, a->again_ms, on_alarm, a);
    }
}

static void test_timers(void **state)
{
    static const int64_t in_ms[] = {60, 0, 20, 20, 140, FAR_MS};
    struct alarm a[COUNT_OF(in_ms)] = {0};
    struct loop *l = open_loop();
    int64_t began = clock_mono_ms();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(in_ms); i++) {
        a[i].loop = l;
        a[i].again_ms = -1;
        loop_timer_set(l, &a[i].timer, in_ms[i], on_alarm, &a[i]);
    }
    while (a[4].fires == 0) {
        loop_turn(l, FAR_MS);
    }
    for (size_t i = 0; i + 1 < COUNT_OF(in_ms); i++) {
        assert_int_equal(a[i].fires, 1);
        assert_in_range(a[i].fired_mono_ms - began, in_ms[i], in_ms[i] + LATE_MS);
        assert_int_equal(a[i].timer.due_mono_ms, 0);
    }
    assert_int_equal(a[5].fires, 0);
    /* Set again before it is due: only the new time counts. */
    loop_timer_set(l, &a[5].timer, 10, on_alarm, &a[5]);
    loop_turn(l, FAR_MS);
    loop_turn(l, 50);
    assert_int_equal(a[5].fires, 1);
    loop_timer_off(l, &a[5].timer);
    loop_close(l);
}

static void test_timers_that_meddle(void **state)
{
    struct loop *l = open_loop();
    struct alarm killer = {.loop = l, .again_ms = -1};
    struct alarm victim = {.loop = l, .again_ms = -1};
    struct alarm eager = {.loop = l, .again_ms = 0};

    (void)state;
    killer.other = &victim;
    loop_timer_set(l, &killer.timer, 0, on_alarm, &killer);
    loop_timer_set(l, &victim.timer, 1, on_alarm, &victim);
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    loop_turn(l, 0);
    assert_int_equal(killer.fires, 1);
    assert_int_equal(victim.fires, 0);
    /* One that sets itself to now does not keep the loop in one turn. */
    loop_timer_set(l, &eager.timer, 0, on_alarm, &eager);
    for (int i = 1; i <= 50; i++) {
        loop_turn(l, FAR_MS);
        assert_in_range(eager.fires, 1, i);
    }
    loop_timer_off(l, &eager.timer);
    loop_close(l);
}

/* ---- descriptors -------------------------------------------------------------------------------- */

struct ear {
    struct loop *loop;
    int heard;
    int last_fd;
    int last_events;
    int unwatch_fd; /* when it hears; -1 = none */
    bool reads;
};

static void on_ready(void *arg, int fd, int events)
{
    struct ear *ear = arg;
    char byte = 0;

    ear->heard++;
    ear->last_fd = fd;
    ear->last_events = events;
    if (ear->reads && read(fd, &byte, 1) < 0) {
        ear->last_events = -1;
    }
    if (ear->unwatch_fd >= 0) {
        loop_watch(ear->loop, ear->unwatch_fd, 0, NULL, NULL);
    }
}

static void make_pair(int fd[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
}

static void close_pair(const int fd[2])
{
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static void test_watch(void **state)
{
    struct loop *l = open_loop();
    struct ear ear = {.loop = l, .unwatch_fd = -1};
    int fd[2];

    (void)state;
    make_pair(fd);
    loop_watch(l, fd[0], LOOP_READ, on_ready, &ear);
    loop_turn(l, 10);
    assert_int_equal(ear.heard, 0);
    assert_int_equal(write(fd[1], "ab", 2), 2);
    ear.reads = true;
    loop_turn(l, FAR_MS);
    assert_int_equal(ear.heard, 1);
    assert_int_equal(ear.last_fd, fd[0]);
    assert_int_equal(ear.last_events, LOOP_READ);
    loop_turn(l, FAR_MS);
    assert_int_equal(ear.heard, 2);
    loop_turn(l, 10);
    assert_int_equal(ear.heard, 2);
    ear.reads = false;
    loop_watch(l, fd[0], LOOP_WRITE, on_ready, &ear);
    loop_turn(l, FAR_MS);
    assert_int_equal(ear.last_events, LOOP_WRITE);
    loop_watch(l, fd[0], 0, NULL, NULL);
    loop_watch(l, fd[0], 0, NULL, NULL);
    ear.heard = 0;
    loop_turn(l, 10);
    assert_int_equal(ear.heard, 0);
    /* The other side's end is told to who waits for anything. */
    loop_watch(l, fd[0], LOOP_READ, on_ready, &ear);
    (void)close(fd[1]);
    loop_turn(l, FAR_MS);
    assert_int_equal(ear.last_events, LOOP_READ);
    (void)close(fd[0]);
    loop_close(l);
}

/* Both are ready in one batch, and each ends the watch of the other: one of them must stay silent. */
static void test_unwatch_what_is_pending(void **state)
{
    struct loop *l = open_loop();
    struct ear ear[2] = {{.loop = l}, {.loop = l}};
    int fd[2][2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_pair(fd[i]);
        assert_int_equal(write(fd[i][1], "x", 1), 1);
    }
    for (int i = 0; i < 2; i++) {
        ear[i].unwatch_fd = fd[1 - i][0];
        loop_watch(l, fd[i][0], LOOP_READ, on_ready, &ear[i]);
    }
    loop_turn(l, FAR_MS);
    assert_int_equal(ear[0].heard + ear[1].heard, 1);
    close_pair(fd[0]);
    close_pair(fd[1]);
    loop_close(l);
}

struct swap {
    struct loop *loop;
    int victim[2];
    struct ear *heir;
    bool is_done;
};

/* Ends both watches, closes the other descriptor, and watches a new one of the same number. */
static void on_swap(void *arg, int fd, int events)
{
    struct swap *s = arg;
    int other = s->victim[0] == fd ? s->victim[1] : s->victim[0];
    int pair[2];

    (void)events;
    assert_false(s->is_done);
    s->is_done = true;
    loop_watch(s->loop, fd, 0, NULL, NULL);
    loop_watch(s->loop, other, 0, NULL, NULL);
    (void)close(other);
    make_pair(pair);
    assert_int_equal(pair[0], other); /* the lowest that is free */
    loop_watch(s->loop, other, LOOP_READ, on_ready, s->heir);
}

static void test_number_used_again(void **state)
{
    struct loop *l = open_loop();
    struct ear heir = {.loop = l, .unwatch_fd = -1};
    struct swap s = {.loop = l, .heir = &heir};
    int fd[2][2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_pair(fd[i]);
        assert_int_equal(write(fd[i][1], "x", 1), 1);
        s.victim[i] = fd[i][0];
        loop_watch(l, fd[i][0], LOOP_READ, on_swap, &s);
    }
    loop_turn(l, FAR_MS);
    loop_turn(l, 10);
    assert_true(s.is_done);
    assert_int_equal(heir.heard, 0);
    loop_close(l);
}

/* A library may close a descriptor before it says so. */
static void test_closed_before_unwatched(void **state)
{
    struct loop *l = open_loop();
    struct ear ear = {.loop = l, .unwatch_fd = -1};
    int fd[2];
    int again[2];

    (void)state;
    make_pair(fd);
    loop_watch(l, fd[0], LOOP_READ, on_ready, &ear);
    close_pair(fd);
    make_pair(again);
    assert_int_equal(again[0], fd[0]);
    loop_watch(l, again[0], LOOP_READ, on_ready, &ear);
    assert_int_equal(write(again[1], "x", 1), 1);
    loop_turn(l, FAR_MS);
    assert_int_equal(ear.heard, 1);
    close_pair(again);
    loop_watch(l, again[0], 0, NULL, NULL);
    loop_close(l);
}

/* ---- wake-ups ----------------------------------------------------------------------------------- */

struct waker {
    struct loop *loop;
    atomic_int asked;
    atomic_int seen;
};

/* Each time waits until the last one was seen: so every single one has to end a wait. */
static void *wake_often(void *arg)
{
    struct waker *w = arg;

    for (int i = 1; i <= WAKES; i++) {
        atomic_store(&w->asked, i);
        loop_wake(w->loop);
        while (atomic_load(&w->seen) < i) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
        }
    }
    return NULL;
}

static void test_wake(void **state)
{
    struct waker w = {.loop = open_loop()};
    int64_t began = clock_mono_ms();
    pthread_t thread;

    (void)state;
    loop_wake(w.loop);
    loop_wake(w.loop);
    loop_turn(w.loop, FAR_MS);
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &w), 0);
    while (atomic_load(&w.seen) < WAKES) {
        loop_turn(w.loop, FAR_MS);
        atomic_store(&w.seen, atomic_load(&w.asked));
    }
    (void)pthread_join(thread, NULL);
    assert_true(clock_mono_ms() - began < FAR_MS / 2);
    loop_close(w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closes_what_it_opens),
        cmocka_unit_test(test_a_loop_without_websockets),
        cmocka_unit_test(test_waits_as_long_as_asked),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_timers_that_meddle),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_unwatch_what_is_pending),
        cmocka_unit_test(test_number_used_again),
        cmocka_unit_test(test_closed_before_unwatched),
        cmocka_unit_test(test_wake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
