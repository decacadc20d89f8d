#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_table(void **state)
{
    (void)state;
    for (int i = ERR_NONE + 1; i < ERR_COUNT; i++) {
        enum errc code = (enum errc)i;

        if (err_status(code) < 400 || err_status(code) > 599 || err_code(code)[0] == '\0' ||
            err_title(code)[0] == '\0') {
            fail_msg("row %d", i);
        }
    }
    assert_int_equal(err_status(ERR_QUEUE_FULL), 503);
    assert_string_equal(err_code(ERR_TOO_DEEP), "too_deep");
}

static void test_set(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    (void)err_at(&e, ERR_VALIDATION_ERROR, "/a", "required", "missing");
    assert_int_equal(err_set(&e, ERR_QUEUE_FULL, "%d jobs wait", 5), ERR_QUEUE_FULL);
    assert_int_equal(e.code, ERR_QUEUE_FULL);
    assert_string_equal(e.detail, "5 jobs wait");
    assert_int_equal(e.item_count, 0);
    assert_int_equal(err_set(NULL, ERR_NOT_FOUND, "x"), ERR_NOT_FOUND);
}

static void test_items(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(err_at(&e, ERR_VALIDATION_ERROR, "/n", "out_of_range", "%d is too much", 9),
                     ERR_VALIDATION_ERROR);
    assert_int_equal(err_param(&e, "limit", "not a number"), ERR_VALIDATION_ERROR);
    assert_int_equal(e.item_count, 2);
    assert_string_equal(e.item[0].at, "/n");
    assert_string_equal(e.item[0].code, "out_of_range");
    assert_string_equal(e.item[0].detail, "9 is too much");
    assert_false(e.item[0].is_parameter);
    assert_string_equal(e.item[1].at, "limit");
    assert_true(e.item[1].is_parameter);
    for (int i = 0; i < 2 * ERR_ITEMS_MAX; i++) {
        (void)err_at(&e, ERR_VALIDATION_ERROR, "/x", "k", "d");
    }
    assert_int_equal(e.item_count, ERR_ITEMS_MAX);

    e = ERR_INIT;
    assert_int_equal(err_param(&e, "limit", "not a number"), ERR_INVALID_PARAMETER);
    assert_int_equal(err_param(NULL, "limit", "x"), ERR_INVALID_PARAMETER);
    assert_int_equal(err_at(NULL, ERR_TOO_DEEP, "", "x", "y"), ERR_TOO_DEEP);
}

static void test_cut_at_a_character(void **state)
{
    struct err e = ERR_INIT;
    char text[600] = "";

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        }
        (void)err_set(&e, ERR_NOT_FOUND, "%s", text);
        (void)err_at(&e, ERR_NOT_FOUND, text, text, "%s", text);
        assert_true(utf8_valid(span_of(e.detail)));
        assert_true(strlen(e.detail) >= sizeof e.detail - 4);
        assert_true(utf8_valid(span_of(e.item[0].at)));
        assert_true(utf8_valid(span_of(e.item[0].code)));
        assert_true(utf8_valid(span_of(e.item[0].detail)));
    }
}

static void test_pointer(void **state)
{
    static const struct {
        const char *name;
        const char *before;
        const char *token;
        size_t size;
        const char *after;
        bool is_whole;
    } rows[] = {
        {"plain", "/a", "b", 100, "/a/b", true},
        {"empty token", "/a", "", 100, "/a/", true},
        {"tilde and slash", "", "a~b/c", 100, "/a~0b~1c", true},
        {"tilde before a digit", "", "~1", 100, "/~01", true},
        {"exact fit", "/a", "bcd", 7, "/a/bcd", true},
        {"cut", "/a", "bcd", 6, "/a/bc", false},
        {"no half of an escape", "/a", "b/", 6, "/a/b", false},
        {"no half of a character", "/a", "\xe2\x82\xac", 6, "/a/", false},
        {"no room at all", "/abc", "d", 5, "/abc", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char pointer[100];
        bool is_whole;

        (void)snprintf(pointer, sizeof pointer, "%s", rows[i].before);
        is_whole = err_pointer_add(pointer, rows[i].size, span_of(rows[i].token));
        if (strcmp(pointer, rows[i].after) != 0 || is_whole != rows[i].is_whole) {
            fail_msg("%s: %s", rows[i].name, pointer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),   cmocka_unit_test(test_set),
        cmocka_unit_test(test_items),   cmocka_unit_test(test_cut_at_a_character),
        cmocka_unit_test(test_pointer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
