#include "wire_fixture.h"

#include <string.h>

#include "base/mem.h"
#include "core/submit.h"

#define NOW          INT64_C(1795380965091)
#define GRAPH        "{\"1\":{\"class_type\":\"A\"}}"
#define WITH(member) "{\"workflow\":" GRAPH "," member "}"
#define FLOW(graph)  "{\"workflow\":" graph "}"

static const struct submit_limits limits = {
    .json = {.depth = 64, .nodes = 2000},
    .graph_nodes = 4,
    .default_max_attempts = 3,
};

/* ---- malformed submissions ------------------------------------------------------------------- */

struct fault_row {
    const char *name;
    const char *body;
    enum errc code;
    const char *pointer; /* of the first item */
};

static const struct fault_row fault_rows[] = {
    /* not JSON */
    {"empty", "", ERR_MALFORMED_JSON, ""},
    {"only space", " \n", ERR_MALFORMED_JSON, ""},
    {"a word", "hello", ERR_MALFORMED_JSON, ""},
    {"a form", "workflow=1&title=x", ERR_MALFORMED_JSON, ""},
    {"cut off", "{\"workflow\":{\"1\":", ERR_MALFORMED_JSON, "/workflow/1"},
    {"two values", FLOW(GRAPH) "{}", ERR_MALFORMED_JSON, ""},
    {"trailing comma", "{\"workflow\":" GRAPH ",}", ERR_MALFORMED_JSON, ""},
    {"single quotes", "{'workflow':1}", ERR_MALFORMED_JSON, ""},
    {"a comment", "{/* hi */\"workflow\":1}", ERR_MALFORMED_JSON, ""},
    {"NaN", FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"cfg\":NaN}}}"), ERR_MALFORMED_JSON,
     "/workflow/1/inputs/cfg"},
    {"Infinity", FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"cfg\":-Infinity}}}"),
     ERR_MALFORMED_JSON, "/workflow/1/inputs/cfg"},
    {"leading zero", WITH("\"priority\":01"), ERR_MALFORMED_JSON, "/priority"},
    {"raw newline in a string", WITH("\"title\":\"a\nb\""), ERR_MALFORMED_JSON, "/title"},
    {"unknown escape", WITH("\"title\":\"\\x41\""), ERR_MALFORMED_JSON, "/title"},
    {"half a surrogate pair", WITH("\"title\":\"\\ud800\""), ERR_MALFORMED_JSON, "/title"},
    {"not UTF-8", WITH("\"title\":\"\xff\""), ERR_INVALID_UTF8, "/title"},
    {"overlong UTF-8", WITH("\"title\":\"\xc0\x80\""), ERR_INVALID_UTF8, "/title"},
    {"surrogate as UTF-8", WITH("\"title\":\"\xed\xa0\x80\""), ERR_INVALID_UTF8, "/title"},
    {"duplicate member", WITH("\"title\":\"a\",\"title\":\"b\""), ERR_DUPLICATE_KEY, "/title"},
    {"duplicate node", FLOW("{\"1\":{\"class_type\":\"A\"},\"1\":{\"class_type\":\"B\"}}"),
     ERR_DUPLICATE_KEY, "/workflow/1"},
    {"duplicate by escape",
     FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":1,\"\\u0061\":2}}}"), ERR_DUPLICATE_KEY,
     "/workflow/1/inputs/a"},

    /* not a submission */
    {"an array", "[]", ERR_VALIDATION_ERROR, ""},
    {"a string", "\"x\"", ERR_VALIDATION_ERROR, ""},
    {"null", "null", ERR_VALIDATION_ERROR, ""},
    {"no workflow", "{}", ERR_VALIDATION_ERROR, "/workflow"},
    {"unknown member", WITH("\"titel\":\"x\""), ERR_UNKNOWN_FIELD, "/titel"},
    {"unknown member with a slash", WITH("\"a/b~c\":1"), ERR_UNKNOWN_FIELD, "/a~1b~0c"},
    {"empty member name", WITH("\"\":1"), ERR_UNKNOWN_FIELD, "/"},
    {"webhook without url", WITH("\"webhook\":{}"), ERR_VALIDATION_ERROR, "/webhook"},
    {"webhook null", WITH("\"webhook\":null"), ERR_VALIDATION_ERROR, "/webhook"},
    {"webhook unknown", WITH("\"webhook\":{\"url\":\"https://a/\",\"x\":1}"), ERR_UNKNOWN_FIELD,
     "/webhook/x"},
    {"client_id", WITH("\"client_id\":[]"), ERR_UNKNOWN_FIELD, "/client_id"},

    /* wrong types and ranges */
    {"title is a number", WITH("\"title\":1"), ERR_VALIDATION_ERROR, "/title"},
    {"title is null", WITH("\"title\":null"), ERR_VALIDATION_ERROR, "/title"},
    {"title is empty", WITH("\"title\":\"\""), ERR_VALIDATION_ERROR, "/title"},
    {"title with U+0000", WITH("\"title\":\"a\\u0000\""), ERR_VALIDATION_ERROR, "/title"},
    {"tags is a string", WITH("\"tags\":\"a\""), ERR_VALIDATION_ERROR, "/tags"},
    {"tags is an object", WITH("\"tags\":{}"), ERR_VALIDATION_ERROR, "/tags"},
    {"a tag is a number", WITH("\"tags\":[\"a\",2]"), ERR_VALIDATION_ERROR, "/tags/1"},
    {"a tag is empty", WITH("\"tags\":[\"\"]"), ERR_VALIDATION_ERROR, "/tags/0"},
    {"a tag is there twice", WITH("\"tags\":[\"a\",\"b\",\"a\"]"), ERR_VALIDATION_ERROR, "/tags/2"},
    {"a tag is too long",
     WITH("\"tags\":[\"0123456789012345678901234567890123456789012345678901234567890123x\"]"),
     ERR_VALIDATION_ERROR, "/tags/0"},
    {"too many tags",
     WITH("\"tags\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
     ERR_VALIDATION_ERROR, "/tags"},
    {"metadata is a list", WITH("\"metadata\":[]"), ERR_VALIDATION_ERROR, "/metadata"},
    {"metadata value is a number", WITH("\"metadata\":{\"a\":1}"), ERR_VALIDATION_ERROR,
     "/metadata/a"},
    {"metadata value is null", WITH("\"metadata\":{\"a\":null}"), ERR_VALIDATION_ERROR,
     "/metadata/a"},
    {"metadata key is empty", WITH("\"metadata\":{\"\":\"x\"}"), ERR_VALIDATION_ERROR,
     "/metadata/"},
    {"metadata key with U+0000", WITH("\"metadata\":{\"\\u0000\":\"x\"}"), ERR_VALIDATION_ERROR,
     "/metadata/\\u0000"},
    {"priority is a string", WITH("\"priority\":\"1\""), ERR_VALIDATION_ERROR, "/priority"},
    {"priority has a fraction", WITH("\"priority\":1.5"), ERR_VALIDATION_ERROR, "/priority"},
    {"priority too high", WITH("\"priority\":101"), ERR_VALIDATION_ERROR, "/priority"},
    {"priority too low", WITH("\"priority\":-101"), ERR_VALIDATION_ERROR, "/priority"},
    {"priority beyond 64 bits", WITH("\"priority\":99999999999999999999"), ERR_VALIDATION_ERROR,
     "/priority"},
    {"deadline is 0", WITH("\"deadline_seconds\":0"), ERR_VALIDATION_ERROR, "/deadline_seconds"},
    {"deadline too far", WITH("\"deadline_seconds\":604801"), ERR_VALIDATION_ERROR,
     "/deadline_seconds"},
    {"timeout is negative", WITH("\"timeout_seconds\":-1"), ERR_VALIDATION_ERROR,
     "/timeout_seconds"},
    {"timeout is null", WITH("\"timeout_seconds\":null"), ERR_VALIDATION_ERROR, "/timeout_seconds"},
    {"no attempts", WITH("\"max_attempts\":0"), ERR_VALIDATION_ERROR, "/max_attempts"},
    {"too many attempts", WITH("\"max_attempts\":6"), ERR_VALIDATION_ERROR, "/max_attempts"},
    {"backend is empty", WITH("\"backend\":\"\""), ERR_VALIDATION_ERROR, "/backend"},
    {"backend is a list", WITH("\"backend\":[\"gpu0\"]"), ERR_VALIDATION_ERROR, "/backend"},
    {"dry_run is a number", WITH("\"dry_run\":1"), ERR_VALIDATION_ERROR, "/dry_run"},

    /* workflows that are none */
    {"workflow is null", FLOW("null"), ERR_INVALID_WORKFLOW, "/workflow"},
    {"workflow is a string of JSON", FLOW("\"{}\""), ERR_INVALID_WORKFLOW, "/workflow"},
    {"workflow is a list", FLOW("[]"), ERR_INVALID_WORKFLOW, "/workflow"},
    {"workflow is empty", FLOW("{}"), ERR_INVALID_WORKFLOW, "/workflow"},
    {"workflow in the editor's format",
     FLOW("{\"last_node_id\":9,\"nodes\":[{\"id\":3,\"type\":\"K\"}],\"links\":[[1,4,0,3,0,\"M\"]]"
          "}"),
     ERR_WORKFLOW_FORMAT_UI, "/workflow"},
    {"workflow of the editor, empty", FLOW("{\"nodes\":[],\"links\":[],\"version\":0.4}"),
     ERR_WORKFLOW_FORMAT_UI, "/workflow"},
    {"workflow is a request to /prompt", FLOW("{\"prompt\":" GRAPH ",\"client_id\":\"x\"}"),
     ERR_INVALID_WORKFLOW, "/workflow"},
    {"a node is a string", FLOW("{\"1\":\"A\"}"), ERR_INVALID_WORKFLOW, "/workflow/1"},
    {"a node is null", FLOW("{\"1\":null}"), ERR_INVALID_WORKFLOW, "/workflow/1"},
    {"a node without class_type", FLOW("{\"1\":{\"inputs\":{}}}"), ERR_INVALID_WORKFLOW,
     "/workflow/1/class_type"},
    {"class_type is null", FLOW("{\"1\":{\"class_type\":null}}"), ERR_INVALID_WORKFLOW,
     "/workflow/1/class_type"},
    {"class_type is empty", FLOW("{\"1\":{\"class_type\":\"\"}}"), ERR_INVALID_WORKFLOW,
     "/workflow/1/class_type"},
    {"inputs is a list", FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":[]}}"), ERR_INVALID_WORKFLOW,
     "/workflow/1/inputs"},
    {"a link to nowhere", FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"x/y\":[\"9\",0]}}}"),
     ERR_INVALID_WORKFLOW, "/workflow/1/inputs/x~1y"},
    {"a link to U+0000", FLOW("{\"1\":{\"class_type\":\"A\",\"inputs\":{\"x\":[\"\\u0000\",0]}}}"),
     ERR_INVALID_WORKFLOW, "/workflow/1/inputs/x"},
    {"a node without id", FLOW("{\"\":{\"class_type\":\"A\"}}"), ERR_INVALID_WORKFLOW,
     "/workflow/"},
    {"a node id with U+0000", FLOW("{\"a\\u0000\":{\"class_type\":\"A\"}}"), ERR_INVALID_WORKFLOW,
     "/workflow"},
    {"too many nodes",
     FLOW("{\"1\":{\"class_type\":\"A\"},\"2\":{\"class_type\":\"A\"},\"3\":{\"class_type\":\"A\"},"
          "\"4\":{\"class_type\":\"A\"},\"5\":{\"class_type\":\"A\"}}"),
     ERR_INVALID_WORKFLOW, "/workflow"},
};

static void check_fault(const struct fault_row *row, struct span body)
{
    AUTO(submission_clear) struct submission s;
    struct err e = ERR_INIT;
    enum errc code = submission_parse(body, &limits, NOW, &s, &e);

    print_message("%s\n", row->name);
    assert_string_equal(err_code(code), err_code(row->code));
    assert_int_equal(e.code, row->code);
    assert_true(e.item_count >= 1);
    assert_string_equal(e.item[0].at, row->pointer);
    assert_true(strlen(e.item[0].code) > 0 && strlen(e.item[0].detail) > 0);
    assert_true(id_is_none(s.row.id));
}

static void test_malformed(void **state)
{
    (void)state;
    assert_true(COUNT_OF(fault_rows) >= 60);
    for (size_t i = 0; i < COUNT_OF(fault_rows); i++) {
        check_fault(&fault_rows[i], span_of(fault_rows[i].body));
    }
}

/* before + count times part + after */
static struct buf repeated(const char *before, size_t count, const char *part, const char *after)
{
    struct buf out = BUF_INIT(8U << 20);

    (void)buf_append_str(&out, before);
    for (size_t i = 0; i < count; i++) {
        (void)buf_append_str(&out, part);
    }
    (void)buf_append_str(&out, after);
    assert_true(buf_ok(&out));
    return out;
}

static void test_too_large(void **state)
{
    static const struct {
        struct fault_row row;
        const char *before;
        size_t count;
        const char *part;
        const char *after;
    } rows[] = {
        {{"100 levels", NULL, ERR_TOO_DEEP, NULL}, "{\"workflow\":", 100, "[", ""},
        {{"title of 5 MiB", NULL, ERR_VALIDATION_ERROR, "/title"},
         "{\"workflow\":" GRAPH ",\"title\":\"",
         5U << 20,
         "x",
         "\"}"},
        {{"title of 201 characters", NULL, ERR_VALIDATION_ERROR, "/title"},
         "{\"workflow\":" GRAPH ",\"title\":\"",
         201,
         "\xc3\xa4",
         "\"}"},
        {{"5 MiB of nodes", NULL, ERR_CONTENT_TOO_LARGE, "/workflow"},
         "{\"workflow\":[",
         (5U << 20) / 2,
         "1,",
         "1]}"},
        {{"5 MiB that never end", NULL, ERR_MALFORMED_JSON, "/title"},
         "{\"title\":\"",
         5U << 20,
         "x",
         ""},
        {{"metadata value of 1025 bytes", NULL, ERR_VALIDATION_ERROR, "/metadata/k"},
         "{\"workflow\":" GRAPH ",\"metadata\":{\"k\":\"",
         1025,
         "x",
         "\"}}"},
        {{"node id of 257 bytes", NULL, ERR_INVALID_WORKFLOW, NULL},
         "{\"workflow\":{\"",
         257,
         "x",
         "\":{\"class_type\":\"A\"}}}"},
        {{"backend of 257 bytes", NULL, ERR_VALIDATION_ERROR, "/backend"},
         "{\"workflow\":" GRAPH ",\"backend\":\"",
         257,
         "x",
         "\"}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_clear)
        struct buf body = repeated(rows[i].before, rows[i].count, rows[i].part, rows[i].after);
        struct fault_row row = rows[i].row;
        AUTO(submission_clear) struct submission s;
        struct err e = ERR_INIT;

        print_message("%s\n", row.name);
        assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, &e), row.code);
        if (row.pointer != NULL) {
            assert_string_equal(e.item[0].at, row.pointer);
        }
    }
}

static void test_metadata_of_33_keys(void **state)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(65536);
    AUTO(submission_clear) struct submission s;
    struct err e = ERR_INIT;

    (void)state;
    (void)buf_append_str(&body, "{\"workflow\":" GRAPH ",\"metadata\":{");
    for (int i = 0; i < 33; i++) {
        (void)buf_appendf(&body, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
    }
    (void)buf_append_str(&body, "}}");
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, &e), ERR_VALIDATION_ERROR);
    assert_string_equal(e.item[0].at, "/metadata");
    assert_string_equal(e.item[0].code, "too_many");
}

/* One answer tells everything that can be told, up to 32 places. */
static void test_all_faults_at_once(void **state)
{
    AUTO(buf_clear) struct buf body = wire_fixture("submit/wrong_everywhere.json");
    static const char *const expected[] = {
        "/workflow/1/class_type",
        "/title",
        "/tags/1",
        "/tags/2",
        "/metadata/",
        "/metadata/k",
        "/priority",
        "/x",
        "/dry_run",
    };
    AUTO(buf_clear) struct buf many = BUF_INIT(65536);
    AUTO(submission_clear) struct submission s;
    AUTO(submission_clear) struct submission t;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, &e), ERR_INVALID_WORKFLOW);
    assert_int_equal(e.item_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(e.item[i].at, expected[i]);
    }

    (void)buf_append_str(&many, "{");
    for (int i = 0; i < 100; i++) {
        (void)buf_appendf(&many, "\"x%d\":1,", i);
    }
    (void)buf_append_str(&many, "\"workflow\":" GRAPH "}");
    assert_int_equal(submission_parse(buf_span(&many), &limits, NOW, &t, &e), ERR_UNKNOWN_FIELD);
    assert_int_equal(e.item_count, ERR_ITEMS_MAX);
}

static void test_editor_format_names_the_export(void **state)
{
    AUTO(buf_clear) struct buf body = wire_fixture("submit/editor_format.json");
    AUTO(submission_clear) struct submission s;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, &e),
                     ERR_WORKFLOW_FORMAT_UI);
    assert_contains(e.item[0].detail, "Workflow > Export (API)");
}

/* ---- good submissions ------------------------------------------------------------------------ */

static void test_defaults(void **state)
{
    AUTO(submission_clear) struct submission s;

    (void)state;
    assert_int_equal(submission_parse(SPAN_LIT(FLOW(GRAPH)), &limits, NOW, &s, NULL), ERR_NONE);
    assert_false(id_is_none(s.row.id));
    assert_int_equal(s.row.status, JOB_QUEUED);
    assert_int_equal(s.row.phase, PHASE_WAITING);
    assert_int_equal(s.row.version, 1);
    assert_int_equal(s.row.created_at, NOW);
    assert_int_equal(s.row.max_attempts, 3);
    assert_int_equal(s.row.nodes_total, 1);
    assert_int_equal(s.row.deadline_at, 0);
    assert_int_equal(s.row.timeout_ms, 0);
    assert_null(s.row.title);
    assert_string_equal(s.row.tags_json, "[]");
    assert_string_equal(s.row.metadata_json, "{}");
    assert_string_equal(buf_str(&s.graph), GRAPH);
    assert_false(s.is_dry_run);
}

static void test_all_members(void **state)
{
    AUTO(buf_clear) struct buf body = wire_fixture("submit/all_members.json");
    AUTO(submission_clear) struct submission s;

    (void)state;
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, NULL), ERR_NONE);
    assert_string_equal(s.row.title, "A blue squ\xc3\xa4re");
    assert_string_equal(s.row.tags_json, "[\"test\",\"blau\"]");
    assert_string_equal(s.row.metadata_json, "{\"asked_by\":\"ada\"}");
    assert_int_equal(s.row.priority, 10);
    assert_int_equal(s.row.deadline_at, NOW + 60000);
    assert_int_equal(s.row.timeout_ms, 600000);
    assert_int_equal(s.row.max_attempts, 2);
    assert_string_equal(s.row.wanted_backend, "gpu0");
    assert_int_equal(s.row.nodes_total, 2);
}

/* What the client wrote is what is kept: numbers, order, spaces and escapes. */
static void test_graph_bytes(void **state)
{
    static const char graph[] =
        "{ \"9\" : {\"inputs\":{\"seed\": 18446744073709551615 "
        ",\"cfg\":7.0,\"big\":1e400,\"neg\":-0.0,"
        "\"text\":\"\\u0041\\/"
        "\",\"z\":[\"1\",0]},\n\"class_type\":\"K\"},\"1\":{\"class_type\":\"A\"} }";
    AUTO(buf_clear) struct buf body = BUF_INIT(4096);
    AUTO(submission_clear) struct submission s;

    (void)state;
    (void)buf_appendf(&body, " {\"title\":\"x\", \"work\\u0066low\" : %s } ", graph);
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, NULL), ERR_NONE);
    assert_string_equal(buf_str(&s.graph), graph);
    assert_int_equal(s.row.nodes_total, 2);
}

/* Only a pair of text and number is a link; lists of other shapes are values. */
static void test_lists_that_are_no_links(void **state)
{
    static const char body[] = FLOW(
        "{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":[],\"b\":[\"9\"],\"c\":[9,0],"
        "\"d\":[\"x\",\"y\"],\"e\":[\"9\",0,1],\"f\":{\"__value__\":[\"9\",0]},\"g\":[\"1\",0]}}}");
    AUTO(submission_clear) struct submission s;

    (void)state;
    assert_int_equal(submission_parse(span_of(body), &limits, NOW, &s, NULL), ERR_NONE);
}

static void test_stored_texts_are_json(void **state)
{
    AUTO(submission_clear) struct submission s;

    (void)state;
    assert_int_equal(submission_parse(SPAN_LIT(WITH("\"tags\":[\"\\\"\\u00e4\"],\"metadata\":"
                                                    "{\"a\\\\\":\"<\\n\",\"empty\":\"\"}")),
                                      &limits, NOW, &s, NULL),
                     ERR_NONE);
    assert_string_equal(s.row.tags_json, "[\"\\\"\xc3\xa4\"]");
    assert_string_equal(s.row.metadata_json, "{\"a\\\\\":\"\\u003c\\n\",\"empty\":\"\"}");
}

/* ---- patch ----------------------------------------------------------------------------------- */

static const struct json_limits patch_limits = {.depth = 16, .nodes = 2000};

static void test_patch(void **state)
{
    static const struct {
        const char *patch;
        bool changed;
        const char *title;
        const char *tags;
        const char *metadata;
    } rows[] = {
        {"{}", false, "t", "[\"a\"]", "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"title\":\"t\",\"tags\":[\"a\"],\"metadata\":{\"k\":\"1\"}}", false, "t", "[\"a\"]",
         "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"title\":null}", true, NULL, "[\"a\"]", "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"title\":\"new\"}", true, "new", "[\"a\"]", "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"tags\":[]}", true, "t", "[]", "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"metadata\":{\"k\":null}}", true, "t", "[\"a\"]", "{\"l\":\"2\"}"},
        {"{\"metadata\":{\"m\":\"3\",\"k\":\"9\"}}", true, "t", "[\"a\"]",
         "{\"k\":\"9\",\"l\":\"2\",\"m\":\"3\"}"},
        {"{\"metadata\":{\"none\":null}}", false, "t", "[\"a\"]", "{\"k\":\"1\",\"l\":\"2\"}"},
        {"{\"metadata\":{\"\\u006b\":\"e\"}}", true, "t", "[\"a\"]", "{\"k\":\"e\",\"l\":\"2\"}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(job_patch_clear) struct job_patch p;
        AUTO(job_row_clear) struct job_row row;
        bool changed = false;

        print_message("%s\n", rows[i].patch);
        job_row_init(&row);
        xreplace(&row.title, "t");
        xreplace(&row.tags_json, "[\"a\"]");
        xreplace(&row.metadata_json, "{\"k\":\"1\",\"l\":\"2\"}");
        assert_int_equal(job_patch_parse(span_of(rows[i].patch), patch_limits, &p, NULL), ERR_NONE);
        assert_int_equal(job_patch_apply(&p, &row, &changed, NULL), ERR_NONE);
        assert_int_equal(changed, rows[i].changed);
        assert_text(row.title, rows[i].title);
        assert_string_equal(row.tags_json, rows[i].tags);
        assert_string_equal(row.metadata_json, rows[i].metadata);
    }
}

static bool patch_star(struct job_row *row, const char *body)
{
    AUTO(job_patch_clear) struct job_patch p;
    bool changed = false;

    assert_int_equal(job_patch_parse(span_of(body), patch_limits, &p, NULL), ERR_NONE);
    assert_int_equal(job_patch_apply(&p, row, &changed, NULL), ERR_NONE);
    return changed;
}

static void test_patch_star(void **state)
{
    AUTO(job_row_clear) struct job_row row;

    (void)state;
    job_row_init(&row);
    assert_false(patch_star(&row, "{\"starred\":false}"));
    assert_true(patch_star(&row, "{\"starred\":true}"));
    assert_true(row.is_starred);
    assert_false(patch_star(&row, "{\"starred\":true}"));
    assert_true(patch_star(&row, "{\"title\":\"t\"}"));
    assert_true(row.is_starred); /* what is absent stays */
    assert_true(patch_star(&row, "{\"starred\":false}"));
    assert_false(row.is_starred);
}

/* Of a row in this phase, with the title and priority 5; *changed only when it worked. */
static enum errc patch_priority(enum job_phase phase, const char *body, bool *changed,
                                int *priority)
{
    AUTO(job_patch_clear) struct job_patch p;
    AUTO(job_row_clear) struct job_row row;
    struct err e = ERR_INIT;
    enum errc rc = ERR_NONE;

    job_row_init(&row);
    row.phase = phase;
    row.priority = 5;
    assert_int_equal(job_patch_parse(span_of(body), patch_limits, &p, NULL), ERR_NONE);
    rc = job_patch_apply(&p, &row, changed, &e);
    *priority = row.priority;
    if (rc != ERR_NONE) {
        assert_null(row.title); /* nothing of it is done */
        assert_non_null(strstr(e.detail, phase == PHASE_NONE ? "has ended" : "to a ComfyUI"));
    }
    return rc;
}

static void test_patch_priority(void **state)
{
    static const char *const body = "{\"title\":\"t\",\"priority\":-100}";
    bool changed = false;
    int priority = 0;

    (void)state;
    assert_int_equal(patch_priority(PHASE_WAITING, body, &changed, &priority), ERR_NONE);
    assert_true(changed);
    assert_int_equal(priority, -100);
    for (int phase = PHASE_NONE; phase <= PHASE_COLLECTING; phase++) {
        if (phase == PHASE_WAITING) {
            continue;
        }
        assert_int_equal(patch_priority((enum job_phase)phase, body, &changed, &priority),
                         ERR_JOB_NOT_WAITING);
        assert_int_equal(priority, 5);
        assert_int_equal(
            patch_priority((enum job_phase)phase, "{\"priority\":5}", &changed, &priority),
            ERR_NONE);
        assert_false(changed);
    }
}

static void test_patch_faults(void **state)
{
    static const struct fault_row rows[] = {
        {"not JSON", "{", ERR_MALFORMED_JSON, ""},
        {"a list", "[]", ERR_VALIDATION_ERROR, ""},
        {"priority is no text", "{\"priority\":\"1\"}", ERR_VALIDATION_ERROR, "/priority"},
        {"priority is whole", "{\"priority\":1.5}", ERR_VALIDATION_ERROR, "/priority"},
        {"priority cannot be null", "{\"priority\":null}", ERR_VALIDATION_ERROR, "/priority"},
        {"priority is bounded", "{\"priority\":101}", ERR_VALIDATION_ERROR, "/priority"},
        {"on both sides", "{\"priority\":-101}", ERR_VALIDATION_ERROR, "/priority"},
        {"attempts cannot be changed", "{\"max_attempts\":1}", ERR_UNKNOWN_FIELD, "/max_attempts"},
        {"title", "{\"title\":7}", ERR_VALIDATION_ERROR, "/title"},
        {"tags cannot be null", "{\"tags\":null}", ERR_VALIDATION_ERROR, "/tags"},
        {"metadata cannot be null", "{\"metadata\":null}", ERR_VALIDATION_ERROR, "/metadata"},
        {"metadata", "{\"metadata\":{\"a\":[]}}", ERR_VALIDATION_ERROR, "/metadata/a"},
        {"starred is no text", "{\"starred\":\"true\"}", ERR_VALIDATION_ERROR, "/starred"},
        {"starred cannot be null", "{\"starred\":null}", ERR_VALIDATION_ERROR, "/starred"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(job_patch_clear) struct job_patch p;
        struct err e = ERR_INIT;

        print_message("%s\n", rows[i].name);
        assert_int_equal(job_patch_parse(span_of(rows[i].body), patch_limits, &p, &e),
                         rows[i].code);
        assert_string_equal(e.item[0].at, rows[i].pointer);
    }
}

static void test_patch_cannot_grow_metadata(void **state)
{
    AUTO(buf_clear) struct buf first = BUF_INIT(65536);
    AUTO(buf_clear) struct buf second = BUF_INIT(65536);
    AUTO(job_patch_clear) struct job_patch p;
    AUTO(job_patch_clear) struct job_patch q;
    AUTO(job_row_clear) struct job_row row;
    struct err e = ERR_INIT;
    bool changed = false;

    (void)state;
    job_row_init(&row);
    (void)buf_append_str(&first, "{\"metadata\":{");
    (void)buf_append_str(&second, "{\"metadata\":{");
    for (int i = 0; i < 32; i++) {
        (void)buf_appendf(&first, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
        (void)buf_appendf(&second, "%s\"k%d\":null,\"n%d\":\"v\"", i > 0 ? "," : "", i, i);
    }
    (void)buf_append_str(&first, "}}");
    (void)buf_append_str(&second, "}}");
    assert_int_equal(job_patch_parse(buf_span(&first), patch_limits, &p, NULL), ERR_NONE);
    assert_int_equal(job_patch_apply(&p, &row, &changed, NULL), ERR_NONE);
    assert_int_equal(job_patch_parse(buf_span(&second), patch_limits, &q, NULL), ERR_NONE);
    assert_int_equal(job_patch_apply(&q, &row, &changed, NULL), ERR_NONE); /* all exchanged */
    assert_true(changed);
    assert_int_equal(job_patch_apply(&p, &row, &changed, &e), ERR_VALIDATION_ERROR);
    assert_string_equal(e.item[0].at, "/metadata");
    assert_contains(row.metadata_json, "\"n31\"");
    assert_null(strstr(row.metadata_json, "\"k0\""));
}

/* ---- retry ----------------------------------------------------------------------------------- */

static void test_retry(void **state)
{
    AUTO(buf_clear) struct buf body = wire_fixture("submit/all_members.json");
    AUTO(submission_clear) struct submission s;
    AUTO(job_row_clear) struct job_row again;

    (void)state;
    assert_int_equal(submission_parse(buf_span(&body), &limits, NOW, &s, NULL), ERR_NONE);
    s.row.status = JOB_FAILED;
    s.row.phase = PHASE_NONE;
    s.row.attempt = 2;
    s.row.deaths = 1;
    s.row.started_at = NOW + 5;
    s.row.completed_at = NOW + 9;
    xreplace(&s.row.backend, "gpu0");
    xreplace(&s.row.template_name, "flux");
    xreplace(&s.row.input_json, "{\"prompt\":\"x\"}");
    xreplace(&s.row.seed, "18446744073709551615");
    xreplace(&s.row.primary_node, "9");
    s.row.is_starred = true;
    job_error_set(&s.row.error, JOB_ERR_TIMEOUT, "too slow", NULL, NULL, NULL);
    job_retry_row(&s.row, NOW + 1000, &again);
    assert_false(id_eq(again.id, s.row.id));
    assert_true(id_eq(again.parent_id, s.row.id));
    assert_int_equal(again.status, JOB_QUEUED);
    assert_int_equal(again.attempt, 0);
    assert_int_equal(again.deaths, 0);
    assert_int_equal(again.created_at, NOW + 1000);
    assert_int_equal(again.deadline_at, NOW + 1000 + 60000);
    assert_int_equal(again.started_at, 0);
    assert_int_equal(again.nodes_total, 2);
    assert_int_equal(again.error.code, JOB_ERR_NONE);
    assert_null(again.backend);
    assert_string_equal(again.title, s.row.title);
    assert_string_equal(again.tags_json, s.row.tags_json);
    assert_string_equal(again.wanted_backend, "gpu0");
    assert_string_equal(again.template_name, "flux");
    assert_string_equal(again.input_json, "{\"prompt\":\"x\"}");
    assert_string_equal(again.seed, "18446744073709551615");
    assert_string_equal(again.primary_node, "9");
    assert_false(again.is_starred);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_metadata_of_33_keys),
        cmocka_unit_test(test_all_faults_at_once),
        cmocka_unit_test(test_editor_format_names_the_export),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_members),
        cmocka_unit_test(test_graph_bytes),
        cmocka_unit_test(test_lists_that_are_no_links),
        cmocka_unit_test(test_stored_texts_are_json),
        cmocka_unit_test(test_patch),
        cmocka_unit_test(test_patch_star),
        cmocka_unit_test(test_patch_priority),
        cmocka_unit_test(test_patch_faults),
        cmocka_unit_test(test_patch_cannot_grow_metadata),
        cmocka_unit_test(test_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
