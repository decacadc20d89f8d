/* nodes.c - what a ComfyUI has: its nodes, and the models that they list (GET /object_info).
 *
 * Asked when its socket has opened and HTTP answers, again after each further connection, from time
 * to time, when a prompt is refused for something that is not there, and when the API says so. One
 * question at a time. No job waits for the answer: what is known helps to explain, ComfyUI decides.
 *
 * ComfyUI makes the answer on its event loop, and some installations take seconds for it; hence the
 * patience, and the pauses.
 *
 * Read on the engine thread: 5 MB take less than 10 ms, and that is twice what large installations
 * answer.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#define ANSWER_MS        60000
#define REFUSED_PAUSE_MS 10000

/* Custom nodes put whole documents into their options. */
static const struct json_limits node_limits = {.depth = 256, .nodes = 4000000};

void nodes_soon(struct backend *b)
{
    b->nodes_due_mono_ms = 1;
}

void nodes_opened(struct backend *b)
{
    comfy_call_drop(b->nodes);
    b->nodes = NULL;
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

/* False, with the reason in e, when the answer tells nothing. */
static bool take(struct backend *b, const struct call_result *result, struct err *e) ON_ENGINE;
static bool take(struct backend *b, const struct call_result *result, struct err *e)
{
    struct node_info *nodes = NULL;
    int64_t began = clock_mono_ms();

    if (result->end != CALL_ANSWERED) {
        (void)err_set(e, ERR_VALIDATION_ERROR, "%s", result->reason);
        return false;
    }
    if (result->status != 200) {
        (void)err_set(e, ERR_VALIDATION_ERROR, "HTTP %d", result->status);
        return false;
    }
    if (node_info_parse(result->body, node_limits, &nodes, e) != ERR_NONE) {
        return false;
    }
    log_info("nodes_read", LOG_S("backend", b->address->name),
             LOG_I("classes", (int64_t)node_info_class_count(nodes)),
             LOG_I("bytes", (int64_t)result->body.len), LOG_I("ms", clock_mono_ms() - began));
    hub_set_nodes(b->engine->hub, (size_t)(b - b->engine->backend), nodes);
    return true;
}

static void on_nodes(void *arg, const struct call_result *result)
{
    struct backend *b = arg;
    struct err e = ERR_INIT;

    assume_engine_role();
    b->nodes = NULL;
    if (take(b, result, &e)) {
        b->nodes_failures = 0;
        plan(b, b->engine->config->backend_catalog_seconds * 1000);
        return;
    }
    if (b->nodes_failures++ == 0) {
        log_warn("nodes_unknown", LOG_S("backend", b->address->name), LOG_S("reason", e.detail));
    }
    plan(b, backend_pause(b, b->nodes_failures));
}

void nodes_tick(struct backend *b, int64_t mono)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);
    int64_t timeout_ms = b->engine->config->backend_timeout_ms;

    if (b->nodes != NULL || b->nodes_due_mono_ms == 0 || mono < b->nodes_due_mono_ms ||
        !b->is_known || !b->has_ws_tried) {
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
