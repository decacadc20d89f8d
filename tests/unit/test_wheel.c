#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bridge/wheel.h"

static int expired(struct wheel *w, int64_t mono_ms)
{
    struct list due;
    int count = 0;

    list_init(&due);
    wheel_expire(w, mono_ms, &due);
    while (list_shift(&due) != NULL) {
        count++;
    }
    return count;
}

static struct wheel_entry at(int64_t deadline)
{
    struct wheel_entry entry = {.deadline_mono_ms = deadline};

    return entry;
}

static void add(struct wheel *w, struct wheel_entry *entry)
{
    list_init(&entry->node);
    wheel_add(w, entry);
}

static void test_order_of_time(void **state)
{
    struct wheel *w = xcalloc(1, sizeof *w);
    struct wheel_entry soon = at(1000000);
    struct wheel_entry late = at(1000000 + 60000);
    struct wheel_entry rounds = at(1000000 + 5 * WHEEL_SLOTS * WHEEL_SLICE_MS);
    struct wheel_entry past = at(5);

    (void)state;
    wheel_init(w);
    assert_int_equal(expired(w, 999000), 0);
    add(w, &soon);
    add(w, &late);
    add(w, &rounds);
    add(w, &past);
    assert_int_equal(expired(w, 999001), 1);
    assert_int_equal(expired(w, 999999), 0);
    assert_int_equal(expired(w, 1000000), 1);
    assert_int_equal(expired(w, 1059999), 0);
    /* A jump of the clock passes every slot once. */
    assert_int_equal(expired(w, rounds.deadline_mono_ms - 1), 1);
    assert_int_equal(expired(w, rounds.deadline_mono_ms), 1);
    assert_int_equal(expired(w, INT64_MAX / 2), 0);
    free_ptr(&w);
}

static void test_removal(void **state)
{
    struct wheel *w = xcalloc(1, sizeof *w);
    struct wheel_entry a = at(100);
    struct wheel_entry b = at(100);

    (void)state;
    wheel_init(w);
    add(w, &a);
    add(w, &b);
    list_remove(&a.node);
    assert_int_equal(expired(w, 100), 1);
    assert_true(list_empty(&a.node) && list_empty(&b.node));
    free_ptr(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_time),
        cmocka_unit_test(test_removal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
