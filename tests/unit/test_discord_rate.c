#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/rate.h"

#define GLOBAL  50
#define INVALID 9000
#define POST    "POST /channels/1/messages"
#define PATCH   "PATCH /channels/1/messages/2"
#define HOOK    "POST /webhooks/1/2"
#define START   1000000

static void rate_free_ptr(struct rate **r)
{
    rate_free(*r);
}

/* An answer that says nothing of rates. */
static struct rate_answer bare(int status)
{
    return (struct rate_answer){.status = status, .body_retry_after = -1};
}

static struct rate_answer told(const char *bucket, const char *limit, const char *remaining,
                               const char *reset_after)
{
    return (struct rate_answer){.status = 200,
                                .bucket = bucket,
                                .limit = limit,
                                .remaining = remaining,
                                .reset_after = reset_after,
                                .body_retry_after = -1};
}

static int64_t note(struct rate *r, const char *route, struct rate_answer answer, int64_t now_ms)
{
    return rate_note(r, route, NULL, &answer, now_ms);
}

static int64_t take(struct rate *r, const char *route, int64_t now_ms)
{
    return rate_take(r, route, NULL, false, now_ms);
}

/* Takes one, and answers it at once. */
static void ask(struct rate *r, const char *route, struct rate_answer answer, int64_t now_ms)
{
    assert_int_equal(take(r, route, now_ms), 0);
    (void)note(r, route, answer, now_ms);
}

/* How many may go now. */
static int count_of(struct rate *r, const char *route, int64_t now_ms)
{
    int count = 0;

    while (count < 1000 && take(r, route, now_ms) == 0) {
        count++;
    }
    return count;
}

/* ---- buckets -------------------------------------------------------------------------------- */

static void test_one_alone_finds_out(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, POST, START), 50);
    assert_int_equal(take(r, POST, START + 5000), 50);
    assert_int_equal(take(r, PATCH, START), 0); /* another route */
    assert_int_equal(note(r, POST, bare(200), START + 5000), 0);
    assert_int_equal(take(r, POST, START + 5000), 0); /* nothing was told: one by one */
    assert_int_equal(take(r, POST, START + 5000), 50);
}

static void test_what_is_told(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "4", "1.5"), START);
    assert_int_equal(count_of(r, POST, START + 100), 4);
    assert_int_equal(take(r, POST, START + 100), 1400);
    assert_int_equal(take(r, POST, START + 1499), 1);
    for (int i = 0; i < 4; i++) {
        (void)note(r, POST, told("abc", "5", "0", "0.001"), START + 1499);
    }
    assert_int_equal(count_of(r, POST, START + 1500), 5);
    assert_int_equal(take(r, POST, START + 1500), 50); /* until one is answered */
}

/* What is under way when the bucket is filled again counts in the new one. */
static void test_under_way_at_the_reset(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(count_of(r, POST, START + 900), 4);
    assert_int_equal(count_of(r, POST, START + 1000), 1);
}

/* The count of an answer is older than what was sent since. */
static void test_under_way_at_the_answer(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "4", "9"), START);
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, POST, START), 0);
    (void)note(r, POST, told("abc", "5", "3", "9"), START + 1);
    assert_int_equal(count_of(r, POST, START + 1), 1);
}

/* Answers overtake each other: a count of before is not believed after a lower one. */
static void test_answers_out_of_order(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "4", "9"), START);
    assert_int_equal(count_of(r, POST, START), 4);
    (void)note(r, POST, told("abc", "5", "0", "9"), START + 1);
    (void)note(r, POST, told("abc", "5", "1", "9"), START + 2);
    (void)note(r, POST, told("abc", "5", "2", "9"), START + 3);
    (void)note(r, POST, told("abc", "5", "3", "9"), START + 4);
    assert_int_equal(count_of(r, POST, START + 5), 0);
    assert_int_equal(count_of(r, POST, START + 9004), 5);
}

/* One that was asked in the window before fills nothing again. */
static void test_answer_of_the_window_before(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(take(r, POST, START + 900), 0);
    ask(r, POST, told("abc", "5", "4", "1"), START + 1000);
    (void)note(r, POST, told("abc", "5", "3", "0.05"), START + 1100);
    assert_int_equal(count_of(r, POST, START + 1200), 3);
}

static void test_major_parameters(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer none_left = told("abc", "5", "0", "10");

    (void)state;
    assert_int_equal(rate_take(r, "POST /channels/:/messages", "1", false, START), 0);
    assert_int_equal(rate_take(r, "POST /channels/:/messages", "2", false, START), 0);
    (void)rate_note(r, "POST /channels/:/messages", "1", &none_left, START);
    assert_int_equal(rate_take(r, "POST /channels/:/messages", "1", false, START), 10000);
    assert_int_equal(rate_take(r, "POST /channels/:/messages", "3", false, START), 0);
    assert_int_equal(rate_take(r, "POST /channels/:/messages", NULL, false, START), 0);
}

/* Two routes that Discord counts together. */
static void test_routes_share_a_bucket(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("abc", "5", "3", "10"), START);
    ask(r, PATCH, told("abc", "5", "2", "10"), START);
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, PATCH, START), 0);
    assert_int_equal(take(r, POST, START), 10000);
    assert_int_equal(take(r, PATCH, START), 10000);
}

/* Discord may name it anew at any time, also while requests are under way. */
static void test_bucket_is_named_anew(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told("old", "5", "4", "1"), START);
    assert_int_equal(count_of(r, POST, START), 4);
    (void)note(r, POST, told("new", "5", "3", "1"), START + 10);
    assert_int_equal(take(r, POST, START + 20), 0);
    (void)note(r, POST, told("old", "5", "3", "1"), START + 20);
    for (int i = 0; i < 10; i++) { /* more answers than requests */
        (void)note(r, POST, told("new", "5", "3", "1"), START + 30);
    }
    /* Nothing is left under way in either of them. */
    assert_int_equal(count_of(r, POST, START + 5000), 5);
    for (int i = 0; i < 5; i++) {
        (void)note(r, POST, told("old", "5", "0", "1"), START + 5000);
    }
    assert_int_equal(count_of(r, POST, START + 9000), 5);
    (void)note(r, POST, told("", "5", "0", "1"), START + 9000); /* no name: it stays */
    assert_int_equal(take(r, POST, START + 9000), 1000);
}

static void test_headers_that_cannot_be(void **state)
{
    static const struct {
        const char *limit;
        const char *remaining;
        const char *reset_after;
        int64_t wait_ms; /* of the second */
    } rows[] = {
        {NULL, NULL, NULL, 50},        {"", "", "", 50},
        {"5", "x", "1", 50},           {"5", "0", "x", 50},
        {"5", "0", NULL, 50},          {"5", NULL, "1", 50},
        {"5", "-1", "1", 50},          {"5", "nan", "1", 50},
        {"5", "inf", "1", 50},         {"5", "1e7", "1", 50},
        {"5", "0", "-1", 50},          {"5", "0", "nan", 50},
        {"5", "0", "inf", 50},         {"5", "0", "1e999", 50},
        {"5", "0", "1.0005", 1001}, /* rather later */
        {"5", "0", "1e300", 86400000}, {"0", "0", "1", 1000},
        {"-5", "0", "1", 1000},        {"1e300", "0", "1", 1000},
        {"5", " 0", "1", 1000},        {"5", "0.9", "1", 1000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
        int64_t wait = 0;

        ask(r, POST, told("abc", rows[i].limit, rows[i].remaining, rows[i].reset_after), START);
        wait = take(r, POST, START);
        wait = wait == 0 ? take(r, POST, START) : wait;
        if (wait != rows[i].wait_ms) {
            fail_msg("row %zu: %lld ms", i, (long long)wait);
        }
    }
}

/* A bucket of which no limit is known is found out anew, by one alone. */
static void test_reset_without_a_limit(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    ask(r, POST, told(NULL, NULL, "0", "1"), START);
    assert_int_equal(take(r, POST, START + 999), 1);
    assert_int_equal(count_of(r, POST, START + 1000), 1);
}

static void test_lost(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    rate_lost(r, POST, NULL); /* was never sent */
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, POST, START), 50);
    rate_lost(r, POST, NULL);
    assert_int_equal(take(r, POST, START), 0);
    (void)note(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(count_of(r, POST, START), 4);
    for (int i = 0; i < 4; i++) {
        rate_lost(r, POST, NULL);
    }
    /* It may have arrived: only the next window gives it back. */
    assert_int_equal(take(r, POST, START + 1), 999);
    assert_int_equal(count_of(r, POST, START + 1000), 5);
}

/* An hour unused, and not one that is to be waited for. */
static void test_forgotten(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer limited = bare(429);
    int64_t later = START + 3600000;

    (void)state;
    limited.body_retry_after = 7200;
    ask(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(take(r, HOOK, START), 0);
    assert_int_equal(note(r, HOOK, limited, START), 7200000);
    assert_int_equal(take(r, "GET /x", START), 0); /* stays under way */
    assert_int_equal(take(r, PATCH, later), 0);    /* sweeps: not yet older than an hour */
    assert_int_equal(take(r, POST, later), 0);
    assert_int_equal(take(r, POST, later), 0); /* is known still */
    (void)note(r, POST, bare(200), later);
    (void)note(r, POST, bare(200), later);
    (void)note(r, PATCH, bare(200), later);
    later += 3660001;
    assert_int_equal(take(r, PATCH, later), 0);
    assert_int_equal(count_of(r, POST, later), 1);
    assert_int_equal(take(r, "GET /x", later), 50);
    assert_int_equal(count_of(r, HOOK, later), 1);
}

static void test_blocked_is_not_forgotten(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer limited = bare(429);

    (void)state;
    limited.body_retry_after = 7200;
    assert_int_equal(take(r, HOOK, START), 0);
    (void)note(r, HOOK, limited, START);
    assert_int_equal(take(r, POST, START + 7100000), 0); /* sweeps */
    assert_int_equal(take(r, HOOK, START + 7100000), 100000);
}

/* ---- the global limit ----------------------------------------------------------------------- */

static int64_t take_other(struct rate *r, int n, bool is_exempt, int64_t now_ms)
{
    AUTO(free_ptr) char *route = xasprintf("GET /%d", n);

    return rate_take(r, route, NULL, is_exempt, now_ms);
}

static void test_global(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);

    (void)state;
    for (int i = 0; i < GLOBAL; i++) {
        assert_int_equal(take_other(r, i, false, START + (int64_t)i * 10), 0);
    }
    assert_int_equal(take_other(r, 50, false, START + 490), 510);
    for (int i = 0; i < 100; i++) { /* callbacks and webhooks are not counted, nor held */
        assert_int_equal(take_other(r, 1000 + i, true, START + 490), 0);
    }
    assert_int_equal(take_other(r, 50, false, START + 999), 1);
    assert_int_equal(take_other(r, 50, false, START + 1000), 0);
    assert_int_equal(take_other(r, 51, false, START + 1000), 10);
    assert_int_equal(take_other(r, 51, false, START + 1010), 0);
    /* What had to wait has not counted, neither here nor in its bucket. */
    assert_int_equal(take_other(r, 52, false, START + 1010), 10);
    assert_int_equal(take_other(r, 52, false, START + 9000), 0);
}

static void test_global_429(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer limited = bare(429);

    (void)state;
    limited.is_global = true;
    limited.body_retry_after = 2.5;
    limited.scope = "global";
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(note(r, POST, limited, START), 2500);
    assert_int_equal(take(r, POST, START), 2500);
    assert_int_equal(take_other(r, 1, false, START + 2499), 1);
    assert_int_equal(take_other(r, 2, true, START), 0);
    assert_int_equal(take(r, POST, START + 2500), 0);
    assert_int_equal(take_other(r, 1, false, START + 2500), 0);
}

/* ---- 429 ------------------------------------------------------------------------------------ */

static void test_429(void **state)
{
    static const struct {
        const char *bucket;
        const char *header;
        double body;
        int64_t wait_ms;
    } rows[] = {
        {"abc", "65", 64.57, 64570},      {NULL, "65", 64.57, 64570},   {"abc", "65", -1, 65000},
        {NULL, NULL, 0.0001, 1},          {NULL, NULL, 0, 0},           {NULL, NULL, -1, 60000},
        {NULL, "soon", -1, 60000},        {NULL, "-4", -1, 60000},      {NULL, "3", -4, 3000},
        {NULL, "1e99", -1, 86400000},     {NULL, NULL, 1e99, 86400000}, {NULL, "3", NAN, 3000},
        {NULL, NULL, INFINITY, 86400000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
        struct rate_answer limited = bare(429);

        limited.bucket = rows[i].bucket;
        limited.retry_after = rows[i].header;
        limited.body_retry_after = rows[i].body;
        assert_int_equal(take(r, POST, START), 0);
        if (note(r, POST, limited, START) != rows[i].wait_ms) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(take(r, POST, START), rows[i].wait_ms);
        assert_int_equal(take(r, PATCH, START), 0); /* others are not held */
        rate_lost(r, POST, NULL);
        assert_int_equal(take(r, POST, START + rows[i].wait_ms), 0);
    }
}

/* The headers of a 429 tell a window that is over sooner: what it says itself holds. */
static void test_429_is_stronger_than_headers(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer limited = told("abc", "5", "3", "1");

    (void)state;
    limited.status = 429;
    limited.body_retry_after = 30;
    ask(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(note(r, POST, limited, START), 30000);
    assert_int_equal(take(r, POST, START + 2000), 28000);
    assert_int_equal(count_of(r, POST, START + 30000), 5);
}

/* One that was under way already is answered well: that ends no 429. */
static void test_429_and_what_was_under_way(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
    struct rate_answer limited = bare(429);

    (void)state;
    limited.body_retry_after = 30;
    ask(r, POST, told("abc", "5", "4", "1"), START);
    assert_int_equal(take(r, POST, START), 0);
    assert_int_equal(take(r, POST, START), 0);
    (void)note(r, POST, limited, START);
    (void)note(r, POST, told("abc", "5", "3", "1"), START + 10);
    assert_int_equal(take(r, POST, START + 2000), 28000);
}

/* ---- invalid requests ----------------------------------------------------------------------- */

static void test_what_is_invalid(void **state)
{
    static const struct {
        int status;
        const char *scope;
        int count;
    } rows[] = {
        {200, NULL, 0},     {204, NULL, 0},     {400, NULL, 0},     {401, NULL, 1},
        {403, NULL, 1},     {404, NULL, 0},     {429, NULL, 1},     {429, "user", 1},
        {429, "global", 1}, {429, "shared", 0}, {403, "shared", 1}, {500, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
        struct rate_answer answer = bare(rows[i].status);

        answer.scope = rows[i].scope;
        ask(r, POST, answer, START);
        assert_int_equal(rate_invalid_count(r, START), rows[i].count);
    }
}

/* They are counted by parts of ten seconds: one is past after ten minutes, and at most ten seconds early. */
static void test_invalid_are_past(void **state)
{
    AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, 3);

    (void)state;
    assert_int_equal(rate_invalid_count(r, 0), 0);
    assert_int_equal(rate_invalid_count(r, START), 0);
    (void)note(r, POST, bare(403), START);
    (void)note(r, POST, bare(403), START + 300000);
    assert_int_equal(rate_invalid_count(r, START + 300000), 2);
    assert_false(rate_is_stopped(r, START + 300000));
    (void)note(r, POST, bare(401), START + 300000);
    assert_true(rate_is_stopped(r, START + 300000));
    assert_true(take(r, PATCH, START + 300000) == INT64_MAX);
    assert_true(rate_take(r, HOOK, NULL, true, START + 300000) == INT64_MAX);
    assert_true(rate_is_stopped(r, START + 589999));
    assert_false(rate_is_stopped(r, START + 600000));
    assert_int_equal(take(r, PATCH, START + 600000), 0);
    assert_int_equal(rate_invalid_count(r, START + 600000), 2);
    assert_int_equal(rate_invalid_count(r, START + 900000), 0);
    /* Long after, its place is used again, and counts from nothing. */
    (void)note(r, POST, bare(403), START + 600000);
    assert_int_equal(rate_invalid_count(r, START + 600000), 3);
    (void)note(r, POST, bare(403), START + 60000000);
    assert_int_equal(rate_invalid_count(r, START + 60000000), 1);
    rate_free(NULL);
}

/* ---- against a server ----------------------------------------------------------------------- */

#define ROUTES  3
#define FLIGHTS 64

struct window {
    int limit;
    int64_t length_ms;
    int64_t end_ms;
    int used;
};

struct reply {
    int64_t at_ms; /* 0 = free */
    int route;
    char remaining[12];
    char reset_after[24];
};

struct server {
    struct window window[ROUTES];
    struct reply reply[FLIGHTS];
    int answered;
};

static const char *const routes[ROUTES] = {"GET /a", "GET /b", "GET /c"};
static const char *const limits[ROUTES] = {"5", "1", "30"};

static struct reply *free_reply(struct server *v)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (v->reply[i].at_ms == 0) {
            return &v->reply[i];
        }
    }
    fail_msg("more is under way than buckets take");
    return NULL;
}

static void arrive(struct server *v, int route, int64_t now_ms, int64_t answer_ms)
{
    struct window *w = &v->window[route];
    struct reply *p = free_reply(v);

    if (now_ms >= w->end_ms) {
        w->end_ms = now_ms + w->length_ms;
        w->used = 0;
    }
    if (++w->used > w->limit) {
        fail_msg("%s: %d in a window of %d", routes[route], w->used, w->limit);
    }
    *p = (struct reply){.at_ms = answer_ms, .route = route};
    (void)snprintf(p->remaining, sizeof p->remaining, "%d", w->limit - w->used);
    (void)snprintf(p->reset_after, sizeof p->reset_after, "%.3f",
                   (double)(w->end_ms - now_ms) / 1000);
}

static void answer_due(struct server *v, struct rate *r, int64_t now_ms)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        struct reply *p = &v->reply[i];

        if (p->at_ms != 0 && p->at_ms <= now_ms) {
            (void)note(r, routes[p->route],
                       told(routes[p->route], limits[p->route], p->remaining, p->reset_after),
                       now_ms);
            p->at_ms = 0;
            v->answered++;
        }
    }
}

/* Answers are late and overtake each other: no request is ever one too many, and as many go as may. */
static void test_no_request_too_many(void **state)
{
    enum { SPAN_MS = 120000 };
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 20; round++) {
        AUTO(rate_free_ptr) struct rate *r = rate_new(GLOBAL, INVALID);
        struct server v = {.window = {{.limit = 5, .length_ms = 2000},
                                      {.limit = 1, .length_ms = 700},
                                      {.limit = 30, .length_ms = 5000}}};
        int latency = 1 + round * 40;

        for (int64_t now = START; now < START + SPAN_MS; now += 10) {
            int route = rand_r(&seed) % ROUTES;

            answer_due(&v, r, now);
            if (take(r, routes[route], now) == 0) {
                arrive(&v, route, now, now + 1 + rand_r(&seed) % latency);
            }
        }
        assert_true(v.answered > SPAN_MS / (2000 + latency) * 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_alone_finds_out),
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_under_way_at_the_reset),
        cmocka_unit_test(test_under_way_at_the_answer),
        cmocka_unit_test(test_answers_out_of_order),
        cmocka_unit_test(test_answer_of_the_window_before),
        cmocka_unit_test(test_major_parameters),
        cmocka_unit_test(test_routes_share_a_bucket),
        cmocka_unit_test(test_bucket_is_named_anew),
        cmocka_unit_test(test_headers_that_cannot_be),
        cmocka_unit_test(test_reset_without_a_limit),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_blocked_is_not_forgotten),
        cmocka_unit_test(test_global),
        cmocka_unit_test(test_global_429),
        cmocka_unit_test(test_429),
        cmocka_unit_test(test_429_is_stronger_than_headers),
        cmocka_unit_test(test_429_and_what_was_under_way),
        cmocka_unit_test(test_what_is_invalid),
        cmocka_unit_test(test_invalid_are_past),
        cmocka_unit_test(test_no_request_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
