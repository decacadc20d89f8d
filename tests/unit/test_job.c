#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "core/job.h"

/* ---- words: the contract's own, so that a slip in job.def is seen ------------------------------- */

static void test_status_words(void **state)
{
    static const struct {
        enum job_status status;
        bool has_ended;
        const char *word;
    } rows[] = {
        {JOB_QUEUED, false, "queued"},       {JOB_RUNNING, false, "running"},
        {JOB_CANCELING, false, "canceling"}, {JOB_SUCCEEDED, true, "succeeded"},
        {JOB_FAILED, true, "failed"},        {JOB_CANCELED, true, "canceled"},
        {JOB_EXPIRED, true, "expired"},
    };

    (void)state;
    assert_int_equal(COUNT_OF(rows), JOB_STATUS_COUNT);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum job_status parsed = JOB_STATUS_COUNT;

        assert_string_equal(job_status_word(rows[i].status), rows[i].word);
        assert_int_equal(job_has_ended(rows[i].status), rows[i].has_ended);
        assert_true(job_status_parse(span_of(rows[i].word), &parsed));
        assert_int_equal(parsed, rows[i].status);
    }
}

static void test_phase_words(void **state)
{
    static const struct {
        enum job_phase phase;
        const char *word;
    } rows[] = {
        {PHASE_WAITING, "waiting"},
        {PHASE_SUBMITTED, "submitted"},
        {PHASE_EXECUTING, "executing"},
        {PHASE_COLLECTING, "collecting"},
    };

    (void)state;
    assert_null(job_phase_word(PHASE_NONE));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum job_phase parsed = PHASE_NONE;

        assert_string_equal(job_phase_word(rows[i].phase), rows[i].word);
        assert_true(job_phase_parse(span_of(rows[i].word), &parsed));
        assert_int_equal(parsed, rows[i].phase);
    }
}

static void test_error_words(void **state)
{
    static const char *const words[] = {
        "invalid_workflow", "missing_node",      "missing_model",       "node_execution_error",
        "out_of_memory",    "backend_lost",      "backend_unreachable", "interrupted",
        "timeout",          "deadline_exceeded", "output_missing",      "no_outputs",
        "storage_full",     "internal_error",
    };

    (void)state;
    assert_int_equal(COUNT_OF(words), JOB_ERR_COUNT - 1);
    assert_null(job_errc_word(JOB_ERR_NONE));
    assert_false(job_errc_is_retryable(JOB_ERR_NONE));
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        enum job_errc code = job_errc_parse(span_of(words[i]));

        assert_int_not_equal(code, JOB_ERR_NONE);
        assert_string_equal(job_errc_word(code), words[i]);
    }
    assert_true(job_errc_is_retryable(JOB_ERR_OUT_OF_MEMORY));
    assert_true(job_errc_is_retryable(JOB_ERR_BACKEND_LOST));
    assert_false(job_errc_is_retryable(JOB_ERR_INVALID_WORKFLOW));
    assert_false(job_errc_is_retryable(JOB_ERR_NODE_EXECUTION_ERROR));
}

static void test_output_words(void **state)
{
    static const struct {
        enum output_type type;
        const char *word;
    } rows[] = {
        {OUTPUT_IMAGE, "image"}, {OUTPUT_VIDEO, "video"}, {OUTPUT_AUDIO, "audio"},
        {OUTPUT_TEXT, "text"},   {OUTPUT_FILE, "file"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(output_type_word(rows[i].type), rows[i].word);
        assert_int_equal(output_type_parse(span_of(rows[i].word)), rows[i].type);
    }
    assert_int_equal(output_type_parse(SPAN_LIT("hologram")), OUTPUT_FILE);
}

static void test_unknown_words(void **state)
{
    static const struct span rows[] = {
        {"", 0},        {NULL, 0},       {"Queued", 6}, {"queue", 5},
        {"queued ", 7}, {"queued\0", 7}, {"waitin", 6},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum job_status status = JOB_EXPIRED;
        enum job_phase phase = PHASE_COLLECTING;

        assert_false(job_status_parse(rows[i], &status));
        assert_int_equal(status, JOB_EXPIRED);
        assert_false(job_phase_parse(rows[i], &phase));
        assert_int_equal(phase, PHASE_COLLECTING);
        assert_int_equal(job_errc_parse(rows[i]), JOB_ERR_NONE);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static void test_init(void **state)
{
    struct job_row row;

    (void)state;
    memset(&row, 0xa5, sizeof row);
    job_row_init(&row);
    assert_true(id_is_none(row.id));
    assert_int_equal(row.status, JOB_QUEUED);
    assert_int_equal(row.phase, PHASE_WAITING);
    assert_int_equal(row.version, 1);
    assert_int_equal(row.attempt, 0);
    assert_string_equal(row.tags_json, "[]");
    assert_string_equal(row.metadata_json, "{}");
    assert_string_equal(row.warnings_json, "[]");
    assert_null(row.title);
    assert_null(row.backend);
    assert_int_equal(row.error.code, JOB_ERR_NONE);
    job_row_clear(&row);
    assert_null(row.tags_json);
    job_row_clear(&row); /* twice is fine */
}

/* Each text of the copy is its own: clearing one leaves the other readable (ASan watches). */
static void test_copy(void **state)
{
    struct job_row a;
    struct job_row b;

    (void)state;
    job_row_init(&a);
    a.id = id_new();
    a.parent_id = id_new();
    a.prompt_id = id_random();
    a.priority = -7;
    xreplace(&a.title, "title");
    xreplace(&a.owner, "owner");
    xreplace(&a.wanted_backend, "wanted");
    xreplace(&a.backend, "backend");
    job_error_set(&a.error, JOB_ERR_TIMEOUT, "message", "node", "class", "node title");
    job_row_copy(&b, &a);
    job_row_clear(&a);
    assert_int_equal(b.priority, -7);
    assert_string_equal(b.title, "title");
    assert_string_equal(b.owner, "owner");
    assert_string_equal(b.wanted_backend, "wanted");
    assert_string_equal(b.backend, "backend");
    assert_string_equal(b.tags_json, "[]");
    assert_string_equal(b.metadata_json, "{}");
    assert_string_equal(b.warnings_json, "[]");
    assert_int_equal(b.error.code, JOB_ERR_TIMEOUT);
    assert_string_equal(b.error.message, "message");
    assert_string_equal(b.error.node_id, "node");
    assert_string_equal(b.error.class_type, "class");
    assert_string_equal(b.error.node_title, "node title");
    job_row_clear(&b);
}

static void test_error_of_its_own_texts(void **state)
{
    AUTO(job_error_clear) struct job_error error = {0};

    (void)state;
    job_error_set(&error, JOB_ERR_TIMEOUT, "first", "1", NULL, NULL);
    job_error_set(&error, JOB_ERR_INTERNAL_ERROR, error.message, error.node_id, NULL, "t");
    assert_int_equal(error.code, JOB_ERR_INTERNAL_ERROR);
    assert_string_equal(error.message, "first");
    assert_string_equal(error.node_id, "1");
    assert_null(error.class_type);
    assert_string_equal(error.node_title, "t");
}

static void test_prefix(void **state)
{
    struct job_row row;

    (void)state;
    job_row_init(&row);
    row.id = id_new();
    row.prompt_id = id_random();
    assert_true(id_eq(job_prefix(&row), row.id));
    row.attempt = 1;
    assert_true(id_eq(job_prefix(&row), row.id));
    row.attempt = 2;
    assert_true(id_eq(job_prefix(&row), row.prompt_id));
    row.prompt_id = ID_NONE;
    assert_true(id_eq(job_prefix(&row), row.id));
    job_row_clear(&row);
}

static void test_outputs(void **state)
{
    AUTO(job_outputs_clear) struct job_outputs outputs = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct job_output *output = job_outputs_add(&outputs);

        assert_null(output->name);
        assert_int_equal(output->size_bytes, 0);
        output->index = i;
        output->name = xasprintf("file-%d", i);
    }
    assert_int_equal(outputs.count, 100);
    for (int i = 0; i < 100; i++) {
        AUTO(free_ptr) char *name = xasprintf("file-%d", i);

        assert_int_equal(outputs.item[i].index, i);
        assert_string_equal(outputs.item[i].name, name);
    }
    job_outputs_clear(&outputs);
    assert_int_equal(outputs.count, 0);
    assert_null(outputs.item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_words),  cmocka_unit_test(test_phase_words),
        cmocka_unit_test(test_error_words),   cmocka_unit_test(test_output_words),
        cmocka_unit_test(test_unknown_words), cmocka_unit_test(test_init),
        cmocka_unit_test(test_copy),          cmocka_unit_test(test_error_of_its_own_texts),
        cmocka_unit_test(test_prefix),        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
