/* collect.c - fetching what a prompt produced.
 *
 * One output after the other: GET /view streams into a blob writer, the worker
 * makes the file durable, and when the last one is, the job's end and all its
 * outputs go into one commit. A fetch that breaks off is begun again; a file
 * that ComfyUI does not have any more makes the attempt void.
 *
 * A collection may outlive its job for as long as the worker holds its file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/media.h"
#include "engine/internal.h"

#define ORDER_PATIENCE_MS    1000
#define TRIES_MAX            10
#define PAUSE_MIN_MS         200
#define PAUSE_MAX_MS         5000
#define STORAGE_PAUSE_MAX_MS 60000
#define TEXT_SHOWN           65536
#define VIEW_URL_MAX         8192

struct collection {
    struct live_job *job; /* NULL: the job is gone, only the worker is awaited */
    struct engine *engine;
    struct comfy_history history;
    size_t at; /* output that is fetched now, or next */
    struct http_call *call;
    struct blob_writer *sink;
    struct work work;
    bool is_with_worker;
    enum errc staged;
    struct err stored;  /* why the staged file could not be brought to where it is kept */
    bool is_staged;     /* the file of sha256, and held by us */
    int store_failures; /* in a row */
    char sha256[65];
    int64_t size;
    struct media media;
    char *text; /* of a file that is a short text; else NULL */
    int tries;  /* of the present output */
    int64_t due_mono_ms;
    int64_t complete_mono_ms; /* all are fetched; 0 = not yet */
    size_t kept;              /* first output that was meant to be kept; SIZE_MAX = none yet */
    size_t named;             /* first output of the node that the job names; likewise */
    struct job_outputs outputs;
};

/* Files that no row will name. */
static void unstage(struct blobs *blobs, struct job_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        blob_unstage(blobs, outputs->item[i].sha256);
    }
    job_outputs_clear(outputs);
}

static void collection_free(struct collection *c)
{
    http_drop(c->call);
    blob_abort(c->sink);
    comfy_history_clear(&c->history);
    if (c->is_staged) {
        blob_unstage(c->engine->blobs, c->sha256);
    }
    unstage(c->engine->blobs, &c->outputs);
    free(c->text);
    free(c);
}

void collect_drop(struct live_job *j)
{
    struct collection *c = take_ptr(&j->collection);

    if (c == NULL) {
        return;
    }
    if (j->row.status != JOB_SUCCEEDED) {
        unstage(c->engine->blobs, &j->outputs);
    }
    c->job = NULL;
    if (!c->is_with_worker) {
        collection_free(c);
    }
}

void collect_begin(struct live_job *j, struct comfy_history *history)
{
    struct collection *c = NULL;

    if (j->collection != NULL) {
        return;
    }
    c = xcalloc(1, sizeof *c);
    c->job = j;
    c->kept = SIZE_MAX;
    c->named = SIZE_MAX;
    c->engine = j->backend->engine;
    c->history = *history;
    memset(history, 0, sizeof *history);
    j->collection = c;
}

static const struct comfy_output *current(const struct collection *c)
{
    return &c->history.output[c->at];
}

/* ---- an output that is on disk --------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *backslash = strrchr(path, '\\');
    const char *last = slash > backslash ? slash : backslash;

    return last != NULL ? last + 1 : path;
}

/* Of the file that was added last, for choose_primary. */
static void note_place(struct collection *c, const struct comfy_output *from)
{
    const char *named = c->job->row.primary_node;
    size_t place = c->outputs.count - 1;

    if (c->kept == SIZE_MAX && strcmp(from->type, "output") == 0) {
        c->kept = place;
    }
    if (c->named == SIZE_MAX && named != NULL && strcmp(from->node_id, named) == 0) {
        c->named = place;
    }
}

static void keep(struct collection *c)
{
    const struct comfy_output *from = current(c);
    struct job_output *o = job_outputs_add(&c->outputs);

    o->id = id_new();
    o->job_id = c->job->row.id;
    o->index = (int)c->outputs.count - 1;
    o->node_id = xstrdup(from->node_id);
    o->created_at = clock_wall_ms();
    o->size_bytes = c->size;
    memcpy(o->sha256, c->sha256, sizeof o->sha256);
    if (from->filename == NULL) {
        o->type = OUTPUT_TEXT;
        o->name = xasprintf("%s.txt", from->node_id);
        o->content_type = xstrdup("text/plain; charset=utf-8");
        o->text = c->size <= TEXT_SHOWN ? xstrdup(from->text) : NULL;
        return;
    }
    note_place(c, from);
    o->name = xstrdup(base_name(from->filename));
    o->type = c->media.type;
    o->content_type = xstrdup(c->media.content_type);
    o->width = c->media.width;
    o->height = c->media.height;
    o->duration_ms = c->media.duration_ms;
    o->text = take_ptr(&c->text);
}

/* The one to show first: of the node that the job names, else the first file that was meant to be kept,
 * else the first of all. */
static void choose_primary(struct collection *c)
{
    size_t first = c->named != SIZE_MAX ? c->named : c->kept;

    c->outputs.item[first != SIZE_MAX ? first : 0].is_primary = true;
}

/* What is said now is said again, but not at once, when its commit fails. */
static void pause_for_commit(struct collection *c)
{
    c->due_mono_ms = clock_mono_ms() + PAUSE_MAX_MS;
}

static void finish(struct collection *c) ON_ENGINE;
static void finish(struct collection *c)
{
    struct live_job *j = c->job;

    pause_for_commit(c);
    /* Again, when the commit of the first time failed: they are with the job already. */
    if (c->outputs.count == 0 && j->outputs.count == 0) {
        (void)jobs_event_trouble(c->engine, j, EV_FAILED, JOB_ERR_NO_OUTPUTS,
                                 "The workflow ran to its end and produced no output.");
        return;
    }
    if (j->outputs.count == 0) {
        choose_primary(c);
        j->outputs = c->outputs;
        memset(&c->outputs, 0, sizeof c->outputs);
    }
    (void)jobs_event(c->engine, j, (struct job_event){.kind = EV_COLLECTED});
}

/* ---- an output that cannot be had ------------------------------------------------------------ */

static void missing(struct collection *c, const char *why) ON_ENGINE;
static void missing(struct collection *c, const char *why)
{
    const struct comfy_output *from = current(c);

    log_warn("output_missing", LOG_JOB(&c->job->row),
             LOG_S("backend", c->job->backend->address->name), LOG_S("node", from->node_id),
             LOG_S("reason", why));
    if (strcmp(from->type, "temp") == 0 && c->history.output_count > 1) {
        struct job_row *row = jobs_edit(c->engine, c->job);
        char detail[200];

        (void)snprintf(detail, sizeof detail, "The temporary output of node %.40s is gone: %.100s",
                       from->node_id, why);
        job_warn(row, "output_missing", detail);
        row->version++;
        c->at++;
        c->tries = 0;
        return;
    }
    pause_for_commit(c);
    (void)jobs_event_trouble(c->engine, c->job, EV_TROUBLED, JOB_ERR_OUTPUT_MISSING,
                             "ComfyUI does not give the output \"%.120s\" of node %.40s: %.120s",
                             from->filename != NULL ? from->filename : "", from->node_id, why);
}

static void no_room(struct collection *c) ON_ENGINE;
static void no_room(struct collection *c)
{
    pause_for_commit(c);
    (void)jobs_event_trouble(c->engine, c->job, EV_FAILED, JOB_ERR_STORAGE_FULL,
                             "The gateway's disk is full; the output could not be stored.");
}

static void later(struct collection *c, const char *why) ON_ENGINE;
static void later(struct collection *c, const char *why)
{
    int64_t pause = PAUSE_MIN_MS;

    c->tries++;
    /* A ComfyUI that hangs lets each try take long. */
    if (c->tries >= TRIES_MAX || backend_is_lost(c->job->backend)) {
        missing(c, why);
        return;
    }
    for (int i = 1; i < c->tries && pause < PAUSE_MAX_MS; i++) {
        pause *= 2;
    }
    c->due_mono_ms = clock_mono_ms() + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
    look_soon(c->job->backend, 0);
}

/* The file is on our disk and stays there; only its way to where files are kept is tried again, for as long as it
 * takes. */
static void store_later(struct collection *c) ON_ENGINE;
static void store_later(struct collection *c)
{
    int64_t pause = PAUSE_MIN_MS;

    for (int i = 0; i < c->store_failures && pause < STORAGE_PAUSE_MAX_MS; i++) {
        pause *= 2;
    }
    c->store_failures++;
    log_warn("output_not_stored", LOG_JOB(&c->job->row), LOG_S("reason", c->stored.detail));
    c->due_mono_ms =
        clock_mono_ms() + (pause < STORAGE_PAUSE_MAX_MS ? pause : STORAGE_PAUSE_MAX_MS);
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t read_sink(void *arg, int64_t offset, void *buf, size_t len)
{
    return blob_read_at(arg, offset, buf, len);
}

/* A text is shown with the job, as that of a node is. Every byte of a short one was looked at: it is
 * UTF-8, and none is zero. */
static char *short_text(const struct collection *c)
{
    char *text = NULL;

    if (c->media.type != OUTPUT_TEXT || c->size > TEXT_SHOWN) {
        return NULL;
    }
    text = xcalloc(1, (size_t)c->size + 1);
    if (blob_read_at(c->sink, 0, text, (size_t)c->size) != (size_t)c->size) {
        xreplace(&text, NULL);
    }
    return text;
}

static void run_stage(struct work *w)
{
    struct collection *c = container_of(w, struct collection, work);

    if (c->is_staged) {
        c->stored.code = blob_store(c->engine->blobs, c->sha256, &c->stored);
        return;
    }
    c->media =
        media_probe(&(struct media_source){.arg = c->sink, .read_at = read_sink, .size = c->size});
    free(take_ptr(&c->text));
    c->text = short_text(c);
    c->staged = blob_stage(c->sink, c->sha256, NULL);
    c->sink = NULL;
    c->is_staged = c->staged == ERR_NONE;
    if (c->is_staged) {
        c->stored.code = blob_store(c->engine->blobs, c->sha256, &c->stored);
    }
}

static void stage_done(struct work *w)
{
    struct collection *c = container_of(w, struct collection, work);

    assume_engine_role();
    c->is_with_worker = false;
    if (c->job == NULL) {
        collection_free(c);
        return;
    }
    if (c->staged != ERR_NONE) {
        no_room(c);
        return;
    }
    if (c->stored.code != ERR_NONE) {
        store_later(c);
        return;
    }
    c->is_staged = false; /* outputs hold it from here on */
    c->store_failures = 0;
    keep(c);
    c->at++;
    c->tries = 0;
    collect_tick(c->job, clock_mono_ms());
}

static void stage(struct collection *c) ON_ENGINE;
static void stage(struct collection *c)
{
    c->size = c->sink != NULL ? blob_written(c->sink) : c->size;
    c->work.run = run_stage;
    c->work.done = stage_done;
    c->is_with_worker = true;
    worker_add(c->engine->worker, &c->work);
}

static void on_view(void *arg, const struct http_result *result)
{
    struct collection *c = arg;
    char why[120];

    assume_engine_role();
    c->call = NULL;
    measure_call(c->job->backend, CALL_VIEW, result);
    if (result->end == HTTP_ANSWERED && result->status == 200 && blob_written(c->sink) > 0) {
        stage(c);
        return;
    }
    blob_abort(take_ptr(&c->sink));
    if (result->end == HTTP_ANSWERED && result->status >= 400 && result->status < 500) {
        (void)snprintf(why, sizeof why, "GET /view answered %d", result->status);
        missing(c, why);
    } else if (result->end == HTTP_ANSWERED) {
        (void)snprintf(why, sizeof why, "GET /view answered %d%s", result->status,
                       result->status == 200 ? " without a byte" : "");
        later(c, why);
    } else if (result->end == HTTP_SINK_FAILED) {
        no_room(c);
    } else if (result->end == HTTP_TOO_LARGE) {
        missing(c, "it is larger than backend_max_output allows");
    } else {
        later(c, result->reason);
    }
}

static void fetch(struct collection *c) ON_ENGINE;
static void fetch(struct collection *c)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(VIEW_URL_MAX);
    AUTO(buf_clear) struct buf path = BUF_INIT(VIEW_URL_MAX);
    const struct comfy_output *from = current(c);
    const struct config *config = c->engine->config;

    (void)buf_append_str(&path, "/view");
    comfy_view_query(&path, from);
    c->call = comfy_call_start(c->engine->http,
                               &(struct call_request){
                                   .method = "GET",
                                   .job = &c->job->row,
                                   .url = backend_url(c->job->backend, buf_str(&path), &url),
                                   .max_bytes = config->backend_max_output,
                                   .sink = c->sink,
                                   .done = on_view,
                                   .arg = c,
                               });
}

static void begin_output(struct collection *c) ON_ENGINE;
static void begin_output(struct collection *c)
{
    const struct comfy_output *from = current(c);

    if (blob_write_begin(c->engine->blobs, &c->sink, NULL) != ERR_NONE) {
        no_room(c);
        return;
    }
    if (from->filename != NULL) {
        fetch(c);
    } else if (blob_write(c->sink, span_of(from->text), NULL) != ERR_NONE) {
        blob_abort(take_ptr(&c->sink));
        no_room(c);
    } else {
        stage(c);
    }
}

/* Jobs of one ComfyUI end in the order in which they ran there, also when a later one is heard of, or
 * fetched, first. One that does not come to its end is not waited for long. */
static bool is_ahead_of_its_turn(struct collection *c, int64_t mono) ON_ENGINE;
static bool is_ahead_of_its_turn(struct collection *c, int64_t mono)
{
    const struct live_job *j = c->job;

    if (c->complete_mono_ms == 0) {
        c->complete_mono_ms = mono;
    }
    if (mono - c->complete_mono_ms >= ORDER_PATIENCE_MS) {
        return false;
    }
    list_each(node, next, &c->engine->live) {
        const struct live_job *other = container_of(node, struct live_job, in_engine);
        const struct job_row *row = jobs_row(other);

        if (other->backend == j->backend && !job_has_ended(row->status) && row->started_at != 0 &&
            (row->started_at < j->row.started_at ||
             (row->started_at == j->row.started_at && row->submitted_at < j->row.submitted_at))) {
            return true;
        }
    }
    return false;
}

void collect_tick(struct live_job *j, int64_t mono)
{
    struct collection *c = j->collection;

    /* Nothing is fetched before the row says so on disk, nor once the job has moved on. */
    if (c == NULL || j->row.phase != PHASE_COLLECTING || jobs_row(j)->phase != PHASE_COLLECTING) {
        return;
    }
    if (c->call != NULL || c->is_with_worker || mono < c->due_mono_ms) {
        return;
    }
    if (c->at >= c->history.output_count) {
        if (!is_ahead_of_its_turn(c, mono)) {
            finish(c);
        }
    } else if (c->is_staged) {
        stage(c);
    } else {
        begin_output(c);
    }
}
