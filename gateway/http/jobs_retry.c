/* jobs_retry.c - POST /v1/jobs/{id}/retry (retryJob).
 *
 * The old job may still be open: its twin simply queues behind it. A job of a template is made
 * anew from its input by the template as it is now; a raw workflow can only be repeated.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/retry.h"
#include "http/handlers.h"
#include "http/new_job.h"
#include "http/reply.h"
#include "http/request.h"
#include "library/template_set.h"

/* An input that is merged is no longer than both its parts, whose bodies were within the limit. */
#define INPUT_PARTS 2

static enum errc read_parent(struct request *r, struct job_row *row, struct buf *graph,
                             struct err *e)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_job(reader, r->id, row) : ST_FAIL;

    if (st == ST_OK && row->template_name == NULL) {
        st = store_graph(reader, r->id, graph);
    }
    if (st == ST_OK) {
        return ERR_NONE;
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no job of this id.")
                         : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

/* Gives the input that the new job is made of, and reads it. */
static enum errc change_input(struct request *r, const struct retry *retry,
                              const struct job_row *parent, struct buf *text,
                              struct submission *job, struct err *e)
{
    AUTO(template_ref_release)
    struct template_ref ref = template_set_find(r->parts->templates, parent->template_name);
    enum errc rc = ERR_NONE;

    if (ref.t == NULL) {
        return err_set(e, ERR_UNKNOWN_TEMPLATE, "The template \"%s\" of this job is gone.",
                       parent->template_name);
    }
    rc = retry_input(retry, parent, template_seed_param(ref.t), text, e);
    if (rc == ERR_NONE) {
        rc = json_parse(buf_span(text), JSON_STRICT, request_json_limits(r), &job->doc, e);
        job->input = 0;
    }
    return rc;
}

static enum errc make(struct request *r, struct submission *job, struct buf *text, struct err *e)
{
    AUTO(job_row_clear) struct job_row parent = {.version = 0};
    AUTO(retry_clear) struct retry retry = {.input = JSON_NONE};
    enum errc rc = retry_parse(buf_span(&r->body), request_json_limits(r), &retry, e);

    if (rc == ERR_NONE) {
        rc = read_parent(r, &parent, &job->graph, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    job_retry_row(&parent, clock_wall_ms(), &job->row);
    job->has_max_attempts = true;
    if (retry.has_webhook) {
        webhook_move(&retry.webhook, &job->row);
    }
    if (parent.template_name != NULL) {
        return change_input(r, &retry, &parent, text, job, e);
    }
    return retry_is_change(&retry)
               ? err_set(e, ERR_VALIDATION_ERROR,
                         "This job was submitted as a workflow, not by a template: it can only be "
                         "repeated as it was. Submit the changed workflow instead.")
               : ERR_NONE;
}

enum MHD_Result jobs_retry(struct request *r)
{
    size_t max = (size_t)r->parts->config->server_max_body;
    AUTO(submission_clear)
    struct submission job = {.graph = BUF_INIT(max), .input = JSON_NONE};
    AUTO(buf_clear) struct buf text = BUF_INIT(max * INPUT_PARTS);
    struct err e;
    enum errc rc;
    char kind[sizeof "retry " + ID_LEN];

    err_fresh(&e);
    rc = new_job_check_header(r, &e);
    if (rc == ERR_NONE) {
        rc = make(r, &job, &text, &e);
    }
    if (rc != ERR_NONE) {
        return reply_problem(r, &e);
    }
    (void)snprintf(kind, sizeof kind, "retry %s", r->id.text);
    return new_job_run(r, &job, &text, kind);
}
