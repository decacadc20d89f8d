#include "wire_fixture.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/job_json.h"

#define JOB     "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77"
#define PARENT  "0193586e-9c1b-7d44-a3f0-000000000001"
#define CREATED INT64_C(1795388820123) /* 2026-11-22T23:07:00.123Z */

static struct id id_of(const char *text)
{
    struct id id = ID_NONE;

    assert_true(id_parse(span_of(text), &id));
    return id;
}

static void fresh_row(struct job_row *row)
{
    job_row_init(row);
    row->id = id_of(JOB);
    row->version = 1;
    row->created_at = CREATED;
    row->max_attempts = 3;
}

static struct buf written(const struct job_view *view)
{
    struct buf out = BUF_INIT(1U << 20);
    struct json_out o = json_out_to(&out);

    job_json(&o, NULL, view);
    assert_true(buf_ok(&out));
    return out;
}

static void test_fresh_job(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_view view = {.row = &row, .queue_position = 2};

    (void)state;
    fresh_row(&row);
    AUTO(buf_clear) struct buf out = written(&view);
    assert_string_equal(
        buf_str(&out),
        "{\"id\":\"" JOB
        "\",\"status\":\"queued\",\"phase\":\"waiting\",\"version\":1,\"title\":null,"
        "\"template\":null,\"input\":{},\"seed\":null,\"starred\":false,\"priority\":0,\"tags\":[],"
        "\"metadata\":{},"
        "\"owner\":null,\"parent_id\":null,\"created_at\":\"2026-11-22T23:07:00.123Z\","
        "\"started_at\":null,\"completed_at\":null,\"queue_position\":2,"
        "\"estimated_completion_at\":null,\"backend\":null,\"attempt\":0,\"max_attempts\":3,"
        "\"progress\":null,\"outputs\":[],\"error\":null,\"warnings\":[],\"webhook\":null,"
        "\"metrics\":{\"queue_ms\":"
        "null,\"execution_ms\":null,\"total_ms\":null},\"urls\":{\"self\":\"/v1/jobs/" JOB
        "\",\"events\":\"/v1/jobs/" JOB "/events\",\"cancel\":\"/v1/jobs/" JOB
        "/cancel\",\"retry\":\"/v1/jobs/" JOB
        "/retry\",\"outputs\":null,\"preview\":\"/v1/jobs/" JOB
        "/preview\",\"workflow\":\"/v1/jobs/" JOB "/workflow\"}}");
}

static void test_running_job(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_progress progress = {.value = 0.5,
                                    .nodes_done = 1,
                                    .nodes_total = 2,
                                    .node = "2",
                                    .node_class = "KSampler",
                                    .step = 3,
                                    .steps = 20,
                                    .preview_seq = 7,
                                    .updated_at = CREATED + 300};
    struct job_view view = {.row = &row, .progress = &progress};

    (void)state;
    fresh_row(&row);
    row.status = JOB_RUNNING;
    row.phase = PHASE_EXECUTING;
    row.started_at = CREATED + 200;
    row.parent_id = id_of(PARENT);
    xreplace(&row.title, "<b>\"x\"");
    AUTO(buf_clear) struct buf out = written(&view);
    assert_contains(buf_str(&out), "\"status\":\"running\",\"phase\":\"executing\"");
    assert_contains(buf_str(&out), "\"title\":\"\\u003cb>\\\"x\\\"\"");
    assert_contains(buf_str(&out), "\"parent_id\":\"" PARENT "\"");
    assert_contains(buf_str(&out), "\"queue_position\":null");
    assert_contains(buf_str(&out),
                    "\"progress\":{\"value\":0.5000,\"nodes_done\":1,\"nodes_total\":2,"
                    "\"nodes_cached\":0,\"current_node\":\"2\",\"current_node_class\":\"KSampler\","
                    "\"current_node_title\":null,\"step\":3,\"steps\":20,\"preview_seq\":7,"
                    "\"updated_at\":\"2026-11-22T23:07:00.423Z\"}");
    assert_contains(buf_str(&out),
                    "\"metrics\":{\"queue_ms\":200,\"execution_ms\":null,\"total_ms\":null}");

    progress.steps = 0;
    progress.preview_seq = 0;
    AUTO(buf_clear) struct buf plain = written(&view);
    assert_contains(buf_str(&plain), "\"step\":null,\"steps\":null,\"preview_seq\":null");
}

static void test_succeeded_job(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_progress progress = {.value = 1};
    char node[] = "9";
    char name[] = "blue_00001_.png";
    char type[] = "image/png";
    struct job_output output = {.id = id_of(PARENT),
                                .job_id = id_of(JOB),
                                .node_id = node,
                                .name = name,
                                .type = OUTPUT_IMAGE,
                                .content_type = type,
                                .size_bytes = 839,
                                .sha256 = "00",
                                .width = 64,
                                .is_primary = true,
                                .created_at = CREATED};
    struct job_outputs outputs = {.item = &output, .count = 1};
    struct job_view view = {
        .row = &row, .progress = &progress, .outputs = &outputs, .queue_position = 1};

    (void)state;
    fresh_row(&row);
    row.status = JOB_SUCCEEDED;
    row.phase = PHASE_NONE;
    row.started_at = CREATED + 200;
    row.completed_at = CREATED + 100; /* the clock was set back */
    job_error_set(&row.error, JOB_ERR_OUT_OF_MEMORY, "first attempt", NULL, NULL, NULL);
    AUTO(buf_clear) struct buf out = written(&view);
    assert_contains(buf_str(&out), "\"phase\":null");
    assert_contains(buf_str(&out), "\"progress\":null");
    assert_contains(buf_str(&out), "\"queue_position\":null");
    assert_contains(buf_str(&out), "\"error\":null");
    assert_contains(buf_str(&out),
                    "\"metrics\":{\"queue_ms\":200,\"execution_ms\":0,\"total_ms\":100}");
    assert_contains(
        buf_str(&out),
        "\"outputs\":[{\"id\":\"" PARENT "\",\"job_id\":\"" JOB
        "\",\"index\":0,\"node_id\":\"9\",\"name\":\"blue_00001_.png\",\"type\":\"image\","
        "\"content_type\":\"image/png\",\"size_bytes\":839,\"sha256\":\"00\",\"width\":64,"
        "\"height\":null,\"duration_ms\":null,\"text\":null,\"primary\":true,\"created_at\":\"2026-"
        "11-22T23:07:00."
        "123Z\","
        "\"url\":\"/v1/outputs/" PARENT "/content\",\"thumbnail_url\":\"/v1/outputs/"
        "0193586e-9c1b-7d44-a3f0-000000000001/thumbnail\"}]");
}

static void test_job_of_a_template(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    char type[] = "video/mp4";
    struct job_output output = {.id = id_of(PARENT),
                                .job_id = id_of(JOB),
                                .type = OUTPUT_VIDEO,
                                .content_type = type,
                                .duration_ms = 5040};
    struct job_outputs outputs = {.item = &output, .count = 1};
    struct job_view view = {.row = &row, .outputs = &outputs};

    (void)state;
    fresh_row(&row);
    row.status = JOB_SUCCEEDED;
    row.phase = PHASE_NONE;
    row.completed_at = CREATED + 100;
    row.is_starred = true;
    xreplace(&row.template_name, "test-animate");
    xreplace(&row.input_json, "{\"prompt\":\"a \\\"cat\\\"\",\"seed\":18446744073709551615}");
    xreplace(&row.seed, "18446744073709551615");
    xreplace(&row.primary_node, "12");
    AUTO(buf_clear) struct buf out = written(&view);
    assert_contains(
        buf_str(&out),
        "\"template\":\"test-animate\",\"input\":{\"prompt\":\"a \\\"cat\\\"\","
        "\"seed\":18446744073709551615},\"seed\":18446744073709551615,\"starred\":true,");
    assert_contains(buf_str(&out), "\"width\":null,\"height\":null,\"duration_ms\":5040,");
    assert_contains(buf_str(&out), "\"thumbnail_url\":null}]");
    assert_null(strstr(buf_str(&out), "primary_node"));
}

/* Only of what can be drawn small. */
static void test_pictures(void **state)
{
    static const struct {
        const char *content_type;
        bool is_picture;
    } rows[] = {
        {"image/png", true},  {"image/jpeg", true},     {"image/webp", true},
        {"image/gif", true},  {"image/svg+xml", false}, {"image/avif", false},
        {"video/mp4", false}, {"image/pngx", false},    {NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(job_output_clear)
        struct job_output output = {.content_type = xstrdup_or_null(rows[i].content_type)};

        assert_int_equal(job_output_is_picture(&output), rows[i].is_picture);
    }
}

static void test_failed_job(void **state)
{
    AUTO(job_row_clear) struct job_row row;
    struct job_view view = {.row = &row};

    (void)state;
    fresh_row(&row);
    row.status = JOB_FAILED;
    row.phase = PHASE_NONE;
    row.completed_at = CREATED + 100;
    job_error_set(&row.error, JOB_ERR_OUT_OF_MEMORY, "K (node 3): no room", "3", "K", NULL);
    AUTO(buf_clear) struct buf out = written(&view);
    assert_contains(
        buf_str(&out),
        "\"error\":{\"code\":\"out_of_memory\",\"message\":\"K (node 3): no room\","
        "\"node_id\":\"3\",\"class_type\":\"K\",\"node_title\":null,\"retryable\":true}");
}

static void test_warnings(void **state)
{
    AUTO(job_row_clear) struct job_row row;

    (void)state;
    fresh_row(&row);
    job_warn(&row, "one", "Said \"so\".");
    assert_string_equal(row.warnings_json, "[{\"code\":\"one\",\"detail\":\"Said \\\"so\\\".\"}]");
    job_warn(&row, "two", "And so.");
    assert_string_equal(row.warnings_json, "[{\"code\":\"one\",\"detail\":\"Said \\\"so\\\".\"},"
                                           "{\"code\":\"two\",\"detail\":\"And so.\"}]");
    for (int i = 0; i < 1000; i++) { /* has a ceiling, and stays JSON there */
        job_warn(&row, "more", "The same again and again and again.");
    }
    assert_true(strlen(row.warnings_json) <= 16384);
    assert_int_equal(row.warnings_json[strlen(row.warnings_json) - 1], ']');
}

static void test_etag(void **state)
{
    char tag[JOB_ETAG_SIZE];
    char other[JOB_ETAG_SIZE];

    (void)state;
    job_etag(7, 2, tag);
    assert_string_equal(tag, "\"7.2\"");
    job_etag(72, 0, other);
    assert_string_not_equal(tag, other);
    job_etag(INT64_MIN, INT64_MIN, tag);
    assert_int_equal(tag[strlen(tag) - 1], '"');
}

static void test_problems(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(65536);
    struct err e = ERR_INIT;

    (void)state;
    (void)err_set(&e, ERR_NOT_FOUND, "No job %s.", "<x>");
    problem_json(&out, &e, "r-1");
    assert_string_equal(buf_str(&out),
                        "{\"type\":\"/problems/not_found\",\"title\":\"There is no such thing\","
                        "\"status\":404,\"detail\":\"No job \\u003cx>.\",\"code\":\"not_found\","
                        "\"request_id\":\"r-1\"}");

    e = ERR_INIT;
    (void)err_at(&e, ERR_VALIDATION_ERROR, "/priority", "out_of_range", "must be -100 to 100");
    (void)err_param(&e, "limit", "must be 1 to 200");
    buf_reset(&out);
    problem_json(&out, &e, NULL);
    assert_string_equal(
        buf_str(&out),
        "{\"type\":\"/problems/validation_error\",\"title\":\"Members of the body are not "
        "acceptable\",\"status\":422,\"detail\":\"/priority: must be -100 to 100 (and 1 more)\","
        "\"code\":\"validation_error\",\"request_id\":\"\",\"errors\":[{\"pointer\":\"/priority\","
        "\"code\":\"out_of_range\",\"detail\":\"must be -100 to 100\"},{\"parameter\":\"limit\","
        "\"code\":\"invalid\",\"detail\":\"must be 1 to 200\"}]}");

    e = ERR_INIT;
    buf_reset(&out);
    problem_json(&out, &e, "r");
    assert_contains(buf_str(&out), "\"code\":\"internal_error\"");
}

/* The longest items that an err can hold fit, and are JSON. */
static void test_full_problem(void **state)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(1U << 20);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_limits limits = {.depth = 8, .nodes = 1000};
    struct err e = ERR_INIT;
    char text[400];

    (void)state;
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 40; i++) {
        (void)err_at(&e, ERR_INVALID_WORKFLOW, text, "kind", "%s", text);
    }
    problem_json(&out, &e, text);
    assert_true(buf_ok(&out));
    assert_int_equal(json_parse(buf_span(&out), JSON_STRICT, limits, &doc, NULL), ERR_NONE);
    assert_int_equal(json_size(doc, json_get(doc, 0, "errors")), ERR_ITEMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_job),     cmocka_unit_test(test_running_job),
        cmocka_unit_test(test_succeeded_job), cmocka_unit_test(test_job_of_a_template),
        cmocka_unit_test(test_pictures),      cmocka_unit_test(test_failed_job),
        cmocka_unit_test(test_warnings),      cmocka_unit_test(test_etag),
        cmocka_unit_test(test_problems),      cmocka_unit_test(test_full_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
