/* jobs_post.c - POST /v1/jobs (submitJob).
 */
#include "base/clock.h"
#include "http/handlers.h"
#include "http/new_job.h"
#include "http/reply.h"
#include "http/request.h"

enum MHD_Result jobs_post(struct request *r)
{
    AUTO(submission_clear) struct submission job;
    const struct config *c = r->parts->config;
    struct submit_limits limits = {.json = request_json_limits(r),
                                   .graph_nodes = (size_t)c->graph_max_nodes,
                                   .default_max_attempts = (int)c->job_max_attempts};
    struct err e;
    enum errc rc;

    err_fresh(&e);
    rc = submission_parse(buf_span(&r->body), &limits, clock_wall_ms(), &job, &e);
    if (rc == ERR_NONE) {
        rc = new_job_check_header(r, &e);
    }
    return rc == ERR_NONE ? new_job_run(r, &job, NULL, "submit") : reply_problem(r, &e);
}
