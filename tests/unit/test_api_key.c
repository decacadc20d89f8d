/* test_api_key.c - the form of keys, their names, scopes and times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/api_key.h"

#define NOW INT64_C(1700000000000)
#define DAY (INT64_C(24) * 3600 * 1000)

static void test_a_key_is_made(void **state)
{
    struct api_key a = {.role = ROLE_USER};
    struct api_key b = {.role = ROLE_USER};
    char first[API_KEY_SIZE];
    char second[API_KEY_SIZE];
    char hash[65];

    (void)state;
    api_key_make(&a, NOW, first);
    api_key_make(&b, NOW, second);
    assert_int_equal(strlen(first), API_KEY_LEN);
    assert_true(api_key_has_form(span_of(first)));
    assert_string_not_equal(first, second);
    assert_false(id_eq(a.id, b.id));
    sha256_hex(span_of(first), hash);
    assert_string_equal(a.sha256, hash);
    assert_int_equal(a.created_at, NOW);
}

static void test_form(void **state)
{
    static const char GOOD[] = "cg_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZa";
    char bad[API_KEY_SIZE];

    (void)state;
    assert_true(api_key_has_form(span_of(GOOD)));
    assert_false(api_key_has_form(span_of("")));
    assert_false(api_key_has_form((struct span){NULL, 0}));
    assert_false(api_key_has_form((struct span){GOOD, API_KEY_LEN - 1}));
    assert_false(api_key_has_form(span_of("cg_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZab")));
    for (size_t i = 0; i < API_KEY_LEN; i++) {
        static const char WRONG[] = {'=', '+', '/', ' ', '\n', '\0', (char)0xc3};

        for (size_t w = 0; w < sizeof WRONG; w++) {
            memcpy(bad, GOOD, sizeof bad);
            bad[i] = WRONG[w];
            assert_false(api_key_has_form((struct span){bad, API_KEY_LEN}));
        }
    }
}

static void test_names(void **state)
{
    static const char LONGEST[] =
        "a123456789b123456789c123456789d123456789e123456789f123456789g123";
    static const char *const GOOD[] = {"a", "0", "anna", "ci.build-2_x", "9lives", LONGEST};
    static const char *const BAD[] = {"",    "-a",  ".a",  "_a",       "Anna",
                                      "a b", "a/b", "a\n", "\xc3\xa4", "a:b"};
    AUTO(free_ptr) char *too_long = xasprintf("%sx", LONGEST);

    (void)state;
    assert_int_equal(strlen(LONGEST), API_KEY_NAME_MAX);
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        assert_true(api_key_name_ok(span_of(GOOD[i])));
    }
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        assert_false(api_key_name_ok(span_of(BAD[i])));
    }
    assert_false(api_key_name_ok(span_of(too_long)));
    assert_false(api_key_name_ok((struct span){"a\0b", 3}));
}

static void test_roles(void **state)
{
    unsigned viewer = role_scopes(ROLE_VIEWER);
    unsigned user = role_scopes(ROLE_USER);
    unsigned runs = role_scopes(ROLE_OPERATOR);
    unsigned admin = role_scopes(ROLE_ADMIN);
    enum role role = ROLE_NONE;

    (void)state;
    assert_int_equal(role_scopes(ROLE_NONE), 0);
    assert_null(role_word(ROLE_NONE));
    assert_null(role_doc(ROLE_NONE));
    /* Each has what the one before has, and more. */
    assert_true((viewer & ~user) == 0 && user != viewer);
    assert_true((user & ~runs) == 0 && runs != user);
    assert_true((runs & ~admin) == 0 && admin != runs);
    assert_int_equal(admin, SCOPES_ALL);
    assert_int_equal(admin & ~runs, SCOPE_BIT(SCOPE_KEYS_WRITE));
    assert_int_equal(user & (SCOPE_BIT(SCOPE_JOBS_RAW) | SCOPE_BIT(SCOPE_JOBS_ALL)), 0);
    assert_int_equal(viewer & (SCOPE_BIT(SCOPE_JOBS_WRITE) | SCOPE_BIT(SCOPE_ASSETS_WRITE)), 0);
    for (int i = ROLE_NONE + 1; i < ROLE_COUNT; i++) {
        assert_true(role_parse(span_of(role_word((enum role)i)), &role));
        assert_int_equal(role, i);
        assert_true(strlen(role_doc((enum role)i)) > 10);
    }
    assert_false(role_parse(span_of("root"), &role));
    assert_false(role_parse(span_of(""), &role));
}

static void test_scopes_as_text(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1000);
    enum scope scope = SCOPE_COUNT;

    (void)state;
    for (int i = 0; i < SCOPE_COUNT; i++) {
        assert_true(scope_parse(span_of(scope_word((enum scope)i)), &scope));
        assert_int_equal(scope, i);
        assert_true(strlen(scope_doc((enum scope)i)) > 10);
    }
    assert_false(scope_parse(span_of("jobs"), &scope));
    for (unsigned scopes = 0; scopes <= SCOPES_ALL; scopes++) {
        buf_reset(&text);
        scopes_write(&text, scopes);
        assert_int_equal(scopes_read(buf_span(&text)), scopes);
    }
    assert_int_equal(scopes_read(span_of("jobs:read moon:shine  keys:write")),
                     SCOPE_BIT(SCOPE_JOBS_READ) | SCOPE_BIT(SCOPE_KEYS_WRITE));
}

static void test_status(void **state)
{
    struct api_key k = {.expires_at = 0};

    (void)state;
    assert_int_equal(api_key_status(&k, NOW), API_KEY_ACTIVE);
    k.expires_at = NOW + 1;
    assert_int_equal(api_key_status(&k, NOW), API_KEY_ACTIVE);
    assert_int_equal(api_key_status(&k, NOW + 1), API_KEY_EXPIRED);
    k.revoked_at = NOW;
    assert_int_equal(api_key_status(&k, NOW + 1), API_KEY_REVOKED);
}

static void test_expiry(void **state)
{
    static const char *const BAD[] = {"",      "d",          "90",         "90 d",
                                      "0d",    "-1d",        "1y",         "1.5d",
                                      "90dd",  "1d ",        "36526d",     "soon",
                                      "12:00", "999999999m", "2001-01-01", "2023-11-14T22:13:20Z"};
    int64_t at = 7;

    (void)state;
    assert_true(api_key_expiry_parse("90d", NOW, &at));
    assert_int_equal(at, NOW + 90 * DAY);
    assert_true(api_key_expiry_parse("5m", NOW, &at));
    assert_int_equal(at, NOW + 300000);
    assert_true(api_key_expiry_parse("12h", NOW, &at));
    assert_int_equal(at, NOW + DAY / 2);
    assert_true(api_key_expiry_parse("2w", NOW, &at));
    assert_int_equal(at, NOW + 14 * DAY);
    assert_true(api_key_expiry_parse("36525d", NOW, &at));
    assert_true(api_key_expiry_parse("2023-11-14T22:13:21Z", NOW, &at));
    assert_int_equal(at, NOW + 1000);
    at = 7;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        assert_false(api_key_expiry_parse(BAD[i], NOW, &at));
    }
    assert_int_equal(at, 7);
}

static void test_json(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(API_KEY_JSON_MAX);
    struct json_out o = json_out_to(&text);
    struct api_key k = {.role = ROLE_NONE,
                        .extra_scopes = SCOPE_BIT(SCOPE_METRICS_READ),
                        .name = "prometheus",
                        .sha256 = "never",
                        .created_at = NOW};

    (void)state;
    api_key_json(&o, NULL, &k, NOW, NULL);
    assert_string_equal(buf_str(&text),
                        "{\"id\":\"\",\"name\":\"prometheus\",\"role\":null,\"scopes\":[\"metrics:"
                        "read\"],\"status\":\"active\",\"created_at\":\"2023-11-14T22:13:20.000Z\","
                        "\"created_by\":null,\"expires_at\":null,\"revoked_at\":null,"
                        "\"last_used_at\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_made),  cmocka_unit_test(test_form),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_roles),
        cmocka_unit_test(test_scopes_as_text), cmocka_unit_test(test_status),
        cmocka_unit_test(test_expiry),         cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
