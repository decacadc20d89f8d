#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/comfy_ws.h"
#include "engine/worker.h"

#define COUNT  500
#define FAR_MS 60000

struct task {
    struct work work;
    int number;
    pthread_t ran_on;
    struct worker *chain_to;
};

static int run_order[COUNT]; /* the worker's until the tasks are done */
static atomic_int run_count;
static int done_count;

static void run(struct work *w)
{
    struct task *t = container_of(w, struct task, work);

    t->ran_on = pthread_self();
    run_order[atomic_fetch_add(&run_count, 1)] = t->number;
}

static void run_slowly(struct work *w)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    run(w);
}

static void done(struct work *w)
{
    struct task *t = container_of(w, struct task, work);

    assert_false(pthread_equal(t->ran_on, pthread_self()));
    assert_int_equal(t->number, done_count);
    done_count++;
    if (t->chain_to != NULL) {
        struct worker *next = take_ptr(&t->chain_to);

        t->number = done_count;
        worker_add(next, &t->work);
    } else {
        free(t);
    }
}

static struct task *task(int number, void (*runs)(struct work *w))
{
    struct task *t = xcalloc(1, sizeof *t);

    t->number = number;
    t->work.run = runs;
    t->work.done = done;
    return t;
}

static struct loop *begin(void)
{
    struct loop *l = NULL;

    atomic_store(&run_count, 0);
    done_count = 0;
    assert_int_equal(loop_open(ws_protocols(), &l, NULL), ERR_NONE);
    return l;
}

static void test_first_in_first_out(void **state)
{
    struct loop *l = begin();
    struct worker *w = worker_new(l, 1);

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        worker_add(w, &task(i, run)->work);
    }
    while (done_count < COUNT) {
        loop_turn(l, FAR_MS); /* a result that does not wake the loop would hang here */
        worker_collect(w);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(run_order[i], i);
    }
    worker_free(w);
    worker_free(NULL);
    loop_close(l);
}

static void test_done_may_add(void **state)
{
    struct loop *l = begin();
    struct worker *w = worker_new(l, 1);
    struct task *t = task(0, run);

    (void)state;
    t->chain_to = w;
    worker_add(w, &t->work);
    while (done_count < 2) {
        loop_turn(l, FAR_MS);
        worker_collect(w);
    }
    worker_free(w);
    loop_close(l);
}

static void test_free_finishes(void **state)
{
    struct loop *l = begin();
    struct worker *w = worker_new(l, 1);
    struct task *t[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        t[i] = task(i, run_slowly);
        worker_add(w, &t[i]->work);
    }
    worker_free(w);
    assert_int_equal(atomic_load(&run_count), 4);
    assert_int_equal(done_count, 0);
    for (int i = 0; i < 4; i++) {
        free(t[i]);
    }
    loop_close(l);
}

static pthread_barrier_t together;

static void run_together(struct work *w)
{
    (void)w;
    (void)pthread_barrier_wait(&together);
    atomic_fetch_add(&run_count, 1);
}

static void done_together(struct work *w)
{
    done_count++;
    free(container_of(w, struct task, work));
}

/* Each waits until all are begun: with fewer threads none would end. */
static void test_side_by_side(void **state)
{
    struct loop *l = begin();
    struct worker *w = worker_new(l, 3);

    (void)state;
    assert_int_equal(pthread_barrier_init(&together, NULL, 3), 0);
    for (int i = 0; i < 3; i++) {
        struct task *t = task(i, run_together);

        t->work.done = done_together;
        worker_add(w, &t->work);
    }
    while (done_count < 3) {
        loop_turn(l, FAR_MS);
        worker_collect(w);
    }
    assert_int_equal(atomic_load(&run_count), 3);
    worker_free(w);
    (void)pthread_barrier_destroy(&together);
    loop_close(l);
}

/* A slow one does not hold up the engine. */
static void test_does_not_wait(void **state)
{
    struct loop *l = begin();
    struct worker *w = worker_new(l, 1);
    int64_t began = clock_mono_ms();

    (void)state;
    for (int i = 0; i < 10; i++) {
        worker_add(w, &task(i, run_slowly)->work);
    }
    worker_collect(w);
    assert_true(clock_mono_ms() - began < 400);
    while (done_count < 10) {
        loop_turn(l, FAR_MS);
        worker_collect(w);
    }
    worker_free(w);
    loop_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out), cmocka_unit_test(test_done_may_add),
        cmocka_unit_test(test_free_finishes),      cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
