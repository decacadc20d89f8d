/* jobs_retry.c - POST /v1/jobs/{id}/retry (retryJob).
 *
 * The old job may still be open: its twin simply queues behind it.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/body.h"
#include "http/handlers.h"
#include "http/new_job.h"
#include "http/reply.h"
#include "http/request.h"

static enum st read_parent(struct request *r, struct job_row *row, struct buf *graph)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_job(reader, r->id, row) : ST_FAIL;

    return st == ST_OK ? store_graph(reader, r->id, graph) : st;
}

/* Fills in the new job from the old one's row and graph. */
static enum errc make(struct request *r, struct submission *job, struct err *e)
{
    AUTO(job_row_clear) struct job_row parent = {.version = 0};
    enum st st = read_parent(r, &parent, &job->graph);

    if (st != ST_OK) {
        return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no job of this id.")
                             : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    job_retry_row(&parent, clock_wall_ms(), &job->row);
    return new_job_check_backend(r, &job->row, e);
}

enum MHD_Result jobs_retry(struct request *r)
{
    AUTO(submission_clear)
    struct submission job = {.graph = BUF_INIT((size_t)r->parts->config->server_max_body)};
    struct err e;
    enum errc rc;
    char kind[sizeof "retry " + ID_LEN];

    err_fresh(&e);
    rc = body_must_be_empty(r, &e);
    if (rc == ERR_NONE) {
        rc = new_job_check_header(r, &e);
    }
    if (rc == ERR_NONE) {
        rc = make(r, &job, &e);
    }
    if (rc != ERR_NONE) {
        return reply_problem(r, &e);
    }
    (void)snprintf(kind, sizeof kind, "retry %s", r->id.text);
    return new_job_push(r, &job, kind);
}
