#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"
#define GOOD  "00-" TRACE "-" SPAN "-01"

static const struct {
    const char *name;
    const char *field;
    int flags;
} good[] = {
    {"plain", GOOD, 1},
    {"not sampled", "00-" TRACE "-" SPAN "-00", 0},
    {"random", "00-" TRACE "-" SPAN "-03", 3},
    {"unknown flags are not kept", "00-" TRACE "-" SPAN "-ff", 3},
    {"blanks around it", " \t" GOOD "\t ", 1},
    {"a later version", "01-" TRACE "-" SPAN "-01", 1},
    {"a later version with more", "01-" TRACE "-" SPAN "-01-what the future brings", 1},
    {"the latest version", "fe-" TRACE "-" SPAN "-01", 1},
};

static const struct {
    const char *name;
    const char *field;
} bad[] = {
    {"empty", ""},
    {"blanks", "  "},
    {"no version", TRACE "-" SPAN "-01"},
    {"version ff", "ff-" TRACE "-" SPAN "-01"},
    {"version of one digit", "0-" TRACE "-" SPAN "-01"},
    {"version that is none", "0x-" TRACE "-" SPAN "-01"},
    {"version in capitals", "FE-" TRACE "-" SPAN "-01"},
    {"more in version 00", GOOD "-more"},
    {"a dash more in version 00", GOOD "-"},
    {"a letter more in version 00", GOOD "1"},
    {"a later version with more that is not set off", "01-" TRACE "-" SPAN "-01what"},
    {"trace of zeros", "00-00000000000000000000000000000000-" SPAN "-01"},
    {"trace in capitals", "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01"},
    {"trace too short", "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01"},
    {"trace too long", "00-" TRACE "0-" SPAN "-01"},
    {"trace with another letter", "00-0af7651916cd43dd8448eb211c80319g-" SPAN "-01"},
    {"span of zeros", "00-" TRACE "-0000000000000000-01"},
    {"span in capitals", "00-" TRACE "-B7AD6B7169203331-01"},
    {"span with another letter", "00-" TRACE "-b7ad6b716920333.-01"},
    {"flags missing", "00-" TRACE "-" SPAN},
    {"flags empty", "00-" TRACE "-" SPAN "-"},
    {"flags of one digit", "00-" TRACE "-" SPAN "-1"},
    {"flags in capitals", "00-" TRACE "-" SPAN "-0A"},
    {"flags that are none", "00-" TRACE "-" SPAN "-x1"},
    {"another mark", "00_" TRACE "-" SPAN "-01"},
    {"another second mark", "00-" TRACE "_" SPAN "-01"},
    {"another third mark", "00-" TRACE "-" SPAN "_01"},
    {"two of them", GOOD "," GOOD},
    {"a blank inside", "00 -" TRACE "-" SPAN "-01"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct trace trace = {.flags = -1};

        if (!trace_parse(span_of(good[i].field), &trace) || strcmp(trace.id, TRACE) != 0 ||
            trace.flags != good[i].flags) {
            fail_msg("%s: %s %d", good[i].name, trace.id, trace.flags);
        }
    }
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct trace trace = {.id = "before", .flags = 7};

        if (trace_parse(span_of(bad[i].field), &trace) || strcmp(trace.id, "before") != 0 ||
            trace.flags != 7) {
            fail_msg("%s: %s %d", bad[i].name, trace.id, trace.flags);
        }
    }
}

/* Whichever single byte of a good one is wrong, it is seen, or it is another good one. */
static void test_each_byte_is_looked_at(void **state)
{
    (void)state;
    for (size_t at = 0; at < strlen(GOOD); at++) {
        char field[] = GOOD;
        struct trace trace = {.flags = 0};

        field[at] = 'G';
        assert_false(trace_parse(span_of(field), &trace));
    }
}

static void test_a_span_is_new_each_time(void **state)
{
    char first[TRACE_PARENT_SIZE];
    char second[TRACE_PARENT_SIZE];
    struct trace trace;

    (void)state;
    assert_ptr_equal(trace_parent(TRACE, 1, first), first);
    assert_string_not_equal(first, trace_parent(TRACE, 1, second));
    assert_int_equal(strlen(first), TRACE_PARENT_SIZE - 1);
    assert_true(trace_parse(span_of(first), &trace));
    assert_string_equal(trace.id, TRACE);
    assert_int_equal(trace.flags, 1);
    assert_string_equal(trace_parent(TRACE, 0, second) + strlen(second) - 3, "-00");
    assert_string_equal(trace_parent(TRACE, 0xff, second) + strlen(second) - 3, "-03");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_each_byte_is_looked_at),
        cmocka_unit_test(test_a_span_is_new_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
