/* The queue against the plainest thing that could be right: a sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/queue.h"

#define IDS   400
#define STEPS 40000
#define MANY  1000000

struct entry {
    struct id id;
    int priority;
    bool is_inside;
};

struct model {
    struct entry entry[IDS];
    size_t count;
};

static int before(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    if (a->is_inside != b->is_inside) {
        return a->is_inside ? -1 : 1;
    }
    if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    return strcmp(a->id.text, b->id.text);
}

static int64_t model_position(const struct model *m, struct id id)
{
    for (size_t i = 0; i < m->count; i++) {
        if (id_eq(m->entry[i].id, id)) {
            return (int64_t)i + 1;
        }
    }
    return 0;
}

static bool model_remove(struct model *m, struct id id)
{
    int64_t at = model_position(m, id);

    if (at == 0) {
        return false;
    }
    m->count--;
    memmove(&m->entry[at - 1], &m->entry[at], (m->count - (size_t)at + 1) * sizeof m->entry[0]);
    return true;
}

static void model_put(struct model *m, struct entry entry)
{
    (void)model_remove(m, entry.id);
    m->entry[m->count++] = entry;
    qsort(m->entry, m->count, sizeof m->entry[0], before);
}

static void assert_same(const struct queue *q, const struct model *m)
{
    int64_t first_waiting = 1;
    struct id id = ID_NONE;
    bool is_inside = false;

    assert_int_equal(queue_count(q), m->count);
    for (size_t i = 0; i < m->count; i++) {
        assert_true(queue_at(q, (int64_t)i + 1, &id, &is_inside));
        assert_string_equal(id.text, m->entry[i].id.text);
        assert_int_equal(is_inside, m->entry[i].is_inside);
        assert_int_equal(queue_position(q, id), i + 1);
        first_waiting += is_inside ? 1 : 0;
    }
    assert_int_equal(queue_first_waiting(q), first_waiting);
    assert_false(queue_at(q, 0, &id, &is_inside));
    assert_false(queue_at(q, (int64_t)m->count + 1, &id, &is_inside));
}

static void test_is_a_sorted_array(void **state)
{
    struct queue *q = queue_new(0);
    struct model *m = xcalloc(1, sizeof *m);
    struct id id[IDS];

    (void)state;
    for (int i = 0; i < IDS; i++) {
        /* Half by age, half in no order. */
        id[i] = i % 2 == 0 ? id_new() : id_random();
    }
    for (int step = 0; step < STEPS; step++) {
        struct id one = id[random_below(IDS)];

        if (random_below(3) == 0) {
            assert_int_equal(queue_remove(q, one), model_remove(m, one));
        } else {
            struct entry e = {
                .id = one, .priority = (int)random_below(5) - 2, .is_inside = random_below(4) == 0};

            queue_put(q, e.id, e.priority, 0, e.is_inside);
            model_put(m, e);
        }
        assert_int_equal(queue_position(q, one), model_position(m, one));
        if (step % 100 == 0) {
            assert_same(q, m);
        }
    }
    assert_same(q, m);
    queue_free(q);
    free(m);
}

static void test_order(void **state)
{
    struct queue *q = queue_new(0);
    struct id old = id_new();
    struct id young = id_new();
    struct id urgent = id_new();
    struct id inside = id_new();

    (void)state;
    queue_put(q, young, 0, 0, false);
    queue_put(q, old, 0, 0, false);
    queue_put(q, inside, -100, 0, true);
    queue_put(q, urgent, 100, 0, false);
    assert_int_equal(queue_position(q, inside), 1);
    assert_int_equal(queue_position(q, urgent), 2);
    assert_int_equal(queue_position(q, old), 3);
    assert_int_equal(queue_position(q, young), 4);
    assert_int_equal(queue_first_waiting(q), 2);
    /* An existing job with another priority or place moves. */
    queue_put(q, young, 100, 0, false);
    assert_int_equal(queue_position(q, young), 2); /* older than the urgent one */
    assert_int_equal(queue_position(q, urgent), 3);
    queue_put(q, inside, -100, 0, false);
    assert_int_equal(queue_position(q, inside), 4);
    assert_int_equal(queue_first_waiting(q), 1);
    queue_put(q, inside, -100, 0, false);
    assert_int_equal(queue_count(q), 4);
    queue_free(q);
}

static void test_strangers(void **state)
{
    struct queue *q = queue_new(0);
    static const char *const texts[] = {"", "x", "0198ac5e-0000-7000-8000-00000000000",
                                        "0198AC5E-0000-7000-8000-000000000000",
                                        "0198ac5e_0000-7000-8000-000000000000"};

    (void)state;
    queue_put(q, id_new(), 0, 0, false);
    assert_int_equal(queue_position(q, id_new()), 0);
    assert_false(queue_remove(q, id_new()));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct id id = ID_NONE;

        memcpy(id.text, texts[i], strlen(texts[i]));
        assert_int_equal(queue_position(q, id), 0);
        assert_false(queue_remove(q, id));
    }
    assert_int_equal(queue_count(q), 1);
    queue_free(q);
    queue_free(NULL);
}

static void test_a_million(void **state)
{
    size_t used_before = mallinfo2().uordblks + mallinfo2().hblkhd;
    struct queue *q = queue_new(0);
    struct id first = id_new();
    struct id last = first;
    int64_t began = 0;

    (void)state;
    queue_put(q, first, 0, 0, false);
    for (int i = 1; i < MANY; i++) {
        last = id_new();
        queue_put(q, last, 0, 0, false);
    }
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd - used_before < 100U << 20);
    assert_int_equal(queue_count(q), MANY);
    assert_int_equal(queue_position(q, first), 1);
    assert_int_equal(queue_position(q, last), MANY);
    /* A linear step anywhere would take minutes here. */
    began = clock_mono_ms();
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(queue_position(q, last), MANY);
        queue_put(q, last, i % 2, 0, false);
        queue_put(q, last, 0, 0, false);
    }
    assert_true(clock_mono_ms() - began < 10000);
    assert_true(queue_remove(q, first));
    assert_int_equal(queue_position(q, last), MANY - 1);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_sorted_array),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_a_million),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
