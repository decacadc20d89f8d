/* upload.c - the files that a prompt needs are inside its ComfyUI before the prompt is.
 *
 * A file is sent under the hash of its content, so that nobody's picture can take the place of
 * another's, and used under the name that ComfyUI answers, which differs when something else has that
 * name already. Each backend gets a content once for as long as its socket stays: who comes back
 * may have lost its folder. To send one twice is harmless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/graph.h"
#include "engine/internal.h"

#define ANSWER_MAX (1U << 20)
#define NAME_SIZE  8192
#define TRIES_MAX  3
#define KNOWN_MAX  10000 /* names kept for a backend; then it is told all anew */

/* ---- what a backend has ---------------------------------------------------------------------------- */

static void drop_name(void *arg, const char *sha256, void *name)
{
    (void)sha256;
    (void)arg;
    free(name);
}

void upload_forget(struct backend *b)
{
    if (b->uploaded != NULL) {
        map_each(b->uploaded, drop_name, NULL);
        map_free(b->uploaded);
    }
    b->uploaded = NULL;
}

static const char *name_inside(const struct backend *b, const struct job_file *file) ON_ENGINE;
static const char *name_inside(const struct backend *b, const struct job_file *file)
{
    return b->uploaded != NULL ? map_get(b->uploaded, file->sha256) : NULL;
}

static void note_name(struct backend *b, const struct job_file *file, const char *name) ON_ENGINE;
static void note_name(struct backend *b, const struct job_file *file, const char *name)
{
    if (b->uploaded != NULL && map_count(b->uploaded) >= KNOWN_MAX) {
        upload_forget(b);
    }
    if (b->uploaded == NULL) {
        b->uploaded = map_new();
    }
    free(map_get(b->uploaded, file->sha256));
    map_put(b->uploaded, file->sha256, xstrdup(name));
}

static const struct job_file *next_file(const struct live_job *j) ON_ENGINE;
static const struct job_file *next_file(const struct live_job *j)
{
    for (size_t i = 0; i < j->file_count; i++) {
        if (name_inside(j->backend, &j->file[i]) == NULL) {
            return &j->file[i];
        }
    }
    return NULL;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

static void give_back(struct live_job *j) ON_ENGINE;
static void give_back(struct live_job *j)
{
    j->upload_tries = 0;
    (void)jobs_event(j->backend->engine, j, (struct job_event){.kind = EV_NOT_SENT});
}

static void refused(struct live_job *j, int status) ON_ENGINE;
static void refused(struct live_job *j, int status)
{
    struct job_error error = {.code = JOB_ERR_NONE};
    AUTO(free_ptr)
    char *message =
        xasprintf("ComfyUI did not take an input file: POST /upload/image answered %d%s.", status,
                  status == 413 ? "; it is larger than --max-upload-size allows" : "");

    job_error_set(&error, JOB_ERR_INVALID_WORKFLOW, message, NULL, NULL, NULL);
    (void)jobs_event_error(j->backend->engine, j, EV_REJECTED, &error);
    job_error_clear(&error);
}

/* Something is wrong on the way: once more, and then somewhere or some time else. */
static void trouble(struct live_job *j, const char *reason) ON_ENGINE;
static void trouble(struct live_job *j, const char *reason)
{
    log_warn("upload_failed", LOG_JOB(&j->row), LOG_S("backend", j->backend->address->name),
             LOG_S("reason", reason));
    j->upload_tries++;
    if (j->upload_tries >= TRIES_MAX) {
        backend_hold(j->backend, reason);
        give_back(j);
        return;
    }
    prompt_post(j);
}

static void answered(struct live_job *j, const struct job_file *file,
                     const struct http_result *result) ON_ENGINE;
static void answered(struct live_job *j, const struct job_file *file,
                     const struct http_result *result)
{
    AUTO(buf_clear) struct buf name = BUF_INIT(NAME_SIZE);
    char reason[80];

    if (result->status == 200 && comfy_upload_reply_parse(result->body, &name)) {
        j->upload_tries = 0;
        /* Else it is sent again: what has come back since may not be what took it. */
        if (j->sending_to == j->backend->connections_opened) {
            note_name(j->backend, file, buf_str(&name));
        }
        prompt_post(j);
        return;
    }
    (void)snprintf(reason, sizeof reason, "POST /upload/image answered %d", result->status);
    if (result->status == 400 || result->status == 413) {
        refused(j, result->status);
    } else {
        trouble(j, reason);
    }
}

static void on_uploaded(void *arg, const struct http_result *result)
{
    struct live_job *j = arg;
    const struct job_file *file = j->sending;

    assume_engine_role();
    j->post = NULL;
    j->sending = NULL;
    measure_call(j->backend, CALL_UPLOAD, result);
    if (job_has_ended(jobs_row(j)->status)) {
        return;
    }
    if (jobs_row(j)->stop != STOP_NONE) {
        give_back(j);
    } else if (result->end == HTTP_ANSWERED) {
        answered(j, file, result);
    } else if (result->end == HTTP_NOT_SENT) {
        backend_lost(j->backend, result->reason);
        give_back(j);
    } else {
        trouble(j, result->reason);
    }
}

static void fail_unreadable(struct live_job *j) ON_ENGINE;
static void fail_unreadable(struct live_job *j)
{
    (void)jobs_event_trouble(j->backend->engine, j, EV_FAILED, JOB_ERR_INTERNAL_ERROR,
                             "An input file of this job cannot be read from the gateway's disk.");
}

/* ---- files that are kept elsewhere ------------------------------------------------------------------ */

/* Outlives its job for as long as a worker has it. */
struct file_fetch {
    struct live_job *job; /* NULL: nobody waits any more */
    struct blobs *blobs;
    struct work work;
    char sha256[65];
    struct err e;
};

void upload_drop_fetch(struct live_job *j)
{
    struct file_fetch *f = take_ptr(&j->fetch);

    if (f != NULL) {
        f->job = NULL;
    }
}

static void run_fetch(struct work *w)
{
    struct file_fetch *f = container_of(w, struct file_fetch, work);
    enum errc rc = blob_fetch(f->blobs, f->sha256, &f->e);

    f->e.code = rc;
}

static void fetched(struct work *w)
{
    AUTO(free_ptr) struct file_fetch *f = container_of(w, struct file_fetch, work);
    struct live_job *j = f->job;

    assume_engine_role();
    if (j == NULL) {
        return;
    }
    j->fetch = NULL;
    if (job_has_ended(jobs_row(j)->status)) {
        return;
    }
    if (jobs_row(j)->stop != STOP_NONE) {
        give_back(j);
    } else if (f->e.code == ERR_NONE) {
        prompt_post(j);
    } else if (f->e.code == ERR_NOT_FOUND) {
        fail_unreadable(j);
    } else {
        log_warn("input_file_not_fetched", LOG_JOB(&j->row), LOG_S("reason", f->e.detail));
        give_back(j);
    }
}

static void fetch_file(struct live_job *j, const struct job_file *file) ON_ENGINE;
static void fetch_file(struct live_job *j, const struct job_file *file)
{
    struct engine *e = j->backend->engine;
    struct file_fetch *f = xcalloc(1, sizeof *f);

    f->job = j;
    f->blobs = e->blobs;
    memcpy(f->sha256, file->sha256, sizeof f->sha256);
    f->work.run = run_fetch;
    f->work.done = fetched;
    j->fetch = f;
    worker_add(e->worker, &f->work);
}

static void send(struct live_job *j, const struct job_file *file) ON_ENGINE;
static void send(struct live_job *j, const struct job_file *file)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(BACKEND_URL_MAX);
    struct backend *b = j->backend;
    const char *slash = strrchr(file->name, '/');
    AUTO(free_ptr)
    char *folder = xstrndup(file->name, slash != NULL ? (size_t)(slash - file->name) : 0);
    struct call_upload upload = {
        .fd = -1, .name = slash != NULL ? slash + 1 : file->name, .subfolder = folder};
    enum errc rc = ERR_NONE;

    rc = blob_open(b->engine->blobs, file->sha256, &upload.fd, &upload.size);
    if (rc == ERR_NOT_FOUND && blobs_can_fetch(b->engine->blobs)) {
        fetch_file(j, file);
        return;
    }
    if (rc != ERR_NONE) {
        fail_unreadable(j);
        return;
    }
    j->sending = file;
    j->sending_to = b->connections_opened;
    j->post = comfy_call_start(b->engine->http,
                               &(struct call_request){.method = "POST",
                                                      .url = backend_url(b, "/upload/image", &url),
                                                      .upload = &upload,
                                                      .job = &j->row,
                                                      .max_bytes = ANSWER_MAX,
                                                      .done = on_uploaded,
                                                      .arg = j});
}

bool upload_begin(struct live_job *j)
{
    const struct job_file *file = NULL;

    if (!j->has_files_loaded) {
        if (store_writer_files(j->backend->engine->writer, j->row.id, &j->file, &j->file_count) !=
            ST_OK) {
            fail_unreadable(j);
            return true;
        }
        j->has_files_loaded = true;
    }
    file = next_file(j);
    if (file != NULL) {
        send(j, file);
    }
    return file != NULL;
}

bool upload_stop(struct live_job *j)
{
    if (j->fetch != NULL) {
        upload_drop_fetch(j);
        give_back(j);
        return true;
    }
    if (j->sending == NULL) {
        return false;
    }
    http_drop(j->post);
    j->post = NULL;
    j->sending = NULL;
    give_back(j);
    return true;
}

bool upload_again(struct live_job *j)
{
    if (j->file_count == 0 || j->has_uploaded_again) {
        return false;
    }
    j->has_uploaded_again = true;
    for (size_t i = 0; i < j->file_count && j->backend->uploaded != NULL; i++) {
        free(map_remove(j->backend->uploaded, j->file[i].sha256));
    }
    prompt_post(j);
    return true;
}

struct span upload_graph(const struct live_job *j, struct buf *renamed)
{
    AUTO(free_ptr) struct graph_rename *rename = xcalloc(j->file_count + 1, sizeof *rename);
    size_t count = 0;

    for (size_t i = 0; i < j->file_count; i++) {
        const char *name = name_inside(j->backend, &j->file[i]);

        if (name != NULL && strcmp(name, j->file[i].name) != 0) {
            rename[count++] = (struct graph_rename){.from = j->file[i].name, .to = name};
        }
    }
    return count > 0 && graph_rename_files(buf_span(&j->graph), rename, count, renamed)
               ? buf_span(renamed)
               : buf_span(&j->graph);
}
