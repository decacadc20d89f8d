/* Messages of the WebSocket, the queue, the system, and what we send; see test_comfy_answers.c for
 * the answer to POST /prompt and the history. */
#include "wire_fixture.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/comfy_wire.h"

#define PROMPT "fd9c4ae0-1a12-4b12-835b-e55857d308b6"

static struct comfy_message read_text(const char *text)
{
    struct comfy_message m;

    comfy_message_text(span_of(text), &m);
    return m;
}

/* ---- every kind of message ------------------------------------------------------------------ */

static const struct {
    const char *file;
    enum comfy_message_kind kind;
    bool has_prompt;
    const char *node;
    int64_t queue_remaining;
} kinds[] = {
    {"status_first.json", COMFY_STATUS, false, NULL, 0},
    {"status.json", COMFY_STATUS, false, NULL, 1},
    {"start.json", COMFY_START, true, NULL, -1},
    {"cached.json", COMFY_CACHED, true, NULL, -1},
    {"executing.json", COMFY_EXECUTING, true, "2", -1},
    {"executing_end.json", COMFY_EXECUTING, true, "", -1},
    {"executing_reconnected.json", COMFY_EXECUTING, false, "2", -1},
    {"executing_inner.json", COMFY_EXECUTING, true, "3", -1},
    {"progress.json", COMFY_PROGRESS, true, "2", -1},
    {"progress_state.json", COMFY_PROGRESS_STATE, true, NULL, -1},
    {"progress_state_inner.json", COMFY_PROGRESS_STATE, true, NULL, -1},
    {"executed_images.json", COMFY_EXECUTED, true, "5", -1},
    {"executed_mixed.json", COMFY_EXECUTED, true, "5", -1},
    {"executed_nan.json", COMFY_EXECUTED, true, "1", -1},
    {"success.json", COMFY_SUCCESS, true, NULL, -1},
    {"error.json", COMFY_ERROR, true, "2", -1},
    {"interrupted.json", COMFY_INTERRUPTED, true, "2", -1},
    {"feature_flags.json", COMFY_FEATURE_FLAGS, false, NULL, -1},
    {"unknown_type.json", COMFY_IGNORED, false, NULL, -1},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char name[64];
        struct comfy_message m;

        (void)snprintf(name, sizeof name, "comfy_text/%s", kinds[i].file);
        AUTO(buf_clear) struct buf text = wire_fixture(name);
        comfy_message_text(buf_span(&text), &m);
        print_message("%s\n", kinds[i].file);
        assert_int_equal(m.kind, kinds[i].kind);
        assert_int_equal(!id_is_none(m.prompt_id), kinds[i].has_prompt);
        assert_text(m.node, kinds[i].node);
        assert_int_equal(m.queue_remaining, kinds[i].queue_remaining);
        comfy_message_clear(&m);
    }
}

/* Every text that was recorded is understood. */
static void test_recorded_messages(void **state)
{
    AUTO(buf_clear) struct buf lines = read_whole(TEST_DATA_DIR "/wire/ws_messages.jsonl");
    struct json_limits limits = {.depth = 4, .nodes = 100};
    char *rest = lines.data;
    size_t count = 0;

    (void)state;
    for (char *line = strsep(&rest, "\n"); line != NULL && line[0] != '\0';
         line = strsep(&rest, "\n")) {
        AUTO(json_free_ptr) struct json_doc *doc = NULL;
        AUTO(free_ptr) char *text = NULL;
        struct comfy_message m;

        assert_int_equal(json_parse(span_of(line), JSON_STRICT, limits, &doc, NULL), ERR_NONE);
        text = json_str_dup(doc, json_get(doc, 0, "text"));
        if (text != NULL) {
            comfy_message_text(span_of(text), &m);
            assert_int_not_equal(m.kind, COMFY_IGNORED);
            comfy_message_clear(&m);
            count++;
        }
    }
    assert_true(count > 100);
}

static void test_details(void **state)
{
    AUTO(buf_clear) struct buf progress = wire_fixture("comfy_text/progress.json");
    AUTO(buf_clear) struct buf cached = wire_fixture("comfy_text/cached.json");
    AUTO(buf_clear) struct buf images = wire_fixture("comfy_text/executed_images.json");
    struct comfy_message m;

    (void)state;
    comfy_message_text(buf_span(&progress), &m);
    assert_string_equal(m.prompt_id.text, PROMPT);
    assert_true(m.value == 3 && m.max == 5);
    comfy_message_clear(&m);

    comfy_message_text(buf_span(&cached), &m);
    assert_true(m.node_count > 2);
    assert_non_null(m.nodes[0]);
    comfy_message_clear(&m);

    comfy_message_text(buf_span(&images), &m);
    assert_true(m.output_json.ptr > images.data && m.output_json.ptr < images.data + images.len);
    assert_int_equal(m.output_json.ptr[0], '{');
    assert_int_equal(m.output_json.ptr[m.output_json.len - 1], '}');
    comfy_message_clear(&m);
}

static void test_progress_state(void **state)
{
    AUTO(buf_clear) struct buf plain = wire_fixture("comfy_text/progress_state.json");
    AUTO(buf_clear) struct buf inner = wire_fixture("comfy_text/progress_state_inner.json");
    struct comfy_message m;

    (void)state;
    comfy_message_text(buf_span(&plain), &m);
    assert_int_equal(m.state_count, 2);
    assert_string_equal(m.states[0].node_id, "1");
    assert_true(m.states[0].is_finished);
    assert_string_equal(m.states[1].node_id, "2");
    assert_false(m.states[1].is_finished);
    assert_true(m.states[1].value == 2 && m.states[1].max == 5);
    comfy_message_clear(&m);

    /* node 3 expanded to 3.0.0.1, which has finished; 3 itself has not */
    comfy_message_text(buf_span(&inner), &m);
    assert_int_equal(m.state_count, 3);
    assert_string_equal(m.states[2].node_id, "3");
    assert_false(m.states[2].is_finished);
    comfy_message_clear(&m);

    m = read_text("{\"type\":\"progress_state\",\"data\":{\"nodes\":{\"3.0.0.1\":{\"value\":1,"
                  "\"max\":2,\"state\":\"running\",\"display_node_id\":\"3\"},\"4\":7}}}");
    assert_int_equal(m.state_count, 1);
    assert_string_equal(m.states[0].node_id, "3");
    comfy_message_clear(&m);
}

static void test_errors(void **state)
{
    AUTO(buf_clear) struct buf text = wire_fixture("comfy_text/error.json");
    AUTO(buf_clear) struct buf stop = wire_fixture("comfy_text/interrupted.json");
    struct comfy_message m;

    (void)state;
    comfy_message_text(buf_span(&text), &m);
    assert_int_equal(m.error.code, JOB_ERR_NODE_EXECUTION_ERROR);
    assert_string_equal(m.error.message, "WireRaise (node 2): boom: no more memory");
    assert_string_equal(m.error.node_id, "2");
    assert_string_equal(m.error.class_type, "WireRaise");
    comfy_message_clear(&m);

    comfy_message_text(buf_span(&stop), &m);
    assert_int_equal(m.error.code, JOB_ERR_INTERRUPTED);
    assert_string_equal(m.error.class_type, "WireSteps");
    comfy_message_clear(&m);
}

static const struct {
    const char *type;
    const char *message;
    enum comfy_message_kind kind;
    enum job_errc code;
    const char *words;
} exceptions[] = {
    {"torch.OutOfMemoryError", "Allocation on device ", COMFY_ERROR, JOB_ERR_OUT_OF_MEMORY,
     "K (node 3): Allocation on device"},
    {"torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB", COMFY_ERROR,
     JOB_ERR_OUT_OF_MEMORY, "K (node 3): CUDA out of memory. Tried to allocate 2 GiB"},
    {"RuntimeError", "MPS backend Out Of Memory", COMFY_ERROR, JOB_ERR_OUT_OF_MEMORY,
     "K (node 3): MPS backend Out Of Memory"},
    {"torch.AcceleratorError", "CUDA error: out of memory", COMFY_ERROR, JOB_ERR_OUT_OF_MEMORY,
     "K (node 3): CUDA error: out of memory"},
    {"torch.AcceleratorError", "CUDA error: device-side assert triggered", COMFY_ERROR,
     JOB_ERR_BACKEND_LOST, "K (node 3): CUDA error: device-side assert triggered"},
    {"RuntimeError", "HIP error: invalid device function", COMFY_ERROR, JOB_ERR_BACKEND_LOST,
     "K (node 3): HIP error: invalid device function"},
    {"MemoryError", "", COMFY_ERROR, JOB_ERR_OUT_OF_MEMORY, "K (node 3): MemoryError"},
    {"NotImplementedError", "\\n", COMFY_ERROR, JOB_ERR_NODE_EXECUTION_ERROR,
     "K (node 3): NotImplementedError"},
    {"", "", COMFY_ERROR, JOB_ERR_NODE_EXECUTION_ERROR,
     "K (node 3): The node failed without a message."},
    {"ExecutionBlocked", "Execution Blocked: no mask", COMFY_IGNORED, JOB_ERR_NONE, NULL},
};

static void test_exceptions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(exceptions); i++) {
        char text[512];
        struct comfy_message m;

        (void)snprintf(text, sizeof text,
                       "{\"type\":\"execution_error\",\"data\":{\"prompt_id\":\"" PROMPT
                       "\",\"node_id\":\"3\",\"node_type\":\"K\",\"exception_type\":\"%s\","
                       "\"exception_message\":\"%s\",\"traceback\":[\"/srv/secret/x.py\"]}}",
                       exceptions[i].type, exceptions[i].message);
        m = read_text(text);
        assert_int_equal(m.kind, exceptions[i].kind);
        assert_int_equal(m.error.code, exceptions[i].code);
        assert_text(m.error.message, exceptions[i].words);
        comfy_message_clear(&m);
    }
}

static void test_nonsense(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"type\":\"status\"}",
        "{\"type\":7,\"data\":{}}",
        "{\"data\":{}}",
        "{\"type\":\"executed\",\"data\":[1]}",
        "{\"type\":\"status\",\"data\":{}} trailing",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct comfy_message m = read_text(texts[i]);

        assert_int_equal(m.kind, COMFY_IGNORED);
        comfy_message_clear(&m);
    }
}

/* Members of the wrong type are as good as absent. */
static void test_wrong_types(void **state)
{
    struct comfy_message m = read_text("{\"type\":\"progress\",\"data\":{\"value\":NaN,\"max\":"
                                       "\"5\",\"node\":3,\"prompt_id\":\"not-a-uuid\"}}");

    (void)state;
    assert_int_equal(m.kind, COMFY_PROGRESS);
    assert_true(m.value == 0 && m.max == 0);
    assert_null(m.node);
    assert_true(id_is_none(m.prompt_id));
    comfy_message_clear(&m);

    m = read_text("{\"type\":\"executed\",\"data\":{\"node\":\"1\",\"output\":null}}");
    assert_int_equal(m.kind, COMFY_EXECUTED);
    assert_null(m.output_json.ptr);
    comfy_message_clear(&m);

    m = read_text("{\"type\":\"execution_cached\",\"data\":{\"nodes\":{\"1\":2}}}");
    assert_int_equal(m.node_count, 0);
    comfy_message_clear(&m);
}

/* ---- binary ---------------------------------------------------------------------------------- */

static const struct {
    const char *file;
    enum comfy_message_kind kind;
    const char *mime;
    const char *node;
} frames[] = {
    {"preview_with_metadata", COMFY_PREVIEW, "image/jpeg", "2"},
    {"preview_jpeg", COMFY_PREVIEW, "image/jpeg", NULL},
    {"preview_png", COMFY_PREVIEW, "image/png", NULL},
    {"preview_webp", COMFY_PREVIEW, "image/webp", NULL},
    {"no_picture", COMFY_PREVIEW, NULL, NULL},
    {"text_event", COMFY_IGNORED, NULL, NULL},
    {"length_beyond_end", COMFY_IGNORED, NULL, NULL},
    {"short", COMFY_IGNORED, NULL, NULL},
};

static void test_binary(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        char name[64];
        struct comfy_message m;

        (void)snprintf(name, sizeof name, "comfy_binary/%s", frames[i].file);
        AUTO(buf_clear) struct buf frame = wire_fixture(name);
        comfy_message_binary(buf_span(&frame), &m);
        print_message("%s\n", frames[i].file);
        assert_int_equal(m.kind, frames[i].kind);
        assert_text(m.mime, frames[i].mime);
        assert_text(m.node, frames[i].node);
        if (m.mime != NULL) {
            assert_ptr_equal(m.image.ptr + m.image.len, frame.data + frame.len);
        }
        comfy_message_clear(&m);
    }
}

/* No prefix of a frame may be read beyond its end (ASan watches), and none has a prompt unless all
 * of the metadata is there. */
static void test_binary_cut(void **state)
{
    AUTO(buf_clear) struct buf whole = wire_fixture("comfy_binary/preview_with_metadata");

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        AUTO(free_ptr) char *copy = xmalloc(len + 1);
        struct comfy_message m;

        memcpy(copy, whole.data, len);
        copy = xrealloc(copy, len > 0 ? len : 1);
        comfy_message_binary((struct span){copy, len}, &m);
        assert_int_equal(m.kind == COMFY_PREVIEW, len >= 8 + 166);
        comfy_message_clear(&m);
    }
}

/* ---- queue, system, version, cancel ---------------------------------------------------------- */

static void test_queue(void **state)
{
    AUTO(buf_clear) struct buf heap = wire_fixture("comfy_queue/heap_order.json");
    AUTO(buf_clear) struct buf running = wire_fixture("comfy_queue/running.json");
    AUTO(comfy_queue_clear) struct comfy_queue q = {0};
    struct id id = ID_NONE;

    (void)state;
    assert_true(comfy_queue_parse(buf_span(&heap), &q));
    assert_int_equal(q.running, 1);
    assert_int_equal(q.item[0].place, COMFY_RUNNING);
    assert_true(q.count > 3);
    for (size_t i = q.running + 1; i < q.count; i++) {
        assert_true(q.item[i - 1].number <= q.item[i].number);
        assert_int_equal(q.item[i].place, COMFY_PENDING);
    }
    comfy_queue_clear(&q);

    assert_true(comfy_queue_parse(buf_span(&running), &q));
    assert_true(id_parse(SPAN_LIT(PROMPT), &id));
    assert_int_equal(comfy_queue_find(&q, id), COMFY_RUNNING);
    assert_int_equal(comfy_queue_copies(&q, id), 1);
    assert_int_equal(comfy_queue_find(&q, id_new()), COMFY_NOWHERE);
}

/* The names tell what the files hold: queue_a_1_running_3_pending.json */
static void check_recorded_queue(const char *name, struct span text)
{
    struct comfy_queue q;
    char *end = NULL;
    size_t running = strtoul(name + strlen("queue_a_"), &end, 10);
    size_t pending = strtoul(end + strlen("_running_"), NULL, 10);

    assert_true(comfy_queue_parse(text, &q));
    assert_int_equal(q.running, running);
    assert_int_equal(q.count, running + pending);
    comfy_queue_clear(&q);
}

static void check_recorded_system(const char *name, struct span text)
{
    struct comfy_system s;

    assert_true(comfy_system_parse(text, &s));
    assert_string_equal(s.version, name[strlen("system_stats_")] == 'a' ? "0.3.64" : "0.33.0");
    assert_int_equal(s.device_count, 1);
    comfy_system_clear(&s);
}

static void test_recorded_answers(void **state)
{
    (void)state;
    each_recorded("queue_", check_recorded_queue);
    each_recorded("system_stats_", check_recorded_system);
}

static void test_queue_foreign(void **state)
{
    AUTO(buf_clear) struct buf foreign = wire_fixture("comfy_queue/foreign_ids.json");
    AUTO(comfy_queue_clear) struct comfy_queue q = {0};
    static const char *const wrong[] = {"",
                                        "{}",
                                        "[]",
                                        "<html>",
                                        "{\"queue_running\":[]}",
                                        "{\"queue_running\":{},\"queue_pending\":[]}"};

    (void)state;
    assert_true(comfy_queue_parse(buf_span(&foreign), &q));
    assert_int_equal(q.count, 3);
    assert_string_equal(q.item[0].prompt_id, "None");
    assert_string_equal(q.item[1].prompt_id, "a/b"); /* -1 before what has no number */
    assert_string_equal(q.item[2].prompt_id, "");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct comfy_queue none;

        assert_false(comfy_queue_parse(span_of(wrong[i]), &none));
    }
}

static void test_queue_copies(void **state)
{
    AUTO(comfy_queue_clear) struct comfy_queue q = {0};
    struct id id = ID_NONE;

    (void)state;
    assert_true(id_parse(SPAN_LIT(PROMPT), &id));
    assert_true(comfy_queue_parse(SPAN_LIT("{\"queue_running\":[[1,\"" PROMPT "\"]],"
                                           "\"queue_pending\":[[2,\"" PROMPT "\"],7,[3]]}"),
                                  &q));
    assert_int_equal(comfy_queue_copies(&q, id), 2);
    assert_int_equal(comfy_queue_find(&q, id), COMFY_RUNNING);
    assert_int_equal(q.count, 4);
}

static void test_system(void **state)
{
    AUTO(comfy_system_clear) struct comfy_system s = {0};
    static const char body[] =
        "{\"system\": {\"os\": \"posix\", \"ram_total\": 25276080128, \"comfyui_version\": "
        "\"0.3.64\", \"installed_templates_version\": null, \"argv\": [\"main.py\", \"--cpu\"]}, "
        "\"devices\": [{\"name\": \"cpu\", \"type\": \"cpu\", \"index\": null, \"vram_total\": "
        "25276080128, \"vram_free\": 24232550400.0}]}";

    (void)state;
    assert_true(comfy_system_parse(span_of(body), &s));
    assert_string_equal(s.version, "0.3.64");
    assert_int_equal(s.device_count, 1);
    assert_string_equal(s.device[0].name, "cpu");
    assert_true(s.device[0].vram_total == 25276080128);
    assert_true(s.device[0].vram_free == 24232550400);
    comfy_system_clear(&s);
    assert_true(comfy_system_parse(SPAN_LIT("{\"system\":{}}"), &s));
    assert_null(s.version);
    assert_false(comfy_system_parse(SPAN_LIT("{\"error\":\"login\"}"), &s));
}

static void test_versions(void **state)
{
    (void)state;
    assert_true(comfy_version_at_least("0.3.64", 0, 3, 64));
    assert_true(comfy_version_at_least("0.3.64", 0, 3, 57));
    assert_false(comfy_version_at_least("0.3.56", 0, 3, 57));
    assert_true(comfy_version_at_least("0.33.0", 0, 26, 0));
    assert_false(comfy_version_at_least("0.3.64", 0, 26, 0));
    assert_true(comfy_version_at_least("v1.0", 0, 26, 0));
    assert_true(comfy_version_at_least("1", 1, 0, 0));
    assert_false(comfy_version_at_least("1", 1, 0, 1));
    assert_true(comfy_version_at_least("0.26.0-rc1+git", 0, 26, 0));
    assert_true(comfy_version_at_least(NULL, 9, 9, 9));
    assert_true(comfy_version_at_least("nightly", 9, 9, 9));
}

static void test_cancel(void **state)
{
    bool cancelled = false;

    (void)state;
    assert_true(comfy_cancel_reply_parse(SPAN_LIT("{\"cancelled\": true}"), &cancelled));
    assert_true(cancelled);
    assert_true(comfy_cancel_reply_parse(SPAN_LIT("{\"cancelled\": false}"), &cancelled));
    assert_false(cancelled);
    assert_false(comfy_cancel_reply_parse(SPAN_LIT("{\"cancelled\": 1}"), &cancelled));
    assert_false(comfy_cancel_reply_parse(SPAN_LIT(""), &cancelled));
}

/* ---- what we send ---------------------------------------------------------------------------- */

static void test_bodies(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    struct id prompt = ID_NONE;
    struct id job = ID_NONE;

    (void)state;
    assert_true(id_parse(SPAN_LIT(PROMPT), &prompt));
    assert_true(id_parse(SPAN_LIT("0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"), &job));
    comfy_prompt_body(&out, SPAN_LIT("{ \"1\": {\"inputs\":{\"seed\":18446744073709551615}} }"),
                      prompt, "c-1", job);
    assert_string_equal(buf_str(&out),
                        "{\"prompt\":{ \"1\": {\"inputs\":{\"seed\":18446744073709551615}} "
                        "},\"prompt_id\":\"" PROMPT
                        "\",\"client_id\":\"c-1\",\"extra_data\":{\"comfygate\":{\"job_id\":"
                        "\"0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77\"}}}");
    buf_reset(&out);
    comfy_delete_body(&out, prompt);
    assert_string_equal(buf_str(&out), "{\"delete\":[\"" PROMPT "\"]}");
    buf_reset(&out);
    comfy_interrupt_body(&out, prompt);
    assert_string_equal(buf_str(&out), "{\"prompt_id\":\"" PROMPT "\"}");
    assert_true(span_is(comfy_feature_flags(), "{\"type\":\"feature_flags\",\"data\":"
                                               "{\"supports_preview_metadata\":true}}"));
}

static void test_view_query(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(4096);
    char filename[] = "h\xc3\xb6he & 100%.png";
    char subfolder[] = "comfygate/x";
    char type[] = "output";
    struct comfy_output o = {.filename = filename, .subfolder = subfolder, .type = type};

    (void)state;
    comfy_view_query(&out, &o);
    assert_string_equal(buf_str(&out), "?filename=h%C3%B6he%20%26%20100%25.png"
                                       "&subfolder=comfygate%2Fx&type=output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_recorded_messages),
        cmocka_unit_test(test_details),       cmocka_unit_test(test_progress_state),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_nonsense),      cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_binary),        cmocka_unit_test(test_binary_cut),
        cmocka_unit_test(test_queue),         cmocka_unit_test(test_recorded_answers),
        cmocka_unit_test(test_queue_foreign), cmocka_unit_test(test_queue_copies),
        cmocka_unit_test(test_system),        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_cancel),        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_view_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
