/* attempt.c - one try to deliver a message: signed, posted, judged, told to the engine.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "webhook/courier_parts.h"

#define STATUS_GONE   410
#define ANSWER_MAX    4096
#define TELL_AGAIN_MS 1000
#define HEADER_MAX    160

static bool may_connect(void *arg, const struct sockaddr *to, size_t len)
{
    struct attempt *a = arg;

    return receiver_may_connect(&a->guard, to, len);
}

/* ---- how it has ended ------------------------------------------------------------------------ */

static bool is_good(int status)
{
    return status / 100 == 2;
}

static void say(struct attempt *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct attempt *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(a->result.error, sizeof a->result.error, fmt, args);
    va_end(args);
}

/* Decides what becomes of the delivery. */
static void settle(struct attempt *a, int64_t retry_after_ms)
{
    struct courier *c = a->courier;
    struct delivery_result *r = &a->result;

    r->ended_at = clock_wall_ms();
    r->state = DELIVERY_PENDING;
    if (is_good(r->status)) {
        r->state = DELIVERY_DELIVERED;
    } else if (r->status == STATUS_GONE) {
        r->state = DELIVERY_GONE;
    } else {
        r->next_at = webhook_next_try(&c->schedule, a->round + 1, a->round_began_at, r->ended_at,
                                      retry_after_ms, random_below(UINT32_MAX));
        r->state = r->next_at == 0 ? DELIVERY_FAILED : DELIVERY_PENDING;
    }
    a->due_mono_ms = 0;
    atomic_store(&a->phase, ATTEMPT_ENDED);
}

static void judge_answer(struct attempt *a, int status)
{
    a->result.status = status;
    if (is_good(status)) {
        return;
    }
    if (status == STATUS_GONE) {
        say(a, "The receiver has answered 410: it wants no more of this job.");
    } else if (status / 100 == 3) {
        say(a, "The receiver has answered %d; redirects are not followed.", status);
    } else {
        say(a, "The receiver has answered %d.", status);
    }
}

static void answered(void *arg, const struct http_result *result)
{
    struct attempt *a = arg;
    int64_t retry_after_ms = 0;

    a->call = NULL;
    switch (result->end) {
    case HTTP_ANSWERED:
    case HTTP_TOO_LARGE: /* what it says besides is of no use */
        judge_answer(a, result->status);
        retry_after_ms = webhook_retry_after(http_header(result, "Retry-After"), clock_wall_ms());
        break;
    case HTTP_NOT_SENT:
        if (a->guard.was_refused) {
            say(a, "%s", receiver_refusal(&a->guard));
        } else {
            say(a, "No connection: %s", result->reason);
        }
        break;
    case HTTP_IN_DOUBT:
    case HTTP_SINK_FAILED:
        say(a, "No whole answer: %s", result->reason);
        break;
    }
    settle(a, retry_after_ms);
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool find_key(struct attempt *a, struct webhook_key *out)
{
    const struct courier *c = a->courier;

    if (a->secret != NULL) {
        return webhook_secret_parse(span_of(a->secret), out);
    }
    *out = c->key;
    return out->len > 0;
}

static void post(struct attempt *a, const struct url_target *target, const struct webhook_key *key)
{
    struct courier *c = a->courier;
    int64_t seconds = a->result.at / 1000;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    char id[HEADER_MAX];
    char timestamp[HEADER_MAX];
    char signed_by[HEADER_MAX];
    const char *const headers[] = {"Content-Type: application/json", id, timestamp, signed_by,
                                   NULL};
    struct http_guard guard = {.may_connect = may_connect, .arg = a};

    webhook_sign(key, a->id, seconds, a->body, signature);
    (void)snprintf(id, sizeof id, "webhook-id: %s", a->id.text);
    (void)snprintf(timestamp, sizeof timestamp, "webhook-timestamp: %" PRId64, seconds);
    (void)snprintf(signed_by, sizeof signed_by, "webhook-signature: %s", signature);
    a->call =
        http_start(c->http, &(struct http_request){.method = "POST",
                                                   .url = target->url,
                                                   .header = headers,
                                                   .body = a->body,
                                                   .timeout_ms = c->config->webhook_timeout_ms,
                                                   .max_bytes = ANSWER_MAX,
                                                   .guard = &guard,
                                                   .is_alone = true,
                                                   .done = answered,
                                                   .arg = a});
}

/* The operator may have changed what is allowed, or how it is signed, since the job was accepted. */
static void start(struct attempt *a)
{
    const struct courier *c = a->courier;
    AUTO(free_ptr) struct err *e = xcalloc(1, sizeof *e);
    struct url_target target;
    struct webhook_key key;

    if (!find_key(a, &key)) {
        say(a, "There is nothing to sign it with: the job brought no secret, and the setting "
               "webhook_secret is empty.");
    } else if (receiver_check(c->receivers, a->url, &target, e) != ERR_NONE ||
               receiver_call_begin(c->receivers, &target, &a->guard, e) != ERR_NONE) {
        say(a, "%s", e->detail);
    } else {
        a->has_guard = true;
        post(a, &target, &key);
        sodium_memzero(&key, sizeof key);
        return;
    }
    settle(a, 0);
}

void attempt_begin(struct courier *c, struct attempt *a, const char *host,
                   const struct delivery_due *due)
{
    char *body = xmalloc(due->body.len + 1);

    memcpy(body, due->body.ptr, due->body.len);
    a->courier = c;
    a->id = due->id;
    a->job = due->job;
    (void)snprintf(a->host, sizeof a->host, "%s", host);
    (void)snprintf(a->event_type, sizeof a->event_type, "%s", due->event_type);
    a->url = xstrdup(due->url);
    a->secret = due->secret != NULL ? xstrdup(due->secret) : NULL;
    a->body = (struct span){body, due->body.len};
    a->round = due->round;
    a->round_began_at = due->round_began_at;
    a->result = (struct delivery_result){.id = due->id, .job = due->job, .at = clock_wall_ms()};
    atomic_store(&a->phase, ATTEMPT_CALLING);
    start(a);
}

void attempt_clear(struct attempt *a)
{
    http_drop(a->call);
    a->call = NULL;
    if (a->has_guard) {
        receiver_call_end(&a->guard);
        a->guard = (struct receiver_call){.policy = NULL};
        a->has_guard = false;
    }
    free(a->url);
    if (a->secret != NULL) {
        sodium_memzero(a->secret, strlen(a->secret));
        free(a->secret);
    }
    free((char *)(uintptr_t)a->body.ptr);
    a->url = NULL;
    a->secret = NULL;
    a->body = SPAN_NONE;
    atomic_store(&a->phase, ATTEMPT_NONE);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void told(struct cmd *cmd)
{
    struct attempt *a = container_of(cmd, struct attempt, cmd);
    struct loop *loop = a->courier->loop;

    atomic_store(&a->phase, ATTEMPT_TOLD);
    loop_wake(loop);
}

static void tell(struct attempt *a, int64_t mono)
{
    a->cmd = (struct cmd){.kind = CMD_DELIVERY_RESULT, .done = told, .delivery = &a->result};
    atomic_store(&a->phase, ATTEMPT_TELLING);
    if (!inbox_push(a->courier->inbox, &a->cmd)) {
        atomic_store(&a->phase, ATTEMPT_ENDED);
        a->due_mono_ms = mono + TELL_AGAIN_MS;
    }
}

static void count(struct attempt *a)
{
    struct courier *c = a->courier;
    const struct delivery_result *r = &a->result;

    if (r->state == DELIVERY_DELIVERED) {
        atomic_fetch_add_explicit(&c->delivered, 1, memory_order_relaxed);
        log_info("webhook_delivered", LOG_S("job", a->job.text), LOG_S("delivery", a->id.text),
                 LOG_S("type", a->event_type), LOG_I("http_status", r->status),
                 LOG_I("duration_ms", r->ended_at - r->at));
        return;
    }
    atomic_fetch_add_explicit(&c->failed_tries, 1, memory_order_relaxed);
    if (r->state == DELIVERY_FAILED) {
        atomic_fetch_add_explicit(&c->given_up, 1, memory_order_relaxed);
    } else if (r->state == DELIVERY_GONE) {
        atomic_fetch_add_explicit(&c->gone, 1, memory_order_relaxed);
    }
    log_warn("webhook_try_failed", LOG_S("job", a->job.text), LOG_S("delivery", a->id.text),
             LOG_S("type", a->event_type), LOG_S("state", delivery_state_word(r->state)),
             LOG_I("http_status", r->status), LOG_S("reason", r->error),
             LOG_I("duration_ms", r->ended_at - r->at));
}

bool attempt_step(struct attempt *a, int64_t mono)
{
    enum attempt_phase phase = atomic_load(&a->phase);

    if (phase == ATTEMPT_ENDED && mono >= a->due_mono_ms) {
        tell(a, mono);
    } else if (phase == ATTEMPT_TOLD && a->cmd.result != ERR_NONE) {
        /* The store cannot be written now: what is known is kept until it can. */
        a->due_mono_ms = mono + TELL_AGAIN_MS;
        atomic_store(&a->phase, ATTEMPT_ENDED);
    } else if (phase == ATTEMPT_TOLD) {
        count(a);
        attempt_clear(a);
        return true;
    }
    return false;
}
