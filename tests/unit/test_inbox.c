#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "bridge/inbox.h"

#define PUSHERS 4
#define EACH    5000
#define ROOM    64

static atomic_int wakes;

static void wake(void *arg)
{
    (void)arg;
    atomic_fetch_add(&wakes, 1);
}

static void test_order_and_wake(void **state)
{
    struct cmd cmd[3] = {0};
    struct inbox *b = inbox_new(ROOM, wake, NULL);
    struct list out;

    (void)state;
    assume_engine_role();
    atomic_store(&wakes, 0);
    list_init(&out);
    for (int i = 0; i < 3; i++) {
        assert_true(inbox_push(b, &cmd[i]));
        /* Only into an empty one: who was woken takes all. */
        assert_int_equal(atomic_load(&wakes), 1);
    }
    assert_int_equal(inbox_take(b, &out, 2), 2);
    assert_ptr_equal(container_of(list_shift(&out), struct cmd, node), &cmd[0]);
    assert_ptr_equal(container_of(list_shift(&out), struct cmd, node), &cmd[1]);
    assert_int_equal(inbox_take(b, &out, 2), 1);
    assert_ptr_equal(container_of(list_shift(&out), struct cmd, node), &cmd[2]);
    assert_int_equal(inbox_take(b, &out, 2), 0);
    assert_true(inbox_push(b, &cmd[0]));
    assert_int_equal(atomic_load(&wakes), 2);
    assert_int_equal(inbox_take(b, &out, 2), 1);
    inbox_free(b);
    inbox_free(NULL);
}

static void test_full_and_closed(void **state)
{
    struct cmd cmd[3] = {0};
    struct inbox *b = inbox_new(2, wake, NULL);
    struct list out;

    (void)state;
    assume_engine_role();
    list_init(&out);
    assert_true(inbox_push(b, &cmd[0]));
    assert_true(inbox_push(b, &cmd[1]));
    assert_false(inbox_push(b, &cmd[2]));
    assert_int_equal(inbox_take(b, &out, 1), 1);
    assert_false(inbox_is_closed(b));
    inbox_close(b);
    assert_true(inbox_is_closed(b));
    assert_false(inbox_push(b, &cmd[2]));
    /* What was in it is still answered. */
    assert_int_equal(inbox_take(b, &out, 9), 1);
    inbox_free(b);
}

static void *push_all(void *arg)
{
    struct inbox *b = arg;

    for (int i = 0; i < EACH; i++) {
        struct cmd *c = xcalloc(1, sizeof *c);

        c->kind = CMD_CANCEL;
        while (!inbox_push(b, c)) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void free_cmd(struct cmd *c)
{
    free_ptr(&c);
}

static void test_many_threads(void **state)
{
    struct inbox *b = inbox_new(ROOM, wake, NULL);
    pthread_t pusher[PUSHERS];
    size_t taken = 0;

    (void)state;
    assume_engine_role();
    for (int i = 0; i < PUSHERS; i++) {
        assert_int_equal(pthread_create(&pusher[i], NULL, push_all, b), 0);
    }
    while (taken < (size_t)PUSHERS * EACH) {
        struct list out;
        struct list *node = NULL;

        list_init(&out);
        taken += inbox_take(b, &out, 7);
        while ((node = list_shift(&out)) != NULL) {
            free_cmd(container_of(node, struct cmd, node));
        }
    }
    for (int i = 0; i < PUSHERS; i++) {
        (void)pthread_join(pusher[i], NULL);
    }
    inbox_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_wake),
        cmocka_unit_test(test_full_and_closed),
        cmocka_unit_test(test_many_threads),
    };
    int rc = 0;

    enter_engine_role();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    leave_engine_role();
    return rc;
}
