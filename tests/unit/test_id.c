#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"

#define THREADS 4
#define EACH    20000

static struct id made[THREADS][EACH];

static void *make_many(void *arg)
{
    struct id *out = arg;

    for (int i = 0; i < EACH; i++) {
        out[i] = id_new();
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

/* 80,000 ids in a few milliseconds also use up the counter of single milliseconds. */
static void test_order_across_threads(void **state)
{
    struct id before = id_new();
    struct id after;
    struct id *all = &made[0][0];
    pthread_t thread[THREADS];

    (void)state;
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_create(&thread[t], NULL, make_many, made[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(thread[t], NULL), 0);
    }
    after = id_new();
    for (int t = 0; t < THREADS; t++) {
        for (int i = 1; i < EACH; i++) {
            assert_true(strcmp(made[t][i - 1].text, made[t][i].text) < 0);
        }
    }
    qsort(all, (size_t)THREADS * EACH, sizeof *all, compare);
    for (int i = 1; i < THREADS * EACH; i++) {
        assert_false(id_eq(all[i - 1], all[i]));
    }
    assert_true(strcmp(before.text, all[0].text) < 0);
    assert_true(strcmp(all[THREADS * EACH - 1].text, after.text) < 0);
}

static void test_fields(void **state)
{
    int64_t earliest = clock_wall_ms();
    struct id id = id_new();
    struct id random = id_random();
    char time[13];

    (void)state;
    assert_int_equal(strlen(id.text), ID_LEN);
    assert_int_equal(id.text[14], '7');
    assert_non_null(strchr("89ab", id.text[19]));
    memcpy(time, id.text, 8);
    memcpy(time + 8, id.text + 9, 4);
    time[12] = '\0';
    assert_true(strtoll(time, NULL, 16) >= earliest);
    assert_true(strtoll(time, NULL, 16) <= clock_wall_ms() + 1000);

    assert_int_equal(random.text[14], '4');
    assert_non_null(strchr("89ab", random.text[19]));
    assert_false(id_eq(random, id_random()));
}

static void test_parse(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        bool is_good;
    } rows[] = {
        {"version 7", "0190a5b0-7e3c-7123-8abc-0123456789ab", true},
        {"version 4", "f47ac10b-58cc-4372-a567-0e02b2c3d479", true},
        {"nil", "00000000-0000-0000-0000-000000000000", true},
        {"upper case", "F47AC10B-58CC-4372-A567-0E02B2C3D479", false},
        {"without hyphens", "f47ac10b58cc4372a5670e02b2c3d479", false},
        {"hyphen at the wrong place", "f47ac10b5-8cc-4372-a567-0e02b2c3d479", false},
        {"braces", "{f47ac10b-58cc-4372-a567-0e02b2c3d479}", false},
        {"too short", "f47ac10b-58cc-4372-a567-0e02b2c3d47", false},
        {"too long", "f47ac10b-58cc-4372-a567-0e02b2c3d4799", false},
        {"no hex", "g47ac10b-58cc-4372-a567-0e02b2c3d479", false},
        {"path", "../../../../../../../../../etc/passwd", false},
        {"empty", "", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct id id = ID_NONE;
        bool is_good = id_parse(span_of(rows[i].text), &id);

        if (is_good != rows[i].is_good ||
            strcmp(id.text, rows[i].is_good ? rows[i].text : "") != 0) {
            fail_msg("%s: %d \"%s\"", rows[i].name, is_good, id.text);
        }
    }
}

static void test_round_trip(void **state)
{
    struct id id = id_new();
    struct id read = ID_NONE;

    (void)state;
    assert_true(id_is_none(read));
    assert_true(id_parse(span_of(id.text), &read));
    assert_true(id_eq(id, read));
    assert_false(id_is_none(read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_across_threads),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
