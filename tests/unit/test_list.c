#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/mem.h"

struct item {
    int number;
    struct list node;
};

static int sum_in_order(struct list *head)
{
    int text = 0;

    list_each(node, next, head) {
        text = text * 10 + container_of(node, struct item, node)->number;
    }
    return text;
}

static void test_order(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;
    struct list other;

    (void)state;
    list_init(&head);
    list_init(&other);
    assert_true(list_empty(&head));
    assert_null(list_shift(&head));
    for (int i = 0; i < 3; i++) {
        list_push(&head, &items[i].node);
    }
    assert_int_equal(sum_in_order(&head), 123);
    list_remove(&items[1].node);
    list_remove(&items[1].node); /* harmless */
    assert_int_equal(sum_in_order(&head), 13);
    list_push(&other, &items[1].node);
    list_move_all(&other, &head);
    assert_true(list_empty(&head));
    assert_int_equal(sum_in_order(&other), 213);
    list_move_all(&other, &head);
    assert_int_equal(sum_in_order(&other), 213);
    assert_ptr_equal(list_shift(&other), &items[1].node);
    list_each(node, next, &other) {
        list_remove(node);
    }
    assert_true(list_empty(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
