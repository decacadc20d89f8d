/* nodes.c - what a ComfyUI has: its nodes, and the models that they list (GET /object_info).
 *
 * Asked when its socket has opened and HTTP answers, again after each further connection, from time
 * to time, when a prompt is refused for something that is not there, and when the API says so. One
 * question at a time. No job waits for the answer: what is known helps to explain, ComfyUI decides.
 *
 * ComfyUI makes the answer on its event loop, and some installations take seconds for it; hence the
 * patience, and the pauses.
 *
 * The worker reads the answer, for it may be as large as backend_max_answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#define ANSWER_MS        60000
#define REFUSED_PAUSE_MS 10000

/* Custom nodes put whole documents into their options. */
static const struct json_limits node_limits = {.depth = 256, .nodes = 4000000};

/* An answer that the worker reads. */
struct nodes_reading {
    struct work work;
    struct backend *backend; /* the engine's; NULL: nobody waits for it any more */
    struct bytes *text;
    int64_t took_ms;
    enum errc code;
    struct node_info *nodes; /* when code is ERR_NONE */
    struct err e;
};

void nodes_soon(struct backend *b)
{
    b->nodes_due_mono_ms = 1;
}

void nodes_opened(struct backend *b)
{
    http_drop(b->nodes);
    b->nodes = NULL;
    if (b->nodes_reading != NULL) {
        b->nodes_reading->backend = NULL;
        b->nodes_reading = NULL;
    }
    b->nodes_failures = 0;
    nodes_soon(b);
}

void nodes_refused(struct backend *b)
{
    int64_t now = clock_mono_ms();
    int64_t due = b->nodes_refused_mono_ms > 0 ? b->nodes_refused_mono_ms + REFUSED_PAUSE_MS : now;

    due = due > now ? due : now;
    if (b->nodes_due_mono_ms == 0 || due < b->nodes_due_mono_ms) {
        b->nodes_due_mono_ms = due;
        b->nodes_refused_mono_ms = due;
    }
}

/* What came while the question was under way is asked after: the answer may be older. */
static void plan(struct backend *b, int64_t in_ms) ON_ENGINE;
static void plan(struct backend *b, int64_t in_ms)
{
    int64_t due = clock_mono_ms() + in_ms;

    if (b->nodes_due_mono_ms == 0 || due < b->nodes_due_mono_ms) {
        b->nodes_due_mono_ms = due;
    }
}

static void failed(struct backend *b, const char *reason) ON_ENGINE;
static void failed(struct backend *b, const char *reason)
{
    if (b->nodes_failures++ == 0) {
        log_warn("nodes_unknown", LOG_S("backend", b->address->name), LOG_S("reason", reason));
    }
    plan(b, backend_pause(b, b->nodes_failures));
}

static void run_reading(struct work *w)
{
    struct nodes_reading *r = container_of(w, struct nodes_reading, work);
    int64_t began = clock_mono_ms();

    r->code = node_info_parse(bytes_span(r->text), node_limits, &r->nodes, &r->e);
    r->took_ms = clock_mono_ms() - began;
}

static void take(struct nodes_reading *r) ON_ENGINE;
static void take(struct nodes_reading *r)
{
    struct backend *b = r->backend;

    b->nodes_reading = NULL;
    if (r->code != ERR_NONE) {
        failed(b, r->e.detail);
        return;
    }
    log_info("nodes_read", LOG_S("backend", b->address->name),
             LOG_I("classes", (int64_t)node_info_class_count(r->nodes)),
             LOG_I("bytes", (int64_t)bytes_span(r->text).len), LOG_I("duration_ms", r->took_ms));
    hub_set_nodes(b->engine->hub, (size_t)(b - b->engine->backend), take_ptr(&r->nodes));
    b->nodes_failures = 0;
    plan(b, b->engine->config->backend_catalog_seconds * 1000);
}

static void reading_done(struct work *w)
{
    struct nodes_reading *r = container_of(w, struct nodes_reading, work);

    assume_engine_role();
    if (r->backend != NULL) {
        take(r);
    }
    node_info_unref(r->nodes);
    bytes_unref(r->text);
    free(r);
}

static void read_answer(struct backend *b, struct span body) ON_ENGINE;
static void read_answer(struct backend *b, struct span body)
{
    struct nodes_reading *r = xcalloc(1, sizeof *r);

    r->work.run = run_reading;
    r->work.done = reading_done;
    r->backend = b;
    r->text = bytes_new(body);
    r->e = ERR_INIT;
    b->nodes_reading = r;
    worker_add(b->engine->worker, &r->work);
}

static void on_nodes(void *arg, const struct http_result *result)
{
    struct backend *b = arg;

    assume_engine_role();
    b->nodes = NULL;
    measure_call(b, CALL_NODES, result);
    if (result->end != HTTP_ANSWERED) {
        failed(b, result->reason);
    } else if (result->status != 200) {
        char reason[32];

        (void)snprintf(reason, sizeof reason, "HTTP %d", result->status);
        failed(b, reason);
    } else {
        read_answer(b, result->body);
    }
}

void nodes_tick(struct backend *b, int64_t mono)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);
    int64_t timeout_ms = b->engine->config->backend_timeout_ms;

    if (b->nodes != NULL || b->nodes_reading != NULL || b->nodes_due_mono_ms == 0 ||
        mono < b->nodes_due_mono_ms || !b->is_known || !b->has_ws_tried) {
        return;
    }
    b->nodes_due_mono_ms = 0;
    b->nodes = comfy_call_start(b->engine->http,
                                &(struct call_request){
                                    .method = "GET",
                                    .url = backend_url(b, "/object_info", &url),
                                    .timeout_ms = timeout_ms > ANSWER_MS ? timeout_ms : ANSWER_MS,
                                    .max_bytes = b->engine->config->backend_max_answer,
                                    .done = on_nodes,
                                    .arg = b,
                                });
}
