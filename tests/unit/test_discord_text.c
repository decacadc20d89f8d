#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "wire/text.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define ZWSP     "\xe2\x80\x8b"
#define FFFD     "\xef\xbf\xbd"
#define EMOJI    "\xf0\x9f\x98\x80" /* U+1F600, which counts two */
#define E_ACUTE  "\xc3\xa9"
#define ZWJ      "\xe2\x80\x8d"

/* The marks that turn the direction of text are what is tested. NOLINTBEGIN(misc-misleading-bidirectional) */

typedef void write_text(struct buf *out, const char *text, size_t max);

struct row {
    const char *in;
    size_t max;
    const char *out;
};

static void run_rows(write_text *write, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_clear) struct buf out = BUF_INIT(65536);

        write(&out, rows[i].in, rows[i].max);
        assert_true(buf_ok(&out));
        if (strcmp(buf_str(&out), rows[i].out) != 0) {
            fail_msg("row %zu: \"%s\" became \"%s\"", i, rows[i].in, buf_str(&out));
        }
    }
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(text_count(""), 0);
    assert_int_equal(text_count("abc"), 3);
    assert_int_equal(text_count(E_ACUTE E_ACUTE), 2);
    assert_int_equal(text_count("\xe4\xb8\xad"), 1);
    assert_int_equal(text_count(EMOJI), 2);
    assert_int_equal(text_count("a\xff\xfe"), 3);
    assert_int_equal(text_count("\xf0\x9f\x98"), 3);
    assert_int_equal(text_count("\xed\xa0\x80"), 3); /* half a surrogate pair is none */
}

static void test_cut(void **state)
{
    static const struct row rows[] = {
        {"", 0, ""},
        {"", 5, ""},
        {"abc", 3, "abc"},
        {"abcd", 3, "ab" ELLIPSIS},
        {"abcd", 1, ELLIPSIS},
        {"abcd", 0, ""},
        {E_ACUTE E_ACUTE E_ACUTE, 3, E_ACUTE E_ACUTE E_ACUTE},
        {E_ACUTE E_ACUTE E_ACUTE, 2, E_ACUTE ELLIPSIS},
        {EMOJI EMOJI, 4, EMOJI EMOJI},
        {EMOJI EMOJI, 3, EMOJI ELLIPSIS},
        {EMOJI EMOJI, 2,
         ELLIPSIS}, /* for two emoji there is no room, and one would not tell that it was cut */
        {EMOJI, 1, ELLIPSIS},
        {"a\xff"
         "b",
         9, "a" FFFD "b"},
        {"\xf0\x9f\x98", 9, FFFD FFFD FFFD},
        {"*_@everyone", 20, "*_@everyone"},
    };

    (void)state;
    run_rows(text_cut, rows, COUNT_OF(rows));
}

static void test_escape(void **state)
{
    static const struct row rows[] = {
        {"plain text, with 1.5 commas!", 99, "plain text, with 1.5 commas!"},
        {"*a* _b_ ~c~ `d` |e|", 99, "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\` \\|e\\|"},
        {"[a](b) <c>", 99, "\\[a\\]\\(b\\) \\<c\\>"},
        {"\\*", 99, "\\\\\\*"},
        {":joy: https://x.y", 99, "\\:joy\\: https\\://x.y"},
        {"# a # b", 99, "\\# a # b"},
        {"a\n# b\n- c\n+ d\n> e", 99, "a\n\\# b\n\\- c\n\\+ d\n\\> e"},
        {"a-b+c #d", 99, "a-b+c #d"},
        {"  - a\n\t# b", 99, "  \\- a\n\t\\# b"},
        /* What is taken away must not uncover the beginning of a line. */
        {"\x01# a", 99, "\\# a"},
        {"\xe2\x80\xae- a", 99, "\\- a"},
        {"a\r\n# b", 99, "a\n\\# b"},
        {"@everyone @here", 99, "@" ZWSP "everyone @" ZWSP "here"},
        {"<@123> <@&1> <#2> </x:1>", 99,
         "\\<@" ZWSP "123\\> \\<@" ZWSP "&1\\> \\<#2\\> \\</x\\:1\\>"},
        {"a\x01\x02\x1b[31m\x7f\xc2\x80\xc2\x9f"
         "b",
         99, "a\\[31mb"},
        {"\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae", 99, ""}, /* U+202A..E */
        {"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", 99, ""},             /* U+2066..9 */
        {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c\xef\xbb\xbf\xe2\x80\xa8\xe2\x80\xa9", 99, ""},
        {"\xf0\x9f\x91\xa8" ZWJ "\xf0\x9f\x91\xa9", 99, "\xf0\x9f\x91\xa8" ZWJ "\xf0\x9f\x91\xa9"},
        {"\xd7\x90\xd8\xa7", 99, "\xd7\x90\xd8\xa7"}, /* letters that are written leftwards stay */
        {"tab\tand\nline", 99, "tab\tand\nline"},
        {"\xff*", 99, FFFD "\\*"},
        /* An escape and a mention are kept whole or not at all. */
        {"**", 4, "\\*\\*"},
        {"**", 3, "\\*" ELLIPSIS},
        {"***", 4, "\\*" ELLIPSIS},
        {"a@b", 4, "a@" ZWSP "b"},
        {"a@b", 3, "a" ELLIPSIS},
        {"aa*", 3, "aa" ELLIPSIS},
        {"*", 1, ELLIPSIS},
        {"*", 0, ""},
    };

    (void)state;
    run_rows(text_escape, rows, COUNT_OF(rows));
}

static void test_code(void **state)
{
    static const struct row rows[] = {
        {"a *b*", 99, "```\na *b*\n```"},
        {"```x```", 99, "```\n`" ZWSP "`" ZWSP "`" ZWSP "x`" ZWSP "`" ZWSP "`" ZWSP "\n```"},
        {"x`", 99, "```\nx`" ZWSP "\n```"}, /* else four in a row would end it */
        {"\xe2\x80\xae"
         "a\x1b",
         99, "```\na\n```"},
        {"@everyone", 99,
         "```\n@everyone\n```"}, /* nothing pings inside, and allowed_mentions says so */
        {"abcdef", 13, "```\nabcd" ELLIPSIS "\n```"},
        {"abcde", 13, "```\nabcde\n```"},
        {"abc", 8, "```\n\n```"},
    };

    (void)state;
    run_rows(text_code, rows, COUNT_OF(rows));
}

static void write_filename(struct buf *out, const char *text, size_t max)
{
    (void)max;
    text_filename(out, text);
}

static void test_filename(void **state)
{
    static const char a100[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct row rows[] = {
        {"ComfyUI_0001_.png", 0, "ComfyUI_0001_.png"},
        {"", 0, "file"},
        {"...", 0, "file"},
        {".hidden", 0, "hidden"},
        {"../../etc/passwd", 0, "_.._etc_passwd"},
        {"a b\"c\r\n.png", 0, "a_b_c__.png"},
        {E_ACUTE "t" E_ACUTE ".png", 0, "_t_.png"},
        {EMOJI ".png", 0, "_.png"},
        {"\xff\xfe", 0, "__"},
        {a100, 0, a100 + 20},
    };

    (void)state;
    run_rows(write_filename, rows, COUNT_OF(rows));
}

static void test_duration(void **state)
{
    static const struct {
        int64_t ms;
        const char *out;
    } rows[] = {
        {INT64_MIN, "0 s"},
        {-1, "0 s"},
        {0, "0 s"},
        {499, "0 s"},
        {500, "1 s"},
        {42000, "42 s"},
        {59499, "59 s"},
        {59500, "1 min"},
        {185000, "3 min 5 s"},
        {599000, "9 min 59 s"},
        {605000, "10 min"},
        {3599499, "59 min"},
        {3599500, "1 h"},
        {7800000, "2 h 10 min"},
        {172799000, "47 h 59 min"},
        {172800000, "2 days"},
        {259200000, "3 days"},
        {INT64_MAX, "106751991167 days"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear) struct buf out = BUF_INIT(64);

        text_duration(&out, rows[i].ms);
        assert_string_equal(buf_str(&out), rows[i].out);
    }
}

static void test_bytes(void **state)
{
    static const struct {
        int64_t bytes;
        const char *out;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {655360, "640 KiB"},
        {10276045, "9.8 MiB"},
        {10485760, "10.0 MiB"},
        {INT64_C(1) << 40, "1.0 TiB"},
        {INT64_MAX, "8388608 TiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear) struct buf out = BUF_INIT(64);

        text_bytes(&out, rows[i].bytes);
        assert_string_equal(buf_str(&out), rows[i].out);
    }
}

#define FULL "\xe2\x96\xb0"
#define VOID "\xe2\x96\xb1"

static void test_bar(void **state)
{
    static const struct {
        double value;
        const char *out;
    } rows[] = {
        {0, VOID VOID VOID VOID " 0 %"},         {-3, VOID VOID VOID VOID " 0 %"},
        {0.31, FULL VOID VOID VOID " 31 %"},     {0.999, FULL FULL FULL FULL " 99 %"},
        {1, FULL FULL FULL FULL " 100 %"},       {7, FULL FULL FULL FULL " 100 %"},
        {0.0 / 0.0, VOID VOID VOID VOID " 0 %"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear) struct buf out = BUF_INIT(64);

        text_bar(&out, rows[i].value, 4);
        assert_string_equal(buf_str(&out), rows[i].out);
    }
}

static void test_time(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(64);

    (void)state;
    text_time(&out, INT64_C(1795766400123), 'R');
    assert_string_equal(buf_str(&out), "<t:1795766400:R>");
}

/* Any bytes and any limit: what comes out is well formed, and never longer. */
static void test_random(void **state)
{
    static write_text *const writers[] = {text_cut, text_escape};
    static const char *const pieces[] = {"*",    "@everyone",    "`",        EMOJI, E_ACUTE, "\xff",
                                         "\n# ", "\xe2\x80\xae", "\xf0\x9f", "a",   ":",     "\\"};
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        AUTO(buf_clear) struct buf in = BUF_INIT(4096);
        AUTO(buf_clear) struct buf out = BUF_INIT(65536);
        size_t max = (size_t)(rand_r(&seed) % 30);

        for (int i = rand_r(&seed) % 20; i > 0; i--) {
            (void)buf_append_str(&in, pieces[(size_t)rand_r(&seed) % COUNT_OF(pieces)]);
        }
        writers[round % 2](&out, buf_str(&in), max);
        assert_true(utf8_valid(buf_span(&out)));
        assert_true(text_count(buf_str(&out)) <= max);
        assert_true(round % 2 == 0 || strstr(buf_str(&out), "@everyone") == NULL);
        if (text_count(buf_str(&in)) <= max && round % 2 == 0) {
            assert_null(strstr(buf_str(&out), ELLIPSIS));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_escape),   cmocka_unit_test(test_code),
        cmocka_unit_test(test_filename), cmocka_unit_test(test_duration),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_bar),
        cmocka_unit_test(test_time),     cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* NOLINTEND(misc-misleading-bidirectional) */
