#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "wire/read.h"

static void json_delete_ptr(cJSON **json)
{
    cJSON_Delete(*json);
}

static void test_json(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_json;
    } rows[] = {
        {"{}", 2, true},     {" \t\r\n{} \t\r\n", 10, true},
        {"7", 1, true},      {"null", 4, true},
        {"", 0, false},      {" ", 1, false},
        {"{}\0", 3, false},  {"{}{}", 4, false},
        {"{}x", 3, false},   {"{}x", 2, true},
        {"{", 1, false},     {"[1,]", 4, false},
        {"{} \v", 4, false}, {"nul", 3, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        /* Of its own, so that a byte too far is seen. */
        AUTO(free_ptr) char *copy = xmalloc(rows[i].len + 1);
        AUTO(json_delete_ptr) cJSON *json = NULL;

        memcpy(copy, rows[i].text, rows[i].len);
        copy = xrealloc(copy, rows[i].len > 0 ? rows[i].len : 1);
        json = read_json((struct span){copy, rows[i].len});
        if ((json != NULL) != rows[i].is_json) {
            fail_msg("row %zu: \"%s\"", i, rows[i].text);
        }
    }
}

static void test_members(void **state)
{
    AUTO(json_delete_ptr)
    cJSON *json = read_json(
        span_of("{\"t\":\"x\",\"n\":7.9,\"big\":9007199254740993000,\"inf\":1e999,\"neg\":-3,"
                "\"yes\":true,\"no\":false,\"null\":null,\"o\":{},\"T\":\"upper\"}"));

    (void)state;
    assert_string_equal(read_text(json, "t"), "x");
    assert_string_equal(read_text(json, "n"), "");
    assert_string_equal(read_text(json, "absent"), "");
    assert_string_equal(read_text(NULL, "t"), "");
    assert_int_equal(read_int(json, "n", -1), 7);
    assert_int_equal(read_int(json, "neg", 0), -3);
    assert_int_equal(read_int(json, "big", -1), -1);
    assert_int_equal(read_int(json, "inf", -1), -1);
    assert_int_equal(read_int(json, "t", -1), -1);
    assert_int_equal(read_int(json, "null", -1), -1);
    assert_int_equal(read_int(NULL, "n", -1), -1);
    assert_true(read_number(json, "n", 0) > 7.89 && read_number(json, "n", 0) < 7.91);
    assert_true(read_number(json, "inf", 5) == 5);
    assert_true(read_true(json, "yes"));
    assert_false(read_true(json, "no"));
    assert_false(read_true(json, "n"));
    assert_false(read_true(NULL, "yes"));
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"2026-11-22T23:07:00.123Z", INT64_C(1795388820123)},
        {"2024-02-29T12:00:00.999Z", INT64_C(1709208000999)},
        {"2026-11-22T23:07:00Z", 0},
        {"2026-1x-22T23:07:00.123Z", 0},
        {"2026-00-22T23:07:00.123Z", 0},
        {"2026-11-00T23:07:00.123Z", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(free_ptr) char *text = xasprintf("{\"at\":\"%s\"}", rows[i].text);
        AUTO(json_delete_ptr) cJSON *json = read_json(span_of(text));

        assert_true(read_time_ms(json, "at") == rows[i].ms);
    }
    assert_true(read_time_ms(NULL, "at") == 0);
}

static void test_replace(void **state)
{
    AUTO(json_delete_ptr) cJSON *json = read_json(span_of("{\"a\":1,\"b\":[2]}"));

    (void)state;
    read_replace(json, "a", cJSON_GetObjectItem(json, "b"));
    read_replace(json, "c", cJSON_GetObjectItem(json, "b"));
    assert_int_equal(cJSON_GetArraySize(json), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "a")), 1);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "c")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_replace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
