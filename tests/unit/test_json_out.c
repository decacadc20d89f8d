#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_out.h"
#include "base/mem.h"

static void test_document(void **state)
{
    AUTO(buf_clear) struct buf b = BUF_INIT(1000);
    struct json_out o = json_out_to(&b);

    (void)state;
    jo_obj(&o, NULL);
    jo_str(&o, "id", "x");
    jo_str(&o, "none", NULL);
    jo_span(&o, "cut", (struct span){"abcdef", 3});
    jo_span(&o, "no span", SPAN_NONE);
    jo_int(&o, "least", INT64_MIN);
    jo_num(&o, "share", 0.25, 3);
    jo_num(&o, "nan", NAN, 3);
    jo_num(&o, "infinite", -INFINITY, 3);
    jo_bool(&o, "yes", true);
    jo_null(&o, "null");
    jo_time(&o, "never", 0);
    jo_time(&o, "once", 1700000000123);
    jo_raw(&o, "raw", SPAN_LIT("{\"seed\":18446744073709551615}"));
    jo_arr(&o, "list");
    jo_int(&o, NULL, 1);
    jo_arr(&o, NULL);
    jo_end(&o);
    jo_obj(&o, NULL);
    jo_end(&o);
    jo_end(&o);
    jo_end(&o);
    assert_string_equal(
        buf_str(&b),
        "{\"id\":\"x\",\"none\":null,\"cut\":\"abc\",\"no span\":null,"
        "\"least\":-9223372036854775808,\"share\":0.250,\"nan\":null,\"infinite\":null,"
        "\"yes\":true,\"null\":null,\"never\":null,\"once\":\"2023-11-14T22:13:20.123Z\","
        "\"raw\":{\"seed\":18446744073709551615},\"list\":[1,[],{}]}");
}

static void test_escapes(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *written;
    } rows[] = {
        {"empty", "", "\"\""},
        {"plain", "a/b>&'", "\"a/b>&'\""},
        {"quotes", "\"\\", "\"\\\"\\\\\""},
        {"short forms", "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"other controls", "\x01\x1b[0m\x1f", "\"\\u0001\\u001b[0m\\u001f\""},
        {"a tag", "</script>", "\"\\u003c/script>\""},
        {"delete and C1", "\x7f\xc2\x80\xc2\x9b\xc2\xa0", "\"\\u007f\\u0080\\u009b\xc2\xa0\""},
        {"UTF-8", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"bad byte",
         "a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"cut character", "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear) struct buf b = BUF_INIT(1000);
        struct json_out o = json_out_to(&b);

        jo_str(&o, NULL, rows[i].text);
        if (strcmp(buf_str(&b), rows[i].written) != 0) {
            fail_msg("%s: %s", rows[i].name, buf_str(&b));
        }
    }
}

/* Every character comes back as it was, as a value and as a key. */
static void test_round_trip(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1000);
    AUTO(buf_clear) struct buf b = BUF_INIT(10000);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_out o = json_out_to(&b);
    struct err e = ERR_INIT;

    (void)state;
    for (int c = 1; c < 0x80; c++) {
        (void)buf_append_char(&text, (char)c);
    }
    (void)buf_append_str(&text, "\xc2\x85\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80");
    jo_obj(&o, NULL);
    jo_str(&o, buf_str(&text), buf_str(&text));
    jo_end(&o);
    assert_int_equal(json_parse(buf_span(&b), JSON_STRICT,
                                (struct json_limits){.depth = 1, .nodes = 2}, &doc, &e),
                     ERR_NONE);
    assert_true(json_str_is(doc, json_get(doc, 0, buf_str(&text)), buf_str(&text)));
}

static void test_ceiling(void **state)
{
    AUTO(buf_clear) struct buf b = BUF_INIT(10);
    struct json_out o = json_out_to(&b);

    (void)state;
    jo_arr(&o, NULL);
    jo_str(&o, NULL, "far too long for this");
    jo_end(&o);
    assert_false(buf_ok(&b));
}

static void end_of_nothing(struct json_out *o)
{
    jo_end(o);
}

static void key_in_array(struct json_out *o)
{
    jo_arr(o, NULL);
    jo_int(o, "a", 1);
}

static void no_key_in_object(struct json_out *o)
{
    jo_obj(o, NULL);
    jo_int(o, NULL, 1);
}

static void key_at_root(struct json_out *o)
{
    jo_obj(o, "a");
}

static void too_deep(struct json_out *o)
{
    for (int i = 0; i <= JSON_OUT_DEPTH; i++) {
        jo_arr(o, NULL);
    }
}

static void test_misuse_is_a_bug(void **state)
{
    static const struct {
        const char *name;
        void (*misuse)(struct json_out *o);
    } rows[] = {
        {"end of nothing", end_of_nothing},
        {"key in an array", key_in_array},
        {"no key in an object", no_key_in_object},
        {"key at the root", key_at_root},
        {"too deep", too_deep},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int status = 0;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            struct buf b = BUF_INIT(1000);
            struct json_out o = json_out_to(&b);

            (void)close(STDERR_FILENO);
            (void)signal(SIGABRT, SIG_DFL);
            rows[i].misuse(&o);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
            fail_msg("%s: status %d", rows[i].name, status);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_misuse_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
