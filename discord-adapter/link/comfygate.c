/* comfygate.c - see comfygate.h. The stream of events is in comfygate_feed.c.
 */
#include "link/comfygate.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/version.h"
#include "link/comfygate_parts.h"
#include "wire/problem.h"
#include "wire/read.h"

#define TRY_MS         10000
#define TRY_LEAST_MS   100
#define STALL_MS       10000
#define BYTES_A_MS     256 /* slowest transfer of a file that is waited for */
#define ANSWER_MAX     (16LL << 20)
#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS   5000
#define RETRY_JITTER   100
#define HEADERS_MAX    6
#define SENTENCE_MAX   6000

struct comfygate_call {
    struct list node;
    struct comfygate *c;
    const char *method; /* a constant */
    char *url;
    char *path;         /* for the log, without its query */
    char *body;         /* JSON; NULL = none */
    struct bytes *data; /* of an upload; NULL = none */
    char *header[HEADERS_MAX];
    size_t header_count;
    bool is_fetch;
    bool is_repeatable;
    bool is_in_doubt; /* a try was sent and not answered */
    int64_t max_bytes;
    int64_t until_mono_ms; /* no try begins after it */
    bool is_hasty;         /* no try goes on after it, either */
    int64_t pause_ms;
    struct http_call *http;
    struct loop_timer timer;
    comfygate_done *done;
    void *arg;
};

static void try_once(struct comfygate_call *call);

/* ---- opening and closing --------------------------------------------------------------------- */

struct comfygate *comfygate_new(struct loop *loop, const struct comfygate_config *config)
{
    struct comfygate *c = xcalloc(1, sizeof *c);
    AUTO(free_ptr) char *agent = xasprintf("comfygate-discord/%s", comfygate_version());
    size_t len = strlen(config->url);

    while (len > 0 && config->url[len - 1] == '/') {
        len--;
    }
    c->loop = loop;
    c->url = xstrndup(config->url, len);
    c->authorization =
        config->key[0] != '\0' ? xasprintf("Authorization: Bearer %s", config->key) : NULL;
    c->http = http_client_new(loop, agent);
    http_client_trust(c->http, config->ca_file);
    list_init(&c->calls);
    list_init(&c->feeds);
    return c;
}

static void call_free(struct comfygate_call *call)
{
    loop_timer_off(call->c->loop, &call->timer);
    http_drop(call->http);
    list_remove(&call->node);
    bytes_unref(call->data);
    for (size_t i = 0; i < call->header_count; i++) {
        free(call->header[i]);
    }
    free(call->url);
    free(call->path);
    free(call->body);
    free(call);
}

void comfygate_free(struct comfygate *c)
{
    struct list *node = NULL;

    if (c == NULL) {
        return;
    }
    bug_if(!list_empty(&c->feeds));
    while ((node = list_shift(&c->calls)) != NULL) {
        call_free(container_of(node, struct comfygate_call, node));
    }
    http_client_free(c->http);
    free(c->url);
    free(c->authorization);
    free(c);
}

bool comfygate_is_up(const struct comfygate *c)
{
    return c->is_up;
}

void comfygate_note(struct comfygate *c, bool is_up, const char *reason)
{
    if (c->is_known && c->is_up == is_up) {
        return;
    }
    c->is_known = true;
    c->is_up = is_up;
    if (is_up) {
        log_info("comfygate_reached", LOG_S("url", c->url));
    } else {
        log_warn("comfygate_not_reached", LOG_S("url", c->url), LOG_S("reason", reason));
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool is_json(const struct http_result *r)
{
    const char *type = http_header(r, "Content-Type");

    return type != NULL && strstr(type, "json") != NULL;
}

static int64_t retry_after_of(const struct http_result *r)
{
    const char *text = r->end == HTTP_ANSWERED ? http_header(r, "Retry-After") : NULL;

    if (text == NULL || !isdigit((unsigned char)text[0]) || strlen(text) > 6) {
        return -1;
    }
    return strtol(text, NULL, 10);
}

/* Away, or so busy that it will be better soon. A full queue is not: who waits for a picture is to hear of it. */
static bool is_passing(const struct http_result *r, const char *code)
{
    switch (r->status) {
    case 408:
    case 502:
    case 503:
    case 504:
        return strcmp(code, "queue_full") != 0;
    case 409:
        return strcmp(code, "idempotency_in_progress") == 0;
    case 429:
        return strcmp(code, "rate_limited") == 0;
    default:
        return false;
    }
}

static int64_t next_pause(struct comfygate_call *call, int64_t retry_after_s)
{
    call->pause_ms = call->pause_ms == 0                 ? RETRY_FIRST_MS
                     : call->pause_ms * 2 < RETRY_MAX_MS ? call->pause_ms * 2
                                                         : RETRY_MAX_MS;
    if (retry_after_s > 0 && retry_after_s * 1000 > call->pause_ms) {
        return retry_after_s * 1000;
    }
    return call->pause_ms + random_below(RETRY_JITTER);
}

static void on_retry(void *arg)
{
    try_once(arg);
}

static bool try_again(struct comfygate_call *call, const struct http_result *r, const char *code)
{
    bool is_lost = r->end == HTTP_NOT_SENT || r->end == HTTP_IN_DOUBT;
    int64_t pause = 0;

    if (r->end == HTTP_IN_DOUBT) {
        call->is_in_doubt = true;
    }
    if (!(is_lost || (r->end == HTTP_ANSWERED && is_passing(r, code))) ||
        (!call->is_repeatable && r->end != HTTP_NOT_SENT)) {
        return false;
    }
    pause = next_pause(call, retry_after_of(r));
    if (clock_mono_ms() + pause > call->until_mono_ms) {
        return false;
    }
    loop_timer_set(call->c->loop, &call->timer, pause, on_retry, call);
    return true;
}

static void add_sentence(struct buf *out, const struct comfygate_call *call,
                         const struct http_result *r, const cJSON *json)
{
    bool is_start = strcmp(call->method, "POST") == 0;

    if (r->end == HTTP_TOO_LARGE) {
        (void)buf_append_str(out, "This file is larger than can be taken.");
    } else if (r->end != HTTP_ANSWERED) {
        problem_unanswered(out, !is_start           ? UNANSWERED_READ
                                : call->is_in_doubt ? UNANSWERED_IN_DOUBT
                                                    : UNANSWERED_NOTHING);
    } else if (r->status / 100 != 2) {
        problem_sentence(out, r->status, json, retry_after_of(r));
    }
}

static void log_failure(const struct comfygate_call *call, const struct http_result *r,
                        const char *code)
{
    if (r->end != HTTP_ANSWERED || r->status >= 400) {
        log_info("comfygate_failed", LOG_S("method", call->method), LOG_S("path", call->path),
                 LOG_I("status", r->status), LOG_S("code", code), LOG_S("reason", r->reason));
    }
}

static void tell(struct comfygate_call *call, const struct http_result *r, const cJSON *json)
{
    AUTO(buf_clear) struct buf sentence = BUF_INIT(SENTENCE_MAX);
    comfygate_done *done = call->done;
    void *arg = call->arg;
    struct comfygate_result result = {.status = r->end == HTTP_ANSWERED ? r->status : 0,
                                      .json = json,
                                      .body = r->body,
                                      .code = r->status >= 400 ? read_text(json, "code") : ""};

    log_failure(call, r, result.code);
    add_sentence(&sentence, call, r, json);
    result.sentence = buf_str(&sentence);
    call_free(call);
    if (done != NULL) {
        done(arg, &result);
    }
}

static void on_answer(void *arg, const struct http_result *r)
{
    struct comfygate_call *call = arg;
    cJSON *json = NULL;
    bool is_answer = r->end == HTTP_ANSWERED || r->end == HTTP_TOO_LARGE;

    call->http = NULL;
    if (r->end == HTTP_ANSWERED && is_json(r) && !(call->is_fetch && r->status / 100 == 2)) {
        json = cJSON_ParseWithLength(r->body.ptr, r->body.len);
    }
    /* 502 and 504 come from what stands before it. */
    comfygate_note(call->c, is_answer && r->status != 502 && r->status != 504, r->reason);
    if (!try_again(call, r, read_text(json, "code"))) {
        tell(call, r, json);
    }
    cJSON_Delete(json);
}

/* ---- a call ---------------------------------------------------------------------------------- */

/* Who waits for no longer than that is not helped by an answer that comes later; but what changes something is not left in doubt
 * for the sake of a second. */
static int64_t try_ms(const struct comfygate_call *call)
{
    int64_t left = call->until_mono_ms - clock_mono_ms();

    if (!call->is_hasty || left >= TRY_MS) {
        return TRY_MS;
    }
    return left > TRY_LEAST_MS ? left : TRY_LEAST_MS;
}

static void try_once(struct comfygate_call *call)
{
    const char *header[HEADERS_MAX + 1] = {NULL};
    struct span data = call->data != NULL   ? bytes_span(call->data)
                       : call->body != NULL ? span_of(call->body)
                                            : SPAN_NONE;
    struct http_request request = {.method = call->method,
                                   .url = call->url,
                                   .header = header,
                                   .body = data,
                                   .timeout_ms = try_ms(call) + (int64_t)data.len / BYTES_A_MS,
                                   .max_bytes = call->max_bytes,
                                   .done = on_answer,
                                   .arg = call};

    /* Else the HTTP library would repeat it by itself. */
    request.is_alone = !call->is_repeatable;
    for (size_t i = 0; i < call->header_count; i++) {
        header[i] = call->header[i];
    }
    if (call->is_fetch) {
        request.timeout_ms += call->max_bytes / BYTES_A_MS;
        request.stall_ms = STALL_MS;
    }
    call->http = http_start(call->c->http, &request);
}

static void add_header(struct comfygate_call *call, const char *name, const char *value)
{
    bug_if(call->header_count == HEADERS_MAX);
    call->header[call->header_count++] = xasprintf("%s%s", name, value);
}

static struct comfygate_call *call_new(struct comfygate *c, const char *method, const char *path)
{
    struct comfygate_call *call = xcalloc(1, sizeof *call);

    call->c = c;
    call->method = method;
    call->url = xasprintf("%s%s", c->url, path);
    call->path = xstrndup(path, strcspn(path, "?"));
    call->max_bytes = ANSWER_MAX;
    call->is_repeatable = strcmp(method, "POST") != 0;
    list_push(&c->calls, &call->node);
    if (c->authorization != NULL) {
        add_header(call, c->authorization, "");
    }
    return call;
}

static struct comfygate_call *begin(struct comfygate_call *call, int64_t patience_ms,
                                    comfygate_done *done, void *arg)
{
    call->until_mono_ms = clock_mono_ms() + patience_ms;
    call->is_hasty = patience_ms > 0 && (patience_ms < TRY_MS || strcmp(call->method, "GET") == 0);
    call->done = done;
    call->arg = arg;
    try_once(call);
    return call;
}

static const char *method_of(const char *method)
{
    static const char *const METHODS[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        if (strcmp(METHODS[i], method) == 0) {
            return METHODS[i];
        }
    }
    bug_if(true);
    return NULL;
}

struct comfygate_call *comfygate_start(struct comfygate *c, const struct comfygate_request *request)
{
    struct comfygate_call *call = call_new(c, method_of(request->method), request->path);

    add_header(call, "Accept: ", "application/json");
    if (request->body != NULL) {
        call->body = xstrdup(request->body);
        add_header(call, "Content-Type: ",
                   strcmp(call->method, "PATCH") == 0 ? "application/merge-patch+json"
                                                      : "application/json");
    }
    if (request->idempotency_key != NULL) {
        add_header(call, "Idempotency-Key: ", request->idempotency_key);
        call->is_repeatable = true;
    }
    if (request->if_match != NULL) {
        add_header(call, "If-Match: ", request->if_match);
    }
    return begin(call, request->patience_ms, request->done, request->arg);
}

struct comfygate_call *comfygate_upload(struct comfygate *c, struct bytes *data, const char *name,
                                        int64_t patience_ms, comfygate_done *done, void *arg)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(8192);
    struct comfygate_call *call = NULL;

    (void)buf_append_str(&path, "/v1/assets?name=");
    comfygate_escape(&path, name);
    call = call_new(c, "POST", buf_ok(&path) ? buf_str(&path) : "/v1/assets");
    add_header(call, "Accept: ", "application/json");
    add_header(call, "Content-Type: ", "application/octet-stream");
    call->data = bytes_ref(data);
    /* The same bytes are the same asset. */
    call->is_repeatable = true;
    return begin(call, patience_ms, done, arg);
}

struct comfygate_call *comfygate_fetch(struct comfygate *c, const char *path, int64_t max_bytes,
                                       int64_t patience_ms, comfygate_done *done, void *arg)
{
    struct comfygate_call *call = call_new(c, "GET", path);

    call->is_fetch = true;
    call->max_bytes = max_bytes;
    return begin(call, patience_ms, done, arg);
}

void comfygate_drop(struct comfygate_call *c)
{
    if (c != NULL) {
        call_free(c);
    }
}

void comfygate_escape(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL) {
            (void)buf_append_char(out, *text);
        } else {
            (void)buf_appendf(out, "%%%02X", (unsigned char)*text);
        }
    }
}
