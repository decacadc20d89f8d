#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static void test_valid(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        bool is_valid;
    } rows[] = {
        {"empty", "", true},
        {"ASCII", "abc\x7f", true},
        {"two, three and four bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"smallest of each length", "\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80", true},
        {"largest of each length", "\xdf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf", true},
        {"around the surrogates", "\xed\x9f\xbf\xee\x80\x80", true},
        {"overlong slash", "\xc0\xaf", false},
        {"overlong in two", "\xc1\xbf", false},
        {"overlong in three", "\xe0\x9f\xbf", false},
        {"overlong in four", "\xf0\x8f\xbf\xbf", false},
        {"first surrogate", "\xed\xa0\x80", false},
        {"last surrogate", "\xed\xbf\xbf", false},
        {"above U+10FFFF", "\xf4\x90\x80\x80", false},
        {"five bytes", "\xf8\x88\x80\x80\x80", false},
        {"continuation alone", "a\x80", false},
        {"cut after one of two", "\xc3", false},
        {"cut after two of three", "\xe2\x82", false},
        {"cut after three of four", "\xf0\x9f\x98", false},
        {"cut by ASCII", "\xe2\x82z", false},
        {"0xff", "\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (utf8_valid(span_of(rows[i].text)) != rows[i].is_valid) {
            fail_msg("%s", rows[i].name);
        }
    }
}

static void test_cut(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        size_t max;
        size_t len;
    } rows[] = {
        {"shorter", "abc", 5, 3},
        {"exact", "abc", 3, 3},
        {"between letters", "abc", 2, 2},
        {"inside two bytes", "a\xc3\xa4", 2, 1},
        {"after two bytes", "a\xc3\xa4z", 3, 3},
        {"inside four bytes", "a\xf0\x9f\x98\x80", 4, 1},
        {"to nothing", "\xe2\x82\xac", 2, 0},
        {"no UTF-8 at all", "\x80\x80\x80\x80\x80\x80\x80\x80", 6, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = utf8_cut(span_of(rows[i].text), rows[i].max);

        if (len != rows[i].len) {
            fail_msg("%s: %zu", rows[i].name, len);
        }
    }
}

/* Every character that can be written is read back as one. */
static void test_encode(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char text[UTF8_MAX];
        size_t len;

        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        len = utf8_encode(c, text);
        if (utf8_len((struct span){text, len}) != len) {
            fail_msg("U+%04X", c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
