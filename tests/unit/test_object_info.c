#include "wire_fixture.h"

#include "base/mem.h"
#include "core/object_info.h"

static const struct json_limits limits = {.depth = 32, .nodes = 10000};

static const char known[] =
    "{\"A\":{\"input\":{\"required\":{\"n\":[\"INT\",{\"min\":-Infinity}],\"old\":[[\"x\",7,\"y\"]]"
    ","
    "\"new\":[\"COMBO\",{\"options\":[\"p\"]}],\"far\":[\"COMBO\",{\"remote\":{}}],"
    "\"file\":[[\"a.png\"],{\"image_upload\":true}],\"bare\":[\"MODEL\"],\"odd\":7},"
    "\"optional\":{\"f\":[\"FLOAT\"],\"s\":[\"STRING\",{\"multiline\":true}],\"b\":[\"BOOLEAN\",{}]"
    "}}},"
    "\"B\":{},\"C\":null}";

static struct object_info *read(const char *text)
{
    struct object_info *o = NULL;

    assert_int_equal(object_info_new(span_of(text), limits, &o, NULL), ERR_NONE);
    return o;
}

static void test_inputs(void **state)
{
    static const struct {
        const char *name;
        enum object_kind kind;
        bool is_required;
        size_t choices;
    } rows[] = {
        {"n", OBJECT_INT, true, 0},       {"old", OBJECT_CHOICE, true, 3},
        {"new", OBJECT_CHOICE, true, 1},  {"far", OBJECT_CHOICE, true, 0},
        {"file", OBJECT_CHOICE, true, 1}, {"bare", OBJECT_OTHER, true, 0},
        {"f", OBJECT_FLOAT, false, 0},    {"s", OBJECT_STRING, false, 0},
        {"b", OBJECT_BOOLEAN, false, 0},
    };
    AUTO(object_info_free_ptr) struct object_info *o = read(known);
    struct object_input in;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_true(object_info_input(o, "A", rows[i].name, &in));
        assert_int_equal(in.kind, rows[i].kind);
        assert_int_equal(in.is_required, rows[i].is_required);
        assert_int_equal(json_size(object_info_doc(o), in.choices), rows[i].choices);
        assert_int_equal(in.is_upload, strcmp(rows[i].name, "file") == 0);
    }
    assert_false(object_info_input(o, "A", "odd", &in));
    assert_false(object_info_input(o, "A", "none", &in));
    assert_false(object_info_input(o, "B", "n", &in));
    assert_false(object_info_input(o, "C", "n", &in));
    assert_false(object_info_input(NULL, "A", "n", &in));
}

static void test_catalog(void **state)
{
    AUTO(object_info_free_ptr) struct object_info *o = read(known);
    struct node_catalog c = object_info_catalog(o);

    (void)state;
    assert_true(c.has_class(c.arg, "A"));
    assert_true(c.has_class(c.arg, "B"));
    assert_false(c.has_class(c.arg, "C"));
    assert_true(c.has_choice(c.arg, "A", "old", "y"));
    assert_false(c.has_choice(c.arg, "A", "old", "z"));
    assert_false(c.has_choice(c.arg, "A", "new", "x"));
    assert_true(c.has_choice(c.arg, "A", "far", "anything"));
    assert_true(c.has_choice(c.arg, "A", "s", "anything"));
    assert_true(c.has_choice(c.arg, "none", "old", "z"));
    assert_true(c.needs_input(c.arg, "A", "n"));
    assert_false(c.needs_input(c.arg, "A", "f"));
    assert_false(c.needs_input(c.arg, "none", "n"));
}

static void test_other_texts(void **state)
{
    struct object_info *o = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(object_info_new(SPAN_LIT("[1]"), limits, &o, &e), ERR_VALIDATION_ERROR);
    assert_contains(e.detail, "/object_info");
    assert_int_equal(object_info_new(SPAN_LIT("<html>"), limits, &o, NULL), ERR_MALFORMED_JSON);
    assert_null(o);
}

static void check_recorded(const char *name, struct span text)
{
    AUTO(object_info_free_ptr) struct object_info *o = NULL;
    AUTO(free_ptr) char *class = xstrdup(strrchr(name, '_') + 1);

    *strchr(class, '.') = '\0';
    assert_int_equal(object_info_new(text, limits, &o, NULL), ERR_NONE);
    assert_true(object_info_class(o, class) != JSON_NONE);
}

static void test_genuine_answers(void **state)
{
    (void)state;
    each_recorded("object_info_", check_recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_catalog),
        cmocka_unit_test(test_other_texts),
        cmocka_unit_test(test_genuine_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
