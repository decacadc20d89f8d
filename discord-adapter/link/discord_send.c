/* discord_send.c - how a call is sent, judged, sent again and told.
 *
 * A queue sends its first call when wire/rate.h lets it, and the next when that is answered. done() may start and drop
 * calls, so nothing of a queue is held across it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "link/discord_parts.h"
#include "wire/read.h"

#define TRIES_MAX          5
#define LIMITED_TRIES_MAX  50
#define LIMITED_LEAST_MS   100
#define RETRY_FIRST_MS     500
#define RETRY_JITTER_MS    250
#define CALLBACK_RETRY_MS  100
#define CALLBACK_LEAST_MS  200
#define ANSWER_MS          15000
#define UPLOAD_BYTES_MS    32 /* slowest upload: bytes a millisecond */
#define STOPPED_LOOK_MS    5000
#define REASON_MAX         1024
#define FAULT_DEPTH        8
#define CODE_NO_WEBHOOK    10015
#define CODE_TOKEN_EXPIRED 50027

static void run_queue(struct call_queue *q);

/* ---- calls ----------------------------------------------------------------------------------- */

struct discord_call *discord_call_new(struct discord *d, const char *method, const char *url,
                                      const char *route, char *body)
{
    struct discord_call *c = xcalloc(1, sizeof *c);

    list_init(&c->node);
    c->d = d;
    c->method = method;
    c->url = xstrdup(url);
    c->route = xstrdup(route);
    c->body = body;
    list_push(&d->loose, &c->node);
    return c;
}

void discord_call_free(struct discord_call *c)
{
    loop_timer_off(c->d->loop, &c->timer);
    http_drop(c->http);
    list_remove(&c->node);
    for (size_t i = 0; i < c->file_count; i++) {
        bytes_unref(c->file[i].data);
        free(c->file[i].filename);
        free(c->file[i].content_type);
    }
    buf_clear(&c->received);
    free(c->url);
    free(c->route);
    free(c->major);
    free(c->body);
    free(c);
}

/* What it tells is over with it: c is gone afterwards. */
static void finish(struct discord_call *c, const struct discord_result *result)
{
    discord_done *done = c->done;
    void *arg = c->arg;

    if (result->status / 100 != 2) {
        c->d->counts.failed++;
        log_info("discord_failed", LOG_S("route", c->route), LOG_I("status", result->status),
                 LOG_I("code", result->code), LOG_S("reason", result->reason));
    }
    discord_call_free(c);
    if (done != NULL) {
        done(arg, result);
    }
}

/* ---- reasons --------------------------------------------------------------------------------- */

/* Where in the message the first fault is: {"embeds":{"0":{"title":{"_errors":[{"message":...}]}}}}. Discord's depth is small; a
 * stranger's is not followed. */
static bool add_fault(struct buf *out, const cJSON *errors, int depth)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(errors, "_errors");
    const cJSON *member = NULL;

    if (cJSON_IsArray(list)) {
        (void)buf_appendf(out, ": %.200s", read_text(cJSON_GetArrayItem(list, 0), "message"));
        return true;
    }
    if (depth == 0 || !cJSON_IsObject(errors)) {
        return false;
    }
    cJSON_ArrayForEach(member, errors) {
        size_t before = out->len;

        (void)buf_appendf(out, "%s%.40s", depth == FAULT_DEPTH ? ", at " : ".", member->string);
        if (add_fault(out, member, depth - 1)) {
            return true;
        }
        out->len = before;
        out->data[before] = '\0';
    }
    return false;
}

static void add_reason(struct buf *out, const struct http_result *r, const cJSON *json)
{
    const char *message = read_text(json, "message");

    if (r->end != HTTP_ANSWERED) {
        (void)buf_appendf(out, "Discord did not answer: %s", r->reason);
        return;
    }
    if (r->status / 100 == 2) {
        return;
    }
    if (message[0] == '\0') {
        (void)buf_appendf(out, "Discord answered with status %d", r->status);
        return;
    }
    (void)buf_appendf(out, "Discord says: %.200s", message);
    (void)add_fault(out, cJSON_GetObjectItemCaseSensitive(json, "errors"), FAULT_DEPTH);
}

/* ---- the end of the token, and of a webhook -------------------------------------------------- */

static void finish_all(struct list *doomed, const struct discord_result *result)
{
    struct list *node = NULL;

    while ((node = list_shift(doomed)) != NULL) {
        finish(container_of(node, struct discord_call, node), result);
    }
}

static void take_waiting(struct call_queue *q, bool only_bot, struct list *doomed)
{
    list_each(node, next, &q->calls) {
        struct discord_call *c = container_of(node, struct discord_call, node);

        if (c->http == NULL && (c->is_bot || !only_bot)) {
            list_remove(&c->node);
            list_push(doomed, &c->node);
            c->queue = NULL;
            c->d->counts.waiting--;
        }
    }
}

/* The token was revoked: whoever goes on asking is soon banned. */
static void refuse_all(struct discord *d, const struct discord_result *result)
{
    struct list doomed;

    list_init(&doomed);
    if (!d->is_refused) {
        log_error("discord_token_refused", LOG_S("reason", result->reason));
    }
    d->is_refused = true;
    list_each(node, next, &d->queues) {
        take_waiting(container_of(node, struct call_queue, node), true, &doomed);
    }
    finish_all(&doomed, result);
}

static bool is_webhook_dead(const struct discord_result *result)
{
    return (result->status == 404 && result->code == CODE_NO_WEBHOOK) ||
           (result->status == 401 && result->code == CODE_TOKEN_EXPIRED);
}

/* ---- an answer ------------------------------------------------------------------------------- */

/* Tells the rates; gives how long a 429 asks to be waited for. */
static int64_t note_rate(struct discord_call *c, const struct http_result *r, const cJSON *json)
{
    const struct call_queue *q = c->queue;
    int64_t now = clock_mono_ms();
    struct rate_answer answer = {.status = r->status,
                                 .bucket = http_header(r, "X-RateLimit-Bucket"),
                                 .remaining = http_header(r, "X-RateLimit-Remaining"),
                                 .limit = http_header(r, "X-RateLimit-Limit"),
                                 .reset_after = http_header(r, "X-RateLimit-Reset-After"),
                                 .scope = http_header(r, "X-RateLimit-Scope"),
                                 .retry_after = http_header(r, "Retry-After"),
                                 .body_retry_after = read_number(json, "retry_after", -1),
                                 .is_global = http_header(r, "X-RateLimit-Global") != NULL ||
                                              read_true(json, "global")};

    c->d->counts.sent++;
    c->d->counts.limited += r->status == 429 ? 1 : 0;
    return rate_note(c->d->rate, q != NULL ? q->route : c->route, q != NULL ? q->major : NULL,
                     &answer, now);
}

/* How long to wait before it is sent again; < 0 = never. */
static int64_t pause_of(struct discord_call *c, const struct http_result *r, int64_t limited_ms)
{
    bool is_lost = r->end == HTTP_IN_DOUBT || (r->end == HTTP_ANSWERED && r->status >= 500);

    if (c->deadline_mono_ms != 0) {
        bool has_time =
            clock_mono_ms() + CALLBACK_RETRY_MS + CALLBACK_LEAST_MS < c->deadline_mono_ms;

        return r->end == HTTP_NOT_SENT && has_time ? CALLBACK_RETRY_MS : -1;
    }
    if (r->end == HTTP_ANSWERED && r->status == 429) {
        return c->tries < LIMITED_TRIES_MAX && c->queue != NULL
                   ? (limited_ms > LIMITED_LEAST_MS ? limited_ms : LIMITED_LEAST_MS)
                   : -1;
    }
    if (c->tries < TRIES_MAX && (r->end == HTTP_NOT_SENT || (is_lost && c->is_repeatable))) {
        return ((int64_t)RETRY_FIRST_MS << (c->tries - 1)) + random_below(RETRY_JITTER_MS);
    }
    return -1;
}

static void on_queue_due(void *arg)
{
    run_queue(arg);
}

static void on_call_due(void *arg)
{
    discord_send_now(arg);
}

/* True when it will be sent again. One that nobody waits for any more is not. */
static bool send_again(struct discord_call *c, int64_t pause_ms)
{
    struct call_queue *q = c->queue;

    if (pause_ms < 0 || c->is_unheard) {
        return false;
    }
    if (q == NULL) {
        loop_timer_set(c->d->loop, &c->timer, pause_ms, on_call_due, c);
        return true;
    }
    c->d->counts.waiting++;
    loop_timer_set(c->d->loop, &q->timer, pause_ms, on_queue_due, q);
    return true;
}

/* Tells it, and all for whom it is the answer, too. */
static void conclude(struct discord_call *c, const struct discord_result *result)
{
    struct discord *d = c->d;
    struct call_queue *q = c->queue;
    bool is_refusal = c->is_bot && result->status == 401;
    struct list doomed;

    list_init(&doomed);
    list_remove(&c->node);
    list_push(&d->loose, &c->node);
    c->queue = NULL;
    if (q != NULL && is_webhook_dead(result)) {
        take_waiting(q, false, &doomed);
    }
    if (q != NULL) {
        /* Before anybody hears of it: they may ask for more. */
        run_queue(q);
    }
    finish(c, result);
    finish_all(&doomed, result);
    if (is_refusal) {
        refuse_all(d, result);
    }
}

static void on_answer(void *arg, const struct http_result *r)
{
    struct discord_call *c = arg;
    struct call_queue *q = c->queue;
    AUTO(buf_clear) struct buf reason = BUF_INIT(REASON_MAX);
    struct discord_result result = {.status = 0};
    int64_t limited_ms = 0;
    cJSON *json = NULL;

    c->http = NULL;
    if (q != NULL) {
        q->is_flying = false;
    }
    if (r->end == HTTP_ANSWERED) {
        json = cJSON_ParseWithLength(r->body.ptr, r->body.len);
        limited_ms = note_rate(c, r, json);
    } else if (q != NULL) {
        rate_lost(c->d->rate, q->route, q->major);
    }
    if (!send_again(c, pause_of(c, r, limited_ms))) {
        add_reason(&reason, r, json);
        result.status = r->end == HTTP_ANSWERED ? r->status : 0;
        result.code = (int)read_int(json, "code", 0);
        result.json = json;
        result.reason = buf_str(&reason);
        conclude(c, &result);
    }
    cJSON_Delete(json);
}

/* ---- sending --------------------------------------------------------------------------------- */

static int64_t file_bytes(const struct discord_call *c)
{
    int64_t sum = 0;

    for (size_t i = 0; i < c->file_count; i++) {
        sum += (int64_t)bytes_span(c->file[i].data).len;
    }
    return sum;
}

static size_t make_parts(const struct discord_call *c, struct http_part *part, char (*names)[32])
{
    part[0] = (struct http_part){
        .name = "payload_json", .content_type = "application/json", .data = span_of(c->body)};
    for (size_t i = 0; i < c->file_count; i++) {
        (void)snprintf(names[i], sizeof names[i], "files[%zu]", i);
        part[i + 1] = (struct http_part){.name = names[i],
                                         .filename = c->file[i].filename,
                                         .content_type = c->file[i].content_type,
                                         .data = bytes_span(c->file[i].data)};
    }
    return c->file_count + 1;
}

static int64_t timeout_of(const struct discord_call *c)
{
    if (c->deadline_mono_ms != 0) {
        int64_t left = c->deadline_mono_ms - clock_mono_ms();

        return left > CALLBACK_LEAST_MS ? left : CALLBACK_LEAST_MS;
    }
    return ANSWER_MS + file_bytes(c) / UPLOAD_BYTES_MS;
}

void discord_send_now(struct discord_call *c)
{
    struct http_part part[MESSAGE_FILES_MAX + 1];
    char names[MESSAGE_FILES_MAX][32];
    const char *header[3] = {NULL};
    size_t count = 0;
    struct http_request request = {.method = c->method,
                                   .url = c->url,
                                   .header = header,
                                   .timeout_ms = timeout_of(c),
                                   .max_bytes = DISCORD_ANSWER_MAX,
                                   .done = on_answer,
                                   .arg = c};

    request.is_alone = c->is_once;
    if (c->is_bot) {
        header[count++] = c->d->authorization;
    }
    if (c->file_count > 0) {
        request.part = part;
        request.part_count = make_parts(c, part, names);
    } else if (c->body != NULL) {
        header[count++] = "Content-Type: application/json";
        request.body = span_of(c->body);
    }
    c->tries++;
    c->http = http_start(c->d->http, &request);
}

/* ---- queues ---------------------------------------------------------------------------------- */

void discord_queue_free(struct call_queue *q)
{
    loop_timer_off(q->d->loop, &q->timer);
    (void)map_remove(q->d->queue_by_key, q->key);
    list_remove(&q->node);
    free(q->key);
    free(q->route);
    free(q->major);
    free(q);
}

static void tell_stop(struct discord *d)
{
    if (!d->is_stop_told) {
        log_error("discord_stopped",
                  LOG_S("reason",
                        "too many requests were invalid; nothing is sent for some minutes, "
                        "before Discord shuts this address out"),
                  LOG_I("invalid", rate_invalid_count(d->rate, clock_mono_ms())));
    }
    d->is_stop_told = true;
}

/* Sends the first call when it may go. An empty queue is gone afterwards. */
static void run_queue(struct call_queue *q)
{
    struct discord_call *c = NULL;
    int64_t wait_ms = 0;

    if (q->is_flying) {
        return;
    }
    if (list_empty(&q->calls)) {
        discord_queue_free(q);
        return;
    }
    wait_ms = rate_take(q->d->rate, q->route, q->major, q->is_exempt, clock_mono_ms());
    if (wait_ms > 0) {
        if (wait_ms == INT64_MAX) {
            tell_stop(q->d);
        }
        loop_timer_set(q->d->loop, &q->timer, wait_ms < STOPPED_LOOK_MS ? wait_ms : STOPPED_LOOK_MS,
                       on_queue_due, q);
        return;
    }
    q->d->is_stop_told = false;
    c = container_of(q->calls.next, struct discord_call, node);
    q->is_flying = true;
    q->d->counts.waiting--;
    discord_send_now(c);
}

static struct call_queue *find_queue(struct discord *d, const char *route, const char *major,
                                     bool is_exempt)
{
    AUTO(free_ptr) char *key = xasprintf("%s %s", route, major != NULL ? major : "");
    struct call_queue *q = map_get(d->queue_by_key, key);

    if (q != NULL) {
        return q;
    }
    q = xcalloc(1, sizeof *q);
    q->d = d;
    q->key = take_ptr(&key);
    q->route = xstrdup(route);
    q->major = xstrdup_or_null(major);
    q->is_exempt = is_exempt;
    list_init(&q->calls);
    list_push(&d->queues, &q->node);
    map_put(d->queue_by_key, q->key, q);
    return q;
}

/* Urgent ones after those that are urgent already, and never before the one on its way. */
static struct list *place_in(struct call_queue *q, bool is_urgent)
{
    struct list *at = q->calls.next;

    if (!is_urgent) {
        return &q->calls;
    }
    while (at != &q->calls) {
        const struct discord_call *c = container_of(at, struct discord_call, node);

        if (c->http == NULL && !c->is_urgent) {
            break;
        }
        at = at->next;
    }
    return at;
}

static void on_refused(void *arg)
{
    finish(arg, &(struct discord_result){
                    .status = 401, .reason = "Discord does not accept the bot's token any more"});
}

/* Token routes are not counted by the bot's limit, and their rates by the token. */
void discord_enqueue(struct discord_call *c)
{
    struct discord *d = c->d;

    if (c->is_bot && d->is_refused) {
        loop_timer_set(d->loop, &c->timer, 0, on_refused, c);
        return;
    }
    c->queue = find_queue(d, c->route, c->major, !c->is_bot);
    list_remove(&c->node);
    list_push(place_in(c->queue, c->is_urgent), &c->node);
    d->counts.waiting++;
    if (c->queue->timer.due_mono_ms == 0) {
        run_queue(c->queue);
    }
}

void discord_drop(struct discord_call *c)
{
    if (c == NULL) {
        return;
    }
    if (c->queue != NULL && c->http != NULL) {
        c->done = NULL;
        c->is_unheard = true;
        return;
    }
    if (c->queue != NULL) {
        c->d->counts.waiting--;
    }
    discord_call_free(c);
}
