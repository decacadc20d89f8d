#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/retry.h"
#include "core/submit.h"
#include "core/webhook.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define NOW    INT64_C(784111777000) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define EVEN   UINT32_MAX

/* ---- secrets --------------------------------------------------------------------------------- */

static void test_secrets(void **state)
{
    static const struct {
        const char *text;
        size_t len; /* 0 = none */
    } ROWS[] = {
        {SECRET, 24},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 24},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 25},
        {"whsec_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
         64},
        {"whsec_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
         0},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0},   /* 23 bytes */
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0}, /* no padding */
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ", 0},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0},
        {"whsec_AAAAAAAAAAAAAAAA-_AAAAAAAAAAAAAA", 0}, /* another alphabet */
        {"WHSEC_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0},
        {"whsec_", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct webhook_key key = {.len = 999};
        bool is_good = webhook_secret_parse(span_of(ROWS[i].text), &key);

        if (is_good != (ROWS[i].len > 0) || key.len != (is_good ? ROWS[i].len : 999)) {
            fail_msg("%s", ROWS[i].text);
        }
    }
    assert_false(webhook_secret_parse(SPAN_NONE, &(struct webhook_key){.len = 0}));
}

/* Made by another program (python3: hmac, hashlib, base64); the first message is the one that libraries
 * of Standard Webhooks try themselves by. */
static void test_signatures(void **state)
{
    static const struct {
        const char *secret;
        const char *id;
        int64_t seconds;
        const char *body;
        const char *signature;
    } ROWS[] = {
        {SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
         "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77", 0, "",
         "v1,HnRzPazvYBNbdTSEq5nrrvvDthi1XDaLETq6+EiM1/E="},
        {"whsec_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
         "0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77", 253402300799, "{\"\xc3\xbc\":1}",
         "v1,ZYj6zAG6OLTdflhqEy4EEd8msFWwQxv3xzRjuyaIv5Q="},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct webhook_key key;
        struct id id;
        char out[WEBHOOK_SIGNATURE_SIZE];

        (void)snprintf(id.text, sizeof id.text, "%s", ROWS[i].id);
        assert_true(webhook_secret_parse(span_of(ROWS[i].secret), &key));
        webhook_sign(&key, id, ROWS[i].seconds, span_of(ROWS[i].body), out);
        assert_string_equal(out, ROWS[i].signature);
    }
}

/* ---- a submission's member ------------------------------------------------------------------- */

static enum errc read_text(const char *text, struct webhook *out, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;

    *e = ERR_INIT;
    assert_int_equal(json_parse(span_of(text), JSON_STRICT,
                                (struct json_limits){.depth = 8, .nodes = 1000}, &doc, e),
                     ERR_NONE);
    return webhook_read(doc, 0, out, e);
}

static void test_reading(void **state)
{
    AUTO(webhook_clear) struct webhook all = {.url = NULL};
    AUTO(webhook_clear) struct webhook few = {.url = NULL};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(read_text("{\"url\":\"https://a.example/\"}", &few, &e), ERR_NONE);
    assert_string_equal(few.url, "https://a.example/");
    assert_string_equal(few.events_json,
                        "[\"job.succeeded\",\"job.failed\",\"job.canceled\",\"job.expired\"]");
    assert_null(few.secret);
    /* In the order of the table, whatever that of the client. */
    assert_int_equal(read_text("{\"secret\":\"" SECRET
                               "\",\"events\":[\"job.expired\",\"job.queued\"],"
                               "\"url\":\"\\u0068ttp://b/\"}",
                               &all, &e),
                     ERR_NONE);
    assert_string_equal(all.url, "http://b/");
    assert_string_equal(all.events_json, "[\"job.queued\",\"job.expired\"]");
    assert_string_equal(all.secret, SECRET);
}

static void test_faults(void **state)
{
    static const struct {
        const char *text;
        enum errc code;
        const char *at;
        const char *kind;
    } ROWS[] = {
        {"[]", ERR_VALIDATION_ERROR, "", "wrong_type"},
        {"{}", ERR_VALIDATION_ERROR, "", "required"},
        {"{\"url\":\"\"}", ERR_VALIDATION_ERROR, "/url", "out_of_range"},
        {"{\"url\":\"a\\u0000b\"}", ERR_VALIDATION_ERROR, "/url", "invalid_character"},
        {"{\"url\":\"x\",\"secret\":null}", ERR_VALIDATION_ERROR, "/secret", "wrong_type"},
        {"{\"url\":\"x\",\"secret\":\"whsec_x\"}", ERR_VALIDATION_ERROR, "/secret", "invalid"},
        {"{\"url\":\"x\",\"events\":{}}", ERR_VALIDATION_ERROR, "/events", "wrong_type"},
        {"{\"url\":\"x\",\"events\":[]}", ERR_VALIDATION_ERROR, "/events", "out_of_range"},
        {"{\"url\":\"x\",\"events\":[1]}", ERR_VALIDATION_ERROR, "/events/0", "wrong_type"},
        {"{\"url\":\"x\",\"events\":[\"job.deleted\"]}", ERR_VALIDATION_ERROR, "/events/0",
         "unknown"},
        {"{\"url\":\"x\",\"events\":[\"job.*\"]}", ERR_VALIDATION_ERROR, "/events/0", "unknown"},
        {"{\"url\":\"x\",\"events\":[\"job.failed\",\"job.failed\"]}", ERR_VALIDATION_ERROR,
         "/events/1", "duplicate"},
        {"{\"url\":\"x\",\"Secret\":\"x\"}", ERR_UNKNOWN_FIELD, "/Secret", "unknown_field"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        AUTO(webhook_clear) struct webhook w = {.url = NULL};
        struct err e = ERR_INIT;

        assert_int_equal(read_text(ROWS[i].text, &w, &e), ROWS[i].code);
        assert_int_equal(e.item_count, 1);
        assert_string_equal(e.item[0].at, ROWS[i].at);
        assert_string_equal(e.item[0].code, ROWS[i].kind);
        assert_null(strstr(e.item[0].detail, "whsec_x"));
    }
}

static void test_length_of_urls(void **state)
{
    (void)state;
    for (size_t len = WEBHOOK_URL_MAX; len <= WEBHOOK_URL_MAX + 1; len++) {
        AUTO(webhook_clear) struct webhook w = {.url = NULL};
        AUTO(buf_clear) struct buf text = BUF_INIT(4096);
        struct err e = ERR_INIT;

        (void)buf_appendf(&text, "{\"url\":\"%0*d\"}", (int)len, 0);
        assert_int_equal(read_text(buf_str(&text), &w, &e),
                         len > WEBHOOK_URL_MAX ? ERR_VALIDATION_ERROR : ERR_NONE);
    }
}

static void test_what_it_wants(void **state)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    AUTO(job_row_clear) struct job_row again = {.version = 0};
    struct webhook w = {.url = NULL};
    struct err e = ERR_INIT;

    (void)state;
    job_row_init(&row);
    assert_false(webhook_wants(&row, EVENT_JOB_SUCCEEDED));
    assert_int_equal(read_text("{\"url\":\"https://a/\",\"secret\":\"" SECRET "\"}", &w, &e),
                     ERR_NONE);
    webhook_move(&w, &row);
    assert_null(w.url);
    assert_true(webhook_wants(&row, EVENT_JOB_SUCCEEDED));
    assert_true(webhook_wants(&row, EVENT_JOB_EXPIRED));
    assert_false(webhook_wants(&row, EVENT_JOB_QUEUED));
    assert_false(webhook_wants(&row, EVENT_JOB_DELETED));
    assert_false(webhook_wants(&row, EVENT_BACKEND_UP));
    job_retry_row(&row, NOW, &again);
    assert_string_equal(again.webhook_url, "https://a/");
    assert_string_equal(again.webhook_events_json, row.webhook_events_json);
    assert_string_equal(again.webhook_secret, SECRET);
    webhook_move(&w, &again);
    assert_null(again.webhook_url);
    assert_null(again.webhook_events_json);
    assert_null(again.webhook_secret);
}

static void test_retry_members(void **state)
{
    static const struct {
        const char *body;
        enum errc code;
        bool has_webhook;
        const char *url;
    } ROWS[] = {
        {"", ERR_NONE, false, NULL},
        {"{}", ERR_NONE, false, NULL},
        {"{\"webhook\":null}", ERR_NONE, true, NULL},
        {"{\"webhook\":{\"url\":\"https://a/\"}}", ERR_NONE, true, "https://a/"},
        {"{\"webhook\":{}}", ERR_VALIDATION_ERROR, false, NULL},
        {"{\"webhook\":7}", ERR_VALIDATION_ERROR, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        AUTO(retry_clear) struct retry retry = {.input = JSON_NONE};
        struct err e = ERR_INIT;
        enum errc rc = retry_parse(span_of(ROWS[i].body),
                                   (struct json_limits){.depth = 8, .nodes = 100}, &retry, &e);

        assert_int_equal(rc, ROWS[i].code);
        assert_int_equal(retry.has_webhook, ROWS[i].has_webhook);
        if (rc == ERR_NONE && ROWS[i].url != NULL) {
            assert_string_equal(retry.webhook.url, ROWS[i].url);
        } else if (rc == ERR_NONE) {
            assert_null(retry.webhook.url);
        }
        assert_false(retry.seed == RETRY_SEED_SAME && retry_is_change(&retry));
    }
}

static void test_hosts(void **state)
{
    static const char *const ROWS[][2] = {
        {"https://A.Example/x", "a.example"},    {"http://a:8080?x", "a:8080"},
        {"https://[FD00::1]:9/", "[fd00::1]:9"}, {"https://a#b", "a"},
        {"HTTPS://a/https://b/", "a"},
    };
    AUTO(buf_clear) struct buf text = BUF_INIT(4096);
    char out[WEBHOOK_HOST_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        webhook_host(ROWS[i][0], out);
        assert_string_equal(out, ROWS[i][1]);
    }
    (void)buf_appendf(&text, "https://%0*d/", 2000, 0);
    webhook_host(buf_str(&text), out);
    assert_int_equal(strlen(out), WEBHOOK_HOST_SIZE - 1);
}

/* ---- tries ----------------------------------------------------------------------------------- */

static const struct webhook_schedule USUAL = {.first_pause_ms = 5 * SECOND,
                                              .give_up_ms = 24 * HOUR};

static int64_t pause_after(int failed, uint32_t chance)
{
    return webhook_next_try(&USUAL, failed, NOW, NOW, 0, chance) - NOW;
}

static void test_pauses_grow(void **state)
{
    static const int64_t PAUSE[] = {5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE,
                                    HOUR,       2 * HOUR,    4 * HOUR,   4 * HOUR,    4 * HOUR};

    (void)state;
    for (int i = 0; i < (int)COUNT_OF(PAUSE); i++) {
        int64_t least = INT64_MAX;
        int64_t most = 0;

        for (uint32_t n = 0; n < 1000; n++) {
            int64_t pause = pause_after(i + 1, n * 4294967U);

            least = pause < least ? pause : least;
            most = pause > most ? pause : most;
        }
        assert_in_range(least, PAUSE[i] * 80 / 100, PAUSE[i] * 81 / 100);
        assert_in_range(most, PAUSE[i] * 119 / 100, PAUSE[i] * 120 / 100);
    }
}

/* From the first try on, as long as there is a next: about a dozen in a day. */
static void test_it_ends_after_a_day(void **state)
{
    int64_t now = NOW;
    int tries = 0;

    (void)state;
    for (int64_t next = now; next != 0; tries++) {
        now = next;
        assert_true(now <= NOW + USUAL.give_up_ms);
        next = webhook_next_try(&USUAL, tries + 1, NOW, now, 0, EVEN / 2);
    }
    assert_in_range(tries, 11, 15);
    assert_true(now > NOW + 18 * HOUR);
    /* At the very end, and behind it. */
    assert_true(webhook_next_try(&USUAL, 1, NOW, NOW + USUAL.give_up_ms - 6 * SECOND, 0, EVEN) > 0);
    assert_int_equal(webhook_next_try(&USUAL, 1, NOW, NOW + USUAL.give_up_ms, 0, 0), 0);
    assert_int_equal(webhook_next_try(&USUAL, 1000000, NOW, NOW + 30 * HOUR, 0, 0), 0);
}

static void test_a_wish_counts_when_it_is_longer(void **state)
{
    (void)state;
    assert_int_equal(webhook_next_try(&USUAL, 1, NOW, NOW, 1, EVEN), NOW + pause_after(1, EVEN));
    assert_int_equal(webhook_next_try(&USUAL, 1, NOW, NOW, HOUR, EVEN), NOW + HOUR);
    assert_int_equal(webhook_next_try(&USUAL, 1, NOW, NOW + 23 * HOUR, 2 * HOUR, EVEN), 0);
}

static void test_retry_after(void **state)
{
    static const struct {
        const char *value;
        int64_t ms;
    } ROWS[] = {
        {NULL, 0},
        {"", 0},
        {"0", 0},
        {"1", SECOND},
        {"120", 2 * MINUTE},
        {"21600", 6 * HOUR},
        {"21601", 6 * HOUR},
        {"999999999", 6 * HOUR},
        {"99999999999999999999999999", 6 * HOUR},
        {"-1", 0},
        {"1.5", 0},
        {"1 ", 0},
        {"soon", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
        {"Sun, 06 Nov 1994 08:50:07 GMT", 30 * SECOND},
        {"Sun, 06 Nov 1994 09:49:37 GMT", HOUR},
        {"Mon, 07 Nov 1994 00:00:00 GMT", 6 * HOUR},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 6 * HOUR},
        {"Sun, 06 Nov 1994 08:50:07 UTC", 0},
        {"Sunday, 06-Nov-94 08:50:07 GMT", 0},
        {"Sun, 06 Nov 1994 08:50:0x GMT", 0},
        {"Sun, 06 Nox 1994 08:50:07 GMT", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (webhook_retry_after(ROWS[i].value, NOW) != ROWS[i].ms) {
            fail_msg("%s: %lld", ROWS[i].value, (long long)webhook_retry_after(ROWS[i].value, NOW));
        }
    }
}

/* Dates around the ends of months and years, against what another program has counted. */
static void test_dates(void **state)
{
    static const struct {
        const char *value;
        int64_t seconds;
    } ROWS[] = {
        {"Tue, 29 Feb 2000 23:59:59 GMT", 951868799},
        {"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
        {"Mon, 31 Dec 2029 23:59:59 GMT", 1893455999},
        {"Mon, 01 Jan 2029 00:00:00 GMT", 1861920000},
        {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
        {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        assert_int_equal(webhook_retry_after(ROWS[i].value, (ROWS[i].seconds - 60) * SECOND),
                         MINUTE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_length_of_urls),
        cmocka_unit_test(test_what_it_wants),
        cmocka_unit_test(test_retry_members),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_pauses_grow),
        cmocka_unit_test(test_it_ends_after_a_day),
        cmocka_unit_test(test_a_wish_counts_when_it_is_longer),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
