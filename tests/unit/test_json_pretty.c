#include "wire_fixture.h"

#include "core/json_pretty.h"

static const struct json_limits limits = {.depth = 64, .nodes = 10000};

static const struct {
    const char *text;
    const char *pretty;
} rows[] = {
    {"7.0", "7.0\n"},
    {"{}", "{}\n"},
    {"[ ]", "[]\n"},
    {"{\"a\":[1,\n2],\"b\":{}}", "{\n  \"a\": [1, 2],\n  \"b\": {}\n}\n"},
    {"[18446744073709551615,\"\\u00fc\",null,[]]",
     "[\n  18446744073709551615,\n  \"\\u00fc\",\n  null,\n  []\n]\n"},
    /* 100 columns fit into a line, 101 do not. */
    {"{\"k\":["
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}",
     "{\n  \"k\": "
     "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa\"]\n}\n"},
    {"{\"k\":["
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "\"]}",
     "{\n  \"k\": [\n    "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaa\"\n  ]\n}\n"},
};

static void test_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(json_free_ptr) struct json_doc *doc = NULL;
        AUTO(buf_clear) struct buf out = BUF_INIT(4096);

        assert_int_equal(json_parse(span_of(rows[i].text), JSON_STRICT, limits, &doc, NULL),
                         ERR_NONE);
        json_pretty(doc, &out);
        assert_string_equal(buf_str(&out), rows[i].pretty);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
