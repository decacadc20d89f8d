#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "bridge/metrics.h"
#include "core/job.h"

#define TEXT_MAX ((size_t)16 << 20)
#define PAGE     SOURCE_DIR "/docs/observability.md"
#define BEGIN    "<!-- metrics: begin; UPDATE_DOCS=1 test_metrics writes what follows -->\n"
#define END      "<!-- metrics: end -->\n"

static const char *const backends[] = {"gpu0", "gpu-1"};
static const struct metrics_route routes[] = {{"GET", "/v1/jobs/{id}"}, {"POST", "/v1/jobs"}};

static int set_up(void **state)
{
    *state = metrics_new(&(struct metrics_labels){.backend = backends,
                                                  .backend_count = COUNT_OF(backends),
                                                  .route = routes,
                                                  .route_count = COUNT_OF(routes)});
    return 0;
}

static int tear_down(void **state)
{
    metrics_free(*state);
    return 0;
}

static char *written(const struct metrics *m)
{
    struct buf out = BUF_INIT(TEXT_MAX);

    metrics_write(m, &out);
    assert_true(buf_ok(&out));
    return buf_take(&out);
}

/* All that is told of a family, without what explains it. */
static char *told(const struct metrics *m, const char *name)
{
    AUTO(free_ptr) char *all = written(m);
    struct buf out = BUF_INIT(TEXT_MAX);
    char *rest = NULL;

    for (char *line = strtok_r(all, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            (void)buf_appendf(&out, "%s\n", line);
        }
    }
    return buf_take(&out);
}

#define assert_told(m, name, text)                                                                 \
    do {                                                                                           \
        AUTO(free_ptr) char *told_ = told(m, name);                                                \
        assert_string_equal(told_, text);                                                          \
    } while (0)

static void test_counters(void **state)
{
    struct metrics *m = *state;

    assert_told(m, "comfygate_backend_ws_opened_total",
                "comfygate_backend_ws_opened_total{backend=\"gpu0\"} 0\n"
                "comfygate_backend_ws_opened_total{backend=\"gpu-1\"} 0\n");
    metrics_add(m, METRIC_WS_OPENED, 1, 0, 1);
    metrics_add(m, METRIC_WS_OPENED, 1, 0, 41);
    assert_told(m, "comfygate_backend_ws_opened_total",
                "comfygate_backend_ws_opened_total{backend=\"gpu0\"} 0\n"
                "comfygate_backend_ws_opened_total{backend=\"gpu-1\"} 42\n");
    assert_int_equal(metrics_value(m, METRIC_WS_OPENED, 1, 0), 42);
    metrics_add(m, METRIC_COMMIT_FAILURES, 0, 0, INT64_C(1) << 60);
    assert_told(m, "comfygate_store_commit_failures_total",
                "comfygate_store_commit_failures_total 1152921504606846976\n");
    metrics_add(m, METRIC_BACKEND_CALLS, CALL_VIEW, RESULT_REFUSED, 3);
    AUTO(free_ptr) char *calls = told(m, "comfygate_backend_requests_total{kind=\"view\"");
    assert_string_equal(calls,
                        "comfygate_backend_requests_total{kind=\"view\",result=\"ok\"} 0\n"
                        "comfygate_backend_requests_total{kind=\"view\",result=\"refused\"} 3\n"
                        "comfygate_backend_requests_total{kind=\"view\",result=\"failed\"} 0\n");
}

/* What nobody knows is not told, for 0 would be an answer. */
static void test_gauges(void **state)
{
    struct metrics *m = *state;

    assert_told(m, "comfygate_backend_queue_length", "");
    metrics_set(m, METRIC_BACKEND_QUEUE, 0, 0);
    metrics_set(m, METRIC_BACKEND_QUEUE, 1, 7);
    assert_told(m, "comfygate_backend_queue_length",
                "comfygate_backend_queue_length{backend=\"gpu0\"} 0\n"
                "comfygate_backend_queue_length{backend=\"gpu-1\"} 7\n");
    metrics_unset(m, METRIC_BACKEND_QUEUE, 1);
    assert_told(m, "comfygate_backend_queue_length",
                "comfygate_backend_queue_length{backend=\"gpu0\"} 0\n");
    assert_int_equal(metrics_value(m, METRIC_BACKEND_QUEUE, 1, 0), 0);
}

static void test_build(void **state)
{
    AUTO(free_ptr)
    char *line = xasprintf("comfygate_build_info{version=\"%s\"} 1\n", comfygate_version());

    assert_told(*state, "comfygate_build_info", line);
}

static void test_seconds_are_exact(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "0.000001"},
        {1500000, "1.5"},
        {1000000, "1"},
        {123456, "0.123456"},
        {100000, "0.1"},
        {1700000000123000, "1700000000.123"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(free_ptr) char *line = xasprintf("process_start_time_seconds %s\n", rows[i].text);

        metrics_set(*state, METRIC_STARTED, 0, rows[i].us);
        assert_told(*state, "process_start_time_seconds", line);
    }
}

/* A value that is a bound is below it; buckets add up; sum and count are those of all. */
static void test_histograms(void **state)
{
    struct metrics *m = *state;
    static const int64_t VALUE[] = {1, 2, 3, 10000, 10001, 0, -5};

    assert_told(m, "comfygate_store_commit_rows", "");
    for (size_t i = 0; i < COUNT_OF(VALUE); i++) {
        metrics_observe(m, METRIC_COMMIT_ROWS, 0, VALUE[i]);
    }
    assert_told(m, "comfygate_store_commit_rows",
                "comfygate_store_commit_rows_bucket{le=\"1\"} 3\n"
                "comfygate_store_commit_rows_bucket{le=\"2\"} 4\n"
                "comfygate_store_commit_rows_bucket{le=\"5\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"10\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"20\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"50\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"100\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"200\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"500\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"1000\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"2000\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"5000\"} 5\n"
                "comfygate_store_commit_rows_bucket{le=\"10000\"} 6\n"
                "comfygate_store_commit_rows_bucket{le=\"+Inf\"} 7\n"
                "comfygate_store_commit_rows_sum 20007\n"
                "comfygate_store_commit_rows_count 7\n");
}

static void test_a_histogram_with_labels(void **state)
{
    struct metrics *m = *state;

    metrics_observe(m, METRIC_REQUEST, 1, 2500);
    AUTO(free_ptr) char *all = told(m, "comfygate_http_request_duration_seconds");
    assert_non_null(strstr(all, "_bucket{method=\"POST\",route=\"/v1/jobs\",le=\"0.001\"} 0\n"));
    assert_non_null(strstr(all, "_bucket{method=\"POST\",route=\"/v1/jobs\",le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(all, "_bucket{method=\"POST\",route=\"/v1/jobs\",le=\"60\"} 1\n"));
    assert_non_null(strstr(all, "_sum{method=\"POST\",route=\"/v1/jobs\"} 0.0025\n"));
    assert_non_null(strstr(all, "_count{method=\"POST\",route=\"/v1/jobs\"} 1\n"));
    assert_null(strstr(all, "/v1/jobs/{id}"));
}

static void test_routes(void **state)
{
    struct metrics *m = *state;

    metrics_add(m, METRIC_REQUESTS, metrics_no_route(m), 3, 5);
    AUTO(free_ptr) char *all = told(m, "comfygate_http_requests_total");
    assert_non_null(strstr(all, "{method=\"GET\",route=\"/v1/jobs/{id}\",code=\"2xx\"} 0\n"));
    assert_non_null(strstr(all, "{method=\"_other\",route=\"_other\",code=\"4xx\"} 5\n"));
    assert_null(strstr(all, "1xx"));
}

static void test_only_ends_are_told_as_ends(void **state)
{
    struct metrics *m = *state;

    metrics_add(m, METRIC_JOBS_ENDED, metrics_template(m, NULL), JOB_FAILED, 2);
    AUTO(free_ptr) char *all = told(m, "comfygate_jobs_ended_total");
    assert_non_null(strstr(all, "{template=\"_workflow\",status=\"failed\"} 2\n"));
    assert_non_null(strstr(all, "{template=\"_other\",status=\"expired\"} 0\n"));
    assert_null(strstr(all, "status=\"queued\""));
}

static void test_templates(void **state)
{
    struct metrics *m = *state;
    size_t other = metrics_template(m, "sdxl");
    size_t sdxl = 0;

    assert_int_not_equal(other, metrics_template(m, NULL));
    metrics_add(m, METRIC_JOBS_SUBMITTED, other, 0, 1);
    metrics_name_template(m, "sdxl");
    metrics_name_template(m, "flux");
    metrics_name_template(m, "sdxl");
    sdxl = metrics_template(m, "sdxl");
    assert_int_not_equal(sdxl, other);
    assert_int_equal(metrics_template(m, "gone"), other);
    metrics_add(m, METRIC_JOBS_SUBMITTED, sdxl, 0, 4);
    assert_told(m, "comfygate_jobs_submitted_total",
                "comfygate_jobs_submitted_total{template=\"_workflow\"} 0\n"
                "comfygate_jobs_submitted_total{template=\"_other\"} 1\n"
                "comfygate_jobs_submitted_total{template=\"sdxl\"} 4\n"
                "comfygate_jobs_submitted_total{template=\"flux\"} 0\n");
}

/* However many names come, there is room for so many; the rest are counted together. */
static void test_there_is_an_end_to_templates(void **state)
{
    struct metrics *m = *state;
    size_t last = 0;

    for (int i = 0; i < METRICS_TEMPLATES_MAX + 100; i++) {
        AUTO(free_ptr) char *name = xasprintf("t%d", i);

        metrics_name_template(m, name);
        last = metrics_template(m, name);
        assert_int_equal(last == metrics_template(m, "none"), i >= METRICS_TEMPLATES_MAX);
    }
    metrics_add(m, METRIC_JOBS_SUBMITTED, last, 0, 1);
    assert_told(m, "comfygate_jobs_submitted_total{template=\"_other\"}",
                "comfygate_jobs_submitted_total{template=\"_other\"} 1\n");
}

static bool ends_in(const char *text, size_t len, const char *end)
{
    return len >= strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

/* Each family is explained once, before its values, and named as its type asks for. */
static void test_form(void **state)
{
    AUTO(free_ptr) char *all = written(*state);
    char *rest = NULL;
    int families = 0;

    for (char *line = strtok_r(all, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *name = line + strlen("# TYPE ");
        size_t len = strcspn(name, " ");

        if (strncmp(line, "# TYPE ", strlen("# TYPE ")) != 0) {
            continue;
        }
        families++;
        if (ends_in(name, len, "_total") != (strcmp(name + len, " counter") == 0)) {
            fail_msg("%s", line);
        }
        assert_true(strncmp(name, "comfygate_", 10) == 0 || strncmp(name, "process_", 8) == 0);
    }
    assert_int_equal(families, METRIC_COUNT);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  20000

static void *count_much(void *arg)
{
    struct metrics *m = arg;

    for (int i = 0; i < ROUNDS; i++) {
        metrics_add(m, METRIC_REQUESTS, 0, 1, 1);
        metrics_observe(m, METRIC_REQUEST, 0, 1000);
        metrics_add(m, METRIC_JOBS_SUBMITTED, metrics_template(m, "t1"), 0, 1);
    }
    return NULL;
}

static void *name_many(void *arg)
{
    for (int i = 0; i < METRICS_TEMPLATES_MAX + 10; i++) {
        AUTO(free_ptr) char *name = xasprintf("t%d", i);

        metrics_name_template(arg, name);
    }
    return NULL;
}

static void *read_much(void *arg)
{
    for (int i = 0; i < 20; i++) {
        AUTO(free_ptr) char *all = written(arg);

        assert_non_null(strstr(all, "comfygate_build_info"));
    }
    return NULL;
}

static void test_nothing_is_lost_between_threads(void **state)
{
    struct metrics *m = *state;
    pthread_t thread[THREADS + 2];

    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_create(&thread[i], NULL,
                                        i < THREADS    ? count_much
                                        : i == THREADS ? name_many
                                                       : read_much,
                                        m),
                         0);
    }
    for (size_t i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    assert_int_equal(metrics_value(m, METRIC_REQUESTS, 0, 1), THREADS * ROUNDS);
    AUTO(free_ptr) char *all = told(m, "comfygate_http_request_duration_seconds");
    assert_non_null(strstr(all, "_count{method=\"GET\",route=\"/v1/jobs/{id}\"} 80000\n"));
    assert_non_null(strstr(all, "_sum{method=\"GET\",route=\"/v1/jobs/{id}\"} 80\n"));
    assert_int_equal(metrics_value(m, METRIC_JOBS_SUBMITTED, metrics_template(m, "t1"), 0) +
                         metrics_value(m, METRIC_JOBS_SUBMITTED, metrics_template(m, "none"), 0),
                     THREADS * ROUNDS);
}

/* ---- the page -------------------------------------------------------------------------------- */

static char *tables(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    metrics_print_markdown(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* UPDATE_DOCS=1 writes the part of the file instead of comparing it. */
static void test_the_page_is_current(void **state)
{
    AUTO(free_ptr) char *made = tables();
    AUTO(buf_clear) struct buf stored = BUF_INIT(TEXT_MAX);
    struct err e = ERR_INIT;
    const char *begin = NULL;
    const char *end = NULL;

    (void)state;
    assert_int_equal(file_read(PAGE, TEXT_MAX, &stored, &e), ERR_NONE);
    begin = strstr(buf_str(&stored), BEGIN);
    assert_non_null(begin);
    begin += strlen(BEGIN);
    end = strstr(begin, END);
    assert_non_null(end);
    if (getenv("UPDATE_DOCS") != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        FILE *file = fopen(PAGE, "w");

        assert_non_null(file);
        assert_true(fprintf(file, "%.*s%s\n%s", (int)(begin - buf_str(&stored)), buf_str(&stored),
                            made, end) > 0);
        assert_int_equal(fclose(file), 0);
    } else if ((size_t)(end - begin) != strlen(made) + 1 ||
               memcmp(begin, made, strlen(made)) != 0) {
        fail_msg("docs/observability.md is old: run this test once with UPDATE_DOCS=1");
    }
}

#define metrics_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        metrics_test(test_counters),
        metrics_test(test_gauges),
        metrics_test(test_build),
        metrics_test(test_seconds_are_exact),
        metrics_test(test_histograms),
        metrics_test(test_a_histogram_with_labels),
        metrics_test(test_routes),
        metrics_test(test_only_ends_are_told_as_ends),
        metrics_test(test_templates),
        metrics_test(test_there_is_an_end_to_templates),
        metrics_test(test_form),
        metrics_test(test_nothing_is_lost_between_threads),
        cmocka_unit_test(test_the_page_is_current),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
