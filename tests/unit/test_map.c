#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/map.h"

#define MANY 20000

static int values[MANY];

static const char *key_of(int i, char out[32])
{
    (void)snprintf(out, 32, "key-%d", i);
    return out;
}

static void test_many(void **state)
{
    struct map *m = map_new();
    char key[32];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        map_put(m, key_of(i, key), &values[i]);
    }
    assert_int_equal(map_count(m), MANY);
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(map_get(m, key_of(i, key)), &values[i]);
    }
    for (int i = 0; i < MANY; i += 2) {
        assert_ptr_equal(map_remove(m, key_of(i, key)), &values[i]);
    }
    assert_int_equal(map_count(m), MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(map_get(m, key_of(i, key)), i % 2 == 0 ? NULL : &values[i]);
    }
    map_free(m);
}

static void test_replace(void **state)
{
    struct map *m = map_new();

    (void)state;
    assert_null(map_get(m, "a"));
    assert_null(map_remove(m, "a"));
    map_put(m, "a", &values[0]);
    map_put(m, "a", &values[1]);
    map_put(m, "", &values[2]);
    assert_int_equal(map_count(m), 2);
    assert_ptr_equal(map_get(m, "a"), &values[1]);
    assert_ptr_equal(map_get(m, ""), &values[2]);
    map_free(m);
    map_free(NULL);
}

struct visit {
    struct map *map;
    int sum;
};

static void count_and_remove_odd(void *arg, const char *key, void *value)
{
    struct visit *visit = arg;
    const int *number = value;

    visit->sum += *number;
    if (*number % 2 == 1) {
        assert_ptr_equal(map_remove(visit->map, key), value);
    }
}

static void test_each(void **state)
{
    struct visit visit = {.map = map_new()};
    char key[32];

    (void)state;
    for (int i = 0; i < 100; i++) {
        values[i] = i;
        map_put(visit.map, key_of(i, key), &values[i]);
    }
    map_each(visit.map, count_and_remove_odd, &visit);
    assert_int_equal(visit.sum, 4950);
    assert_int_equal(map_count(visit.map), 50);
    map_free(visit.map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
