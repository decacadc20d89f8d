/* test_credentials.c - what Authorization and Cookie say, and what a session is worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "http/credentials.h"

#define NOW INT64_C(1700000000)

static void test_bearer(void **state)
{
    static const struct {
        const char *field;
        const char *token; /* NULL = it is no bearer's */
    } rows[] = {
        {"Bearer abc", "abc"},  {"bearer abc", "abc"}, {"BEARER   abc  ", "abc"},
        {"Bearer\tabc", "abc"}, {"Bearer", ""},        {"Bearer ", ""},
        {"Bearer a b", ""},     {"Bearer a,b", ""},    {"Bearer a, Basic b", ""},
        {"Bearerabc", NULL},    {"Bearer=abc", NULL},  {" Bearer abc", NULL},
        {"Basic abc", NULL},    {"Beare", NULL},       {"", NULL},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span token = SPAN_LIT("untouched");
        bool is_bearer = bearer_parse(rows[i].field, &token);

        if (is_bearer != (rows[i].token != NULL) ||
            !span_is(token, is_bearer ? rows[i].token : "untouched")) {
            fail_msg("%s: %.*s", rows[i].field, (int)token.len, token.ptr);
        }
    }
}

static void test_cookie(void **state)
{
    static const struct {
        const char *field;
        const char *value; /* NULL = there is none */
    } rows[] = {
        {"s=1", "1"},       {"a=2; s=1; b=3", "1"},
        {"a=2;s=1", "1"},   {";; s=1 ;", "1"},
        {"s=", ""},         {"s=a=b", "a=b"},
        {"ss=2; s=1", "1"}, {"s=1; s=2", NULL}, /* whose is it? */
        {"s=1; s=1", NULL}, {"S=1", NULL},
        {"ss=1", NULL},     {"s", NULL},
        {"a=s=1", NULL},    {"", NULL},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span value = SPAN_LIT("untouched");
        bool is_there = cookie_find(rows[i].field, "s", &value);

        if (is_there != (rows[i].value != NULL) ||
            !span_is(value, is_there ? rows[i].value : "untouched")) {
            fail_msg("%s: %.*s", rows[i].field, (int)value.len, value.ptr);
        }
    }
}

static void test_session(void **state)
{
    static const char HASH[] = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00fe";
    const unsigned char secret[SESSION_SECRET_SIZE] = {1, 2, 3};
    const unsigned char other[SESSION_SECRET_SIZE] = {1, 2, 4};
    char text[SESSION_TEXT_SIZE];
    char again[SESSION_TEXT_SIZE];
    char hash[65] = "";
    int64_t until = 0;

    (void)state;
    (void)session_seal(secret, HASH, NOW + 10, text);
    assert_string_not_equal(text, session_seal(secret, HASH, NOW + 10, again));
    assert_null(strstr(text, "00ff"));
    assert_true(session_open(secret, span_of(text), NOW, hash, &until));
    assert_string_equal(hash, HASH);
    assert_int_equal(until, NOW + 10);
    assert_true(session_open(secret, span_of(text), NOW + 9, hash, &until));
    assert_false(session_open(secret, span_of(text), NOW + 10, hash, &until));
    assert_false(session_open(other, span_of(text), NOW, hash, &until));
}

/* No byte of it can be another, and none can be left out or added. */
static void test_a_changed_session_is_none(void **state)
{
    static const char HASH[] = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00fe";
    const unsigned char secret[SESSION_SECRET_SIZE] = {7};
    char text[SESSION_TEXT_SIZE + 1];
    char hash[65];
    int64_t until = 0;
    size_t len = 0;

    (void)state;
    (void)session_seal(secret, HASH, NOW + 10, text);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        static const char OTHER[] = {'A', 'B', '-', '=', '\0', ' '};
        char was = text[i];

        for (size_t c = 0; c < sizeof OTHER; c++) {
            text[i] = OTHER[c];
            assert_false(was != OTHER[c] &&
                         session_open(secret, (struct span){text, len}, NOW, hash, &until));
        }
        text[i] = was;
        assert_false(session_open(secret, (struct span){text, i}, NOW, hash, &until));
    }
    text[len] = 'A';
    assert_false(session_open(secret, (struct span){text, len + 1}, NOW, hash, &until));
    assert_false(session_open(secret, SPAN_NONE, NOW, hash, &until));
    assert_true(session_open(secret, (struct span){text, len}, NOW, hash, &until));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_a_changed_session_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
