/* jobs_post.c - POST /v1/jobs (submitJob).
 */
#include "base/clock.h"
#include "core/graph.h"
#include "core/job_json.h"
#include "http/handlers.h"
#include "http/new_job.h"
#include "http/reply.h"
#include "http/request.h"

/* The graph with its file prefixes, and the problems. */
#define DRY_RUN_EXTRA (4U << 20)

static void write_problems(struct json_out *o, const struct err *e)
{
    jo_arr(o, "problems");
    for (size_t i = 0; i < e->item_count; i++) {
        jo_obj(o, NULL);
        jo_str(o, "pointer", e->item[i].at);
        jo_str(o, "code", e->item[i].code);
        jo_str(o, "detail", e->item[i].detail);
        jo_end(o);
    }
    jo_end(o);
}

/* What would be sent, and what would keep it from running. Nothing is stored. */
static enum MHD_Result answer_dry_run(struct request *r, const struct submission *job,
                                      const struct err *problems)
{
    size_t max = job->graph.len + DRY_RUN_EXTRA;
    AUTO(buf_clear) struct buf graph = BUF_INIT(max);
    AUTO(buf_clear) struct buf text = BUF_INIT(max * 2);
    struct json_out json = json_out_to(&text);
    struct err e;

    err_fresh(&e);
    if (graph_own_prefix(buf_span(&job->graph), job_prefix(&job->row), &graph, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    jo_obj(&json, NULL);
    jo_raw(&json, "workflow", buf_span(&graph));
    write_problems(&json, problems);
    jo_end(&json);
    return reply_json(r, MHD_HTTP_OK, &text);
}

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
    if (rc != ERR_NONE) {
        return reply_problem(r, &e);
    }
    rc = new_job_check_backend(r, &job.row, &e);
    if (job.is_dry_run) {
        return answer_dry_run(r, &job, &e);
    }
    return rc == ERR_NONE ? new_job_push(r, &job, "submit") : reply_problem(r, &e);
}
