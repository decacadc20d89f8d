#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"

static void test_format(void **state)
{
    static const struct {
        const char *name;
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {"the epoch", 0, "1970-01-01T00:00:00.000Z"},
        {"milliseconds", 1700000000123, "2023-11-14T22:13:20.123Z"},
        {"leap day", 1709164800000, "2024-02-29T00:00:00.000Z"},
        {"last millisecond of a year", 1735689599999, "2024-12-31T23:59:59.999Z"},
        {"before the epoch", -1, "1969-12-31T23:59:59.999Z"},
        {"a whole second before the epoch", -1000, "1969-12-31T23:59:59.000Z"},
        {"last that fits", 253402300799999, "9999-12-31T23:59:59.999Z"},
        {"too late", INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {"first that fits", -62167219200000, "0000-01-01T00:00:00.000Z"},
        {"too early", INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[CLOCK_TEXT_SIZE];

        if (strcmp(clock_format(rows[i].wall_ms, out), rows[i].text) != 0) {
            fail_msg("%s: %s", rows[i].name, out);
        }
    }
}

static void test_clocks(void **state)
{
    int64_t first = clock_mono_ms();

    (void)state;
    assert_true(clock_mono_ms() >= first);
    assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
