/* follow.c - see follow.h.
 *
 * A loop of one question, "has it changed?". Three things may come back: an
 * answer (show it), no answer for a reason that passes (pause, ask again), or
 * one that does not pass (say it, stop). Time is the monotonic clock's. */
#include "cli/follow.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define POLL_MS          20000 /* longest single long poll */
#define ANSWER_MS        15000 /* and how late its answer may be */
#define STRANGER_MS      5000  /* patience with what took a connection and never answered */
#define PAUSE_MIN_MS     250
#define PAUSE_MAX_MS     5000
#define DRAW_INTERVAL_MS 50  /* a terminal is redrawn at most this often */
#define NO_ETAG_PAUSE_MS 500 /* between looks when something on the way removed the ETag */

struct follow {
    struct client *client;
    const char *id;
    const struct follower *follower;
    struct client_reply *last;
    int64_t deadline;   /* -1 = none */
    int64_t lost_since; /* 0 = connected */
    int64_t pause_ms;

    cJSON *tree; /* of the last answer */
    struct job_facts job;
    int64_t submitted_at; /* on the monotonic clock, as well as it can be told */
};

static void pause_ms(int64_t ms)
{
    /* Ends early on Ctrl-C. */
    (void)poll(NULL, 0, ms > 0 ? (int)ms : 0);
}

static void show(void *arg)
{
    struct follow *f = arg;

    if (f->tree != NULL && f->lost_since == 0) {
        f->follower->show(f->follower->arg, &f->job, clock_mono_ms() - f->submitted_at);
    }
}

static int64_t seconds_left(const struct follow *f)
{
    int64_t left = f->deadline - clock_mono_ms();

    if (f->deadline < 0 || left > POLL_MS) {
        return POLL_MS / 1000;
    }
    return left > 0 ? (left + 999) / 1000 : 0;
}

static bool is_over(const struct follow *f)
{
    return f->deadline >= 0 && clock_mono_ms() >= f->deadline;
}

static void ask(struct follow *f, struct client_reply *reply)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(512);
    AUTO(buf_clear) struct buf match = BUF_INIT(256);
    struct client_request request = {.method = "GET", .tick = show, .arg = f};

    buf_appendf(&path, "/v1/jobs/%s", f->id);
    /* The first question, and the one after a break, want to know the state now. */
    if (f->tree != NULL && f->lost_since == 0 && f->last->etag[0] != '\0') {
        buf_appendf(&path, "?wait=%" PRId64, seconds_left(f));
        buf_appendf(&match, "If-None-Match: %s", f->last->etag);
        request.header[0] = buf_str(&match);
    }
    request.path = buf_str(&path);
    request.limit_ms = POLL_MS + ANSWER_MS;
    (void)client_call(f->client, &request, reply);
}

static bool passes(const struct client_reply *reply)
{
    if (reply->fault != CLIENT_ANSWERED) {
        return reply->fault == CLIENT_NO_CONTACT || reply->fault == CLIENT_LOST;
    }
    return reply->status == 502 || reply->status == 503 || reply->status == 504 ||
           reply->status == 429;
}

/* Pauses before another try. False when enough is enough. */
static bool bear(struct follow *f, const struct client_reply *reply)
{
    int64_t now = clock_mono_ms();
    int64_t pause = f->pause_ms;
    int64_t patience = client_was_answered(f->client) ? FOLLOW_RECONNECT_MS : STRANGER_MS;

    if (!client_was_answered(f->client) && reply->fault == CLIENT_NO_CONTACT) {
        return false;
    }
    if (f->lost_since == 0) {
        f->lost_since = now;
    }
    if (now - f->lost_since >= patience) {
        return false;
    }
    f->follower->say(f->follower->arg,
                     "the gateway does not answer; the job is kept there, trying again...");
    if (f->deadline >= 0 && pause > f->deadline - now) {
        pause = f->deadline - now;
    }
    pause_ms(pause);
    f->pause_ms = f->pause_ms * 2 < PAUSE_MAX_MS ? f->pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

static void keep(struct follow *f, struct client_reply *reply)
{
    client_reply_clear(f->last);
    *f->last = *reply;
    *reply = CLIENT_REPLY_INIT;
}

/* Takes over an answer of 200 or 304. False when it is no job. */
static bool take(struct follow *f, struct client_reply *reply)
{
    cJSON *tree;

    f->lost_since = 0;
    f->pause_ms = PAUSE_MIN_MS;
    if (reply->status == 304) {
        return true;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply->body), reply->body.len);
    if (member_text(tree, "status")[0] == '\0') {
        cJSON_Delete(tree);
        return false;
    }
    cJSON_Delete(f->tree);
    f->tree = tree;
    job_facts_read(tree, &f->job);
    if (f->submitted_at == 0) {
        f->submitted_at = clock_mono_ms() - age_ms(f->job.created_at);
    }
    keep(f, reply);
    return true;
}

enum step { STEP_AGAIN, STEP_ENDED, STEP_OVER, STEP_REFUSED };

/* Not faster than a terminal can show it, nor than a way without ETags deserves. */
static void slow_down(const struct follow *f, int64_t began)
{
    int64_t interval = f->last->etag[0] == '\0' ? NO_ETAG_PAUSE_MS : DRAW_INTERVAL_MS;

    pause_ms(began + interval - clock_mono_ms());
}

static enum step round_once(struct follow *f)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    int64_t began = clock_mono_ms();
    bool is_answer;

    ask(f, &reply);
    if (reply.fault == CLIENT_INTERRUPTED) {
        return STEP_AGAIN; /* the loop looks at the same flag */
    }
    if (passes(&reply) && is_over(f)) {
        return STEP_OVER;
    }
    if (passes(&reply) && bear(f, &reply)) {
        return STEP_AGAIN;
    }
    is_answer = reply.fault == CLIENT_ANSWERED && (reply.status == 200 || reply.status == 304);
    if (!is_answer || !take(f, &reply)) {
        keep(f, &reply);
        return STEP_REFUSED;
    }
    show(f);
    if (job_facts_ended(&f->job)) {
        return STEP_ENDED;
    }
    if (is_over(f)) {
        return STEP_OVER;
    }
    slow_down(f, began);
    return STEP_AGAIN;
}

enum follow_end follow_job(struct client *client, const char *id, int64_t limit_s,
                           const struct follower *follower, struct client_reply *last)
{
    struct follow f = {
        .client = client,
        .id = id,
        .follower = follower,
        .last = last,
        .deadline = limit_s >= 0 ? clock_mono_ms() + limit_s * 1000 : -1,
        .pause_ms = PAUSE_MIN_MS,
    };
    enum step step = STEP_AGAIN;

    terminal_catch_interrupt();
    while (step == STEP_AGAIN && !terminal_is_interrupted()) {
        step = round_once(&f);
    }
    cJSON_Delete(f.tree);
    switch (step) {
    case STEP_ENDED:
        return FOLLOW_ENDED;
    case STEP_OVER:
        return FOLLOW_OVER;
    case STEP_REFUSED:
        return FOLLOW_REFUSED;
    case STEP_AGAIN:
        break;
    }
    return FOLLOW_INTERRUPTED;
}
