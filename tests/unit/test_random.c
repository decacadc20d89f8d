#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"

static void test_below(void **state)
{
    unsigned seen = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint32_t number = random_below(8);

        assert_true(number < 8);
        seen |= 1U << number;
    }
    assert_int_equal(seen, 0xff);
    assert_int_equal(random_below(1), 0);
    assert_int_equal(random_below(0), 0);
}

static void test_fill(void **state)
{
    unsigned char first[32] = {0};
    unsigned char second[32] = {0};

    (void)state;
    random_fill(first, sizeof first);
    random_fill(second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_fill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
