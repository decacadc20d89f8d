/* backend.c - one ComfyUI: its socket, and whether it can be trusted with work.
 *
 * Two channels that fail apart. The socket is a hint: it makes things fast and
 * shows progress. HTTP is the truth: `status` follows from what /queue answers.
 * A job that nobody hears of still ends, by polling.
 *
 * One WebSocket at a time, opened at the start, kept, and replaced only when it
 * is lost or deaf, each time under a fresh client id (see comfy_ws.h). The old
 * one is gone before the new one is begun.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/internal.h"

#define SYSTEM_PAUSE_MS 30000
#define PREVIEW_MAX     (16U << 20)

void backend_init(struct backend *b, struct engine *e, const struct backend_address *address)
{
    b->engine = e;
    b->address = address;
    b->status = BACKEND_DOWN;
    b->since = clock_wall_ms();
    b->since_mono_ms = clock_mono_ms();
    b->queue_remaining = -1;
    b->connect_due_mono_ms = 1;
    b->look_due_mono_ms = 1;
    b->system_due_mono_ms = 1;
    b->nodes_due_mono_ms = 1;
    b->is_view_stale = true;
    list_init(&b->abandoned);
    (void)snprintf(b->reason, sizeof b->reason, "not connected yet");
}

void backend_clear(struct backend *b)
{
    ws_free(b->ws);
    b->ws = NULL;
    comfy_system_clear(&b->info);
    prompt_abandoned_clear(b);
    upload_forget(b);
}

struct backend *backend_named(struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->backend_count && name != NULL; i++) {
        if (strcmp(e->backend[i].address->name, name) == 0) {
            return &e->backend[i];
        }
    }
    return NULL;
}

const char *backend_url(const struct backend *b, const char *path, struct buf *out)
{
    buf_reset(out);
    (void)buf_append_str(out, b->address->url);
    (void)buf_append_str(out, path);
    return buf_str(out);
}

bool backend_is_open(const struct backend *b)
{
    return b->ws != NULL;
}

bool backend_hears(const struct live_job *j)
{
    const struct backend *b = j->backend;

    return b->is_ws_open && strcmp(j->client_id, b->client_id) == 0;
}

bool backend_takes_work(const struct backend *b)
{
    return b->status == BACKEND_UP && b->draining_since == 0 && b->is_known && b->has_ws_tried &&
           clock_mono_ms() >= b->hold_until_mono_ms;
}

/* Half of it is chance so that many gateways do not knock at once. */
int64_t backend_pause(const struct backend *b, int failures)
{
    int64_t pause = b->engine->config->backend_backoff_min_ms;
    int64_t max = b->engine->config->backend_backoff_max_ms;

    for (int i = 1; i < failures && pause < max; i++) {
        pause *= 2;
    }
    pause = pause < max ? pause : max;
    return pause / 2 + (int64_t)random_below((uint32_t)(pause / 2 + 1));
}

/* ---- what is known of it --------------------------------------------------------------------- */

void backend_set(struct backend *b, enum backend_status status, const char *fmt, ...)
{
    static const char *const WORD[] = {"backend_down", "backend_up", "backend_stalled"};
    bool is_new = b->status != status;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(b->reason, sizeof b->reason, fmt, args);
    va_end(args);
    b->is_view_stale = true;
    if (is_new) {
        b->status = status;
        b->since = clock_wall_ms();
        b->since_mono_ms = clock_mono_ms();
        log_at(status == BACKEND_UP ? LOG_INFO : LOG_WARN, WORD[status],
               LOG_S("backend", b->address->name), LOG_S("reason", b->reason));
    }
}

void backend_lost(struct backend *b, const char *reason)
{
    b->is_known = false;
    b->look_failures++;
    if (b->status != BACKEND_STALLED) {
        backend_set(b, BACKEND_DOWN, "%s", reason);
    }
    look_soon(b, b->live_count > 0 ? b->engine->config->backend_poll_ms
                                   : backend_pause(b, b->look_failures));
}

void backend_hold(struct backend *b, const char *reason)
{
    b->holds++;
    backend_rest(b, backend_pause(b, b->holds), reason);
}

void backend_rest(struct backend *b, int64_t pause_ms, const char *reason)
{
    b->hold_until_mono_ms = clock_mono_ms() + pause_ms;
    backend_set(b, BACKEND_DOWN, "%s", reason);
    look_soon(b, pause_ms + 1); /* it is up again when a look after that says so */
}

/* The attempts that are inside it are void; what is only being fetched is left to its own retries. */
static void give_back(struct backend *b, const char *reason) ON_ENGINE;
static void give_back(struct backend *b, const char *reason)
{
    struct engine *e = b->engine;

    list_each(node, next, &e->live) {
        struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend != b || jobs_row(j)->phase == PHASE_COLLECTING ||
            job_has_ended(jobs_row(j)->status)) {
            continue;
        }
        prompt_abandon(b, j->row.prompt_id);
        (void)jobs_event_trouble(e, j, EV_TROUBLED, JOB_ERR_BACKEND_LOST,
                                 "The ComfyUI \"%s\" stopped working on the job: %s.",
                                 b->address->name, reason);
    }
}

void backend_stall(struct backend *b, const char *reason)
{
    if (b->status != BACKEND_STALLED) {
        backend_set(b, BACKEND_STALLED, "%s", reason);
    }
    give_back(b, reason);
}

bool backend_is_lost(const struct backend *b)
{
    int64_t patience_ms = b->engine->config->backend_lost_seconds * 1000;

    return b->status == BACKEND_DOWN && !b->is_known &&
           clock_mono_ms() - b->since_mono_ms >= patience_ms;
}

/* One that stays away shall not keep jobs that another could run. */
static void find_away(struct backend *b) ON_ENGINE;
static void find_away(struct backend *b)
{
    if (b->live_count > 0 && backend_is_lost(b)) {
        give_back(b, b->reason);
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Prompts of ours that must be inside, as far as we have heard. */
static int expected_inside(const struct backend *b) ON_ENGINE;
static int expected_inside(const struct backend *b)
{
    int count = 0;

    list_each(node, next, &b->engine->live) {
        const struct live_job *j = container_of(node, struct live_job, in_engine);

        count +=
            j->backend == b && j->row.is_delivered && j->history == NULL && j->collection == NULL
                ? 1
                : 0;
    }
    return count;
}

static void hear_status(struct backend *b, const struct comfy_message *m) ON_ENGINE;
static void hear_status(struct backend *b, const struct comfy_message *m)
{
    b->last_status_mono_ms = clock_mono_ms();
    b->status_due_mono_ms = 0;
    b->deaf_in_a_row = 0;
    if (m->queue_remaining >= 0) {
        b->is_view_stale |= b->queue_remaining != m->queue_remaining;
        b->queue_remaining = m->queue_remaining;
        /* Fewer are inside than we put there: one has ended, or somebody has cleared the queue. */
        if (m->queue_remaining < expected_inside(b)) {
            look_soon(b, 100);
        }
    }
}

static void hear_start(struct live_job *j) ON_ENGINE;
static void hear_start(struct live_job *j)
{
    if (jobs_row(j)->phase == PHASE_SUBMITTED) {
        (void)jobs_event(j->backend->engine, j, (struct job_event){.kind = EV_STARTED});
    }
}

/* What the message says about the job's life; its progress is taken from it elsewhere. */
static void hear_life(struct live_job *j, const struct comfy_message *m) ON_ENGINE;
static void hear_life(struct live_job *j, const struct comfy_message *m)
{
    switch (m->kind) {
    case COMFY_EXECUTED:
        comfy_history_add_output(&j->heard, m->node, m->output_json);
        hear_start(j);
        return;
    case COMFY_START:
    case COMFY_CACHED:
    case COMFY_PROGRESS:
    case COMFY_PROGRESS_STATE:
    case COMFY_PREVIEW:
        hear_start(j);
        return;
    case COMFY_EXECUTING:
        if (m->node != NULL && m->node[0] == '\0') {
            look_at_history(j);
        } else {
            hear_start(j);
        }
        return;
    case COMFY_SUCCESS:
        j->heard.end = COMFY_END_SUCCESS;
        look_at_history(j);
        return;
    case COMFY_ERROR:
    case COMFY_INTERRUPTED:
        look_at_history(j);
        return;
    case COMFY_IGNORED:
    case COMFY_STATUS:
    case COMFY_FEATURE_FLAGS:
        return;
    }
}

static void hear_preview(struct live_job *j, const struct comfy_message *m) ON_ENGINE;
static void hear_preview(struct live_job *j, const struct comfy_message *m)
{
    int64_t seq = 0;

    if (m->mime == NULL || m->image.len > PREVIEW_MAX || j->progress == NULL) {
        return;
    }
    seq = progress_now(j->progress)->preview_seq + 1;
    hub_set_preview(j->backend->engine->hub, j->row.id, bytes_new(m->image), m->mime, seq);
    progress_preview(j->progress, seq, clock_wall_ms());
    j->is_progress_new = true;
}

static void hear(struct backend *b, const struct comfy_message *m) ON_ENGINE;
static void hear(struct backend *b, const struct comfy_message *m)
{
    struct id prompt = id_is_none(m->prompt_id) ? b->last_prompt : m->prompt_id;
    struct live_job *j = NULL;

    b->last_message_at = clock_wall_ms();
    b->last_prompt = prompt;
    if (m->kind == COMFY_STATUS) {
        hear_status(b, m);
        return;
    }
    /* Only a preview may be nameless; anything else without a name is about nobody we know. */
    if (id_is_none(m->prompt_id) && m->kind != COMFY_PREVIEW) {
        return;
    }
    j = jobs_by_prompt(b->engine, prompt);
    if (j == NULL || j->backend != b || job_has_ended(jobs_row(j)->status)) {
        return;
    }
    j->last_sign_mono_ms = clock_mono_ms();
    j->is_unseen = false;
    hear_life(j, m);
    if (m->kind == COMFY_PREVIEW) {
        hear_preview(j, m);
    } else if (j->progress != NULL && progress_message(j->progress, m, b->last_message_at)) {
        j->is_progress_new = true;
    }
}

static void on_text(void *arg, struct span message)
{
    struct comfy_message m;

    assume_engine_role();
    comfy_message_text(message, &m);
    hear(arg, &m);
    comfy_message_clear(&m);
}

static void on_binary(void *arg, struct span frame)
{
    struct comfy_message m;

    assume_engine_role();
    comfy_message_binary(frame, &m);
    hear(arg, &m);
    comfy_message_clear(&m);
}

static void on_skipped(void *arg, int64_t bytes)
{
    struct backend *b = arg;

    log_warn("ws_message_skipped", LOG_S("backend", b->address->name), LOG_I("bytes", bytes));
}

/* ---- the socket ------------------------------------------------------------------------------ */

static void on_opened(void *arg)
{
    struct backend *b = arg;

    assume_engine_role();
    b->is_ws_open = true;
    b->has_ws_tried = true;
    b->connections_opened++;
    measure_backend(b, METRIC_WS_OPENED);
    b->failures = 0;
    b->status_due_mono_ms = 0;
    b->last_prompt = ID_NONE;
    b->is_worker_dead = false;
    b->model = 0;
    b->is_view_stale = true;
    b->system_due_mono_ms = 1;
    upload_forget(b);
    nodes_opened(b);
    look_soon(b, 0);
    log_info("ws_opened", LOG_S("backend", b->address->name), LOG_S("client", b->client_id),
             LOG_I("opened", b->connections_opened));
}

static void on_closed(void *arg, const struct ws_end *end)
{
    struct backend *b = arg;
    bool was_open = b->is_ws_open;
    int64_t pause = 0;

    assume_engine_role();
    ws_free(b->ws);
    b->ws = NULL;
    b->has_ws_tried = true;
    b->is_ws_open = false;
    b->is_view_stale = true;
    b->status_due_mono_ms = 0;
    if (b->is_ws_closing_as_deaf) {
        pause = b->deaf_in_a_row > 1 ? backend_pause(b, b->deaf_in_a_row - 1) : 0;
        b->is_ws_closing_as_deaf = false;
    } else {
        pause = backend_pause(b, ++b->failures);
    }
    b->connect_due_mono_ms = clock_mono_ms() + pause + 1;
    look_soon(b, 0);
    if (atomic_load(&b->engine->is_stopping)) {
        log_info("ws_closed", LOG_S("backend", b->address->name), LOG_S("reason", end->reason));
        return;
    }
    if (was_open) { /* else it was deaf, or never came about */
        measure_backend(b, METRIC_WS_LOST);
    }
    log_info("ws_closed", LOG_S("backend", b->address->name), LOG_S("reason", end->reason),
             LOG_I("again_in_ms", pause));
}

static void connect_ws(struct backend *b) ON_ENGINE;
static void connect_ws(struct backend *b)
{
    static const struct ws_events EVENTS = {.opened = on_opened,
                                            .text = on_text,
                                            .binary = on_binary,
                                            .skipped = on_skipped,
                                            .closed = on_closed};
    const struct config *c = b->engine->config;
    struct id client = id_random();
    struct comfy_ws_config config = {.url = b->address->url,
                                     .client_id = client.text,
                                     .ping_ms = c->backend_ping_ms,
                                     .pong_ms = c->backend_pong_ms,
                                     .connect_ms = c->backend_timeout_ms,
                                     .max_text = c->backend_max_text,
                                     .max_binary = c->backend_max_binary};

    memcpy(b->client_id, client.text, sizeof b->client_id);
    b->connect_due_mono_ms = 0;
    b->ws = comfy_ws_new(b->engine->loop, &config, &EVENTS, b);
}

void backend_close(struct backend *b)
{
    b->connect_due_mono_ms = 0;
    if (b->ws != NULL) {
        ws_close(b->ws, WS_CLOSE_NORMAL);
    }
}

void backend_expect_status(struct backend *b, int64_t since_mono_ms)
{
    /* The broadcast may have been faster than the answer. */
    if (b->is_ws_open && b->status_due_mono_ms == 0 && b->last_status_mono_ms < since_mono_ms) {
        b->status_due_mono_ms = clock_mono_ms() + b->engine->config->backend_status_ms;
    }
}

static void find_deaf(struct backend *b, int64_t mono) ON_ENGINE;
static void find_deaf(struct backend *b, int64_t mono)
{
    if (b->status_due_mono_ms == 0 || mono < b->status_due_mono_ms || !b->is_ws_open) {
        return;
    }
    b->status_due_mono_ms = 0;
    b->deaf_in_a_row++;
    b->is_ws_closing_as_deaf = true;
    b->is_ws_open = false;
    measure_backend(b, METRIC_WS_DEAF);
    log_warn("ws_deaf", LOG_S("backend", b->address->name), LOG_I("in_a_row", b->deaf_in_a_row));
    look_soon(b, 0);
    ws_close(b->ws, WS_CLOSE_NORMAL);
}

/* ---- its version and memory ------------------------------------------------------------------ */

static void on_system(void *arg, const struct http_result *result)
{
    struct backend *b = arg;
    struct comfy_system info;

    assume_engine_role();
    b->system = NULL;
    measure_call(b, CALL_SYSTEM, result);
    if (result->end == HTTP_ANSWERED && result->status == 200 &&
        comfy_system_parse(result->body, &info)) {
        comfy_system_clear(&b->info);
        b->info = info;
        b->is_view_stale = true;
    }
}

static void ask_system(struct backend *b, int64_t mono) ON_ENGINE;
static void ask_system(struct backend *b, int64_t mono)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);

    b->system_due_mono_ms = mono + SYSTEM_PAUSE_MS;
    b->system =
        comfy_call_start(b->engine->http, &(struct call_request){
                                              .method = "GET",
                                              .url = backend_url(b, "/system_stats", &url),
                                              .timeout_ms = b->engine->config->backend_timeout_ms,
                                              .max_bytes = b->engine->config->backend_max_answer,
                                              .done = on_system,
                                              .arg = b,
                                          });
}

void backend_tick(struct backend *b, int64_t mono)
{
    if (atomic_load(&b->engine->is_stopping)) {
        return;
    }
    if (b->ws == NULL && b->connect_due_mono_ms != 0 && mono >= b->connect_due_mono_ms) {
        connect_ws(b);
    }
    find_deaf(b, mono);
    find_away(b);
    if (b->system == NULL && mono >= b->system_due_mono_ms) {
        ask_system(b, mono);
    }
    nodes_tick(b, mono);
    look_tick(b, mono);
}
