#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static const struct json_limits roomy = {.depth = 64, .nodes = 1000000};

static struct json_doc *parse_good(const char *text, enum json_flags flags)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    if (json_parse(span_of(text), flags, roomy, &doc, &e) != ERR_NONE) {
        fail_msg("%s: %s", text, e.detail);
    }
    return doc;
}

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
        size_t size;
    } rows[] = {
        {"null", JSON_NULL, 0},
        {"true", JSON_TRUE, 0},
        {"false", JSON_FALSE, 0},
        {" \t\r\n1 \t\r\n", JSON_NUMBER, 0},
        {"0", JSON_NUMBER, 0},
        {"-0", JSON_NUMBER, 0},
        {"0.0", JSON_NUMBER, 0},
        {"-0.5e-7", JSON_NUMBER, 0},
        {"1E+2", JSON_NUMBER, 0},
        {"1e400", JSON_NUMBER, 0},
        {"18446744073709551615", JSON_NUMBER, 0},
        {"123456789012345678901234567890.5", JSON_NUMBER, 0},
        {"\"\"", JSON_STRING, 0},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", JSON_STRING, 0},
        {"\"\\ud83d\\ude00\"", JSON_STRING, 0},
        {"\"\\uD83D\\uDE00\"", JSON_STRING, 0},
        {"\"\\u0000\"", JSON_STRING, 0},
        {"\"\x7f\"", JSON_STRING, 0},
        {"\"\xf0\x9f\x98\x80\"", JSON_STRING, 0},
        {"\"\xef\xbf\xbf\"", JSON_STRING, 0},
        {"[]", JSON_ARRAY, 0},
        {"[ ]", JSON_ARRAY, 0},
        {"[[],[[]]]", JSON_ARRAY, 2},
        {"[1,2 , 3]", JSON_ARRAY, 3},
        {"{}", JSON_OBJECT, 0},
        {"{ \"\" : 1 }", JSON_OBJECT, 1},
        {"{\"a\":1,\"A\":2}", JSON_OBJECT, 2},
        {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", JSON_OBJECT, 2},
        {"{\"a\\u0000\":1,\"a\":2}", JSON_OBJECT, 2},
        {"{\"a\":1,\"ab\":2,\"abc\":3}", JSON_OBJECT, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *strict = parse_good(rows[i].text, JSON_STRICT);
        AUTO(json_free_ptr) struct json_doc *lenient = parse_good(rows[i].text, JSON_LENIENT);

        if (json_type(strict, 0) != rows[i].type || json_size(strict, 0) != rows[i].size ||
            json_type(lenient, 0) != rows[i].type || json_size(lenient, 0) != rows[i].size) {
            fail_msg("%s: type %d, size %zu", rows[i].text, (int)json_type(strict, 0),
                     json_size(strict, 0));
        }
    }
}

struct refusal {
    const char *text;
    enum errc code;
    int at; /* byte offset that the detail names */
    const char *pointer;
};

static void check_refusal(const struct refusal *row, enum json_flags flags)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;
    enum errc code = json_parse(span_of(row->text), flags, roomy, &doc, &e);
    char at[32];

    (void)snprintf(at, sizeof at, " at byte %d", row->at);
    if (code != row->code || e.code != row->code || doc != NULL || e.item_count != 1) {
        fail_msg("%s: %s", row->text, err_code(code));
    }
    if (strcmp(e.item[0].at, row->pointer) != 0 || strcmp(e.item[0].code, err_code(code)) != 0 ||
        strstr(e.item[0].detail, at) == NULL || strstr(e.detail, at) == NULL) {
        fail_msg("%s: \"%s\" %s: %s", row->text, e.item[0].at, e.item[0].code, e.item[0].detail);
    }
    assert_int_equal(json_parse(span_of(row->text), flags, roomy, &doc, NULL), code);
}

/* What both readers refuse. */
static const struct refusal refusals[] = {
    {"", ERR_MALFORMED_JSON, 0, ""},
    {"  ", ERR_MALFORMED_JSON, 2, ""},
    {"\xef\xbb\xbf{}", ERR_MALFORMED_JSON, 0, ""}, /* a byte order mark */
    {"nul", ERR_MALFORMED_JSON, 0, ""},
    {"nulll", ERR_MALFORMED_JSON, 4, ""},
    {"True", ERR_MALFORMED_JSON, 0, ""},
    {"'a'", ERR_MALFORMED_JSON, 0, ""},
    {"{} x", ERR_MALFORMED_JSON, 3, ""},
    {"{}{}", ERR_MALFORMED_JSON, 2, ""},
    {"[1]]", ERR_MALFORMED_JSON, 3, ""},
    {"// no\n1", ERR_MALFORMED_JSON, 0, ""},
    /* numbers */
    {"01", ERR_MALFORMED_JSON, 1, ""},
    {"-", ERR_MALFORMED_JSON, 1, ""},
    {"-01", ERR_MALFORMED_JSON, 2, ""},
    {"+1", ERR_MALFORMED_JSON, 0, ""},
    {".5", ERR_MALFORMED_JSON, 0, ""},
    {"1.", ERR_MALFORMED_JSON, 2, ""},
    {"1.e2", ERR_MALFORMED_JSON, 2, ""},
    {"1e", ERR_MALFORMED_JSON, 2, ""},
    {"1e+", ERR_MALFORMED_JSON, 3, ""},
    {"0x10", ERR_MALFORMED_JSON, 1, ""},
    {"[1_000]", ERR_MALFORMED_JSON, 2, ""},
    {"-NaN", ERR_MALFORMED_JSON, 1, ""},
    {"nan", ERR_MALFORMED_JSON, 0, ""},
    {"-Inf", ERR_MALFORMED_JSON, 1, ""},
    /* structure */
    {"[", ERR_MALFORMED_JSON, 1, "/0"},
    {"[1,]", ERR_MALFORMED_JSON, 3, "/1"},
    {"[,1]", ERR_MALFORMED_JSON, 1, "/0"},
    {"[1 2]", ERR_MALFORMED_JSON, 3, ""},
    {"[1}", ERR_MALFORMED_JSON, 2, ""},
    {"{\"a\":1,}", ERR_MALFORMED_JSON, 7, ""},
    {"{\"a\"}", ERR_MALFORMED_JSON, 4, ""},
    {"{\"a\":}", ERR_MALFORMED_JSON, 5, "/a"},
    {"{\"a\":1]", ERR_MALFORMED_JSON, 6, ""},
    {"{\"a\":1 \"b\":2}", ERR_MALFORMED_JSON, 7, ""},
    {"{a:1}", ERR_MALFORMED_JSON, 1, ""},
    {"{1:1}", ERR_MALFORMED_JSON, 1, ""},
    {"{\"w\":{\"3\":{\"inputs\":[0,x]}}}", ERR_MALFORMED_JSON, 23, "/w/3/inputs/1"},
    {"{\"a/b~c\":x}", ERR_MALFORMED_JSON, 9, "/a~1b~0c"},
    {"{\"a\\u002fb\":x}", ERR_MALFORMED_JSON, 12, "/a~1b"},
    {"{\"a\\u0000\":x}", ERR_MALFORMED_JSON, 11, "/a\\u0000"},
    /* strings */
    {"\"a", ERR_MALFORMED_JSON, 2, ""},
    {"\"a\\", ERR_MALFORMED_JSON, 3, ""},
    {"\"\\x41\"", ERR_MALFORMED_JSON, 1, ""},
    {"\"\\u12\"", ERR_MALFORMED_JSON, 1, ""},
    {"\"\\u12g4\"", ERR_MALFORMED_JSON, 1, ""},
    {"\"a\nb\"", ERR_MALFORMED_JSON, 2, ""},
    {"\"a\tb\"", ERR_MALFORMED_JSON, 2, ""},
    {"[\"a\x01\"]", ERR_MALFORMED_JSON, 3, "/0"},
    /* UTF-8 */
    {"\"\x80\"", ERR_INVALID_UTF8, 1, ""},
    {"\"\xc0\xaf\"", ERR_INVALID_UTF8, 1, ""},
    {"\"\xed\xa0\x80\"", ERR_INVALID_UTF8, 1, ""},
    {"\"\xf4\x90\x80\x80\"", ERR_INVALID_UTF8, 1, ""},
    {"\"\xe2\x82\"", ERR_INVALID_UTF8, 1, ""},
    {"\"\xe2\x82", ERR_INVALID_UTF8, 1, ""},
    {"{\"a\":[\"\xff\"]}", ERR_INVALID_UTF8, 7, "/a/0"},
    {"{\"\xff\":1}", ERR_INVALID_UTF8, 2, ""},
};

static void test_line_and_column(void **state)
{
    static const struct {
        const char *text;
        const char *end; /* of the detail */
    } rows[] = {
        {"{\"a\":1,}", " at byte 7"},
        {"{\n}x", " at byte 3 (line 2, column 2)"},
        {"{\r\n  \"a\": 1,\r\n}", " at byte 14 (line 3, column 1)"},
        {"[1,\n2,\n", " at byte 7 (line 3, column 1)"},
        {"{\"a\":\n\"\xff\"}", " at byte 7 (line 2, column 2)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json_doc *doc = NULL;
        struct err e = ERR_INIT;
        const char *const details[] = {e.item[0].detail, e.detail};

        assert_int_not_equal(json_parse(span_of(rows[i].text), JSON_STRICT, roomy, &doc, &e),
                             ERR_NONE);
        for (size_t k = 0; k < COUNT_OF(details); k++) {
            size_t len = strlen(details[k]);
            size_t end = strlen(rows[i].end);

            assert_true(len > end);
            assert_string_equal(details[k] + len - end, rows[i].end);
        }
    }
}

static void test_refused(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        check_refusal(&refusals[i], JSON_STRICT);
        check_refusal(&refusals[i], JSON_LENIENT);
    }
}

/* What only the strict reader refuses. */
static void test_leniency(void **state)
{
    static const struct refusal rows[] = {
        {"NaN", ERR_MALFORMED_JSON, 0, ""},
        {"[Infinity]", ERR_MALFORMED_JSON, 1, "/0"},
        {"[-Infinity]", ERR_MALFORMED_JSON, 2, "/0"},
        {"\"\\ud83d\"", ERR_MALFORMED_JSON, 1, ""},
        {"\"\\ude00\"", ERR_MALFORMED_JSON, 1, ""},
        {"\"\\ud83dx\"", ERR_MALFORMED_JSON, 1, ""},
        {"\"\\ud83d\\u0041\"", ERR_MALFORMED_JSON, 1, ""},
        {"\"\\ud83d\\ud83d\\ude00\"", ERR_MALFORMED_JSON, 1, ""},
        {"{\"a\":1,\"a\":2}", ERR_DUPLICATE_KEY, 7, "/a"},
        {"{\"a\":1,\"\\u0061\":2}", ERR_DUPLICATE_KEY, 7, "/a"},
        {"{\"\\u00e4\":1,\"\xc3\xa4\":2}", ERR_DUPLICATE_KEY, 12, "/\xc3\xa4"},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", ERR_DUPLICATE_KEY, 18,
         "/\xf0\x9f\x98\x80"},
        {"{\"/\":1,\"\\/\":2}", ERR_DUPLICATE_KEY, 7, "/~1"},
        {"{\"\":1,\"\":2}", ERR_DUPLICATE_KEY, 6, "/"},
        {"{\"b\":1,\"a\":1,\"b\":2,\"a\":2}", ERR_DUPLICATE_KEY, 13, "/b"},
        {"{\"x\":[{\"k\":1,\"j\":2,\"k\":3}]}", ERR_DUPLICATE_KEY, 19, "/x/0/k"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_refusal(&rows[i], JSON_STRICT);
        json_free(parse_good(rows[i].text, JSON_LENIENT));
    }
}

static void test_first_of_duplicates(void **state)
{
    AUTO(json_free_ptr)
    struct json_doc *doc = parse_good("{\"b\":0,\"\\u0061\":1,\"a\":2}", JSON_LENIENT);
    int64_t value = 0;

    (void)state;
    assert_true(json_int(doc, json_get(doc, 0, "a"), &value));
    assert_int_equal(value, 1);
}

static void test_lone_surrogates_read_as_replacement(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } rows[] = {
        {"\"a\\ud83d\"", "a\xef\xbf\xbd"},
        {"\"\\ude00b\"", "\xef\xbf\xbd"
                         "b"},
        {"\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                               "A"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = parse_good(rows[i].text, JSON_LENIENT);
        AUTO(free_ptr) char *value = json_str_dup(doc, 0);

        if (value == NULL || strcmp(value, rows[i].value) != 0) {
            fail_msg("%s: %s", rows[i].text, value != NULL ? value : "(none)");
        }
    }
}

static char *nested(size_t levels)
{
    char *text = xcalloc(2 * levels + 1, 1);

    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return text;
}

static void test_depth(void **state)
{
    static const struct {
        size_t levels;
        size_t limit;
        enum errc code;
    } rows[] = {
        {1, 1, ERR_NONE},       {2, 1, ERR_TOO_DEEP}, {64, 64, ERR_NONE},
        {65, 64, ERR_TOO_DEEP}, {512, 512, ERR_NONE}, {100000, 512, ERR_TOO_DEEP},
        {1, 0, ERR_TOO_DEEP},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(free_ptr) char *text = nested(rows[i].levels);
        AUTO(json_free_ptr) struct json_doc *doc = NULL;
        struct err e = ERR_INIT;
        enum errc code =
            json_parse(span_of(text), JSON_STRICT,
                       (struct json_limits){.depth = rows[i].limit, .nodes = 1000}, &doc, &e);

        if (code != rows[i].code) {
            fail_msg("%zu levels, limit %zu: %s", rows[i].levels, rows[i].limit, err_code(code));
        }
    }
}

static void test_nodes(void **state)
{
    static const struct {
        const char *text;
        size_t limit;
        enum errc code;
    } rows[] = {
        {"1", 1, ERR_NONE},
        {"1", 0, ERR_CONTENT_TOO_LARGE},
        {"[1,2]", 3, ERR_NONE},
        {"[1,2]", 2, ERR_CONTENT_TOO_LARGE},
        {"{\"a\":{\"b\":1}}", 3, ERR_NONE},
        {"{\"a\":{\"b\":1}}", 2, ERR_CONTENT_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = NULL;
        struct err e = ERR_INIT;
        enum errc code =
            json_parse(span_of(rows[i].text), JSON_STRICT,
                       (struct json_limits){.depth = 9, .nodes = rows[i].limit}, &doc, &e);

        if (code != rows[i].code) {
            fail_msg("%s, limit %zu: %s", rows[i].text, rows[i].limit, err_code(code));
        }
    }
}

/* A quadratic comparison of 100,000 keys would take minutes here. */
static void test_many_members(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(10000000);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err e = ERR_INIT;
    int64_t start;

    (void)state;
    (void)buf_append_char(&text, '{');
    for (int i = 0; i < 100000; i++) {
        /* Every other key is written with an escape; the order is neither that of the keys. */
        (void)buf_appendf(&text, "%s\"%s%05d\":%d", i > 0 ? "," : "", i % 2 == 0 ? "k" : "\\u006b",
                          (int)((int64_t)i * 7919 % 100000), i);
    }
    (void)buf_append_char(&text, '}');
    assert_true(buf_ok(&text));
    start = clock_mono_ms();
    assert_int_equal(json_parse(buf_span(&text), JSON_STRICT, roomy, &doc, &e), ERR_NONE);
    assert_int_equal(json_size(doc, 0), 100000);
    assert_true(clock_mono_ms() - start < 5000);
    json_free_ptr(&doc);

    text.len--;
    (void)buf_append_str(&text, ",\"\\u006b00042\":0}");
    assert_int_equal(json_parse(buf_span(&text), JSON_STRICT, roomy, &doc, &e), ERR_DUPLICATE_KEY);
    assert_string_equal(e.item[0].at, "/k00042");
    assert_true(clock_mono_ms() - start < 10000);
}

static void test_bytes_are_kept(void **state)
{
    static const char text[] = " { \"seed\" : 18446744073709551615 , \"cfg\":7.0, "
                               "\"z\\u0065ro\":-0, \"list\":[ 1 , \"\\n\" ] } ";
    AUTO(json_free_ptr) struct json_doc *doc = parse_good(text, JSON_STRICT);
    json_ref seed = json_get(doc, 0, "seed");

    (void)state;
    assert_true(span_is(json_raw(doc, seed), "18446744073709551615"));
    assert_int_equal(json_offset(doc, seed), strstr(text, "1844") - text);
    assert_true(span_is(json_key_raw(doc, seed), "\"seed\""));
    assert_true(span_is(json_raw(doc, json_get(doc, 0, "cfg")), "7.0"));
    assert_true(span_is(json_raw(doc, json_get(doc, 0, "zero")), "-0"));
    assert_true(span_is(json_key_raw(doc, json_get(doc, 0, "zero")), "\"z\\u0065ro\""));
    assert_true(span_is(json_raw(doc, json_get(doc, 0, "list")), "[ 1 , \"\\n\" ]"));
    assert_int_equal(json_raw(doc, 0).len, sizeof text - 3);
    assert_int_equal(json_offset(doc, 0), 1);
    assert_null(json_key_raw(doc, 0).ptr);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        bool is_int;
        int64_t value;
    } rows[] = {
        {"7", true, 7},
        {"-7", true, -7},
        {"0", true, 0},
        {"-0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551615", false, 0},
        {"99999999999999999999999999", false, 0},
        {"7.0", false, 0},
        {"7e0", false, 0},
        {"NaN", false, 0},
        {"-Infinity", false, 0},
        {"\"7\"", false, 0},
        {"true", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = parse_good(rows[i].text, JSON_LENIENT);
        int64_t value = 4711;
        bool is_int = json_int(doc, 0, &value);

        if (is_int != rows[i].is_int || value != (is_int ? rows[i].value : 4711)) {
            fail_msg("%s: %d %lld", rows[i].text, is_int, (long long)value);
        }
    }
}

static void test_doubles(void **state)
{
    static const struct {
        const char *text;
        bool is_double;
        double value;
    } rows[] = {
        {"7.0", true, 7},       {"7", true, 7},      {"-1.5e3", true, -1500}, {"1e-400", true, 0},
        {"0.1", true, 0.1},     {"1e400", false, 0}, {"-1e400", false, 0},    {"NaN", false, 0},
        {"Infinity", false, 0}, {"\"7\"", false, 0}, {"null", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = parse_good(rows[i].text, JSON_LENIENT);
        double value = 4711;
        bool is_double = json_double(doc, 0, &value);

        if (is_double != rows[i].is_double ||
            fabs(value - (is_double ? rows[i].value : 4711)) > 1e-12) {
            fail_msg("%s: %d %g", rows[i].text, is_double, value);
        }
    }
}

static void test_strings(void **state)
{
    static const struct {
        const char *text;
        const char *value; /* NULL: refused */
    } rows[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\\udbff\\udfff\\ud800\\udc00\"", "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80"},
        {"\"\\u001f\"", "\x1f"},
        {"\"a\\u0000b\"", NULL},
        {"1", NULL},
        {"null", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = parse_good(rows[i].text, JSON_STRICT);
        AUTO(buf_clear) struct buf out = BUF_INIT(100);
        AUTO(free_ptr) char *copy = json_str_dup(doc, 0);
        bool is_good;

        (void)buf_append_str(&out, "had ");
        is_good = json_str(doc, 0, &out);
        if (is_good != (rows[i].value != NULL) || (copy != NULL) != is_good) {
            fail_msg("%s: %d", rows[i].text, is_good);
        }
        if (strcmp(buf_str(&out) + 4, is_good ? rows[i].value : "") != 0 ||
            (copy != NULL && rows[i].value != NULL && strcmp(copy, rows[i].value) != 0)) {
            fail_msg("%s: %s", rows[i].text, buf_str(&out));
        }
        if (is_good) {
            assert_true(json_str_is(doc, 0, rows[i].value));
            assert_false(json_str_is(doc, 0, "other"));
        }
    }
}

static void test_string_comparison(void **state)
{
    AUTO(json_free_ptr)
    struct json_doc *doc =
        parse_good("{\"\\u0061b\":\"x\\u0000y\",\"c\":\"\\u0063\"}", JSON_STRICT);
    json_ref first = json_first(doc, 0);
    json_ref second = json_next(doc, first);
    AUTO(buf_clear) struct buf key = BUF_INIT(1);

    (void)state;
    assert_true(json_key_is(doc, first, "ab"));
    assert_false(json_key_is(doc, first, "a"));
    assert_false(json_key_is(doc, first, "abc"));
    assert_false(json_str_is(doc, first, "x"));
    assert_false(json_str_is(doc, first, "xy"));
    assert_true(json_str_is(doc, second, "c"));
    assert_false(json_key_is(doc, 0, ""));
    assert_false(json_key(doc, first, &key)); /* two bytes do not fit into one */
    assert_int_equal(key.len, 0);
    buf_reset(&key);
    assert_true(json_key(doc, second, &key));
    assert_string_equal(buf_str(&key), "c");
}

static void test_walk(void **state)
{
    AUTO(json_free_ptr)
    struct json_doc *doc = parse_good("{\"a\":[1,[2,{}],3],\"b\":{},\"c\":true}", JSON_STRICT);
    json_ref a = json_get(doc, 0, "a");
    json_ref b = json_next(doc, a);
    json_ref c = json_next(doc, b);
    int64_t value = 0;
    bool truth = false;

    (void)state;
    assert_int_equal(json_first(doc, 0), a);
    assert_int_equal(json_size(doc, a), 3);
    assert_true(json_int(doc, json_at(doc, a, 2), &value));
    assert_int_equal(value, 3);
    assert_int_equal(json_at(doc, a, 3), JSON_NONE);
    assert_int_equal(json_at(doc, b, 0), JSON_NONE);
    assert_int_equal(json_type(doc, json_at(doc, json_at(doc, a, 1), 1)), JSON_OBJECT);
    assert_int_equal(json_first(doc, b), JSON_NONE);
    assert_true(json_bool(doc, c, &truth));
    assert_true(truth);
    assert_false(json_bool(doc, a, &truth));
    assert_int_equal(json_next(doc, c), JSON_NONE);
    assert_int_equal(json_next(doc, 0), JSON_NONE);
    assert_int_equal(json_get(doc, a, "a"), JSON_NONE);
    assert_int_equal(json_get(doc, 0, "d"), JSON_NONE);
}

static void test_none(void **state)
{
    AUTO(json_free_ptr) struct json_doc *doc = parse_good("{}", JSON_STRICT);
    AUTO(buf_clear) struct buf out = BUF_INIT(10);
    char pointer[8] = "x";
    int64_t i = 0;
    double d = 0;
    bool b = false;

    (void)state;
    assert_int_equal(json_type(doc, JSON_NONE), JSON_NULL);
    assert_int_equal(json_raw(doc, JSON_NONE).len, 0);
    assert_int_equal(json_size(doc, JSON_NONE), 0);
    assert_int_equal(json_first(doc, JSON_NONE), JSON_NONE);
    assert_int_equal(json_next(doc, JSON_NONE), JSON_NONE);
    assert_int_equal(json_get(doc, JSON_NONE, "a"), JSON_NONE);
    assert_int_equal(json_at(doc, JSON_NONE, 0), JSON_NONE);
    assert_false(json_str(doc, JSON_NONE, &out));
    assert_null(json_str_dup(doc, JSON_NONE));
    assert_false(json_str_is(doc, JSON_NONE, ""));
    assert_false(json_int(doc, JSON_NONE, &i));
    assert_false(json_double(doc, JSON_NONE, &d));
    assert_false(json_bool(doc, JSON_NONE, &b));
    json_pointer(doc, JSON_NONE, pointer, sizeof pointer);
    assert_string_equal(pointer, "");
    json_free(NULL);
}

static void test_pointers(void **state)
{
    AUTO(json_free_ptr)
    struct json_doc *doc =
        parse_good("{\"a/b\":[0,{\"m~n\":{\"\":1}}],\"\xc3\xa4\\u0062\":2}", JSON_STRICT);
    json_ref list = json_get(doc, 0, "a/b");
    json_ref tilde = json_get(doc, json_at(doc, list, 1), "m~n");
    const struct {
        json_ref node;
        const char *pointer;
        size_t size;
    } rows[] = {
        {0, "", 100},
        {list, "/a~1b", 100},
        {json_at(doc, list, 0), "/a~1b/0", 100},
        {tilde, "/a~1b/1/m~0n", 100},
        {json_first(doc, tilde), "/a~1b/1/m~0n/", 100},
        {json_next(doc, list),
         "/\xc3\xa4"
         "b",
         100},
        {tilde, "/a~1b/1/m", 11},
        {tilde, "/a", 4},
        {tilde, "", 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char pointer[100];

        json_pointer(doc, rows[i].node, pointer, rows[i].size);
        if (strcmp(pointer, rows[i].pointer) != 0) {
            fail_msg("%s: %s", rows[i].pointer, pointer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_line_and_column),
        cmocka_unit_test(test_leniency),
        cmocka_unit_test(test_first_of_duplicates),
        cmocka_unit_test(test_lone_surrogates_read_as_replacement),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_bytes_are_kept),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_string_comparison),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_pointers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
