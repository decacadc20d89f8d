#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/uri.h"

static void test_targets(void **state)
{
    static const struct {
        const char *raw;
        enum errc code;
        size_t segments;
        const char *first; /* segment; NULL = not looked at */
    } rows[] = {
        {"/", ERR_NONE, 1, ""},
        {"/livez", ERR_NONE, 1, "livez"},
        {"/v1/jobs/x", ERR_NONE, 3, "v1"},
        {"/v1/jobs/", ERR_NONE, 3, "v1"},
        {"//livez", ERR_NONE, 2, ""},
        {"/a%2Fb/c", ERR_NONE, 2, "a/b"},
        {"/%6Civez", ERR_NONE, 1, "livez"},
        {"/%C3%A9", ERR_NONE, 1, "\xc3\xa9"},
        {"/\xc3\xa9", ERR_NONE, 1, "\xc3\xa9"},
        {"/a+b", ERR_NONE, 1, "a+b"},
        {"/../../etc/passwd", ERR_NONE, 4, ".."},
        {"/a/b/c/d/e/f/g/h", ERR_NONE, 8, "a"},
        {"/a/b/c/d/e/f/g/h/i", ERR_NONE, URI_SEGMENTS_MAX + 1, "a"},
        {"http://host:1/a", ERR_NONE, 1, "a"},
        {"HTTPS://host/a?b=c", ERR_NONE, 1, "a"},
        {"", ERR_BAD_REQUEST, 0, NULL},
        {"*", ERR_BAD_REQUEST, 0, NULL},
        {"livez", ERR_BAD_REQUEST, 0, NULL},
        {"host:80", ERR_BAD_REQUEST, 0, NULL},
        {"http://host", ERR_BAD_REQUEST, 0, NULL},
        {"ftp://host/a", ERR_BAD_REQUEST, 0, NULL},
        {"/a%", ERR_BAD_REQUEST, 0, NULL},
        {"/a%4", ERR_BAD_REQUEST, 0, NULL},
        {"/a%4/b", ERR_BAD_REQUEST, 0, NULL},
        {"/a%zz", ERR_BAD_REQUEST, 0, NULL},
        {"/a%+1", ERR_BAD_REQUEST, 0, NULL},
        {"/a%00b", ERR_BAD_REQUEST, 0, NULL},
        {"/a?b=%00", ERR_BAD_REQUEST, 0, NULL},
        {"/a?%00", ERR_BAD_REQUEST, 0, NULL},
        {"/a?b=%4", ERR_BAD_REQUEST, 0, NULL},
        {"/a#b", ERR_BAD_REQUEST, 0, NULL},
        {"/a\\b", ERR_BAD_REQUEST, 0, NULL},
        {"/a\tb", ERR_BAD_REQUEST, 0, NULL},
        {"/a b", ERR_BAD_REQUEST, 0, NULL},
        {"/a\x7f", ERR_BAD_REQUEST, 0, NULL},
        {"/%ff", ERR_INVALID_UTF8, 0, NULL},
        {"/%C3", ERR_INVALID_UTF8, 0, NULL},
        {"/%ED%A0%80", ERR_INVALID_UTF8, 0, NULL},
        {"/a?b=%C0%80", ERR_INVALID_UTF8, 0, NULL},
        {"/a?%fe=b", ERR_INVALID_UTF8, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(uri_clear) struct uri uri;
        struct err e = ERR_INIT;
        enum errc code = uri_parse(span_of(rows[i].raw), &uri, &e);

        if (code != rows[i].code || e.code != code) {
            fail_msg("%s: %s", rows[i].raw, err_code(code));
        }
        if (code == ERR_NONE &&
            (uri.segment_count != rows[i].segments || strcmp(uri.segment[0], rows[i].first) != 0)) {
            fail_msg("%s: %zu segments, first \"%s\"", rows[i].raw, uri.segment_count,
                     uri.segment[0]);
        }
    }
}

static void test_escaped_separators_separate_nothing(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(uri_parse(span_of("/x%2Fy/z%3Fq?a%26b=c%3Dd&e=f"), &uri, &e), ERR_NONE);
    assert_int_equal(uri.segment_count, 2);
    assert_string_equal(uri.segment[0], "x/y");
    assert_string_equal(uri.segment[1], "z?q");
    assert_int_equal(uri.param_count, 2);
    assert_string_equal(uri_param(&uri, "a&b"), "c=d");
    assert_string_equal(uri_param(&uri, "e"), "f");
}

static void test_params(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(
        uri_parse(span_of("/a?&x=1+2&&y&z=&=v&w=a=b?c&x=3&metadata.k%20=%E2%82%AC&"), &uri, &e),
        ERR_NONE);
    assert_int_equal(uri.param_count, 7);
    assert_string_equal(uri_param(&uri, "x"), "1 2");
    assert_string_equal(uri_param(&uri, "y"), "");
    assert_string_equal(uri_param(&uri, "z"), "");
    assert_string_equal(uri_param(&uri, ""), "v");
    assert_string_equal(uri_param(&uri, "w"), "a=b?c");
    assert_string_equal(uri_param(&uri, "metadata.k "), "\xe2\x82\xac");
    assert_null(uri_param(&uri, "absent"));
}

static void test_ceilings(void **state)
{
    AUTO(free_ptr) char *long_target = xcalloc(1, URI_MAX + 2);
    AUTO(buf_clear) struct buf many = BUF_INIT(4096);
    struct uri uri;
    struct err e = ERR_INIT;

    (void)state;
    memset(long_target, '/', URI_MAX + 1);
    assert_int_equal(uri_parse(span_of(long_target), &uri, &e), ERR_HEADERS_TOO_LARGE);
    uri_clear(&uri);
    assert_int_equal(uri_parse((struct span){long_target, URI_MAX}, &uri, &e), ERR_NONE);
    uri_clear(&uri);

    (void)buf_append_str(&many, "/?");
    for (int i = 0; i < URI_PARAMS_MAX; i++) {
        (void)buf_appendf(&many, "p%d=%d&", i, i);
    }
    assert_int_equal(uri_parse(buf_span(&many), &uri, &e), ERR_NONE);
    assert_string_equal(uri_param(&uri, "p23"), "23");
    uri_clear(&uri);
    (void)buf_append_str(&many, "more");
    assert_int_equal(uri_parse(buf_span(&many), &uri, &e), ERR_INVALID_PARAMETER);
    uri_clear(&uri);
}

static void test_authority(void **state)
{
    AUTO(uri_clear) struct uri uri;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(uri_parse(span_of("http://[::1]:80/v1/jobs?limit=1"), &uri, &e), ERR_NONE);
    assert_true(span_is(uri.authority, "[::1]:80"));
    assert_string_equal(uri.segment[1], "jobs");
    assert_string_equal(uri_param(&uri, "limit"), "1");
}

static void test_check_params(void **state)
{
    static const struct {
        const char *query;
        const char *known;
        size_t faults;
        const char *first; /* fault */
    } rows[] = {
        {"/", "", 0, NULL},
        {"/?", "", 0, NULL},
        {"/?a=1", "a", 0, NULL},
        {"/?a=1", "", 1, "a"},
        {"/?a=1&b=2", "b", 1, "a"},
        {"/?a=1&b=2&c=3", "b a", 1, "c"},
        {"/?ab=1", "a b abc", 1, "ab"},
        {"/?a=1&a=1", "a", 1, "a"},
        {"/?a=1&b&a=2&c", "a", 3, "b"},
        {"/?metadata.x=1", "q metadata.*", 0, NULL},
        {"/?metadata.x=1&metadata.y=1", "metadata.* q", 0, NULL},
        {"/?metadata.x=1&metadata.x=2", "metadata.*", 1, "metadata.x"},
        {"/?metadata=1", "metadata.*", 1, "metadata"},
        {"/?=1", "a", 1, "(empty)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(uri_clear) struct uri uri;
        struct err e = ERR_INIT;
        enum errc code;

        assert_int_equal(uri_parse(span_of(rows[i].query), &uri, &e), ERR_NONE);
        code = uri_check_params(&uri, rows[i].known, &e);
        if ((code == ERR_INVALID_PARAMETER) != (rows[i].faults > 0) ||
            e.item_count != rows[i].faults ||
            (e.item_count > 0 && strcmp(e.item[0].at, rows[i].first) != 0)) {
            fail_msg("%s: %zu faults, first at %s", rows[i].query, e.item_count, e.item[0].at);
        }
    }
}

static void test_encode(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(200);

    (void)state;
    uri_encode(&text, "aZ09-._~ &=+%/?#\xc3\xa9\n");
    assert_string_equal(buf_str(&text), "aZ09-._~%20%26%3D%2B%25%2F%3F%23%C3%A9%0A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_escaped_separators_separate_nothing),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_authority),
        cmocka_unit_test(test_check_params),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
