/* look.c - the truth about what is inside a ComfyUI: /queue first, then /history.
 *
 * ComfyUI moves a prompt from its queue to its history under one lock, so a
 * prompt that is missing in the queue and then, asked afterwards, in the
 * history, is lost. Asked in the other order there is a gap. This file keeps
 * that order: only a history answer whose request began after the queue was
 * seen without the prompt, by a look that itself began after the prompt was
 * delivered, may say "gone".
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#define STOP_AGAIN_MS    2000
#define HISTORY_FIRST_MS 50
#define HISTORY_MAX_MS   5000
#define RESENDS_MAX      1 /* what loses every answer ends as an attempt, not never */
#define IDLE_FACTOR      6 /* a backend without our work is looked at less often */

void look_soon(struct backend *b, int64_t in_ms)
{
    int64_t due = clock_mono_ms() + in_ms;

    if (b->look != NULL && in_ms == 0) {
        b->is_look_wanted = true;
    }
    if (b->look_due_mono_ms == 0 || due < b->look_due_mono_ms) {
        b->look_due_mono_ms = due;
    }
}

/* ---- history --------------------------------------------------------------------------------- */

static int64_t pause_after(int64_t first_ms, int tries)
{
    int64_t pause = first_ms;

    for (int i = 0; i < tries && pause < HISTORY_MAX_MS; i++) {
        pause *= 2;
    }
    return pause < HISTORY_MAX_MS ? pause : HISTORY_MAX_MS;
}

static void lost(struct live_job *j) ON_ENGINE;
static void lost(struct live_job *j)
{
    struct engine *e = j->backend->engine;

    if (j->heard.end == COMFY_END_SUCCESS && j->heard.output_count > 0 && j->collection == NULL) {
        /* It was seen to succeed, and only its history is gone: what it told then is enough. */
        collect_begin(j, &j->heard);
        (void)jobs_event(e, j, (struct job_event){.kind = EV_FINISHED});
        return;
    }
    measure_backend(j->backend, METRIC_PROMPT_GONE);
    log_warn("prompt_gone", LOG_JOB(&j->row), LOG_S("backend", j->backend->address->name),
             LOG_S("prompt", j->row.prompt_id.text));
    (void)jobs_event(e, j, (struct job_event){.kind = EV_GONE});
}

/* The prompt was sent, no answer came, and it is not there. */
static void resolve_doubt(struct live_job *j, int64_t mono) ON_ENGINE;
static void resolve_doubt(struct live_job *j, int64_t mono)
{
    struct engine *e = j->backend->engine;

    if (mono < j->doubt_until_mono_ms) {
        return;
    }
    if (jobs_row(j)->stop != STOP_NONE) {
        (void)jobs_event(e, j, (struct job_event){.kind = EV_GONE});
    } else if (j->post_error.code != JOB_ERR_NONE) {
        trouble_fault(j->backend, j->post_error.message);
        (void)jobs_event_error(e, j, EV_TROUBLED, &j->post_error);
    } else if (j->resends >= RESENDS_MAX) {
        trouble_fault(j->backend, "it takes prompts without an answer");
        (void)jobs_event_trouble(e, j, EV_TROUBLED, JOB_ERR_BACKEND_LOST,
                                 "The ComfyUI \"%s\" took the job %d times without an answer.",
                                 j->backend->address->name, j->resends + 1);
    } else {
        j->resends++;
        measure_backend(j->backend, METRIC_PROMPT_RESENT);
        log_warn("prompt_resent", LOG_JOB(&j->row), LOG_S("backend", j->backend->address->name),
                 LOG_S("prompt", j->row.prompt_id.text));
        prompt_post(j);
    }
}

/* Or a file that it needs is on its way. */
static bool is_posting(const struct live_job *j) ON_ENGINE;
static bool is_posting(const struct live_job *j)
{
    return j->post != NULL || j->fetch != NULL;
}

static void not_in_history(struct live_job *j, int64_t mono) ON_ENGINE;
static void not_in_history(struct live_job *j, int64_t mono)
{
    if (j->is_history_proof && jobs_row(j)->is_delivered) {
        lost(j);
    } else if (j->is_history_proof && !is_posting(j)) {
        resolve_doubt(j, mono);
    } else {
        /* A sign of the end that came before history was written: ask again. */
        j->history_due_mono_ms = mono + pause_after(HISTORY_FIRST_MS, j->history_tries);
        j->history_tries++;
    }
}

static void in_history(struct live_job *j, struct comfy_history *h) ON_ENGINE;
static void in_history(struct live_job *j, struct comfy_history *h)
{
    struct engine *e = j->backend->engine;
    unsigned effects = 0;

    j->history_tries = 0;
    switch (h->end) {
    case COMFY_END_SUCCESS:
        /* Some versions leave cached outputs out of history but announce them on the socket. */
        collect_begin(j, h->output_count == 0 && j->heard.output_count > 0 ? &j->heard : h);
        effects = jobs_event(e, j, (struct job_event){.kind = EV_FINISHED});
        break;
    case COMFY_END_ERROR:
        effects = jobs_event_error(e, j, EV_FAILED, &h->error);
        break;
    case COMFY_END_INTERRUPTED:
        if (h->error.code == JOB_ERR_NONE) {
            h->error.code = JOB_ERR_INTERRUPTED;
        }
        effects = jobs_event_error(e, j, EV_INTERRUPTED, &h->error);
        break;
    case COMFY_END_NONE:
        return;
    }
    trouble_heard_end(j, h, effects);
}

/* An answer that tells nothing. The queue no longer has the prompt, so this must come to an end: what
 * never answers shall not keep the job for ever. */
static void history_failed(struct live_job *j, const char *why, int64_t mono) ON_ENGINE;
static void history_failed(struct live_job *j, const char *why, int64_t mono)
{
    struct backend *b = j->backend;
    const struct config *c = b->engine->config;

    if (j->history_failures++ == 0) {
        j->history_bad_mono_ms = mono;
    }
    j->history_due_mono_ms = mono + pause_after(c->backend_poll_ms, j->history_failures - 1);
    look_soon(b, c->backend_poll_ms);
    if (b->is_known && j->is_absent_in_queue &&
        mono - j->history_bad_mono_ms >= c->backend_lost_seconds * 1000) {
        log_warn("prompt_untold", LOG_JOB(&j->row), LOG_S("backend", b->address->name),
                 LOG_S("prompt", j->row.prompt_id.text), LOG_S("reason", why));
        (void)jobs_event_trouble(b->engine, j, EV_TROUBLED, JOB_ERR_BACKEND_LOST,
                                 "The ComfyUI \"%s\" does not tell what became of the job: %s.",
                                 b->address->name, why);
    }
}

static void on_history(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;
    struct comfy_history h;
    int64_t mono = clock_mono_ms();

    assume_engine_role();
    j->history = NULL;
    measure_call(j->backend, CALL_HISTORY, result);
    if (!jobs_is_inside(j)) {
        return;
    }
    if (result->end != HTTP_ANSWERED || result->status != 200 ||
        !comfy_history_parse(result->body, jobs_row(j)->prompt_id, buf_span(&j->graph), &h)) {
        history_failed(j, result->end != HTTP_ANSWERED ? result->reason : "no valid history", mono);
        return;
    }
    j->history_failures = 0;
    if (h.end == COMFY_END_NONE) {
        not_in_history(j, mono);
    } else {
        in_history(j, &h);
    }
    comfy_history_clear(&h);
}

void look_at_history(struct live_job *j)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);
    AUTO(buf_clear) struct buf path = BUF_INIT(128);
    const struct config *c = j->backend->engine->config;

    if (j->collection != NULL && jobs_row(j)->phase != PHASE_COLLECTING) {
        /* Said before, but the commit has failed. */
        (void)jobs_event(j->backend->engine, j, (struct job_event){.kind = EV_FINISHED});
    }
    if (j->history != NULL || j->collection != NULL) {
        return;
    }
    j->history_due_mono_ms = 0;
    j->is_history_proof = j->is_absent_in_queue;
    (void)buf_appendf(&path, "/history/%s", jobs_row(j)->prompt_id.text);
    j->history = comfy_call_start(j->backend->engine->http,
                                  &(struct call_request){
                                      .method = "GET",
                                      .url = backend_url(j->backend, buf_str(&path), &url),
                                      .job = &j->row,
                                      .timeout_ms = c->backend_timeout_ms,
                                      .max_bytes = c->backend_max_answer,
                                      .done = on_history,
                                      .arg = j,
                                  });
}

void look_tick_job(struct live_job *j, int64_t mono)
{
    const struct job_row *row = jobs_row(j);

    if (j->rejection.code != JOB_ERR_NONE) {
        (void)jobs_event_error(j->backend->engine, j, EV_REJECTED, &j->rejection);
        return;
    }
    if (j->history_due_mono_ms != 0 && mono >= j->history_due_mono_ms) {
        look_at_history(j);
    }
    if (j->row.stop != STOP_NONE && row->phase != PHASE_COLLECTING && !job_has_ended(row->status) &&
        j->stop_call == NULL && mono - j->stop_sent_mono_ms >= STOP_AGAIN_MS) {
        prompt_stop(j);
    }
}

/* ---- queue ----------------------------------------------------------------------------------- */

/* A prompt that the queue does not have. */
static void absent(struct live_job *j, int64_t look_began) ON_ENGINE;
static void absent(struct live_job *j, int64_t look_began)
{
    bool is_old_enough = jobs_row(j)->is_delivered
                             ? j->delivered_mono_ms != 0 && j->delivered_mono_ms < look_began
                             : !is_posting(j) && j->posted_mono_ms < look_began;

    if (!is_old_enough) {
        return;
    }
    j->is_absent_in_queue = true;
    if (j->history_failures == 0) { /* else it is asked when it is due */
        look_at_history(j);
    }
}

static void compare(struct live_job *j, const struct comfy_queue *queue, int64_t look_began)
    ON_ENGINE;
static void compare(struct live_job *j, const struct comfy_queue *queue, int64_t look_began)
{
    struct engine *e = j->backend->engine;
    struct id prompt = jobs_row(j)->prompt_id;
    enum comfy_place place = comfy_queue_find(queue, prompt);

    if (place == COMFY_NOWHERE) {
        absent(j, look_began);
        return;
    }
    j->is_absent_in_queue = false;
    j->is_unseen = false;
    if (!jobs_row(j)->is_delivered) {
        (void)jobs_event(e, j, (struct job_event){.kind = EV_DELIVERED});
    }
    if (comfy_queue_copies(queue, prompt) > 1) {
        prompt_drop_copy(j->backend, prompt);
    }
    if (place == COMFY_RUNNING && jobs_row(j)->phase == PHASE_SUBMITTED) {
        (void)jobs_event(e, j, (struct job_event){.kind = EV_STARTED});
    }
}

/* Prompts wait and none runs: the worker of this ComfyUI may be dead while its HTTP is well. */
static void watch_worker(struct backend *b, const struct comfy_queue *queue, int64_t mono)
    ON_ENGINE;
static void watch_worker(struct backend *b, const struct comfy_queue *queue, int64_t mono)
{
    if (queue->running > 0 || queue->count == 0) {
        b->unworked_since_mono_ms = 0;
        b->is_worker_dead = b->is_worker_dead && queue->running == 0;
    } else if (b->unworked_since_mono_ms == 0) {
        b->unworked_since_mono_ms = mono;
    } else if (mono - b->unworked_since_mono_ms >= b->engine->config->backend_worker_ms) {
        b->is_worker_dead = true;
        backend_stall(b, "prompts wait in its queue but none runs; restart that ComfyUI");
    }
}

static void take_queue(struct backend *b, const struct comfy_queue *queue, int64_t mono) ON_ENGINE;
static void take_queue(struct backend *b, const struct comfy_queue *queue, int64_t mono)
{
    struct engine *e = b->engine;

    b->is_known = true;
    b->look_failures = 0;
    b->is_view_stale |= b->queue_remaining != (int64_t)queue->count;
    b->queue_remaining = (int64_t)queue->count;
    list_each(node, next, &e->live) {
        struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend == b && jobs_is_inside(j)) {
            compare(j, queue, b->look_began_mono_ms);
        }
    }
    prompt_abandoned_tick(b, queue);
    watch_worker(b, queue, mono);
    if (b->status == BACKEND_UP || b->is_worker_dead || mono < b->hold_until_mono_ms) {
        return;
    }
    if (b->status != BACKEND_STALLED || list_empty(&b->abandoned)) {
        backend_set(b, BACKEND_UP, "answers");
    }
}

/* Jobs that the socket cannot tell about, or of which it is not sure that they are there, are asked
 * for often. */
static bool needs_polling(const struct backend *b) ON_ENGINE;
static bool needs_polling(const struct backend *b)
{
    list_each(node, next, &b->engine->live) {
        const struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend == b &&
            (!backend_hears(j) || jobs_row(j)->stop != STOP_NONE || !jobs_row(j)->is_delivered)) {
            return true;
        }
    }
    return b->status == BACKEND_STALLED;
}

static void plan_next(struct backend *b) ON_ENGINE;
static void plan_next(struct backend *b)
{
    const struct config *c = b->engine->config;
    int64_t pause = c->backend_reconcile_ms;

    if (needs_polling(b)) {
        pause = c->backend_poll_ms;
    } else if (b->live_count == 0) {
        pause *= IDLE_FACTOR;
    }
    if (b->is_look_wanted) {
        b->is_look_wanted = false;
        pause = 0;
    }
    look_soon(b, pause);
}

static void on_queue(void *arg, const struct http_result *result)
{
    struct backend *b = arg;
    struct comfy_queue queue;
    char reason[160];

    assume_engine_role();
    b->look = NULL;
    measure_call(b, CALL_QUEUE, result);
    if (result->end != HTTP_ANSWERED) {
        backend_lost(b, result->reason);
        return;
    }
    if (result->status != 200 || !comfy_queue_parse(result->body, &queue)) {
        (void)snprintf(
            reason, sizeof reason,
            "GET /queue answered %d and not as a ComfyUI does; is there a proxy in front?",
            result->status);
        backend_lost(b, reason);
        return;
    }
    take_queue(b, &queue, clock_mono_ms());
    comfy_queue_clear(&queue);
    plan_next(b);
}

void look_tick(struct backend *b, int64_t mono)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);

    if (b->look != NULL || b->look_due_mono_ms == 0 || mono < b->look_due_mono_ms) {
        return;
    }
    b->look_due_mono_ms = 0;
    b->is_look_wanted = false;
    b->look_began_mono_ms = mono;
    b->look =
        comfy_call_start(b->engine->http, &(struct call_request){
                                              .method = "GET",
                                              .url = backend_url(b, "/queue", &url),
                                              .timeout_ms = b->engine->config->backend_timeout_ms,
                                              .max_bytes = b->engine->config->backend_max_answer,
                                              .done = on_queue,
                                              .arg = b,
                                          });
}
