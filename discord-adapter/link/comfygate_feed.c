/* comfygate_feed.c - the stream of events, opened again for ever (comfygate.h, second half).
 *
 * Whoever hears an event may close the feed: within a piece of the stream it is only marked, and freed at the end of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "link/comfygate_parts.h"
#include "wire/read.h"
#include "wire/sse.h"

#define SILENCE_MS     45000 /* three heartbeats of comfygate */
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 15000
#define EVENT_MAX      (8U << 20)

struct comfygate_feed {
    struct list node;
    struct comfygate *c;
    char *query;
    struct feed_events events;
    void *arg;
    struct sse *sse;
    struct http_call *http;
    struct loop_timer silence;
    struct loop_timer retry;
    int64_t backoff_ms;
    bool is_open;
    bool must_tell_lost;
    bool is_telling; /* events of a piece */
    bool is_closed;  /* meanwhile */
};

static void connect_now(struct comfygate_feed *f);

static void on_retry(void *arg)
{
    connect_now(arg);
}

static void set_open(struct comfygate_feed *f, bool is_open)
{
    if (f->is_open != is_open) {
        f->is_open = is_open;
        f->events.state(f->arg, is_open);
    }
}

/* The pause grows until the stream has said something. */
static void reconnect(struct comfygate_feed *f, const char *reason)
{
    int64_t told_ms = sse_retry_ms(f->sse);
    int64_t pause_ms = 0;

    loop_timer_off(f->c->loop, &f->silence);
    f->backoff_ms = f->backoff_ms == 0                   ? BACKOFF_MIN_MS
                    : f->backoff_ms * 2 < BACKOFF_MAX_MS ? f->backoff_ms * 2
                                                         : BACKOFF_MAX_MS;
    pause_ms = f->backoff_ms + random_below((uint32_t)f->backoff_ms / 2);
    if (f->is_open && told_ms > pause_ms) {
        pause_ms = told_ms;
    }
    log_info("feed_lost", LOG_S("reason", reason), LOG_I("retry_ms", pause_ms));
    loop_timer_set(f->c->loop, &f->retry, pause_ms, on_retry, f);
    set_open(f, false);
}

static void on_silence(void *arg)
{
    struct comfygate_feed *f = arg;

    http_drop(take_ptr(&f->http));
    reconnect(f, "nothing was heard for 45 s");
}

/* ---- events ---------------------------------------------------------------------------------- */

static void tell_event(struct comfygate_feed *f, const struct sse_event *event)
{
    cJSON *json = NULL;

    if (strcmp(event->type, "reset") == 0) {
        f->must_tell_lost = true;
    }
    if (f->must_tell_lost) {
        f->must_tell_lost = false;
        f->events.lost(f->arg);
    }
    json = cJSON_ParseWithLength(event->data.ptr, event->data.len);
    if (json != NULL && !f->is_closed) {
        f->events.event(f->arg, event->type, read_text(json, "job_id"), json);
    }
    cJSON_Delete(json);
}

static void feed_free(struct comfygate_feed *f)
{
    sse_free(f->sse);
    free(f->query);
    free(f);
}

static enum errc on_piece(void *arg, struct span piece)
{
    struct comfygate_feed *f = arg;
    struct sse_event event;

    f->is_telling = true;
    f->backoff_ms = 0;
    loop_timer_set(f->c->loop, &f->silence, SILENCE_MS, on_silence, f);
    comfygate_note(f->c, true, "");
    set_open(f, true);
    while (!f->is_closed && sse_next(f->sse, &piece, &event)) {
        tell_event(f, &event);
    }
    f->is_telling = false;
    if (f->is_closed) {
        feed_free(f);
        return ERR_NONE;
    }
    return sse_is_broken(f->sse) ? ERR_CONTENT_TOO_LARGE : ERR_NONE;
}

/* ---- the connection -------------------------------------------------------------------------- */

static void on_end(void *arg, const struct http_result *r)
{
    struct comfygate_feed *f = arg;
    AUTO(free_ptr) char *status = NULL;

    f->http = NULL;
    if (r->end == HTTP_ANSWERED && r->status == 200) {
        reconnect(f, "the stream has ended");
        return;
    }
    if (r->end == HTTP_ANSWERED) {
        status = xasprintf("status %d", r->status);
    }
    if (r->status == 400 || r->status == 404 || r->status == 410) {
        /* An id that it cannot read or does not know: begin anew. */
        sse_forget_id(f->sse);
        f->must_tell_lost = true;
    }
    comfygate_note(f->c, r->end == HTTP_ANSWERED || r->end == HTTP_SINK_FAILED, r->reason);
    reconnect(f, status != NULL ? status : r->reason);
}

static void connect_now(struct comfygate_feed *f)
{
    AUTO(free_ptr)
    char *url = xasprintf("%s/v1/events%s%s", f->c->url, f->query[0] != '\0' ? "?" : "", f->query);
    AUTO(free_ptr) char *last = xasprintf("Last-Event-ID: %s", sse_last_id(f->sse));
    const char *header[4] = {"Accept: text/event-stream"};
    size_t count = 1;
    struct http_sink sink = {.write = on_piece, .arg = f};

    if (f->c->authorization != NULL) {
        header[count++] = f->c->authorization;
    }
    if (sse_last_id(f->sse)[0] != '\0') {
        header[count++] = last;
    }
    sse_restart(f->sse);
    loop_timer_set(f->c->loop, &f->silence, SILENCE_MS, on_silence, f);
    f->http = http_start(f->c->http, &(struct http_request){.method = "GET",
                                                            .url = url,
                                                            .header = header,
                                                            .sink = &sink,
                                                            .is_endless = true,
                                                            .done = on_end,
                                                            .arg = f});
}

struct comfygate_feed *comfygate_feed_open(struct comfygate *c, const char *query,
                                           const struct feed_events *events, void *arg)
{
    struct comfygate_feed *f = xcalloc(1, sizeof *f);

    f->c = c;
    f->query = xstrdup(query);
    f->events = *events;
    f->arg = arg;
    f->sse = sse_new(EVENT_MAX);
    f->must_tell_lost = true;
    list_push(&c->feeds, &f->node);
    connect_now(f);
    return f;
}

void comfygate_feed_close(struct comfygate_feed *f)
{
    if (f == NULL) {
        return;
    }
    list_remove(&f->node);
    loop_timer_off(f->c->loop, &f->silence);
    loop_timer_off(f->c->loop, &f->retry);
    http_drop(take_ptr(&f->http));
    f->is_closed = true;
    if (!f->is_telling) {
        feed_free(f);
    }
}
