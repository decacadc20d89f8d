/* Half of these tests are other people's: Debian's package json-schema-test-suite. It has no 2020-12
 * yet; for the keywords that we know, draft 7 says the same, but for the array form of `items`. */
#include "wire_fixture.h"

#include "base/mem.h"
#include "core/json_schema.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7/"

static const struct json_limits limits = {.depth = 200, .nodes = 200000};

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    if (json_parse(span_of(text), JSON_STRICT, limits, &doc, &e) != ERR_NONE) {
        fail_msg("%s: %s", text, e.detail);
    }
    return doc;
}

/* ---- the suite ------------------------------------------------------------------------------- */

/* Its files, and all that is in them but for what is named below. */
static const char *const suite_files[] = {
    "additionalProperties",
    "boolean_schema",
    "const",
    "default",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "properties",
    "required",
    "type",
    "uniqueItems",
    "optional/bignum",
    "optional/zeroTerminatedFloats",
};

/* Files whose keywords are not supported: each of their schemas must be refused. */
static const char *const refused_files[] = {
    "additionalItems", "definitions",       "refRemote",     "allOf", "anyOf",
    "contains",        "dependencies",      "if-then-else",  "not",   "oneOf",
    "pattern",         "patternProperties", "propertyNames",
};

struct skipped {
    const char *file;
    const char *group;
    const char *reason;
};

/* Exactly these: one that is here but compiles, or is refused but not here, fails the test. */
static const struct skipped skipped[] = {
    {"additionalProperties", "additionalProperties being false does not allow other properties",
     "patternProperties is not supported: there is no pattern"},
    {"additionalProperties", "non-ASCII pattern with additionalProperties",
     "patternProperties is not supported: there is no pattern"},
    {"properties", "properties, patternProperties, additionalProperties interaction",
     "patternProperties is not supported: there is no pattern"},
    {"items", "an array of schemas for items", "2020-12 calls this prefixItems; not supported"},
    {"items", "items with boolean schemas", "2020-12 calls this prefixItems; not supported"},
};

static const struct skipped *find_skipped(const char *file, const char *group)
{
    for (size_t i = 0; i < COUNT_OF(skipped); i++) {
        if (strcmp(skipped[i].file, file) == 0 && strcmp(skipped[i].group, group) == 0) {
            return &skipped[i];
        }
    }
    return NULL;
}

static size_t suite_cases;
static size_t suite_faults;

static void run_group(const char *file, const struct json_doc *doc, json_ref group)
{
    AUTO(free_ptr) char *name = json_str_dup(doc, json_get(doc, group, "description"));
    json_ref tests = json_get(doc, group, "tests");
    const struct skipped *skip = find_skipped(file, name);
    struct json_schema *schema = NULL;
    struct err e = ERR_INIT;

    if (json_schema_compile(doc, json_get(doc, group, "schema"), NULL, &schema, &e) != ERR_NONE) {
        if (skip == NULL) {
            print_error("%s: %s: refused: %s %s\n", file, name, e.item[0].at, e.item[0].detail);
            suite_faults++;
        }
        return;
    }
    if (skip != NULL) {
        print_error("%s: %s compiles, but is skipped: %s\n", file, name, skip->reason);
        suite_faults++;
    }
    for (json_ref t = json_first(doc, tests); t != JSON_NONE; t = json_next(doc, t)) {
        AUTO(free_ptr) char *what = json_str_dup(doc, json_get(doc, t, "description"));
        bool is_valid = false;
        struct err fault = ERR_INIT;

        assert_true(json_bool(doc, json_get(doc, t, "valid"), &is_valid));
        suite_cases++;
        if ((json_schema_validate(schema, doc, json_get(doc, t, "data"), "", &fault) == ERR_NONE) !=
            is_valid) {
            print_error("%s: %s: %s: should be %s\n", file, name, what,
                        is_valid ? "valid" : "invalid");
            suite_faults++;
        }
        assert_int_equal(fault.item_count > 0, fault.code != ERR_NONE);
    }
    json_schema_free(schema);
}

static struct json_doc *read_suite(const char *file, struct buf *text)
{
    char path[256];
    struct json_doc *doc = NULL;

    (void)snprintf(path, sizeof path, SUITE "%s.json", file);
    *text = read_whole(path); /* fails when the package is not installed */
    assert_int_equal(json_parse(buf_span(text), JSON_STRICT, limits, &doc, NULL), ERR_NONE);
    return doc;
}

static void test_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(suite_files); i++) {
        AUTO(buf_clear) struct buf text = BUF_INIT(0);
        AUTO(json_free_ptr) struct json_doc *doc = read_suite(suite_files[i], &text);

        for (json_ref g = json_first(doc, 0); g != JSON_NONE; g = json_next(doc, g)) {
            run_group(suite_files[i], doc, g);
        }
    }
    print_message("%zu cases\n", suite_cases);
    assert_true(suite_cases > 200);
    assert_int_equal(suite_faults, 0);
}

static void assert_refused(const char *file, const struct json_doc *doc, json_ref group)
{
    AUTO(free_ptr) char *name = json_str_dup(doc, json_get(doc, group, "description"));
    struct json_schema *schema = NULL;
    struct err e = ERR_INIT;

    if (json_schema_compile(doc, json_get(doc, group, "schema"), NULL, &schema, &e) == ERR_NONE) {
        fail_msg("%s: %s is accepted", file, name);
    }
}

/* A rule that we do not enforce is never taken for one that we do. */
static void test_suite_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused_files); i++) {
        AUTO(buf_clear) struct buf text = BUF_INIT(0);
        AUTO(json_free_ptr) struct json_doc *doc = read_suite(refused_files[i], &text);

        for (json_ref g = json_first(doc, 0); g != JSON_NONE; g = json_next(doc, g)) {
            assert_refused(refused_files[i], doc, g);
        }
    }
}

/* ---- our own cases --------------------------------------------------------------------------- */

static struct json_schema *compile(const struct json_doc *doc)
{
    struct json_schema *schema = NULL;
    struct err e = ERR_INIT;

    if (json_schema_compile(doc, 0, NULL, &schema, &e) != ERR_NONE) {
        fail_msg("%s: %s", e.item[0].at, e.item[0].detail);
    }
    return schema;
}

struct value_row {
    const char *schema;
    const char *value;
    const char *at; /* of the first fault; NULL = valid */
    const char *kind;
    const char *detail;
};

static const struct value_row value_rows[] = {
    /* numbers are exact */
    {"{\"maximum\":18446744073709551615}", "18446744073709551615", NULL, NULL, NULL},
    {"{\"maximum\":18446744073709551615}", "18446744073709551616", "/in", "out_of_range",
     "at most 18446744073709551615"},
    {"{\"maximum\":9007199254740992}", "9007199254740993", "/in", "out_of_range", "at most"},
    {"{\"minimum\":-9223372036854775808}", "-9223372036854775809", "/in", "out_of_range", ""},
    {"{\"const\":9007199254740993}", "9007199254740992", "/in", "not_in_list", ""},
    {"{\"const\":9007199254740993}", "9007199254740993.0", NULL, NULL, NULL},
    {"{\"const\":0}", "-0.0e5", NULL, NULL, NULL},
    {"{\"const\":100}", "1e2", NULL, NULL, NULL},
    {"{\"const\":0.1}", "100e-3", NULL, NULL, NULL},
    {"{\"const\":0.1}", "0.1000000000000000055511151231257827", "/in", "not_in_list", ""},
    {"{\"maximum\":0.3}", "0.30000000000000004", "/in", "out_of_range", "at most 0.3"},
    {"{\"exclusiveMinimum\":0}", "1e-400", NULL, NULL, NULL},
    {"{\"exclusiveMinimum\":0}", "0e400", "/in", "out_of_range", "more than 0"},
    {"{\"maximum\":1e400}", "2e400", "/in", "out_of_range", ""},
    {"{\"maximum\":5}", "1e99999999999999999999999999", "/in", "out_of_range", ""},
    {"{\"minimum\":-5}", "-1e99999999999999999999999999", "/in", "out_of_range", ""},
    {"{\"minimum\":5}", "1e-99999999999999999999999999", "/in", "out_of_range", ""},
    {"{\"multipleOf\":8}", "1024", NULL, NULL, NULL},
    {"{\"multipleOf\":8}", "1020", "/in", "not_a_multiple", "a multiple of 8"},
    {"{\"multipleOf\":0.01}", "19.99", NULL, NULL, NULL},
    {"{\"multipleOf\":0.01}", "19.999", "/in", "not_a_multiple", ""},
    {"{\"multipleOf\":0.3}", "0.9", NULL, NULL, NULL},
    {"{\"multipleOf\":0.3}", "1e30", "/in", "not_a_multiple", ""},
    {"{\"multipleOf\":3}", "18446744073709551615", NULL, NULL, NULL},
    {"{\"multipleOf\":3}", "18446744073709551614", "/in", "not_a_multiple", ""},
    {"{\"multipleOf\":1024}", "1e10", NULL, NULL, NULL},
    {"{\"multipleOf\":1024}", "1e9", "/in", "not_a_multiple", ""},
    {"{\"multipleOf\":576460752303423488}", "1e999999999", NULL, NULL, NULL},
    {"{\"multipleOf\":1000}", "500", "/in", "not_a_multiple", ""},
    {"{\"multipleOf\":7}", "0", NULL, NULL, NULL},
    {"{\"type\":\"integer\"}", "1.0", NULL, NULL, NULL},
    {"{\"type\":\"integer\"}", "15e-1", "/in", "wrong_type", "must be a whole number"},
    {"{\"type\":\"integer\"}", "150e-1", NULL, NULL, NULL},
    {"{\"type\":[\"string\",\"null\"]}", "1", "/in", "wrong_type", "a string or null"},
    {"{\"type\":\"boolean\"}", "0", "/in", "wrong_type", "true or false"},
    /* texts */
    {"{\"maxLength\":2}", "\"h\xc3\xb6\"", NULL, NULL, NULL},
    {"{\"maxLength\":1}", "\"\xf0\x9f\x98\x80\"", NULL, NULL, NULL},
    {"{\"maxLength\":1}", "\"\\ud83d\\ude00\"", NULL, NULL, NULL},
    {"{\"maxLength\":1}", "\"\\u0000\"", NULL, NULL, NULL},
    {"{\"minLength\":1}", "\"\"", "/in", "too_short", "must not be empty"},
    {"{\"maxLength\":2}", "\"abc\"", "/in", "too_long", "at most 2 characters; it has 3"},
    {"{\"minLength\":2.0}", "\"\\n\"", "/in", "too_short", "at least 2"},
    {"{\"enum\":[\"A\",\"B\"]}", "\"\\u0041\"", NULL, NULL, NULL},
    {"{\"enum\":[\"a\\u0000b\"]}", "\"a\\u0000c\"", "/in", "not_in_list", ""},
    {"{\"enum\":[\"A\",\"B\"]}", "\"C\"", "/in", "not_in_list", "must be one of: \"A\", \"B\""},
    {"{\"enum\":[1,true,null]}", "false", "/in", "not_in_list", "1, true, null"},
    {"{\"enum\":[{\"a\":1,\"b\":[2]}]}", "{\"b\":[2.0],\"a\":1}", NULL, NULL, NULL},
    {"{\"enum\":[{\"a\":1,\"b\":[2]}]}", "{\"b\":[2.0],\"c\":1}", "/in", "not_in_list", ""},
    /* lists and objects */
    {"{\"maxItems\":1}", "[1,2]", "/in", "too_many", "at most 1 entries"},
    {"{\"minItems\":1}", "[]", "/in", "too_few", "must not be empty"},
    {"{\"minItems\":2}", "[0]", "/in", "too_few", "at least 2 entries; it has 1"},
    {"{\"items\":{\"type\":\"string\"}}", "[\"a\",5]", "/in/1", "wrong_type", "a string"},
    {"{\"uniqueItems\":true}", "[1,2,1.0]", "/in/2", "duplicate", "twice"},
    {"{\"uniqueItems\":true}", "[1,true,0,false,\"1\"]", NULL, NULL, NULL},
    {"{\"required\":[\"a~/b\"]}", "{}", "/in/a~0~1b", "required", "is required"},
    {"{\"required\":[\"A\"]}", "{\"\\u0041\":1}", NULL, NULL, NULL},
    {"{\"additionalProperties\":false,\"properties\":{\"a\":true}}", "{\"a\":1,\"b\":2}", "/in/b",
     "unknown_field", "not known"},
    {"{\"additionalProperties\":{\"type\":\"null\"}}", "{\"x/y\":1}", "/in/x~1y", "wrong_type",
     "null"},
    {"{\"properties\":{\"a\":{\"items\":{\"properties\":{\"b\":{\"maximum\":1}}}}}}",
     "{\"a\":[{},{\"b\":2}]}", "/in/a/1/b", "out_of_range", ""},
    {"{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", "/in", "too_many", ""},
    {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/in/a", "not_allowed", ""},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        AUTO(json_free_ptr) struct json_doc *schema_doc = parse(row->schema);
        AUTO(json_free_ptr) struct json_doc *doc = parse(row->value);
        struct json_schema *schema = compile(schema_doc);
        struct err e = ERR_INIT;
        enum errc code = json_schema_validate(schema, doc, 0, "/in", &e);

        print_message("%s %s\n", row->schema, row->value);
        assert_int_equal(code, row->at != NULL ? ERR_VALIDATION_ERROR : ERR_NONE);
        assert_int_equal(json_schema_validate(schema, doc, 0, "/in", NULL), code);
        if (row->at != NULL) {
            assert_string_equal(e.item[0].at, row->at);
            assert_string_equal(e.item[0].code, row->kind);
            assert_contains(e.item[0].detail, row->detail);
        } else {
            assert_int_equal(e.item_count, 0);
        }
        json_schema_free(schema);
    }
}

/* Places are told below the pointer of the value, wherever in its document that is. */
static void test_place_inside(void **state)
{
    AUTO(json_free_ptr)
    struct json_doc *schema_doc =
        parse("{\"properties\":{\"b\":{\"type\":\"null\"}},\"required\":[\"c\"]}");
    AUTO(json_free_ptr) struct json_doc *doc = parse("{\"x\":[{\"a\":{\"b\":1}}]}");
    struct json_schema *schema = compile(schema_doc);
    json_ref a = json_get(doc, json_at(doc, json_get(doc, 0, "x"), 0), "a");
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(json_schema_validate(schema, doc, a, "/input", &e), ERR_VALIDATION_ERROR);
    assert_int_equal(e.item_count, 2);
    assert_string_equal(e.item[0].at, "/input/c");
    assert_string_equal(e.item[1].at, "/input/b");
    json_schema_free(schema);
}

struct schema_row {
    const char *schema;
    const char *at;
    const char *kind;
};

static const struct schema_row schema_rows[] = {
    {"5", "", "wrong_type"},
    {"[]", "", "wrong_type"},
    {"{\"pattern\":\"^a\"}", "/pattern", "unsupported_keyword"},
    {"{\"$ref\":\"#\"}", "/$ref", "unsupported_keyword"},
    {"{\"anyOf\":[true]}", "/anyOf", "unsupported_keyword"},
    {"{\"minlength\":1}", "/minlength", "unsupported_keyword"},
    {"{\"x-comfy\":{}}", "/x-comfy", "unsupported_keyword"},
    {"{\"properties\":{\"a\":{\"maxContains\":1}}}", "/properties/a/maxContains",
     "unsupported_keyword"},
    {"{\"items\":[true]}", "/items", "wrong_type"},
    {"{\"items\":{\"$defs\":{}}}", "/items/$defs", "unsupported_keyword"},
    {"{\"type\":\"int\"}", "/type", "not_in_list"},
    {"{\"type\":[]}", "/type", "too_few"},
    {"{\"type\":[\"null\",\"null\"]}", "/type/1", "duplicate"},
    {"{\"type\":5}", "/type", "not_in_list"},
    {"{\"enum\":[]}", "/enum", "wrong_type"},
    {"{\"enum\":{}}", "/enum", "wrong_type"},
    {"{\"minimum\":\"1\"}", "/minimum", "wrong_type"},
    {"{\"exclusiveMaximum\":true}", "/exclusiveMaximum", "wrong_type"},
    {"{\"multipleOf\":0}", "/multipleOf", "out_of_range"},
    {"{\"multipleOf\":-1}", "/multipleOf", "out_of_range"},
    {"{\"multipleOf\":1.234567890123456789}", "/multipleOf", "out_of_range"},
    {"{\"minLength\":-1}", "/minLength", "wrong_type"},
    {"{\"minLength\":1.5}", "/minLength", "wrong_type"},
    {"{\"maxItems\":18446744073709551616}", "/maxItems", "wrong_type"},
    {"{\"uniqueItems\":1}", "/uniqueItems", "wrong_type"},
    {"{\"properties\":[]}", "/properties", "wrong_type"},
    {"{\"properties\":{\"a\":5}}", "/properties/a", "wrong_type"},
    {"{\"required\":true}", "/required", "wrong_type"},
    {"{\"required\":[1]}", "/required/0", "wrong_type"},
    {"{\"additionalProperties\":1}", "/additionalProperties", "wrong_type"},
    {"{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":"
     "{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":"
     "{}}}}}}}}}}}}}}}}}",
     "/items/items/items/items/items/items/items/items/items/items/items/items/items/items/items/"
     "items",
     "too_deep"},
};

static void test_schemas_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schema_rows); i++) {
        AUTO(json_free_ptr) struct json_doc *doc = parse(schema_rows[i].schema);
        struct json_schema *schema = NULL;
        struct err e = ERR_INIT;

        print_message("%s\n", schema_rows[i].schema);
        assert_int_equal(json_schema_compile(doc, 0, NULL, &schema, &e), ERR_VALIDATION_ERROR);
        assert_null(schema);
        assert_int_equal(e.item_count, 1);
        assert_string_equal(e.item[0].at, schema_rows[i].at);
        assert_string_equal(e.item[0].code, schema_rows[i].kind);
        assert_int_equal(json_schema_compile(doc, 0, NULL, &schema, NULL), ERR_VALIDATION_ERROR);
    }
}

static void test_annotations(void **state)
{
    static const struct json_schema_annotation own[] = {{"x-any", 0}, {"x-top", 1}, {NULL, 0}};
    AUTO(json_free_ptr)
    struct json_doc *good =
        parse("{\"x-any\":1,\"properties\":{\"a\":{\"x-top\":5,\"items\":{\"x-any\":2}}}}");
    AUTO(json_free_ptr)
    struct json_doc *bad = parse("{\"x-top\":1,\"properties\":{\"a\":{\"items\":{\"x-top\":2}}}}");
    struct json_schema *schema = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(json_schema_compile(good, 0, own, &schema, &e), ERR_NONE);
    assert_non_null(json_schema_property(schema, "a"));
    assert_null(json_schema_property(schema, "b"));
    json_schema_free(schema);
    assert_int_equal(json_schema_compile(bad, 0, own, &schema, &e), ERR_VALIDATION_ERROR);
    assert_int_equal(e.item_count, 2);
    assert_string_equal(e.item[0].at, "/x-top");
    assert_string_equal(e.item[1].at, "/properties/a/items/x-top");
}

/* A list of `count` elements "a". */
static char *list_of(size_t count, const char *element)
{
    struct buf text = BUF_INIT(1U << 26);

    (void)buf_append_char(&text, '[');
    for (size_t i = 0; i < count; i++) {
        (void)buf_appendf(&text, "%s%s", i > 0 ? "," : "", element);
    }
    (void)buf_append_char(&text, ']');
    return buf_take(&text);
}

/* However much is wrong, the answer is short and comes soon. */
static void test_ceilings(void **state)
{
    static const struct {
        const char *schema;
        size_t count;
        const char *element;
        size_t items;
        const char *last_kind;
    } rows[] = {
        {"{\"items\":{\"type\":\"null\"}}", 190000, "1", 32, "wrong_type"},
        {"{\"uniqueItems\":true,\"items\":{\"type\":\"integer\"}}", 190000, "1", 32, "duplicate"},
        {"{\"uniqueItems\":true}", 60000, "{\"a\":{\"b\":1}}", 32, "duplicate"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(free_ptr) char *text = list_of(rows[i].count, rows[i].element);
        AUTO(json_free_ptr) struct json_doc *schema_doc = parse(rows[i].schema);
        AUTO(json_free_ptr) struct json_doc *doc = parse(text);
        struct json_schema *schema = compile(schema_doc);
        struct err e = ERR_INIT;

        assert_int_equal(json_schema_validate(schema, doc, 0, "", &e), ERR_VALIDATION_ERROR);
        assert_int_equal(e.item_count, rows[i].items);
        assert_string_equal(e.item[31].code, rows[i].last_kind);
        json_schema_free(schema);
    }
}

/* 30000 different numbers are 450 million comparisons: too many, and said so. */
static void test_too_complex(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1U << 20);
    AUTO(json_free_ptr) struct json_doc *schema_doc = parse("{\"uniqueItems\":true}");
    struct json_schema *schema = compile(schema_doc);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 30000; i++) {
        (void)buf_appendf(&text, "%c%d", i == 0 ? '[' : ',', i);
    }
    (void)buf_append_char(&text, ']');
    doc = parse(buf_str(&text));
    assert_int_equal(json_schema_validate(schema, doc, 0, "", &e), ERR_VALIDATION_ERROR);
    assert_int_equal(e.item_count, 1);
    assert_string_equal(e.item[0].code, "too_complex");
    json_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),           cmocka_unit_test(test_suite_refused),
        cmocka_unit_test(test_values),          cmocka_unit_test(test_place_inside),
        cmocka_unit_test(test_schemas_refused), cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_ceilings),        cmocka_unit_test(test_too_complex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
