/* test_stats.c - counts, percentiles and groups of jobs that have ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/stats.h"

#define NOW INT64_C(1700000000000)

static void add(struct stats *s, enum job_status status, const char *template_name,
                const char *backend, int64_t queue_ms, int64_t run_ms)
{
    stats_add(s, &(struct ended_job){.status = status,
                                     .template_name = template_name,
                                     .backend = backend,
                                     .created_at = NOW,
                                     .started_at = NOW + queue_ms,
                                     .completed_at = NOW + queue_ms + run_ms});
}

static void assert_told(struct stats *s, const char *expected)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1 << 20);
    struct json_out o = json_out_to(&text);

    jo_obj(&o, NULL);
    stats_json(&o, s);
    jo_end(&o);
    assert_string_equal(buf_str(&text), expected);
}

/* The text holds it. */
static void assert_says(struct stats *s, const char *expected)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(1 << 20);
    struct json_out o = json_out_to(&text);

    jo_obj(&o, NULL);
    stats_json(&o, s);
    jo_end(&o);
    if (strstr(buf_str(&text), expected) == NULL) {
        fail_msg("%s\nis not in\n%s", expected, buf_str(&text));
    }
}

#define NONE_ENDED "\"ended\":{\"succeeded\":0,\"failed\":0,\"canceled\":0,\"expired\":0}"
#define NO_TIMES   "{\"count\":0,\"p50\":null,\"p95\":null}"

static void test_nothing(void **state)
{
    struct stats *s = stats_new();

    (void)state;
    assert_told(s, "{" NONE_ENDED ",\"queue_ms\":" NO_TIMES ",\"run_ms\":" NO_TIMES
                   ",\"templates\":[],\"backends\":[]}");
    assert_int_equal(stats_since(s), 0);
    stats_free(s);
    stats_free(NULL);
}

static void test_groups(void **state)
{
    struct stats *s = stats_new();

    (void)state;
    add(s, JOB_SUCCEEDED, NULL, "gpu1", 10, 100);
    add(s, JOB_SUCCEEDED, "b", "gpu0", 20, 200);
    add(s, JOB_FAILED, "a", "gpu0", 30, 5);
    stats_add(s, &(struct ended_job){
                     .status = JOB_EXPIRED, .created_at = NOW - 9, .completed_at = NOW - 8});
    assert_told(
        s,
        "{\"ended\":{\"succeeded\":2,\"failed\":1,\"canceled\":0,\"expired\":1},"
        "\"queue_ms\":{\"count\":3,\"p50\":20,\"p95\":30},"
        "\"run_ms\":{\"count\":2,\"p50\":100,\"p95\":200},"
        "\"templates\":["
        "{\"template\":\"a\",\"ended\":{\"succeeded\":0,\"failed\":1,\"canceled\":0,\"expired\":0},"
        "\"queue_ms\":{\"count\":1,\"p50\":30,\"p95\":30},\"run_ms\":" NO_TIMES "},"
        "{\"template\":\"b\",\"ended\":{\"succeeded\":1,\"failed\":0,\"canceled\":0,\"expired\":0},"
        "\"queue_ms\":{\"count\":1,\"p50\":20,\"p95\":20},"
        "\"run_ms\":{\"count\":1,\"p50\":200,\"p95\":200}},"
        "{\"template\":null,\"ended\":{\"succeeded\":1,\"failed\":0,\"canceled\":0,\"expired\":1},"
        "\"queue_ms\":{\"count\":1,\"p50\":10,\"p95\":10},"
        "\"run_ms\":{\"count\":1,\"p50\":100,\"p95\":100}}],"
        "\"backends\":["
        "{\"backend\":\"gpu0\",\"ended\":{\"succeeded\":1,\"failed\":1,\"canceled\":0,\"expired\":"
        "0},"
        "\"queue_ms\":{\"count\":2,\"p50\":20,\"p95\":30},"
        "\"run_ms\":{\"count\":1,\"p50\":200,\"p95\":200}},"
        "{\"backend\":\"gpu1\",\"ended\":{\"succeeded\":1,\"failed\":0,\"canceled\":0,\"expired\":"
        "0},"
        "\"queue_ms\":{\"count\":1,\"p50\":10,\"p95\":10},"
        "\"run_ms\":{\"count\":1,\"p50\":100,\"p95\":100}},"
        "{\"backend\":null,\"ended\":{\"succeeded\":0,\"failed\":0,\"canceled\":0,\"expired\":1},"
        "\"queue_ms\":" NO_TIMES ",\"run_ms\":" NO_TIMES "}]}");
    assert_int_equal(stats_since(s), NOW - 8);
    stats_free(s);
}

static void test_percentiles_are_times_that_were(void **state)
{
    struct stats *s = stats_new();

    (void)state;
    for (int i = 100; i >= 1; i--) {
        add(s, JOB_SUCCEEDED, "t", "g", i, (int64_t)i * 1000);
    }
    assert_says(s, "\"queue_ms\":{\"count\":100,\"p50\":50,\"p95\":95}");
    assert_says(s, "\"run_ms\":{\"count\":100,\"p50\":50000,\"p95\":95000}");
    add(s, JOB_SUCCEEDED, "t", "g", 1000, 1);
    assert_says(s, "\"queue_ms\":{\"count\":101,\"p50\":51,\"p95\":96}");
    stats_free(s);
}

static void test_a_clock_that_was_set_back(void **state)
{
    struct stats *s = stats_new();

    (void)state;
    add(s, JOB_SUCCEEDED, "t", "g", -50, -50);
    assert_says(s, "\"queue_ms\":{\"count\":1,\"p50\":0,\"p95\":0},"
                   "\"run_ms\":{\"count\":1,\"p50\":0,\"p95\":0}");
    stats_free(s);
}

static void test_no_more_than_the_most(void **state)
{
    struct stats *s = stats_new();

    (void)state;
    for (int i = 0; i < STATS_JOBS_MAX; i++) {
        add(s, JOB_SUCCEEDED, "t", "g", 1, 1);
    }
    add(s, JOB_FAILED, "t", "g", 1, 1);
    assert_says(s, "\"ended\":{\"succeeded\":20000,\"failed\":0,");
    stats_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_percentiles_are_times_that_were),
        cmocka_unit_test(test_a_clock_that_was_set_back),
        cmocka_unit_test(test_no_more_than_the_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
