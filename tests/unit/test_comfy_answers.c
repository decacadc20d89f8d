/* What ComfyUI answers to a graph, and what its history says of a prompt. */
#include "wire_fixture.h"

#include <string.h>

#include "base/mem.h"
#include "core/comfy_wire.h"

#define PROMPT "fd9c4ae0-1a12-4b12-835b-e55857d308b6"

/* ---- POST /prompt ---------------------------------------------------------------------------- */

#define GRAPH                                                                                      \
    "{\"1\":{\"class_type\":\"NoSuchNode\",\"_meta\":{\"title\":\"Mine\"}},"                       \
    "\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"_meta\":{\"title\":\"Load it\"}}}"

static const struct {
    const char *file;
    bool is_accepted;
    bool has_node_errors;
    enum job_errc code;
    const char *node;
    const char *class_type;
    const char *message; /* all of it */
} replies[] = {
    {"accepted", true, false, JOB_ERR_NONE, NULL, NULL, NULL},
    {"value_bigger_than_max", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "EmptyImage",
     "EmptyImage (node 1): Value 999999 bigger than max of 16384: width"},
    {"value_smaller_than_min", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "EmptyImage",
     "EmptyImage (node 1): Value 0 smaller than min of 1: width"},
    {"required_input_missing", false, false, JOB_ERR_INVALID_WORKFLOW, "5", "SaveImage",
     "SaveImage (node 5): Required input is missing: filename_prefix"},
    {"invalid_input_type", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "EmptyImage",
     "EmptyImage (node 1): Failed to convert an input value to a INT value: width, abc, invalid "
     "literal for int() with base 10: 'abc'"},
    {"bad_linked_input", false, false, JOB_ERR_INVALID_WORKFLOW, "5", "SaveImage",
     "SaveImage (node 5): Bad linked input, must be a length-2 list of [node_id, slot_index]: "
     "images"},
    {"exception_during_validation", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "SaveImage",
     "SaveImage (node 1): Exception when validating node: 'inputs'"},
    {"custom_validation_failed", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "LoadImage",
     "LoadImage (node 1): Custom validation failed for node: image - Invalid image file: "
     "nosuch.png"},
    {"value_not_in_list", false, false, JOB_ERR_INVALID_WORKFLOW, "2", "ImageScale",
     "ImageScale (node 2): Value not in list: upscale_method: 'nosuch' not in ['nearest-exact', "
     "'bilinear', 'area', 'bicubic', 'lanczos']"},
    {"missing_model", false, false, JOB_ERR_MISSING_MODEL, "4", "CheckpointLoaderSimple",
     "CheckpointLoaderSimple (node 4): The model sdxl.safetensors is not there. Value not in list: "
     "ckpt_name: 'sdxl.safetensors' not in ['flux.safetensors']"},
    {"invalid_prompt", false, false, JOB_ERR_MISSING_NODE, "1", "NoSuchNode",
     "NoSuchNode (node 1): Cannot execute because node NoSuchNode does not exist."},
    {"missing_node_type_033", false, false, JOB_ERR_MISSING_NODE, "1", "NoSuchNode",
     "NoSuchNode (node 1): Node 'NoSuchNode' not found. The custom node may not be installed."},
    {"missing_node_type_no_class_033", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "NoSuchNode",
     "NoSuchNode (node 1): Node 'ID #1' has no class_type. The workflow may be corrupted or a "
     "custom node is missing."},
    {"invalid_prompt_no_class", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "NoSuchNode",
     "NoSuchNode (node 1): Cannot execute because a node is missing the class_type property."},
    {"dependency_cycle_033", false, false, JOB_ERR_INVALID_WORKFLOW, "1", "ImageInvert",
     "ImageInvert (node 1): Dependency cycle detected: 1 (ImageInvert) -> 2 (ImageInvert) -> 1 "
     "(ImageInvert) (and 1 more)"},
    {"prompt_outputs_failed_validation", false, false, JOB_ERR_INVALID_WORKFLOW, NULL, NULL,
     "Prompt outputs failed validation (no node is named; a loop in the graph gives this answer)"},
    {"prompt_no_outputs", false, false, JOB_ERR_INVALID_WORKFLOW, NULL, NULL,
     "Prompt has no outputs"},
    {"no_prompt", false, false, JOB_ERR_INVALID_WORKFLOW, NULL, NULL, "No prompt provided"},
    {"partly_required_input_missing", true, true, JOB_ERR_INVALID_WORKFLOW, "6", "SaveImage",
     "SaveImage (node 6): Required input is missing: filename_prefix"},
    {"trouble_500", false, false, JOB_ERR_INVALID_WORKFLOW, NULL, NULL,
     "ComfyUI answered 500 to this workflow: Server got itself in trouble"},
    {"too_large_413", false, false, JOB_ERR_INVALID_WORKFLOW, NULL, NULL,
     "ComfyUI answered 413 to this workflow: Maximum request body size 1048576 exceeded, actual "
     "body size 1049000"},
};

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        char name[64];
        char *body = NULL;
        AUTO(comfy_prompt_reply_clear) struct comfy_prompt_reply r = {0};

        (void)snprintf(name, sizeof name, "comfy_reply/%s", replies[i].file);
        AUTO(buf_clear) struct buf text = wire_fixture(name);
        int status = (int)strtol(text.data, &body, 10);

        body++;
        comfy_prompt_reply_parse(status, span_of(body), SPAN_LIT(GRAPH), &r);
        print_message("%s\n", replies[i].file);
        assert_int_equal(r.is_accepted, replies[i].is_accepted);
        assert_int_equal(r.prompt_id != NULL, replies[i].is_accepted);
        assert_int_equal(r.has_node_errors, replies[i].has_node_errors);
        assert_int_equal(r.error.code, replies[i].code);
        assert_text(r.error.node_id, replies[i].node);
        assert_text(r.error.class_type, replies[i].class_type);
        assert_text(r.error.message, replies[i].message);
        if (r.error.message != NULL) {
            assert_null(strstr(r.error.message, "execution.py"));
        }
    }
}

/* Answers that show that ComfyUI may have other nodes or models than it had. */
static void test_what_is_lacking(void **state)
{
    static const char *const lacking[] = {"value_not_in_list", "missing_model", "invalid_prompt",
                                          "missing_node_type_033"};
    struct comfy_prompt_reply r;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        char name[64];
        bool is_lacking = false;

        for (size_t k = 0; k < COUNT_OF(lacking); k++) {
            is_lacking = is_lacking || strcmp(replies[i].file, lacking[k]) == 0;
        }
        (void)snprintf(name, sizeof name, "comfy_reply/%s", replies[i].file);
        AUTO(buf_clear) struct buf text = wire_fixture(name);

        print_message("%s\n", replies[i].file);
        comfy_prompt_reply_parse((int)strtol(text.data, NULL, 10), span_of(text.data + 4),
                                 SPAN_LIT(GRAPH), &r);
        assert_int_equal(r.lacks_something, is_lacking);
        comfy_prompt_reply_clear(&r);
    }
    comfy_prompt_reply_parse(
        200,
        SPAN_LIT("{\"prompt_id\":\"x\",\"node_errors\":{\"1\":{\"errors\":[{\"type\":\"odd\"}]},"
                 "\"2\":{\"errors\":[{\"type\":\"odd\"},{\"type\":\"value_not_in_list\"}]},"
                 "\"3\":7}}"),
        SPAN_NONE, &r);
    assert_true(r.is_accepted && r.has_node_errors && r.lacks_something);
    comfy_prompt_reply_clear(&r);
}

static void test_titles(void **state)
{
    AUTO(buf_clear) struct buf text = wire_fixture("comfy_reply/missing_model");
    AUTO(comfy_prompt_reply_clear) struct comfy_prompt_reply r = {0};

    (void)state;
    comfy_prompt_reply_parse(400, span_of(text.data + 4), SPAN_LIT(GRAPH), &r);
    assert_string_equal(r.error.node_title, "Load it");
    comfy_prompt_reply_clear(&r);
    comfy_prompt_reply_parse(400, span_of(text.data + 4), SPAN_NONE, &r);
    assert_null(r.error.node_title);
}

/* Who answers is not ComfyUI, or ComfyUI is not let through to. */
static void test_not_comfyui(void **state)
{
    static const struct {
        const char *body;
        const char *part;
        int status;
        enum job_errc code;
    } rows[] = {
        {"<!DOCTYPE html><title>Sign in</title>", "login page", 200, JOB_ERR_BACKEND_UNREACHABLE},
        {"{}", "login page", 200, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "answered 200", 200, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "redirect", 302, JOB_ERR_BACKEND_UNREACHABLE},
        {"{\"error\":\"x\"}", "redirect", 307, JOB_ERR_BACKEND_UNREACHABLE},
        {"{\"error\":\"unauthorized\"}", "login", 401, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "Host and Origin", 403, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "URL", 404, JOB_ERR_BACKEND_UNREACHABLE},
        {"405: Method Not Allowed", "URL", 405, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "proxy", 407, JOB_ERR_BACKEND_UNREACHABLE},
        {"<html>too large</html>", "larger than ComfyUI accepts", 413, JOB_ERR_INVALID_WORKFLOW},
        {"", "limits", 429, JOB_ERR_BACKEND_UNREACHABLE},
        {"bad\x01", "ComfyUI answered 400 to this workflow", 400, JOB_ERR_INVALID_WORKFLOW},
        {"", "ComfyUI answered 500 to this workflow", 500, JOB_ERR_INVALID_WORKFLOW},
        {"<html>Bad Gateway</html>", "proxy", 502, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "proxy", 503, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "no HTTP", 0, JOB_ERR_BACKEND_UNREACHABLE},
        {"", "no HTTP", 999, JOB_ERR_BACKEND_UNREACHABLE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(comfy_prompt_reply_clear) struct comfy_prompt_reply r = {0};

        comfy_prompt_reply_parse(rows[i].status, span_of(rows[i].body), SPAN_NONE, &r);
        assert_false(r.is_accepted);
        assert_int_equal(r.error.code, rows[i].code);
        assert_contains(r.error.message, rows[i].part);
        assert_null(strchr(r.error.message, '<'));
    }
}

/* Shapes that no ComfyUI has sent, but a changed one might. */
static void test_odd_refusals(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":\"plain words\"}",
        "{\"error\":{}}",
        "{\"error\":null,\"node_errors\":[]}",
        "{\"error\":{\"message\":7,\"details\":[]},\"node_errors\":{\"1\":{\"errors\":[]}}}",
        "{\"error\":{\"type\":\"t\"},\"node_errors\":{\"1\":{\"errors\":[3]},\"2\":4}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        AUTO(comfy_prompt_reply_clear) struct comfy_prompt_reply r = {0};

        comfy_prompt_reply_parse(400, span_of(bodies[i]), SPAN_LIT("no graph"), &r);
        assert_false(r.is_accepted);
        assert_int_equal(r.error.code, JOB_ERR_INVALID_WORKFLOW);
        assert_true(strlen(r.error.message) > 0);
    }
}

static void test_long_words_are_cut(void **state)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(1U << 20);
    AUTO(comfy_prompt_reply_clear) struct comfy_prompt_reply r = {0};

    (void)state;
    (void)buf_append_str(&body, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 5000; i++) {
        (void)buf_append_str(&body, "\\u00e4");
    }
    (void)buf_append_str(&body, "\"}}");
    comfy_prompt_reply_parse(400, buf_span(&body), SPAN_NONE, &r);
    assert_int_equal(strlen(r.error.message), 2000);
}

/* ---- GET /history/{id} ----------------------------------------------------------------------- */

/* The id that the file's one entry has. */
static struct id entry_id(const struct buf *text)
{
    struct id id = ID_NONE;

    assert_true(text->len > 2 + ID_LEN);
    assert_true(id_parse((struct span){text->data + 2, ID_LEN}, &id));
    return id;
}

static const struct {
    const char *file;
    enum comfy_end end;
    enum job_errc code;
    size_t outputs;
    const char *first; /* file name, or text */
    const char *type;
} histories[] = {
    {"success.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 2, "basic_00002_.png", "output"},
    {"cached.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 2, NULL, NULL},
    {"batch.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 4, "batch_00001_.png", "output"},
    {"video.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 1, "webm_00001_.webm", "output"},
    {"audio.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 1, "audio_00001.flac", "output"},
    {"mixed.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 3, "a.gif", "output"},
    {"texts.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 2, "a", "output"},
    {"nan.json", COMFY_END_SUCCESS, JOB_ERR_NONE, 1, "x", "output"},
    {"error.json", COMFY_END_ERROR, JOB_ERR_NODE_EXECUTION_ERROR, 1, "err-ok_00001_.png", "output"},
    {"interrupted.json", COMFY_END_INTERRUPTED, JOB_ERR_INTERRUPTED, 0, NULL, NULL},
};

static void test_histories(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(histories); i++) {
        char name[64];
        AUTO(comfy_history_clear) struct comfy_history h = {0};

        (void)snprintf(name, sizeof name, "comfy_history/%s", histories[i].file);
        AUTO(buf_clear) struct buf text = wire_fixture(name);
        print_message("%s\n", histories[i].file);
        assert_true(comfy_history_parse(buf_span(&text), entry_id(&text), SPAN_NONE, &h));
        assert_int_equal(h.end, histories[i].end);
        assert_int_equal(h.error.code, histories[i].code);
        assert_int_equal(h.output_count, histories[i].outputs);
        assert_true(h.started_at > 1700000000000 && h.ended_at >= h.started_at);
        if (histories[i].first != NULL) {
            assert_string_equal(h.output[0].filename != NULL ? h.output[0].filename
                                                             : h.output[0].text,
                                histories[i].first);
            assert_string_equal(h.output[0].type, histories[i].type);
            assert_non_null(h.output[0].subfolder);
        }
    }
}

static void check_recorded_history(const char *name, struct span text)
{
    struct buf copy = BUF_INIT(text.len);
    struct comfy_history h;

    (void)buf_append_span(&copy, text);
    assert_true(comfy_history_parse(text, entry_id(&copy), SPAN_NONE, &h));
    assert_int_equal(h.end, strstr(name, "_success") != NULL       ? COMFY_END_SUCCESS
                            : strstr(name, "_interrupted") != NULL ? COMFY_END_INTERRUPTED
                                                                   : COMFY_END_ERROR);
    comfy_history_clear(&h);
    buf_clear(&copy);
}

static void check_recorded_refusal(const char *name, struct span text)
{
    struct comfy_prompt_reply r;

    (void)name;
    comfy_prompt_reply_parse(400, text, SPAN_NONE, &r);
    assert_false(r.is_accepted);
    assert_int_not_equal(r.error.code, JOB_ERR_NONE);
    assert_int_not_equal(r.error.code, JOB_ERR_BACKEND_UNREACHABLE);
    comfy_prompt_reply_clear(&r);
}

static void test_recorded(void **state)
{
    (void)state;
    each_recorded("history_", check_recorded_history);
    each_recorded("prompt_error_", check_recorded_refusal);
}

static bool parse_entry(const char *entry, const char *graph, struct comfy_history *out)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(65536);
    struct id id = ID_NONE;

    assert_true(id_parse(SPAN_LIT(PROMPT), &id));
    (void)buf_appendf(&body, "{\"" PROMPT "\":%s}", entry);
    return comfy_history_parse(buf_span(&body), id, span_of(graph), out);
}

/* The last word decides, whatever status_str says. */
static void test_ends(void **state)
{
#define SAID(...) "{\"outputs\":{},\"status\":{\"status_str\":" __VA_ARGS__ "}}"
#define SUCCESS   "[\"execution_success\",{}]"
#define FAILURE                                                                                    \
    "[\"execution_error\",{\"node_id\":\"1\",\"exception_type\":\"E\",\"exception_message\":"      \
    "\"m\"}]"
#define BLOCKED "[\"execution_error\",{\"exception_type\":\"ExecutionBlocked\"}]"
#define STOPPED "[\"execution_interrupted\",{\"node_id\":\"1\"}]"
    static const struct {
        const char *entry;
        enum comfy_end end;
    } rows[] = {
        {SAID("\"success\",\"messages\":[" SUCCESS "]"), COMFY_END_SUCCESS},
        {SAID("\"success\",\"messages\":[" FAILURE "]"), COMFY_END_ERROR},
        {SAID("\"success\",\"messages\":[" FAILURE "," SUCCESS "]"), COMFY_END_SUCCESS},
        {SAID("\"success\",\"messages\":[" SUCCESS "," FAILURE "]"), COMFY_END_ERROR},
        {SAID("\"success\",\"messages\":[" SUCCESS "," BLOCKED "]"), COMFY_END_SUCCESS},
        {SAID("\"error\",\"messages\":[" STOPPED "]"), COMFY_END_INTERRUPTED},
        {SAID("\"error\",\"messages\":[]"), COMFY_END_ERROR},
        {SAID("\"error\",\"messages\":[7,[],[\"execution_error\"]]"), COMFY_END_ERROR},
        {SAID("\"success\",\"messages\":null"), COMFY_END_SUCCESS},
        {"{\"outputs\":{},\"status\":null}", COMFY_END_SUCCESS},
        {"{}", COMFY_END_SUCCESS},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(comfy_history_clear) struct comfy_history h = {0};

        assert_true(parse_entry(rows[i].entry, "", &h));
        assert_int_equal(h.end, rows[i].end);
        assert_int_equal(h.error.code == JOB_ERR_NONE, h.end == COMFY_END_SUCCESS);
    }
}

static void test_no_entry(void **state)
{
    struct comfy_history h;
    struct id id = id_new();
    static const char *const not_understood[] = {
        "", "null", "[]", "<html>", "{\"error\":\"x\"}", "{\"a", "7"};

    (void)state;
    assert_true(comfy_history_parse(SPAN_LIT("{}"), id, SPAN_NONE, &h));
    assert_int_equal(h.end, COMFY_END_NONE);
    comfy_history_clear(&h);
    for (size_t i = 0; i < COUNT_OF(not_understood); i++) {
        assert_false(comfy_history_parse(span_of(not_understood[i]), id, SPAN_NONE, &h));
    }
    assert_false(parse_entry("[]", "", &h));
}

/* ComfyUI lists nodes as they ran; the user's graph gives the order that stays. */
static void test_order_and_inner_nodes(void **state)
{
    AUTO(comfy_history_clear) struct comfy_history h = {0};
    static const char entry[] =
        "{\"outputs\":{\"9\":{\"images\":[{\"filename\":\"c\"}]},"
        "\"4\":{\"images\":[{\"filename\":\"a1\"},{\"filename\":\"a2\",\"type\":\"temp\"}]},"
        "\"3.0.0.2\":{\"any\":[{\"filename\":\"b\",\"subfolder\":\"s\"}],\"x\":{\"filename\":"
        "\"no\"}}},"
        "\"meta\":{\"3.0.0.2\":{\"display_node\":\"3\"}},"
        "\"status\":{\"messages\":[" FAILURE "]}}";

    (void)state;
    assert_true(parse_entry(entry,
                            "{\"4\":{},\"3\":{},\"1\":{\"class_type\":\"K\",\"_meta\":"
                            "{\"title\":\"Tee\"}}}",
                            &h));
    assert_int_equal(h.output_count, 4);
    assert_string_equal(h.output[0].filename, "a1");
    assert_string_equal(h.output[1].filename, "a2");
    assert_string_equal(h.output[1].type, "temp");
    assert_string_equal(h.output[2].filename, "b");
    assert_string_equal(h.output[2].node_id, "3");
    assert_string_equal(h.output[3].filename, "c");
    assert_string_equal(h.error.node_title, "Tee");
    assert_string_equal(h.error.class_type, "K");
}

static void test_heard_outputs(void **state)
{
    AUTO(comfy_history_clear) struct comfy_history h = {0};
    struct span images = SPAN_LIT("{\"images\":[{\"filename\":\"a.png\",\"subfolder\":\"s\","
                                  "\"type\":\"output\"}],\"text\":[\"t\",7,null]}");

    (void)state;
    comfy_history_add_output(&h, "5", images);
    comfy_history_add_output(&h, "5", images); /* a repeated message repeats no file */
    comfy_history_add_output(&h, "5", SPAN_NONE);
    comfy_history_add_output(&h, NULL, SPAN_LIT("{\"images\":[{\"filename\":\"b.png\"}]}"));
    assert_int_equal(h.output_count, 4);
    assert_string_equal(h.output[0].node_id, "5");
    assert_string_equal(h.output[1].text, "t");
    assert_string_equal(h.output[3].filename, "b.png");
    assert_string_equal(h.output[3].type, "output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_what_is_lacking),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_not_comfyui),
        cmocka_unit_test(test_odd_refusals),
        cmocka_unit_test(test_long_words_are_cut),
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_entry),
        cmocka_unit_test(test_order_and_inner_nodes),
        cmocka_unit_test(test_heard_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
