#include "wire_fixture.h"

#include <string.h>

#include "base/mem.h"
#include "core/graph.h"

#define JOB "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"

/* ---- edits ----------------------------------------------------------------------------------- */

struct edit_row {
    const char *name;
    struct {
        size_t offset;
        size_t len;
        const char *text;
    } edit[3];
    size_t count;
    const char *result; /* NULL = refused */
};

static const struct edit_row edit_rows[] = {
    {"none", {{0, 0, NULL}}, 0, "0123456789"},
    {"replace", {{2, 3, "ab"}}, 1, "01ab56789"},
    {"remove", {{0, 10, ""}}, 1, ""},
    {"append", {{10, 0, "x"}}, 1, "0123456789x"},
    {"any order", {{8, 1, "B"}, {1, 1, "A"}}, 2, "0A234567B9"},
    {"side by side", {{2, 2, "A"}, {4, 2, "B"}}, 2, "01AB6789"},
    {"insertions keep their order", {{3, 0, "A"}, {3, 0, "B"}, {3, 0, "C"}}, 3, "012ABC3456789"},
    {"insertion before a replacement", {{3, 2, "R"}, {3, 0, "I"}}, 2, "012IR56789"},
    {"overlap", {{2, 3, "A"}, {4, 2, "B"}}, 2, NULL},
    {"same place", {{2, 3, "A"}, {2, 3, "A"}}, 2, NULL},
    {"insertion inside a replacement", {{2, 3, "A"}, {3, 0, "B"}}, 2, NULL},
    {"begins outside", {{11, 0, "A"}}, 1, NULL},
    {"ends outside", {{9, 2, "A"}}, 1, NULL},
    {"wraps", {{1, SIZE_MAX, "A"}}, 1, NULL},
};

static void test_edits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edit_rows); i++) {
        const struct edit_row *row = &edit_rows[i];
        AUTO(graph_edits_clear) struct graph_edits edits = {0};
        AUTO(buf_clear) struct buf out = BUF_INIT(1000);

        for (size_t k = 0; k < row->count; k++) {
            graph_edits_add(&edits, row->edit[k].offset, row->edit[k].len,
                            span_of(row->edit[k].text));
        }
        print_message("%s\n", row->name);
        assert_int_equal(graph_edits_apply(SPAN_LIT("0123456789"), &edits, &out),
                         row->result != NULL);
        if (row->result != NULL) {
            assert_string_equal(buf_str(&out), row->result);
        }
    }
}

static void test_edits_respect_the_ceiling(void **state)
{
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    AUTO(buf_clear) struct buf out = BUF_INIT(10);

    (void)state;
    graph_edits_add(&edits, 0, 0, SPAN_LIT("x"));
    assert_false(graph_edits_apply(SPAN_LIT("0123456789"), &edits, &out));
}

/* ---- own prefix ------------------------------------------------------------------------------ */

static const struct {
    const char *before; /* as written, with quotes */
    const char *after;  /* NULL = left alone */
} prefixes[] = {
    {"\"blue\"", "\"comfygate/" JOB "/blue\""},
    {"\"a/b\"", "\"comfygate/" JOB "/a/b\""},
    {"\"\"", "\"comfygate/" JOB "/ComfyUI\""},
    {"\"/\"", "\"comfygate/" JOB "/ComfyUI\""},
    {"\"..\"", "\"comfygate/" JOB "/ComfyUI\""},
    {"\"../../etc/x\"", "\"comfygate/" JOB "/etc/x\""},
    {"\"/etc/x\"", "\"comfygate/" JOB "/etc/x\""},
    {"\"a/../../b\"", "\"comfygate/" JOB "/a/b\""},
    {"\"..\\\\..\\\\x\"", "\"comfygate/" JOB "/x\""},
    {"\"\\u002e\\u002e/x\"", "\"comfygate/" JOB "/x\""},
    {"\"..a/b..\"", "\"comfygate/" JOB "/..a/b..\""},
    {"\"%date:yyyy%/h\\u00f6he \\\"q\\\"\"",
     "\"comfygate/" JOB "/%date:yyyy%/h\xc3\xb6he \\\"q\\\"\""},
    {"\"comfygate/0193586e-9c1b-7d44-a3f0-000000000000/x\"", "\"comfygate/" JOB "/x\""},
    {"\"comfygate/0193586e-9c1b-7d44-a3f0-000000000000/comfygate/"
     "0193586e-9c1b-7d44-a3f0-000000000001/x\"",
     "\"comfygate/" JOB "/x\""},
    {"\"comfygate//0193586e-9c1b-7d44-a3f0-000000000000/x\"", "\"comfygate/" JOB "/x\""},
    {"\"comfygate/0193586e-9c1b-7d44-a3f0-000000000000/..\"", "\"comfygate/" JOB "/ComfyUI\""},
    {"\"comfygate/mine/x\"", "\"comfygate/" JOB "/comfygate/mine/x\""},
    {"[\"1\",0]", NULL},
    {"7", NULL},
    {"null", NULL},
};

static struct id job_id(void)
{
    struct id id = ID_NONE;

    assert_true(id_parse(SPAN_LIT(JOB), &id));
    return id;
}

static void test_own_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        char graph[512];
        char expected[512];
        AUTO(buf_clear) struct buf out = BUF_INIT(4096);

        (void)snprintf(graph, sizeof graph, "{ \"1\" :{\"inputs\":{\"filename_prefix\" : %s}} }",
                       prefixes[i].before);
        (void)snprintf(expected, sizeof expected,
                       "{ \"1\" :{\"inputs\":{\"filename_prefix\" : %s}} }",
                       prefixes[i].after != NULL ? prefixes[i].after : prefixes[i].before);
        assert_int_equal(graph_own_prefix(span_of(graph), job_id(), &out, NULL), ERR_NONE);
        assert_string_equal(buf_str(&out), expected);
    }
}

/* All that is no prefix reaches ComfyUI as it was written. */
static void test_own_prefix_keeps_bytes(void **state)
{
    static const char before[] =
        "{\"9\":{\"inputs\":{\"seed\":18446744073709551615,\"cfg\":7.0,\"x\":1e400,\"t\":"
        "\"\\u0041\"},"
        "\n "
        "\"class_type\":\"K\"},\"1\":{\"class_type\":\"S\",\"inputs\":{\"filename_prefix\":\"a\","
        "\"z\":-0.0}},\"filename_prefix\":{\"class_type\":\"S\",\"filename_prefix\":\"b\"}}";
    static const char after[] =
        "{\"9\":{\"inputs\":{\"seed\":18446744073709551615,\"cfg\":7.0,\"x\":1e400,\"t\":"
        "\"\\u0041\"},"
        "\n \"class_type\":\"K\"},\"1\":{\"class_type\":\"S\",\"inputs\":{\"filename_prefix\":"
        "\"comfygate/" JOB "/a\","
        "\"z\":-0.0}},\"filename_prefix\":{\"class_type\":\"S\",\"filename_prefix\":\"b\"}}";
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);

    (void)state;
    assert_int_equal(graph_own_prefix(span_of(before), job_id(), &out, NULL), ERR_NONE);
    assert_string_equal(buf_str(&out), after);
}

static void test_own_prefix_refuses(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    AUTO(buf_clear) struct buf small = BUF_INIT(60);
    struct err e = ERR_INIT;
    struct span nul = SPAN_LIT("{\"1\":{\"inputs\":{\"filename_prefix\":\"a\\u0000b\"}}}");

    (void)state;
    assert_int_equal(graph_own_prefix(nul, job_id(), &out, &e), ERR_INVALID_WORKFLOW);
    assert_string_equal(e.item[0].at, "/1/inputs/filename_prefix");
    assert_int_equal(graph_own_prefix(SPAN_LIT("{\"1\":"), job_id(), &out, NULL),
                     ERR_MALFORMED_JSON);
    assert_int_equal(graph_own_prefix(SPAN_LIT("{\"1\":{\"inputs\":{\"filename_prefix\":\"a\"}}}"),
                                      job_id(), &small, NULL),
                     ERR_CONTENT_TOO_LARGE);
}

/* ---- index ----------------------------------------------------------------------------------- */

static void test_index(void **state)
{
    struct graph_index *g = graph_index_new(SPAN_LIT(
        "{\"5\":{\"class_type\":\"SaveImage\",\"_meta\":{\"title\":\"Save it\"}},"
        "\"57:3\":{\"class_type\":\"KSampler\"},\"a.b\":{},\"\\u0037\":{\"class_type\":1}}"));

    (void)state;
    assert_non_null(g);
    assert_int_equal(graph_index_count(g), 4);
    assert_string_equal(graph_index_class(g, "5"), "SaveImage");
    assert_string_equal(graph_index_title(g, "5"), "Save it");
    assert_string_equal(graph_index_class(g, "57:3"), "KSampler");
    assert_null(graph_index_title(g, "57:3"));
    assert_null(graph_index_class(g, "7"));
    assert_null(graph_index_class(g, "nowhere"));
    assert_int_equal(graph_index_place(g, "5"), 0);
    assert_int_equal(graph_index_place(g, "7"), 3);
    assert_true(graph_index_place(g, "nowhere") == SIZE_MAX);
    assert_string_equal(graph_index_own_node(g, "5"), "5");
    assert_string_equal(graph_index_own_node(g, "57:3.0.0.1"), "57:3");
    assert_string_equal(graph_index_own_node(g, "5.0.0.12.1.0.3"), "5");
    assert_string_equal(graph_index_own_node(g, "a.b.0.0.1"), "a.b");
    assert_null(graph_index_own_node(g, "8.0.0.1"));
    assert_null(graph_index_own_node(g, "."));
    graph_index_free(g);
    graph_index_free(NULL);
}

static void test_no_index(void **state)
{
    (void)state;
    assert_null(graph_index_new(SPAN_NONE));
    assert_null(graph_index_new(SPAN_LIT("[]")));
    assert_null(graph_index_new(SPAN_LIT("{\"1\":")));
}

/* ---- input files ------------------------------------------------------------------------------- */

static void test_rename_files(void **state)
{
    static const struct graph_rename renames[] = {{"comfygate/a.png", "comfygate/a (1).png"},
                                                  {"comfygate/b.png", "elsewhere/\"b\".png"}};
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    AUTO(buf_clear) struct buf full = BUF_INIT(16);
    const char *graph = "{ \"1\": {\"class_type\":\"LoadImage\", \"inputs\":{\"image\":"
                        "\"comfygate\\/a.png\", \"seed\": 7.0}},\n"
                        "\"2\":{\"class_type\":\"X\",\"inputs\":{\"text\":\"see comfygate/a.png\","
                        "\"image\":\"comfygate/b.png\",\"link\":[\"1\",0]}},"
                        "\"3\":{\"class_type\":\"Y\"}}";

    (void)state;
    assert_true(graph_rename_files(span_of(graph), renames, COUNT_OF(renames), &out));
    assert_string_equal(buf_str(&out),
                        "{ \"1\": {\"class_type\":\"LoadImage\", \"inputs\":{\"image\":"
                        "\"comfygate/a (1).png\", \"seed\": 7.0}},\n"
                        "\"2\":{\"class_type\":\"X\",\"inputs\":{\"text\":\"see comfygate/a.png\","
                        "\"image\":\"elsewhere/\\\"b\\\".png\",\"link\":[\"1\",0]}},"
                        "\"3\":{\"class_type\":\"Y\"}}");
    assert_false(graph_rename_files(span_of(graph), renames, COUNT_OF(renames), &full));
    assert_false(graph_rename_files(SPAN_LIT("{"), renames, COUNT_OF(renames), &out));
}

/* ---- check (see test_submit.c for the whole table of faults) --------------------------------- */

static void test_check_stands_alone(void **state)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_limits limits = {.depth = 16, .nodes = 1000};
    struct err e = ERR_INIT;
    size_t nodes = 0;

    (void)state;
    assert_int_equal(json_parse(SPAN_LIT("{\"1\":{\"class_type\":\"A\"},\"2\":{\"class_type\":"
                                         "\"B\",\"inputs\":{\"x\":[\"1\",0]}}}"),
                                JSON_STRICT, limits, &doc, NULL),
                     ERR_NONE);
    assert_int_equal(graph_check(doc, 0, "/workflow", 10, &nodes, &e), ERR_NONE);
    assert_int_equal(nodes, 2);
    assert_int_equal(graph_check(doc, 0, "/workflow", 1, &nodes, &e), ERR_INVALID_WORKFLOW);
    assert_string_equal(e.item[0].at, "/workflow");
    assert_int_equal(graph_check(doc, 0, "", 1, &nodes, NULL), ERR_INVALID_WORKFLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_edits_respect_the_ceiling),
        cmocka_unit_test(test_own_prefix),
        cmocka_unit_test(test_own_prefix_keeps_bytes),
        cmocka_unit_test(test_own_prefix_refuses),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_no_index),
        cmocka_unit_test(test_rename_files),
        cmocka_unit_test(test_check_stands_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
