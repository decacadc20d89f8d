/* jobs.c - live jobs: from the store into memory, through the turn, and out again.
 *
 * A job is live while it is inside a ComfyUI, and for one turn when somebody
 * changes it. Its row is what was committed; `next` is the copy that this
 * turn's events have changed. jobs_settle is the only place where a copy
 * becomes the row.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/job_json.h"
#include "engine/internal.h"

#define GRAPH_MAX (256U << 20)
#define VIEW_MAX  (16U << 20)

struct live_job *jobs_find(struct engine *e, struct id job)
{
    return map_get(e->by_id, job.text);
}

struct live_job *jobs_by_prompt(struct engine *e, struct id prompt_id)
{
    return id_is_none(prompt_id) ? NULL : map_get(e->by_prompt, prompt_id.text);
}

const struct job_row *jobs_row(const struct live_job *j)
{
    return j->has_next ? &j->next : &j->row;
}

bool jobs_is_inside(const struct live_job *j)
{
    enum job_phase phase = jobs_row(j)->phase;

    return phase == PHASE_SUBMITTED || phase == PHASE_EXECUTING || phase == PHASE_COLLECTING;
}

struct live_job *jobs_adopt(struct engine *e, struct job_row *row)
{
    struct live_job *j = xcalloc(1, sizeof *j);

    j->row = *row;
    memset(row, 0, sizeof *row);
    j->saved_version = j->row.version;
    j->graph = BUF_INIT(GRAPH_MAX);
    list_init(&j->in_dirty);
    list_init(&j->in_engine);
    list_push(&e->live, &j->in_engine);
    map_put(e->by_id, j->row.id.text, j);
    return j;
}

struct live_job *jobs_load(struct engine *e, struct id job, enum st *st)
{
    struct live_job *j = jobs_find(e, job);
    struct job_row row;

    *st = ST_OK;
    if (j != NULL) {
        return j;
    }
    *st = store_writer_job(e->writer, job, &row);
    if (*st != ST_OK) {
        return NULL;
    }
    j = jobs_adopt(e, &row);
    list_push(&e->dirty, &j->in_dirty); /* so that the turn lets go of it */
    return j;
}

struct job_row *jobs_edit(struct engine *e, struct live_job *j)
{
    if (!j->has_next) {
        job_row_copy(&j->next, &j->row);
        j->has_next = true;
    }
    if (list_empty(&j->in_dirty)) {
        list_push(&e->dirty, &j->in_dirty);
    }
    return &j->next;
}

unsigned jobs_event(struct engine *e, struct live_job *j, struct job_event event)
{
    unsigned effects = 0;

    event.now = clock_wall_ms();
    event.retry_min_ms = e->config->job_retry_min_ms;
    event.retry_max_ms = e->config->job_retry_max_ms;
    effects = job_step(jobs_edit(e, j), &event);
    j->effects |= effects;
    return effects;
}

unsigned jobs_event_error(struct engine *e, struct live_job *j, enum job_event_kind kind,
                          const struct job_error *error)
{
    return jobs_event(e, j, (struct job_event){.kind = kind, .error = error});
}

unsigned jobs_event_trouble(struct engine *e, struct live_job *j, enum job_event_kind kind,
                            enum job_errc code, const char *fmt, ...)
{
    AUTO(job_error_clear) struct job_error error = {0};
    char text[320];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    job_error_set(&error, code, text, NULL, NULL, NULL);
    return jobs_event_error(e, j, kind, &error);
}

bool jobs_load_graph(struct engine *e, struct live_job *j)
{
    AUTO(buf_clear) struct buf stored = BUF_INIT(GRAPH_MAX);

    if (store_writer_graph(e->writer, j->row.id, &stored) != ST_OK) {
        return false;
    }
    buf_reset(&j->graph);
    if (graph_own_prefix(buf_span(&stored), job_prefix(jobs_row(j)), &j->graph, NULL) != ERR_NONE) {
        buf_reset(&j->graph);
        (void)buf_append_span(&j->graph, buf_span(&stored));
    }
    graph_index_free(j->index);
    progress_free(j->progress);
    j->progress = NULL;
    j->index = graph_index_new(buf_span(&j->graph));
    if (j->index != NULL) {
        j->progress = progress_new(j->index);
    }
    return buf_ok(&j->graph);
}

/* ---- the attempt's own memory ---------------------------------------------------------------- */

/* Forgets all that belongs to an attempt which is over. */
static void end_attempt(struct engine *e, struct live_job *j) ON_ENGINE;
static void end_attempt(struct engine *e, struct live_job *j)
{
    http_drop(j->post);
    http_drop(j->history);
    http_drop(j->stop_call);
    j->post = NULL;
    j->sending = NULL;
    upload_drop_fetch(j);
    j->history = NULL;
    j->stop_call = NULL;
    collect_drop(j);
    job_outputs_clear(&j->outputs);
    comfy_history_clear(&j->heard);
    job_error_clear(&j->post_error);
    job_error_clear(&j->rejection);
    if (!id_is_none(j->row.prompt_id) && map_get(e->by_prompt, j->row.prompt_id.text) == j) {
        (void)map_remove(e->by_prompt, j->row.prompt_id.text);
    }
    if (j->backend != NULL) {
        j->backend->live_count--;
        j->backend->is_view_stale = true;
        j->backend = NULL;
    }
}

static void live_free(struct engine *e, struct live_job *j) ON_ENGINE;
static void live_free(struct engine *e, struct live_job *j)
{
    end_attempt(e, j);
    (void)map_remove(e->by_id, j->row.id.text);
    list_remove(&j->in_engine);
    list_remove(&j->in_dirty);
    progress_free(j->progress);
    graph_index_free(j->index);
    buf_clear(&j->graph);
    free(j->file);
    if (j->has_next) {
        job_row_clear(&j->next);
    }
    job_row_clear(&j->row);
    free(j);
}

void jobs_free_all(struct engine *e)
{
    list_each(node, next, &e->live) {
        live_free(e, container_of(node, struct live_job, in_engine));
    }
}

void jobs_begin_attempt(struct engine *e, struct live_job *j)
{
    j->backend = backend_named(e, j->row.backend);
    if (j->backend == NULL) {
        return;
    }
    j->backend->live_count++;
    j->backend->is_view_stale = true;
    map_put(e->by_prompt, j->row.prompt_id.text, j);
}

/* ---- commit and after ------------------------------------------------------------------------ */

/* What has been collected is its own only once it has succeeded: the commit may have failed, or it may be canceled yet. */
static const struct job_outputs *outputs_of(const struct live_job *j, const struct job_row *row)
{
    return row->status == JOB_SUCCEEDED ? &j->outputs : NULL;
}

static enum st write_job(struct engine *e, struct live_job *j) ON_ENGINE;
static enum st write_job(struct engine *e, struct live_job *j)
{
    enum st st = ST_OK;

    if (!j->has_next || j->next.version == j->row.version) {
        return ST_OK;
    }
    st = store_job_save(e->writer, &j->next, j->saved_version);
    if (st == ST_OK && j->next.status == JOB_SUCCEEDED) {
        for (size_t i = 0; i < j->outputs.count && st == ST_OK; i++) {
            st = store_output_insert(e->writer, &j->outputs.item[i]);
        }
    }
    return st == ST_OK ? events_write_job(e, &j->row, &j->next, outputs_of(j, &j->next)) : st;
}

enum st jobs_write(struct engine *e)
{
    enum st st = ST_OK;

    list_each(node, next, &e->dirty) {
        st = write_job(e, container_of(node, struct live_job, in_dirty));
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

void jobs_forget_change(struct live_job *j)
{
    if (j->has_next) {
        job_row_clear(&j->next);
        j->has_next = false;
    }
    j->effects = 0;
    j->is_deleted = false;
}

void jobs_mark_deleted(struct live_job *j)
{
    jobs_forget_change(j);
    j->is_deleted = true;
}

void jobs_forget_changes(struct engine *e)
{
    list_each(node, next, &e->dirty) {
        struct live_job *j = container_of(node, struct live_job, in_dirty);

        jobs_forget_change(j);
        if (j->backend != NULL) {
            look_soon(j->backend, 0); /* hears again what could not be written */
        }
    }
}

static void log_change(const struct live_job *j) ON_ENGINE;
static void log_change(const struct live_job *j)
{
    log_info("job_moved", LOG_JOB(&j->row), LOG_S("status", job_status_word(j->row.status)),
             LOG_OPT("phase", job_phase_word(j->row.phase)), LOG_OPT("backend", j->row.backend),
             LOG_I("attempt", j->row.attempt), LOG_OPT("code", job_errc_word(j->row.error.code)));
}

static void publish(struct engine *e, struct live_job *j) ON_ENGINE;
static void publish(struct engine *e, struct live_job *j)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(VIEW_MAX);
    struct json_out out = json_out_to(&text);
    bool has_ended = job_has_ended(j->row.status);
    char etag[JOB_ETAG_SIZE];
    struct job_view view = {.row = &j->row};

    if (has_ended && j->row.status != JOB_SUCCEEDED) {
        hub_touch(e->hub, j->row.id, true);
        return;
    }
    if (j->row.phase == PHASE_WAITING || (has_ended && j->outputs.count == 0)) {
        hub_touch(e->hub, j->row.id, has_ended);
        return;
    }
    view.queue_position = hub_position(e->hub, j->row.id);
    view.progress =
        j->progress != NULL && j->row.started_at != 0 && progress_now(j->progress)->updated_at != 0
            ? progress_now(j->progress)
            : NULL; /* nothing heard of it yet */
    view.outputs = outputs_of(j, &j->row);
    view.estimated_completion_at = forecast_end(e, &j->row, view.progress, view.queue_position);
    j->shown_position = view.queue_position;
    job_json(&out, NULL, &view);
    job_etag(j->row.version, view.queue_position, etag);
    hub_publish(e->hub, j->row.id, bytes_from_buf(&text), etag, has_ended);
}

/* The places in the queue that the new row asks for. */
static void place(struct engine *e, const struct live_job *j) ON_ENGINE;
static void place(struct engine *e, const struct live_job *j)
{
    if (j->row.phase == PHASE_WAITING) {
        dispatch_put(e, &j->row);
        if (j->backend != NULL) {
            fit_avoid(e, j->row.id, j->backend);
        }
    } else if (j->row.phase == PHASE_SUBMITTED && j->row.status == JOB_QUEUED) {
        dispatch_remove(e, j->row.id);
        hub_queue_put(e->hub, j->row.id, j->row.priority, 0, true);
    } else {
        dispatch_remove(e, j->row.id);
    }
}

void jobs_show(struct engine *e, struct live_job *j)
{
    place(e, j);
    publish(e, j);
}

static void swap_in(struct engine *e, struct live_job *j) ON_ENGINE;
static void swap_in(struct engine *e, struct live_job *j)
{
    bool is_other_prompt = !id_eq(j->row.prompt_id, j->next.prompt_id);

    if (is_other_prompt && !id_is_none(j->row.prompt_id)) {
        (void)map_remove(e->by_prompt, j->row.prompt_id.text);
    }
    job_row_clear(&j->row);
    j->row = j->next;
    j->has_next = false;
    j->saved_version = j->row.version;
    if (is_other_prompt && j->backend != NULL && !id_is_none(j->row.prompt_id)) {
        map_put(e->by_prompt, j->row.prompt_id.text, j);
    }
}

static void note_started(struct live_job *j) ON_ENGINE;
static void note_started(struct live_job *j)
{
    if (j->row.phase == PHASE_EXECUTING && j->started_mono_ms == 0) {
        j->started_mono_ms = clock_mono_ms();
        j->last_sign_mono_ms = j->started_mono_ms;
    }
    if (j->row.is_delivered && j->delivered_mono_ms == 0) {
        j->delivered_mono_ms = clock_mono_ms();
        j->doubt_until_mono_ms = 0;
    }
}

static void act(struct engine *e, struct live_job *j, unsigned effects) ON_ENGINE;
static void act(struct engine *e, struct live_job *j, unsigned effects)
{
    if ((effects & FX_POST) != 0) {
        jobs_begin_attempt(e, j);
        prompt_post(j);
    }
    if ((effects & FX_STOP) != 0) {
        j->stop_began_mono_ms = clock_mono_ms();
        prompt_stop(j);
    }
    if ((effects & FX_COLLECT) != 0) {
        collect_tick(j, clock_mono_ms());
    }
}

/* A job whose attempt is over, or that was live for this turn only, leaves. */
static void let_go(struct engine *e, struct live_job *j, unsigned effects) ON_ENGINE;
static void let_go(struct engine *e, struct live_job *j, unsigned effects)
{
    bool is_held = j->backend != NULL || jobs_is_inside(j);

    if ((effects & FX_RELEASE) != 0 || !is_held) {
        e->has_more_work |= (effects & FX_RELEASE) != 0;
        live_free(e, j);
    }
}

static void settle(struct engine *e, struct live_job *j) ON_ENGINE;
static void settle(struct engine *e, struct live_job *j)
{
    unsigned effects = j->effects;
    bool is_changed = j->has_next && j->next.version != j->row.version;
    bool is_moved = effects != 0 || (is_changed && j->next.priority != j->row.priority);

    j->effects = 0;
    list_remove(&j->in_dirty);
    if (is_changed) {
        swap_in(e, j);
        note_started(j);
        if (effects != 0) {
            log_change(j);
            measure_moved(e, j, effects);
            if (j->backend != NULL) {
                j->backend->is_view_stale = true;
            }
        }
        if (is_moved) {
            place(e, j);
        }
        for (size_t i = 0; i < j->outputs.count && j->row.status == JOB_SUCCEEDED; i++) {
            blob_publish(e->blobs, j->outputs.item[i].sha256);
        }
        if (j->row.status == JOB_SUCCEEDED) {
            forecast_learn(e, &j->row);
        }
    } else if (j->has_next) {
        job_row_clear(&j->next);
        j->has_next = false;
    }
    act(e, j, effects);
    if (is_changed) {
        publish(e, j);
    }
    let_go(e, j, effects);
}

void jobs_settle(struct engine *e)
{
    struct list batch;

    /* What acting begins (a call that cannot even start) is heard in the next turn. */
    list_init(&batch);
    list_move_all(&batch, &e->dirty);
    list_each(node, next, &batch) {
        settle(e, container_of(node, struct live_job, in_dirty));
    }
    list_each(node, next, &e->live) {
        struct live_job *j = container_of(node, struct live_job, in_engine);
        bool has_moved =
            j->row.phase == PHASE_SUBMITTED && hub_position(e->hub, j->row.id) != j->shown_position;

        /* What acting has begun counts from the row's version as it is: the next turn shows both. */
        if (!j->has_next && (j->is_progress_new || has_moved)) {
            j->row.version += j->is_progress_new ? 1 : 0;
            j->is_progress_untold |= j->is_progress_new;
            j->is_progress_new = false;
            publish(e, j);
        }
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t timeout_of(const struct engine *e, const struct live_job *j) ON_ENGINE;
static int64_t timeout_of(const struct engine *e, const struct live_job *j)
{
    return j->row.timeout_ms > 0 ? j->row.timeout_ms : e->config->job_timeout_seconds * 1000;
}

static void tick_job(struct engine *e, struct live_job *j, int64_t mono) ON_ENGINE;
static void tick_job(struct engine *e, struct live_job *j, int64_t mono)
{
    const struct job_row *row = jobs_row(j);
    int64_t stall_ms = e->config->backend_stall_seconds * 1000;

    if (row->deadline_at > 0 && row->status == JOB_QUEUED && row->stop == STOP_NONE &&
        clock_wall_ms() >= row->deadline_at) {
        (void)jobs_event(e, j, (struct job_event){.kind = EV_DEADLINE});
    }
    /* What was done while we were away was done in time. */
    if (row->phase == PHASE_EXECUTING && row->stop == STOP_NONE && j->started_mono_ms != 0 &&
        !j->is_unseen) {
        if (mono - j->started_mono_ms >= timeout_of(e, j)) {
            (void)jobs_event(e, j, (struct job_event){.kind = EV_TIMEOUT});
        } else if (backend_hears(j) && mono - j->last_sign_mono_ms >= stall_ms) {
            backend_stall(j->backend, "a prompt runs without any sign of life");
        }
    }
    if (j->row.stop != STOP_NONE && row->phase != PHASE_COLLECTING && !job_has_ended(row->status) &&
        mono - j->stop_began_mono_ms >= e->config->backend_cancel_ms) {
        struct backend *b = j->backend;
        unsigned effects = jobs_event(e, j, (struct job_event){.kind = EV_STOP_OVERDUE});

        if (effects != 0) { /* else this turn has heard of its end */
            prompt_abandon(b, j->row.prompt_id);
            backend_stall(b, "a prompt ignores its cancellation");
        }
    }
}

void jobs_tick(struct engine *e, int64_t mono)
{
    list_each(node, next, &e->live) {
        struct live_job *j = container_of(node, struct live_job, in_engine);

        if (j->backend == NULL && jobs_is_inside(j)) {
            (void)jobs_event_trouble(
                e, j, EV_TROUBLED, JOB_ERR_BACKEND_LOST,
                "The ComfyUI \"%s\" that had the job is not configured any more.", j->row.backend);
        } else if (j->backend != NULL) {
            tick_job(e, j, mono);
            look_tick_job(j, mono);
            collect_tick(j, mono);
        }
    }
}
