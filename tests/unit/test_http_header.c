#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "http/header.h"

/* ---- framing ------------------------------------------------------------------------------------ */

struct field {
    const char *name;
    const char *value;
};

static enum errc judge(const struct field *fields, const char *version)
{
    struct framing framing = {.seen = 0};
    struct err e = ERR_INIT;
    enum errc code;

    for (size_t i = 0; i < 5 && fields[i].name != NULL; i++) {
        framing_field(&framing, span_of(fields[i].name), span_of(fields[i].value));
    }
    code = framing_check(&framing, version, &e);
    assert_true(code == ERR_NONE || e.detail[0] != '\0');
    return code;
}

static void test_framing(void **state)
{
    static const struct {
        const char *name;
        const char *version;
        struct field fields[5];
        bool is_ok;
    } rows[] = {
        {"plain", "HTTP/1.1", {{"Host", "x"}}, true},
        {"length", "HTTP/1.1", {{"Host", "x"}, {"Content-Length", "5"}}, true},
        {"chunked", "HTTP/1.1", {{"Host", "x"}, {"Transfer-Encoding", "Chunked"}}, true},
        {"names have no case", "HTTP/1.1", {{"hOST", "x"}, {"content-LENGTH", "5"}}, true},
        {"1.0 needs no host", "HTTP/1.0", {{"Accept", "x"}}, true},
        {"a tab in a value", "HTTP/1.1", {{"Host", "x"}, {"A", "b\tc"}}, true},
        {"bytes above ASCII", "HTTP/1.1", {{"Host", "x"}, {"A", "\xc3\xa9"}}, true},
        {"two keys",
         "HTTP/1.1",
         {{"Host", "x"}, {"Idempotency-Key", "a"}, {"idempotency-key", "a"}},
         false},
        {"two types",
         "HTTP/1.1",
         {{"Host", "x"}, {"Content-Type", "a/b"}, {"Content-Type", "c/d"}},
         false},
        {"other fields may come often",
         "HTTP/1.1",
         {{"Host", "x"}, {"Accept", "a"}, {"Accept", "b"}, {"X-Y", "c"}, {"X-Y", "c"}},
         true},
        {"another version", "HTTP/2.0", {{"Host", "x"}}, false},
        {"a version of no kind", "", {{"Host", "x"}}, false},
        {"no host", "HTTP/1.1", {{"Accept", "x"}}, false},
        {"two hosts", "HTTP/1.1", {{"Host", "x"}, {"Host", "x"}}, false},
        {"two hosts in 1.0", "HTTP/1.0", {{"Host", "x"}, {"host", "y"}}, false},
        {"two lengths",
         "HTTP/1.1",
         {{"Host", "x"}, {"Content-Length", "5"}, {"Content-Length", "6"}},
         false},
        {"the same length twice",
         "HTTP/1.1",
         {{"Host", "x"}, {"Content-Length", "5"}, {"Content-Length", "5"}},
         false},
        {"length and chunked",
         "HTTP/1.1",
         {{"Host", "x"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
         false},
        {"two encodings",
         "HTTP/1.1",
         {{"Host", "x"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         false},
        {"gzip", "HTTP/1.1", {{"Host", "x"}, {"Transfer-Encoding", "gzip, chunked"}}, false},
        {"xchunked", "HTTP/1.1", {{"Host", "x"}, {"Transfer-Encoding", "xchunked"}}, false},
        {"identity", "HTTP/1.1", {{"Host", "x"}, {"Transfer-Encoding", "identity"}}, false},
        {"empty encoding", "HTTP/1.1", {{"Host", "x"}, {"Transfer-Encoding", ""}}, false},
        {"chunked in 1.0", "HTTP/1.0", {{"Host", "x"}, {"Transfer-Encoding", "chunked"}}, false},
        {"space before the colon", "HTTP/1.1", {{"Host", "x"}, {"Content-Length ", "5"}}, false},
        {"a continued line", "HTTP/1.1", {{"Host", "x"}, {" X", "y"}}, false},
        {"no name", "HTTP/1.1", {{"Host", "x"}, {"", "y"}}, false},
        {"a control character", "HTTP/1.1", {{"Host", "x"}, {"A", "b\rc"}}, false},
        {"DEL", "HTTP/1.1", {{"Host", "x"}, {"A", "\x7f"}}, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum errc expected = rows[i].is_ok ? ERR_NONE : ERR_BAD_REQUEST;

        if (judge(rows[i].fields, rows[i].version) != expected) {
            fail_msg("%s", rows[i].name);
        }
    }
}

/* ---- who is asked ------------------------------------------------------------------------------- */

static void test_loopback_hosts(void **state)
{
    static const struct {
        const char *host;
        bool is_loopback;
    } rows[] = {
        {"localhost", true},
        {"LocalHost:8090", true},
        {"127.0.0.1", true},
        {"127.0.0.1:1", true},
        {"127.255.0.9", true},
        {"[::1]", true},
        {"[::1]:8090", true},
        {"", false},
        {":8090", false},
        {"evil.example", false},
        {"localhost.evil", false},
        {"127.0.0.1.nip.io", false},
        {"128.0.0.1", false},
        {"127.1", false},
        {"0.0.0.0", false},
        {"[::2]", false},
        {"::1", false},
        {"[::1", false},
        {"127.0.0.1evil", false},
        {"xlocalhost", false},
        {"localhost ", false},
        {"[::ffff:10.0.0.1]", false},
        {"2130706433", false},
        {"10.0.0.1", false},
        {"a.very.long.name.that.is.no.address.at.all", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (host_is_loopback(span_of(rows[i].host)) != rows[i].is_loopback) {
            fail_msg("%s", rows[i].host);
        }
    }
}

static void test_origins(void **state)
{
    static const struct {
        const char *origin;
        const char *host;
        bool is_same;
    } rows[] = {
        {"http://localhost:8090", "localhost:8090", true},
        {"HTTP://LOCALHOST:8090", "localhost:8090", true},
        {"http://[::1]:8090", "[::1]:8090", true},
        {"http://gate.example", "gate.example", true},
        {"http://gate.example", "gate.example:80", true},
        {"http://gate.example:80", "gate.example", true},
        {"https://gate.example", "gate.example:443", true},
        {"https://gate.example", "gate.example", true},
        {"https://gate.example:80", "gate.example", false},
        {"http://localhost:8090", "localhost:8091", false},
        {"http://localhost", "localhost:8090", false},
        {"http://evil.example", "localhost:8090", false},
        {"http://localhost:8090.evil.example", "localhost:8090", false},
        {"http://evil.example/localhost:8090", "localhost:8090", false},
        {"null", "localhost:8090", false},
        {"null", "null", false},
        {"", "localhost:8090", false},
        {"http://", "", false},
        {"file://", "localhost:8090", false},
        {"localhost:8090", "localhost:8090", false},
        {"http://localhost:8090", "", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (origin_is_host(span_of(rows[i].origin), span_of(rows[i].host)) != rows[i].is_same) {
            fail_msg("%s for %s", rows[i].origin, rows[i].host);
        }
    }
}

/* ---- single fields ------------------------------------------------------------------------------ */

static void test_media_types(void **state)
{
    static const struct {
        const char *field;
        bool is_json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json;charset=utf-8", true},
        {"application/json ; charset=\"UTF-8\"", true},
        {"application/json;", true},
        {"application/json; charset=latin1", false},
        {"application/json; charset=utf-8; x=y", false},
        {"application/jsonp", false},
        {"application/json-patch+json", false},
        {"application/problem+json", false},
        {"text/json", false},
        {" application/json", false},
        {"", false},
        {NULL, false},
        {"multipart/form-data; boundary=application/json", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (media_type_is(rows[i].field, "application/json") != rows[i].is_json) {
            fail_msg("%s", rows[i].field != NULL ? rows[i].field : "(none)");
        }
    }
}

static void test_prefer(void **state)
{
    static const struct {
        const char *field;
        int seconds;
    } rows[] = {
        {NULL, -1},
        {"", -1},
        {"wait", 60},
        {"Wait", 60},
        {"wait=0", 0},
        {"wait=30", 30},
        {"wait=60", 60},
        {"wait=61", 60},
        {"wait=999999999", 60},
        {"wait = 5", 5},
        {"wait=\"5\"", 5},
        {"respond-async, wait=7", 7},
        {"wait=7, respond-async", 7},
        {"respond-async,wait", 60},
        {"handling=lenient; wait=3, wait=4", 4},
        {"wait=5; x=y", 5},
        {"wait=", -1},
        {"wait=-1", -1},
        {"wait=1.5", -1},
        {"wait=5s", -1},
        {"wait=9999999999", -1},
        {"waiting=5", -1},
        {"return=minimal", -1},
        {"await=5", -1},
        {",,,", -1},
        {"wait=\"", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int seconds = prefer_wait_s(rows[i].field, 60);

        if (seconds != rows[i].seconds) {
            fail_msg("%s: %d", rows[i].field != NULL ? rows[i].field : "(none)", seconds);
        }
    }
}

static void test_keys_and_ids(void **state)
{
    char text[300];

    (void)state;
    assert_true(idempotency_key_valid("a"));
    assert_true(idempotency_key_valid("!~\"\\"));
    assert_false(idempotency_key_valid(""));
    assert_false(idempotency_key_valid("a b"));
    assert_false(idempotency_key_valid("\xc3\xa9"));
    memset(text, 'x', sizeof text);
    text[255] = '\0';
    assert_true(idempotency_key_valid(text));
    text[255] = 'x';
    text[256] = '\0';
    assert_false(idempotency_key_valid(text));

    text[64] = '\0';
    assert_true(request_id_valid(text));
    text[64] = 'x';
    text[65] = '\0';
    assert_false(request_id_valid(text));
    assert_true(request_id_valid("A-b_c.9"));
    assert_false(request_id_valid(""));
    assert_false(request_id_valid("a b"));
    assert_false(request_id_valid("a\"b"));
}

static void test_decimals(void **state)
{
    int value = 42;

    (void)state;
    assert_true(decimal_parse("0", 0, 60, &value));
    assert_int_equal(value, 0);
    assert_true(decimal_parse("060", 0, 60, &value));
    assert_int_equal(value, 60);
    assert_false(decimal_parse("61", 0, 60, &value));
    assert_false(decimal_parse("0", 1, 60, &value));
    assert_false(decimal_parse("", 0, 60, &value));
    assert_false(decimal_parse("-1", -5, 60, &value));
    assert_false(decimal_parse("+1", 0, 60, &value));
    assert_false(decimal_parse(" 1", 0, 60, &value));
    assert_false(decimal_parse("1e1", 0, 60, &value));
    assert_false(decimal_parse("99999999999999999999", 0, 60, &value));
    assert_int_equal(value, 60);
}

static void test_dispositions(void **state)
{
    static const struct {
        const char *name;
        const char *result;
    } rows[] = {
        {"a.png", "inline; filename=\"a.png\""},
        {"a b.png", "inline; filename=\"a b.png\""},
        {"", "inline; filename=\"\""},
        {"\xc3\xa9.png", "inline; filename=\"_.png\"; filename*=UTF-8''%C3%A9.png"},
        {"a\"b\\c", "inline; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"},
        {"a\r\nSet-Cookie: x", "inline; filename=\"a__Set-Cookie: x\"; "
                               "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"},
        {"../x", "inline; filename=\".._x\"; filename*=UTF-8''..%2Fx"},
        {"50%.png", "inline; filename=\"50_.png\"; filename*=UTF-8''50%25.png"},
        {"\xff.png", "inline; filename=\"_.png\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear) struct buf text = BUF_INIT(400);

        disposition_write(&text, "inline", rows[i].name);
        assert_string_equal(buf_str(&text), rows[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),  cmocka_unit_test(test_loopback_hosts),
        cmocka_unit_test(test_origins),  cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_prefer),   cmocka_unit_test(test_keys_and_ids),
        cmocka_unit_test(test_decimals), cmocka_unit_test(test_dispositions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
