#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "http/offload.h"

struct job {
    struct offload_work work;
    sem_t *gate; /* NULL = open */
    sem_t *begun;
    atomic_int *done;
};

static void run(struct offload_work *w)
{
    struct job *j = container_of(w, struct job, work);

    if (j->begun != NULL) {
        (void)sem_post(j->begun);
    }
    if (j->gate != NULL) {
        while (sem_wait(j->gate) != 0) {
        }
    }
    (void)atomic_fetch_add(j->done, 1);
}

static void runs_what_is_pushed_before_it_ends(void **state)
{
    enum { COUNT = 500 };
    static struct job job[COUNT];
    atomic_int done = 0;
    struct offload *o = offload_new(4, COUNT);

    (void)state;
    assert_non_null(o);
    for (int i = 0; i < COUNT; i++) {
        job[i] = (struct job){.work.run = run, .done = &done};
        assert_true(offload_push(o, &job[i].work));
    }
    offload_free(o);
    assert_int_equal(atomic_load(&done), COUNT);
}

static void refuses_what_is_too_much(void **state)
{
    sem_t gate;
    sem_t begun;
    atomic_int done = 0;
    struct offload *o = offload_new(1, 2);
    struct job job[4];

    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    for (int i = 0; i < 4; i++) {
        job[i] = (struct job){.work.run = run, .gate = &gate, .begun = &begun, .done = &done};
    }
    assert_true(offload_push(o, &job[0].work));
    while (sem_wait(&begun) != 0) {
    }
    assert_true(offload_push(o, &job[1].work));
    assert_true(offload_push(o, &job[2].work));
    assert_false(offload_push(o, &job[3].work));
    for (int i = 0; i < 3; i++) {
        (void)sem_post(&gate);
    }
    offload_free(o);
    assert_int_equal(atomic_load(&done), 3);
    (void)sem_destroy(&gate);
    (void)sem_destroy(&begun);
}

static void a_closed_one_still_says_no(void **state)
{
    struct offload *o = offload_new(2, 10);
    struct job job = {.work.run = run};

    (void)state;
    offload_close(o);
    assert_false(offload_push(o, &job.work));
    offload_close(o);
    offload_free(o);
}

static void nothing_to_free_is_fine(void **state)
{
    (void)state;
    offload_free(NULL);
    offload_free(offload_new(3, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_what_is_pushed_before_it_ends),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(a_closed_one_still_says_no),
        cmocka_unit_test(nothing_to_free_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
