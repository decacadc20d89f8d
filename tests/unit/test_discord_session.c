#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/read.h"
#include "wire/session.h"

#define URL         "wss://gateway.discord.gg"
#define RESUME_AT   "wss://gateway-us-east1-b.discord.gg"
#define QUERY       "/?v=10&encoding=json"
#define HELLO       "{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
#define ACK         "{\"op\":11}"
#define RESUMED     "{\"op\":0,\"t\":\"RESUMED\",\"s\":9,\"d\":{}}"
#define INTERACTION "{\"op\":0,\"t\":\"INTERACTION_CREATE\",\"s\":5,\"d\":{\"id\":\"1\"}}"
#define INVALID     "{\"op\":9,\"d\":true}"
#define START       1000000

static const char READY[] =
    "{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"ses\",\"resume_gateway_url\":"
    "\"" RESUME_AT "\",\"user\":{\"id\":\"77\"},\"application\":{\"id\":\"88\"}}}";

static void session_free_ptr(struct session **s)
{
    session_free(*s);
}

static void json_delete_ptr(cJSON **json)
{
    cJSON_Delete(*json);
}

static struct session *new_session(void)
{
    return session_new(&(struct session_config){.token = "tok"});
}

/* What the data says is of no interest. */
static struct session_act hear(struct session *s, const char *text, int64_t now_ms)
{
    struct session_act act = session_text(s, span_of(text), now_ms, 0);

    cJSON_Delete(take_ptr(&act.data));
    return act;
}

/* Up to its IDENTIFY or RESUME. */
static void greet(struct session *s, int64_t now_ms)
{
    if (session_address(s)[0] == '\0') {
        session_url_told(s, URL, 1000, 0, now_ms);
    }
    session_opened(s, now_ms);
    assert_int_equal(hear(s, HELLO, now_ms).want, WANT_SEND);
}

static struct session *ready_at(int64_t now_ms)
{
    struct session *s = new_session();

    greet(s, now_ms);
    assert_int_equal(hear(s, READY, now_ms).want, WANT_DISPATCH);
    assert_true(session_is_ready(s));
    return s;
}

static void assert_sends(struct session_act act, const char *payload)
{
    assert_int_equal(act.want, WANT_SEND);
    assert_string_equal(act.send, payload);
}

static bool is_resumable(struct session_act act)
{
    assert_true(act.want == WANT_RECONNECT || act.want == WANT_ASK_URL);
    return act.want == WANT_RECONNECT;
}

#define PROPERTIES                                                                                 \
    "\"properties\":{\"os\":\"linux\",\"browser\":\"comfygate\",\"device\":\"comfygate\"}"
#define RESUME(seq) "{\"op\":6,\"d\":{\"token\":\"tok\",\"session_id\":\"ses\",\"seq\":" seq "}}"

/* ---- from HELLO to READY -------------------------------------------------------------------- */

static void test_identify(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();

    (void)state;
    assert_string_equal(session_address(s), "");
    assert_true(session_due(s) == INT64_MAX);
    session_url_told(s, URL, 1000, 0, START);
    assert_string_equal(session_address(s), URL QUERY);
    session_opened(s, START);
    assert_true(session_due(s) == START + 15000);
    assert_sends(session_text(s, span_of(HELLO), START, 0),
                 "{\"op\":2,\"d\":{" PROPERTIES ",\"token\":\"tok\",\"intents\":0}}");
    assert_int_equal(session_identify_count(s), 1);
    assert_false(session_is_ready(s));
    assert_string_equal(session_application_id(s), "");
    assert_string_equal(session_user_id(s), "");
    assert_true(session_rtt_ms(s) == -1);
}

static void test_identify_of_a_shard(void **state)
{
    AUTO(session_free_ptr)
    struct session *s =
        session_new(&(struct session_config){.token = "tok", .shard = 1, .shard_count = 4});

    (void)state;
    session_url_told(s, URL "/", 1, 0, START);
    assert_string_equal(session_address(s), URL QUERY);
    session_opened(s, START);
    assert_sends(session_text(s, span_of(HELLO), START, 0),
                 "{\"op\":2,\"d\":{" PROPERTIES
                 ",\"token\":\"tok\",\"intents\":0,\"shard\":[1,4]}}");
}

static void test_ready(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();
    AUTO(json_delete_ptr) cJSON *data = NULL;
    struct session_act act;

    (void)state;
    greet(s, START);
    act = session_text(s, span_of(READY), START + 100, 0);
    data = act.data;
    assert_int_equal(act.want, WANT_DISPATCH);
    assert_string_equal(act.event, "READY");
    assert_string_equal(read_text(data, "session_id"), "ses");
    assert_true(session_is_ready(s));
    assert_string_equal(session_user_id(s), "77");
    assert_string_equal(session_application_id(s), "88");
    assert_string_equal(session_address(s), RESUME_AT QUERY);
    assert_true(session_due(s) == START + 1); /* the first heartbeat, not the time for READY */
}

/* A READY from which no session can be kept is a session that cannot be resumed, and no more than that. */
static void test_ready_of_which_little_is_told(void **state)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(4096);
    struct session *s = new_session();

    (void)state;
    greet(s, START);
    assert_int_equal(hear(s, "{\"op\":0,\"t\":\"READY\"}", START).want, WANT_DISPATCH);
    assert_true(session_is_ready(s));
    assert_string_equal(session_user_id(s), "");
    assert_int_equal(session_closed(s, 1006, "", START, 0).want, WANT_ASK_URL);
    session_free(s);

    s = new_session();
    greet(s, START);
    assert_int_equal(
        hear(s,
             "{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"x\",\"user\":{"
             "\"id\":\"1234567890123456789012345678901234567890\"},\"application\":[]}}",
             START)
            .want,
        WANT_DISPATCH);
    assert_string_equal(session_user_id(s), "12345678901234567890");
    assert_string_equal(session_address(s), URL QUERY); /* no other was told */
    session_free(s);

    s = new_session();
    greet(s, START);
    (void)buf_append_str(&text, "{\"op\":0,\"t\":\"READY\",\"d\":{\"session_id\":\"");
    for (int i = 0; i < 128; i++) {
        (void)buf_append_char(&text, 'a');
    }
    (void)buf_append_str(&text, "\"}}");
    assert_int_equal(hear(s, buf_str(&text), START).want, WANT_DISPATCH);
    assert_int_equal(session_closed(s, 1006, "", START, 0).want, WANT_ASK_URL);
    session_free(s);
    session_free(NULL);
}

static void test_hello_comes_once(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();

    (void)state;
    greet(s, START);
    assert_int_equal(hear(s, HELLO, START + 1).want, WANT_NOTHING);
    assert_int_equal(hear(s, READY, START + 2).want, WANT_DISPATCH);
    assert_int_equal(hear(s, HELLO, START + 3).want, WANT_NOTHING);
    assert_int_equal(session_identify_count(s), 1);
}

static void test_no_hello_no_ready(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();
    struct session_act act;

    (void)state;
    session_url_told(s, URL, 1, 0, START);
    session_opened(s, START);
    assert_int_equal(session_tick(s, START + 14999, 0).want, WANT_NOTHING);
    act = session_tick(s, START + 15000, 0);
    assert_int_equal(act.want, WANT_ASK_URL);
    assert_int_equal(act.close_code, 4000);
    assert_string_equal(act.reason, "Discord did not answer in time");
    assert_true(session_due(s) == INT64_MAX);

    session_url_told(s, URL, 1, 0, START);
    session_opened(s, START);
    (void)session_text(s, span_of("{\"op\":10,\"d\":{\"heartbeat_interval\":3600000}}"), START,
                       3599999);
    assert_true(session_due(s) == START + 60000);
    assert_int_equal(session_tick(s, START + 59999, 0).want, WANT_NOTHING);
    assert_int_equal(session_tick(s, START + 60000, 0).want, WANT_ASK_URL);
}

/* ---- heartbeats ----------------------------------------------------------------------------- */

static void test_first_beat_is_jittered(void **state)
{
    static const struct {
        uint64_t random;
        int64_t after_ms;
    } rows[] = {{0, 1}, {1, 2}, {41249, 41250}, {41250, 1}, {UINT64_MAX, 6616}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = new_session();

        session_url_told(s, URL, 1, 0, START);
        session_opened(s, START);
        (void)session_text(s, span_of(HELLO), START, rows[i].random);
        assert_int_equal(session_due(s) - START, rows[i].after_ms);
        assert_int_equal(session_tick(s, START + rows[i].after_ms - 1, 0).want, WANT_NOTHING);
        assert_sends(session_tick(s, START + rows[i].after_ms, 0), "{\"op\":1,\"d\":null}");
    }
}

static void test_intervals(void **state)
{
    static const struct {
        const char *interval;
        int64_t ms;
    } rows[] = {{"100", 100},         {"99", 41250},        {"0", 41250},       {"-5", 41250},
                {"41250.7", 41250},   {"3600000", 3600000}, {"3600001", 41250}, {"1e300", 41250},
                {"\"30000\"", 41250}, {"null", 41250},      {"[]", 41250}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = new_session();
        AUTO(free_ptr)
        char *hello = xasprintf("{\"op\":10,\"d\":{\"heartbeat_interval\":%s}}", rows[i].interval);

        session_url_told(s, URL, 1, 0, START);
        session_opened(s, START);
        assert_int_equal(hear(s, hello, START).want, WANT_SEND);
        assert_int_equal(hear(s, READY, START).want, WANT_DISPATCH);
        assert_int_equal(session_tick(s, START + 1, 0).want, WANT_SEND);
        if (session_due(s) != START + 1 + rows[i].ms) {
            fail_msg("%s: due after %lld ms", rows[i].interval,
                     (long long)(session_due(s) - START - 1));
        }
    }
}

static void test_beats_are_acknowledged(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    int64_t now = START + 1;

    (void)state;
    assert_int_equal(hear(s, ACK, now).want, WANT_NOTHING);
    assert_true(session_rtt_ms(s) == -1); /* nothing was asked */
    for (int i = 0; i < 5; i++) {
        assert_sends(session_tick(s, now, 0), "{\"op\":1,\"d\":1}");
        assert_int_equal(hear(s, ACK, now + 30 + i).want, WANT_NOTHING);
        assert_int_equal(session_rtt_ms(s), 30 + i);
        assert_int_equal(hear(s, ACK, now + 900).want, WANT_NOTHING);
        assert_int_equal(session_rtt_ms(s), 30 + i);
        assert_int_equal(session_tick(s, now + 41249, 0).want, WANT_NOTHING);
        now += 41250;
    }
}

static void test_zombie(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    struct session_act act;

    (void)state;
    assert_int_equal(session_tick(s, START + 1, 0).want, WANT_SEND);
    /* Other events do not stand for the acknowledgement. */
    assert_int_equal(hear(s, INTERACTION, START + 20000).want, WANT_DISPATCH);
    assert_int_equal(session_tick(s, START + 41250, 0).want, WANT_NOTHING);
    act = session_tick(s, START + 41251, 0);
    assert_int_equal(act.want, WANT_RECONNECT);
    assert_int_equal(act.close_code, 4000); /* 1000 or 1001 would end the session */
    assert_int_equal(act.wait_ms, 0);
    assert_string_equal(act.reason, "no heartbeat was acknowledged: the connection is dead");
    assert_false(session_is_ready(s));
    /* The one that follows starts without a debt. */
    greet(s, START + 41300);
    assert_int_equal(hear(s, RESUMED, START + 41300).want, WANT_DISPATCH);
    assert_sends(session_tick(s, START + 41301, 0), "{\"op\":1,\"d\":9}");
}

static void test_beats_that_are_asked_for(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();

    (void)state;
    greet(s, START);
    assert_sends(hear(s, "{\"op\":1,\"d\":null}", START), "{\"op\":1,\"d\":null}");
    assert_int_equal(hear(s, READY, START).want, WANT_DISPATCH);
    assert_sends(hear(s, "{\"op\":1}", START), "{\"op\":1,\"d\":1}");
    /* 100 in a minute, of which IDENTIFY and two are gone. */
    for (int i = 3; i < 100; i++) {
        assert_int_equal(hear(s, "{\"op\":1}", START + 59999).want, WANT_SEND);
    }
    assert_int_equal(hear(s, "{\"op\":1}", START + 59999).want, WANT_NOTHING);
    /* Those of our own have room yet. */
    assert_int_equal(session_tick(s, START + 59999, 0).want, WANT_SEND);
    assert_int_equal(hear(s, "{\"op\":1}", START + 60000).want, WANT_SEND);
}

/* However often Discord wants them: never more than 120 payloads in 60 s, and never silent for good. */
static void test_sends_in_a_minute(void **state)
{
    static const size_t minutes = 10;
    AUTO(session_free_ptr) struct session *s = new_session();
    static int64_t sent[1500];
    size_t count = 1; /* IDENTIFY */

    (void)state;
    sent[0] = START;
    session_url_told(s, URL, 1, 0, START);
    session_opened(s, START);
    assert_int_equal(hear(s, "{\"op\":10,\"d\":{\"heartbeat_interval\":100}}", START).want,
                     WANT_SEND);
    assert_int_equal(hear(s, READY, START).want, WANT_DISPATCH);
    for (int64_t now = START; now < START + (int64_t)minutes * 60000; now += 50) {
        bool is_sent = now >= session_due(s) && session_tick(s, now, 0).want == WANT_SEND;

        assert_true(session_is_ready(s));
        assert_true(session_due(s) > now);
        if (is_sent) {
            sent[count++] = now;
            (void)hear(s, ACK, now);
        }
        if (now % 200 == 0 && hear(s, "{\"op\":1}", now).want == WANT_SEND) {
            sent[count++] = now;
        }
        assert_true(count < COUNT_OF(sent));
    }
    for (size_t i = 120; i < count; i++) {
        assert_true(sent[i] - sent[i - 120] >= 60000);
    }
    assert_true(count > minutes * 100);
}

/* A new connection has a minute of its own. */
static void test_sends_of_a_new_connection(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);

    (void)state;
    while (hear(s, "{\"op\":1}", START).want == WANT_SEND) {
    }
    (void)session_closed(s, 1006, "", START, 0);
    greet(s, START);
    assert_int_equal(hear(s, "{\"op\":1}", START).want, WANT_SEND);
}

/* ---- resuming ------------------------------------------------------------------------------- */

static void test_resume(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    struct session_act act;

    (void)state;
    assert_int_equal(hear(s, INTERACTION, START).want, WANT_DISPATCH);
    act = session_closed(s, 1006, "connection reset", START + 1000, 0);
    assert_int_equal(act.want, WANT_RECONNECT);
    assert_int_equal(act.close_code, 0); /* it is closed already */
    assert_string_equal(act.reason, "connection reset");
    assert_string_equal(session_address(s), RESUME_AT QUERY);
    session_opened(s, START + 1000);
    assert_sends(session_text(s, span_of(HELLO), START + 1000, 0), RESUME("5"));
    /* What was missed comes before RESUMED. */
    assert_int_equal(
        hear(s, "{\"op\":0,\"t\":\"INTERACTION_CREATE\",\"s\":6,\"d\":{}}", START + 1001).want,
        WANT_DISPATCH);
    assert_false(session_is_ready(s));
    act = hear(s, "{\"op\":0,\"t\":\"RESUMED\",\"s\":7,\"d\":{}}", START + 1002);
    assert_int_equal(act.want, WANT_DISPATCH);
    assert_string_equal(act.event, "RESUMED");
    assert_true(session_is_ready(s));
    assert_int_equal(session_identify_count(s), 1);
    assert_string_equal(session_application_id(s), "88");
    assert_sends(session_tick(s, START + 1003, 0), "{\"op\":1,\"d\":7}");
}

static void test_sequence_numbers(void **state)
{
    static const struct {
        const char *s;
        const char *beat;
    } rows[] = {
        {"2", "{\"op\":1,\"d\":2}"},
        {"1", "{\"op\":1,\"d\":2}"}, /* never back */
        {"null", "{\"op\":1,\"d\":2}"},
        {"-9", "{\"op\":1,\"d\":2}"},
        {"\"7\"", "{\"op\":1,\"d\":2}"},
        {"1e300", "{\"op\":1,\"d\":2}"},
        {"9007199254740992", "{\"op\":1,\"d\":9007199254740992}"},
    };
    AUTO(session_free_ptr) struct session *s = ready_at(START);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(free_ptr)
        char *text = xasprintf("{\"op\":0,\"t\":\"TYPING_START\",\"s\":%s,\"d\":{}}", rows[i].s);

        assert_int_equal(hear(s, text, START).want, WANT_NOTHING);
        assert_sends(hear(s, "{\"op\":1}", START), rows[i].beat);
    }
    (void)session_closed(s, 1006, "", START, 0);
    session_opened(s, START);
    assert_sends(session_text(s, span_of(HELLO), START, 0), RESUME("9007199254740992"));
}

/* Two connections to its own address that come to nothing: then the general one, still with the session. */
static void test_resume_elsewhere(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);

    (void)state;
    assert_int_equal(session_closed(s, 1006, "", START, 0).want, WANT_RECONNECT);
    assert_int_equal(session_closed(s, 0, "refused", START, 0).want, WANT_RECONNECT);
    assert_string_equal(session_address(s), RESUME_AT QUERY);
    assert_int_equal(session_closed(s, 0, "refused", START, 0).want, WANT_ASK_URL);
    assert_string_equal(session_address(s), "");
    session_url_told(s, URL, 0, 3600000, START);
    assert_string_equal(session_address(s), URL QUERY);
    session_opened(s, START);
    /* No IDENTIFY is left; none is needed. */
    assert_sends(session_text(s, span_of(HELLO), START, 0), RESUME("1"));
    assert_int_equal(hear(s, RESUMED, START).want, WANT_DISPATCH);
    assert_string_equal(session_address(s), RESUME_AT QUERY);
}

static void test_reconnect_is_asked_for(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    struct session_act act = hear(s, "{\"op\":7,\"d\":null}", START + 10);

    (void)state;
    assert_int_equal(act.want, WANT_RECONNECT);
    assert_int_equal(act.close_code, 4000);
    assert_int_equal(act.wait_ms, 0);
    assert_string_equal(act.reason, "Discord asks to connect anew");
    /* What still comes over the old one means nothing. */
    assert_int_equal(hear(s, INTERACTION, START + 11).want, WANT_NOTHING);
    assert_true(session_due(s) == INT64_MAX);
}

static void test_invalid_session(void **state)
{
    static const struct {
        const char *text;
        bool is_resumable;
        uint64_t random;
        int64_t wait_ms;
    } rows[] = {
        {"{\"op\":9,\"d\":true}", true, 0, 1000},
        {"{\"op\":9,\"d\":true}", true, 4000, 5000},
        {"{\"op\":9,\"d\":true}", true, 4001, 1000},
        {"{\"op\":9,\"d\":false}", false, 0, 1000},
        {"{\"op\":9,\"d\":false}", false, 4000, 5000},
        {"{\"op\":9,\"d\":null}", false, 0, 1000},
        {"{\"op\":9,\"d\":1}", false, 0, 1000},
        {"{\"op\":9,\"d\":\"true\"}", false, 0, 1000},
        {"{\"op\":9}", false, 0, 1000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = ready_at(START);
        int64_t now = START + 90000;
        struct session_act act = session_text(s, span_of(rows[i].text), now, rows[i].random);

        assert_int_equal(is_resumable(act), rows[i].is_resumable);
        assert_int_equal(act.close_code, 4000);
        assert_int_equal(act.wait_ms, rows[i].wait_ms);
        assert_string_equal(act.reason, "Discord says that the session is not valid");
        greet(s, now);
        assert_int_equal(session_identify_count(s), rows[i].is_resumable ? 1 : 2);
    }
}

/* The answer to a RESUME of a session that Discord has forgotten. */
static void test_resume_is_refused(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    struct session_act act;

    (void)state;
    (void)session_closed(s, 1006, "", START + 9000, 0);
    greet(s, START + 9000);
    act = hear(s, "{\"op\":9,\"d\":false}", START + 9001);
    assert_int_equal(act.want, WANT_ASK_URL);
    assert_in_range(act.wait_ms, 1000, 5000);
    session_url_told(s, URL, 999, 0, START + 12000);
    session_opened(s, START + 12000);
    assert_sends(session_text(s, span_of(HELLO), START + 12000, 0),
                 "{\"op\":2,\"d\":{" PROPERTIES ",\"token\":\"tok\",\"intents\":0}}");
}

/* ---- closes --------------------------------------------------------------------------------- */

static void test_close_codes(void **state)
{
    static const struct {
        int code;
        enum session_want want;
        int exit_code;
        const char *says;
    } rows[] = {
        {0, WANT_RECONNECT, 0, "why"},    {1000, WANT_RECONNECT, 0, "why"},
        {1001, WANT_RECONNECT, 0, "why"}, {1006, WANT_RECONNECT, 0, "why"},
        {3000, WANT_RECONNECT, 0, "why"}, {4000, WANT_RECONNECT, 0, "why"},
        {4001, WANT_RECONNECT, 0, "why"}, {4002, WANT_RECONNECT, 0, "why"},
        {4003, WANT_RECONNECT, 0, "why"}, {4004, WANT_FATAL, 3, "token"},
        {4005, WANT_RECONNECT, 0, "why"}, {4006, WANT_RECONNECT, 0, "why"},
        {4007, WANT_ASK_URL, 0, "why"},   {4008, WANT_RECONNECT, 0, "why"},
        {4009, WANT_ASK_URL, 0, "why"},   {4010, WANT_FATAL, 4, "INDEX/COUNT"},
        {4011, WANT_FATAL, 4, "sharded"}, {4012, WANT_FATAL, 5, "version 10"},
        {4013, WANT_FATAL, 5, "intents"}, {4014, WANT_FATAL, 5, "intents"},
        {4015, WANT_RECONNECT, 0, "why"}, {-1, WANT_RECONNECT, 0, "why"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = ready_at(START);
        struct session_act act = session_closed(s, rows[i].code, "why", START, 0);

        if (act.want != rows[i].want) {
            fail_msg("after %d: %d", rows[i].code, (int)act.want);
        }
        assert_int_equal(act.exit_code, rows[i].exit_code);
        assert_int_equal(act.close_code, 0);
        assert_non_null(strstr(act.reason, rows[i].says));
        assert_false(session_is_ready(s));
        assert_true(session_due(s) == INT64_MAX);
        assert_int_equal(hear(s, HELLO, START).want, WANT_NOTHING);
        if (act.want == WANT_ASK_URL) { /* the session is given up */
            greet(s, START + 9000);
            assert_int_equal(session_identify_count(s), 2);
        }
    }
}

static void test_reason_is_cut(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    char reason[1000];

    (void)state;
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    assert_int_equal(strlen(session_closed(s, 1006, reason, START, 0).reason), 255);
}

/* ---- how often ------------------------------------------------------------------------------ */

static const int64_t growing[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};

/* Where connections do not come to READY. With the least and the most of jitter. */
static void test_backoff_grows(void **state)
{
    (void)state;
    for (int is_most = 0; is_most < 2; is_most++) {
        AUTO(session_free_ptr) struct session *s = new_session();

        for (size_t i = 0; i < COUNT_OF(growing); i++) {
            int64_t most = growing[i] / 2;
            uint64_t random = is_most != 0 ? (uint64_t)most : (uint64_t)most + 1;
            struct session_act act = session_closed(s, 1006, "", START, random);

            assert_int_equal(act.want, WANT_ASK_URL);
            assert_int_equal(act.wait_ms, growing[i] * 3 / 4 + (is_most != 0 ? most : 0));
        }
        /* READY makes it good. */
        greet(s, START);
        assert_int_equal(hear(s, READY, START).want, WANT_DISPATCH);
        assert_int_equal(session_closed(s, 1006, "", START, 0).wait_ms, 0);
    }
}

/* A session that is ready and falls at once, again and again, is not hurried after either. */
static void test_backoff_of_what_falls_at_once(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    int64_t now = START;

    (void)state;
    assert_int_equal(session_closed(s, 4000, "", now, 0).wait_ms, 0);
    for (size_t i = 0; i < COUNT_OF(growing); i++) {
        greet(s, now);
        assert_int_equal(hear(s, RESUMED, now).want, WANT_DISPATCH);
        now += 59999;
        assert_int_equal(session_closed(s, 4000, "", now, 0).wait_ms, growing[i] * 3 / 4);
    }
    greet(s, now);
    assert_int_equal(hear(s, RESUMED, now).want, WANT_DISPATCH);
    now += 60000; /* it was stable */
    assert_int_equal(session_closed(s, 4000, "", now, 0).wait_ms, 0);
    greet(s, now);
    assert_int_equal(hear(s, RESUMED, now).want, WANT_DISPATCH);
    assert_int_equal(session_closed(s, 4000, "", now, 0).wait_ms, 750);
}

static void test_address_cannot_be_asked_for(void **state)
{
    static const int statuses[] = {0, 200, 403, 404, 429, 500, 502, 503};
    AUTO(session_free_ptr) struct session *s = new_session();
    struct session_act act;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        act = session_url_failed(s, statuses[i], START, 0);
        assert_int_equal(act.want, WANT_ASK_URL);
        assert_int_equal(act.wait_ms, growing[i] * 3 / 4);
        assert_string_equal(act.reason, "the Gateway's address could not be asked for");
    }
    act = session_url_failed(s, 401, START, 0);
    assert_int_equal(act.want, WANT_FATAL);
    assert_int_equal(act.exit_code, 3);
    assert_non_null(strstr(act.reason, "The token is wrong"));
}

/* One IDENTIFY in 5 s, with something to spare; then it waits on the open connection. */
static void test_gap_between_identifies(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();

    (void)state;
    greet(s, START);
    (void)session_closed(s, 1006, "", START + 10, 0);
    session_url_told(s, URL, 999, 0, START + 1000);
    session_opened(s, START + 1000);
    assert_int_equal(session_text(s, span_of(HELLO), START + 1000, 41249).want, WANT_NOTHING);
    assert_true(session_due(s) == START + 5500);
    assert_int_equal(session_tick(s, START + 5499, 0).want, WANT_NOTHING);
    assert_int_equal(session_identify_count(s), 1);
    assert_int_equal(session_tick(s, START + 5500, 0).want, WANT_SEND);
    assert_int_equal(session_identify_count(s), 2);
    assert_int_equal(hear(s, READY, START + 5600).want, WANT_DISPATCH);
}

/* session_start_limit of GET /gateway/bot. */
static void test_identifies_that_are_left(void **state)
{
    static const struct {
        int left;
        int64_t reset_ms;
        int64_t wait_ms; /* until IDENTIFY; beyond 15 s no connection is held for it */
    } rows[] = {
        {1, 0, 0},
        {1, 3600000, 0},
        {0, 1, 1},
        {0, 15000, 15000},
        {0, 15001, 15001},
        {0, 3600000, 3600000},
        {-1, 20000, 20000},
        {0, 0, 60000}, /* not said how long */
        {0, -1, 60000},
        {0, 86400000, 86400000},
        {0, 86400001, 86400000}, /* it is a day at most, whatever is said */
        {0, INT64_MAX, 86400000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = new_session();
        struct session_act act;

        session_url_told(s, URL, rows[i].left, rows[i].reset_ms, START);
        session_opened(s, START);
        act = session_text(s, span_of(HELLO), START, 41249);
        if (rows[i].wait_ms == 0) {
            assert_int_equal(act.want, WANT_SEND);
        } else if (rows[i].wait_ms <= 15000) {
            assert_int_equal(act.want, WANT_NOTHING);
            assert_true(session_due(s) == START + rows[i].wait_ms);
            assert_int_equal(session_tick(s, START + rows[i].wait_ms, 0).want, WANT_SEND);
        } else {
            assert_int_equal(act.want, WANT_ASK_URL);
            assert_int_equal(act.close_code, 4000);
            assert_true(act.wait_ms == rows[i].wait_ms);
            assert_string_equal(act.reason, "Discord says that no IDENTIFY is left for now");
            assert_int_equal(session_identify_count(s), 0);
        }
    }
}

/* ---- what else is heard --------------------------------------------------------------------- */

static void test_events_that_are_not_ours(void **state)
{
    static const char *const texts[] = {
        "{\"op\":0,\"t\":\"GUILD_CREATE\",\"s\":2,\"d\":{\"id\":\"1\"}}",
        "{\"op\":0,\"t\":\"interaction_create\",\"s\":2,\"d\":{}}",
        "{\"op\":0,\"t\":\"INTERACTION_CREATED\",\"s\":2,\"d\":{}}",
        "{\"op\":0,\"t\":null,\"s\":2,\"d\":{}}",
        "{\"op\":0,\"t\":{},\"s\":2,\"d\":{}}",
        "{\"op\":0}",
        READY, /* it is ready already */
        RESUMED,
    };
    AUTO(session_free_ptr) struct session *s = ready_at(START);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct session_act act = session_text(s, span_of(texts[i]), START, 0);

        assert_int_equal(act.want, WANT_NOTHING);
        assert_null(act.data);
        assert_true(session_is_ready(s));
    }
}

/* READY counts only as an answer. */
static void test_ready_out_of_turn(void **state)
{
    AUTO(session_free_ptr) struct session *s = new_session();

    (void)state;
    assert_int_equal(hear(s, READY, START).want, WANT_NOTHING); /* there is no connection */
    session_url_told(s, URL, 1, 0, START);
    session_opened(s, START);
    assert_int_equal(hear(s, READY, START).want, WANT_NOTHING);
    assert_int_equal(hear(s, RESUMED, START).want, WANT_NOTHING);
    assert_false(session_is_ready(s));
    assert_int_equal(hear(s, HELLO, START).want, WANT_SEND);
    assert_int_equal(session_identify_count(s), 1);
}

static void test_interaction_without_data(void **state)
{
    AUTO(session_free_ptr) struct session *s = ready_at(START);
    struct session_act act =
        session_text(s, span_of("{\"op\":0,\"t\":\"INTERACTION_CREATE\"}"), START, 0);

    (void)state;
    assert_int_equal(act.want, WANT_DISPATCH);
    assert_null(act.data);
}

static void test_rubbish(void **state)
{
    static const struct {
        const char *text;
        bool is_json;
    } rows[] = {
        {"", false},
        {"{", false},
        {"{\"op\":11}x", false},
        {"{\"op\":11}{\"op\":11}", false},
        {"\xff\xfe", false},
        {"null", true},
        {"7", true},
        {"\"op\"", true},
        {"[]", true},
        {"[{\"op\":7}]", true},
        {"{}", true},
        {"{\"op\":null}", true},
        {"{\"op\":\"7\"}", true},
        {"{\"OP\":7}", true},
        {"{\"op\":-1}", true},
        {"{\"op\":2}", true},
        {"{\"op\":12}", true},
        {"{\"op\":1e300}", true},
        {"{\"op\":10,\"d\":null}", true},
        {"{\"op\":10,\"d\":[[]]}", true},
        {"{\"op\":11,\"d\":{\"op\":7}}", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(session_free_ptr) struct session *s = ready_at(START);
        struct session_act act = hear(s, rows[i].text, START);

        if (act.want != (rows[i].is_json ? WANT_NOTHING : WANT_RECONNECT)) {
            fail_msg("%s: %d", rows[i].text, (int)act.want);
        }
        assert_int_equal(session_is_ready(s), rows[i].is_json);
        assert_int_equal(act.close_code, rows[i].is_json ? 0 : 4000);
    }
}

static void hear_damaged(struct session *s, const char *text, size_t len, int64_t now)
{
    struct session_act act;

    session_url_told(s, URL, 1, 0, now);
    session_opened(s, now);
    (void)hear(s, HELLO, now);
    (void)hear(s, RESUMED, now);
    act = session_text(s, (struct span){text, len}, now, 0);
    cJSON_Delete(act.data);
    assert_int_not_equal(act.want, WANT_FATAL);
    (void)session_closed(s, 1006, "", now, 0);
}

/* What is right but for a byte, or its end: whatever it does, a connection after it comes to READY again. */
static void test_damaged(void **state)
{
    static const char *const texts[] = {HELLO, READY, RESUMED, INVALID, INTERACTION, "{\"op\":1}"};
    static const char bytes[] = {'"', '}', '9', ':', '\0', (char)0xff};
    int64_t now = START;
    AUTO(session_free_ptr) struct session *s = ready_at(now);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts) * COUNT_OF(bytes); i++) {
        AUTO(free_ptr) char *text = xstrdup(texts[i % COUNT_OF(texts)]);
        size_t len = strlen(text);

        for (size_t at = 0; at < len; at++) {
            char kept = text[at];

            now += 70000;
            hear_damaged(s, text, at, now);
            now += 70000;
            text[at] = bytes[i / COUNT_OF(texts)];
            hear_damaged(s, text, len, now);
            text[at] = kept;
        }
    }
    now += 70000;
    session_url_told(s, URL, 1, 0, now);
    session_opened(s, now);
    assert_int_equal(hear(s, HELLO, now).want, WANT_SEND);
    assert_int_equal(hear(s, READY, now).want, WANT_DISPATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_identify_of_a_shard),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_ready_of_which_little_is_told),
        cmocka_unit_test(test_hello_comes_once),
        cmocka_unit_test(test_no_hello_no_ready),
        cmocka_unit_test(test_first_beat_is_jittered),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_beats_are_acknowledged),
        cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_beats_that_are_asked_for),
        cmocka_unit_test(test_sends_in_a_minute),
        cmocka_unit_test(test_sends_of_a_new_connection),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_sequence_numbers),
        cmocka_unit_test(test_resume_elsewhere),
        cmocka_unit_test(test_reconnect_is_asked_for),
        cmocka_unit_test(test_invalid_session),
        cmocka_unit_test(test_resume_is_refused),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_reason_is_cut),
        cmocka_unit_test(test_backoff_grows),
        cmocka_unit_test(test_backoff_of_what_falls_at_once),
        cmocka_unit_test(test_address_cannot_be_asked_for),
        cmocka_unit_test(test_gap_between_identifies),
        cmocka_unit_test(test_identifies_that_are_left),
        cmocka_unit_test(test_events_that_are_not_ours),
        cmocka_unit_test(test_ready_out_of_turn),
        cmocka_unit_test(test_interaction_without_data),
        cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
