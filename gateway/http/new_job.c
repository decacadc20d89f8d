#include "http/new_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/event.h"
#include "http/dry_run.h"
#include "http/header.h"
#include "http/input_files.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/room.h"
#include "http/template_job.h"

#define WAIT_MAX_S 60
/* Title, tags and metadata have limits of their own. */
#define EVENT_MAX (1U << 20)
#define KIND_SIZE (sizeof "retry " + ID_LEN)

/* request.op of a submission. */
struct making {
    struct submission job;
    struct buf text;          /* what the job's document borrows, unless that is the body */
    struct buf queued;        /* what its event tells */
    struct input_files files; /* of a template's job */
    struct err *problems;
    char kind[KIND_SIZE];
    int wait_s;     /* what the client prefers; -1 = not to wait */
    bool is_replay; /* the Idempotency-Key was known */
};

static void free_making(void *op)
{
    struct making *n = op;

    submission_clear(&n->job);
    buf_clear(&n->text);
    buf_clear(&n->queued);
    input_files_clear(&n->files);
    free(n->problems);
    free(n);
}

enum errc new_job_check_header(struct request *r, struct err *e)
{
    const char *key = request_header(r, "Idempotency-Key");

    if (key != NULL && !idempotency_key_valid(key)) {
        return err_param(e, "Idempotency-Key", "must be 1 to 255 visible ASCII characters");
    }
    return ERR_NONE;
}

/* ---- the answer ----------------------------------------------------------------------------------- */

static void add_headers(struct request *r, const struct making *n, const struct job_look *look,
                        struct MHD_Response *response)
{
    char text[sizeof "/v1/jobs/" + ID_LEN];

    (void)snprintf(text, sizeof text, "/v1/jobs/%s", r->cmd.job.text);
    reply_header(response, MHD_HTTP_HEADER_LOCATION, text);
    reply_header(response, MHD_HTTP_HEADER_ETAG, look->etag);
    if (n->is_replay) {
        reply_header(response, "Idempotent-Replayed", "true");
    }
    if (n->wait_s >= 0 && !r->wait.is_refused) {
        (void)snprintf(text, sizeof text, "wait=%d", n->wait_s);
        reply_header(response, "Preference-Applied", text);
    }
}

static enum MHD_Result answer(struct request *r, const struct job_look *look)
{
    const struct making *n = r->op;
    struct MHD_Response *response = reply_bytes(look->json, JSON_TYPE);
    bool shows_end = look->has_ended && (n->wait_s >= 0 || n->is_replay);

    add_headers(r, n, look, response);
    return reply_send(r, shows_end ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, response);
}

static enum MHD_Result answer_now(struct request *r)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    const struct making *n = r->op;
    struct err e;
    enum errc rc;

    err_fresh(&e);
    rc = n->is_replay ? job_look(r, r->cmd.job, &look, &e)
                      : job_look_fresh(r, &n->job.row, &look, &e);
    return rc == ERR_NONE ? answer(r, &look) : reply_problem(r, &e);
}

/* The job of r->cmd is in the store. */
static enum MHD_Result accepted(struct request *r)
{
    struct making *n = r->op;

    if (n->wait_s <= 0) {
        return answer_now(r);
    }
    /* A request that waits keeps no more than it needs. */
    json_free_ptr(&n->job.doc);
    buf_clear(&r->body);
    buf_clear(&n->text);
    buf_clear(&n->queued);
    buf_clear(&n->job.graph);
    r->wait.job = r->cmd.job;
    r->wait.until_mono_ms = clock_mono_ms() + (int64_t)n->wait_s * 1000;
    r->wait.answer = answer;
    return job_wait_run(r);
}

static enum MHD_Result committed(struct request *r)
{
    struct making *n = r->op;
    struct err e;

    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    n->is_replay = r->cmd.is_replay;
    return accepted(r);
}

/* ---- the command ---------------------------------------------------------------------------------- */

static void hash_request(const struct request *r, const char *kind, char out[SHA256_TEXT_SIZE])
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_update(&hash, kind, strlen(kind) + 1);
    sha256_update(&hash, buf_str(&r->body), r->body.len);
    sha256_final_hex(&hash, out);
}

static void write_event(struct making *n)
{
    struct json_out json;

    n->queued = BUF_INIT(EVENT_MAX);
    json = json_out_to(&n->queued);
    event_job_data(&json, EVENT_JOB_QUEUED, &n->job.row, NULL);
    bug_if(!buf_ok(&n->queued));
}

static enum MHD_Result push(struct request *r)
{
    struct making *n = r->op;

    write_event(n);
    r->cmd.kind = CMD_SUBMIT;
    r->cmd.submit = (struct arrival){.row = &n->job.row,
                                     .graph = buf_span(&n->job.graph),
                                     .file = n->files.file,
                                     .file_count = n->files.file_count,
                                     .asset = n->files.asset,
                                     .asset_count = n->files.asset_count,
                                     .queued = buf_span(&n->queued)};
    return request_push(r, committed);
}

/* What was accepted once is told again, even if it could not be accepted now: its files may be gone, its template
 * too, or the room. Whether this is another request under the same key is left to the engine. */
static bool find_accepted(struct request *r)
{
    struct making *n = r->op;
    struct store_reader *reader = NULL;
    struct idempotency_key key = {.owner = r->cmd.actor};
    struct id job;
    char sha256[SHA256_TEXT_SIZE];

    key.key = request_header(r, "Idempotency-Key");
    if (key.key == NULL || n->job.is_dry_run) {
        return false;
    }
    r->cmd.idempotency_key = key.key;
    hash_request(r, n->kind, r->cmd.body_sha256);
    reader = reader_get(r->server);
    key.now = clock_wall_ms();
    n->is_replay = reader != NULL && store_idempotency(reader, &key, &job, sha256) == ST_OK &&
                   strcmp(sha256, r->cmd.body_sha256) == 0;
    if (n->is_replay) {
        r->cmd.job = job;
    }
    return n->is_replay;
}

/* ---- what only the gateway as it is can tell ---------------------------------------------------------- */

static void check_backend(struct request *r, const struct job_row *row, struct err *e)
{
    if (row->wanted_backend != NULL && !backend_list_has(r->parts->backends, row->wanted_backend)) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/backend", "unknown",
                     strchr(row->wanted_backend, ':') != NULL
                         ? "there is no backend with these tags"
                         : "there is no backend of this name");
    }
}

static void check_parent(struct request *r, const struct job_row *row, struct err *e)
{
    AUTO(job_row_clear) struct job_row parent = {.version = 0};
    struct store_reader *reader = reader_get(r->server);

    if (!id_is_none(row->parent_id) &&
        (reader == NULL || store_job(reader, row->parent_id, &parent) == ST_NONE ||
         !caller_may_see(&r->caller, parent.owner))) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/parent_id", "unknown",
                     "there is no job of this id");
    }
}

/* The retry of a job brings its parent's webhook, and what is allowed may have changed meanwhile. */
static void check_webhook(struct request *r, const struct job_row *row, struct err *e)
{
    AUTO(free_ptr) struct err *why = xcalloc(1, sizeof *why);
    struct url_target target;

    if (row->webhook_url == NULL) {
        return;
    }
    if (receiver_check(r->parts->receivers, row->webhook_url, &target, why) != ERR_NONE) {
        (void)err_at(e, why->code, "/webhook/url", err_code(why->code), "%s", why->detail);
    }
    if (row->webhook_secret == NULL && r->parts->config->webhook_secret[0] == '\0') {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/webhook/secret", "required",
                     "is needed: this gateway has no setting webhook_secret to sign with");
    }
}

static enum MHD_Result made(struct request *r)
{
    struct making *n = r->op;

    check_backend(r, &n->job.row, n->problems);
    check_parent(r, &n->job.row, n->problems);
    check_webhook(r, &n->job.row, n->problems);
    if (n->job.is_dry_run) {
        return dry_run_answer(r, &n->job, n->problems);
    }
    if (n->problems->code == ERR_NONE) {
        n->problems->code = room_check(r->server, n->problems);
    }
    return n->problems->code == ERR_NONE ? push(r) : reply_problem(r, n->problems);
}

static void make(struct request *r, bool may_block)
{
    struct making *n = r->op;

    err_fresh(n->problems);
    input_files_clear(&n->files);
    input_files_init(&n->files, r, may_block);
    if (n->job.row.template_name != NULL) {
        n->problems->code = template_job_bind(r, &n->job, &n->files, n->problems);
    }
}

static void make_slowly(struct request *r)
{
    make(r, true);
}

enum MHD_Result new_job_run(struct request *r, struct submission *job, struct buf *text,
                            const char *kind)
{
    struct making *n = NULL;
    struct err e;

    err_fresh(&e);
    if (job->row.template_name == NULL && admission_need(r, SCOPE_JOBS_RAW, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    n = xcalloc(1, sizeof *n);
    n->job = *job;
    *job = (struct submission){.input = JSON_NONE};
    xreplace(&n->job.row.owner, caller_owner(&r->caller));
    if (r->trace.id[0] != '\0') {
        xreplace(&n->job.row.trace_id, r->trace.id);
        n->job.row.trace_flags = r->trace.flags;
    }
    n->text = BUF_INIT(0);
    if (text != NULL) {
        n->text = *text;
        *text = BUF_INIT(0);
    }
    (void)snprintf(n->kind, sizeof n->kind, "%s", kind);
    n->problems = xmalloc(sizeof *n->problems);
    input_files_init(&n->files, r, false);
    r->op = n;
    r->op_free = free_making;
    n->wait_s = prefer_wait_s(request_header(r, MHD_HTTP_HEADER_PREFER), WAIT_MAX_S);
    if (find_accepted(r)) {
        return accepted(r);
    }
    make(r, false);
    if (!n->files.has_to_block) {
        return made(r);
    }
    /* Before anything is written; what the body's faults may be is found out no more. */
    if (!n->job.is_dry_run) {
        err_fresh(n->problems);
        if (room_check(r->server, n->problems) != ERR_NONE) {
            return reply_problem(r, n->problems);
        }
    }
    return request_offload(r, make_slowly, made);
}
