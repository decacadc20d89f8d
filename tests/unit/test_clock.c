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

static void test_the_finer_clock_is_the_same(void **state)
{
    int64_t ms = clock_mono_ms();
    int64_t us = clock_mono_us();

    (void)state;
    assert_true(us / 1000 >= ms && us / 1000 <= clock_mono_ms());
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } rows[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"1970-01-01", 0},
        {"2023-11-14T22:13:20.123Z", 1700000000123},
        {"2023-11-14t22:13:20.123z", 1700000000123},
        {"2023-11-14T22:13:20Z", 1700000000000},
        {"2023-11-14T22:13:20.1Z", 1700000000100},
        {"2023-11-14T22:13:20.123999999Z", 1700000000123},
        {"2023-11-14T23:43:20+01:30", 1700000000000},
        {"2023-11-14T22:13:20-00:00", 1700000000000},
        {"2023-11-14T20:43:20-01:30", 1700000000000},
        {"2024-02-29", 1709164800000},
        {"2000-02-29", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0000-01-01", -62167219200000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    static const char *const faults[] = {
        "",
        "2023",
        "2023-11",
        "2023-11-1",
        "2023-11-14T",
        "2023-11-14T22",
        "2023-11-14T22:13",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.1",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20 01:00",
        "2023-11-14T22:13:20+01",
        "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+01:60",
        "2023-11-14T22:13:20ZZ",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:61Z",
        "2023-00-14",
        "2023-13-14",
        "2023-11-00",
        "2023-11-31",
        "2023-02-29",
        "1900-02-29",
        "+2023-11-14",
        "-2023-11-14",
        "20231114",
        "2023-11-14T22:13:20.1234567890Z",
        "1700000000",
        "yesterday",
        "2023-11-14Z",
        "2023-1x-14",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t found = 7;

        if (!clock_parse(rows[i].text, &found) || found != rows[i].wall_ms) {
            fail_msg("%s: %lld", rows[i].text, (long long)found);
        }
    }
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        int64_t found = 7;

        if (clock_parse(faults[i], &found) || found != 7) {
            fail_msg("\"%s\" was read", faults[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_the_finer_clock_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
