/* jobs_cancel.c - POST /v1/jobs/{id}/cancel (cancelJob).
 */
#include "http/body.h"
#include "http/handlers.h"
#include "http/job_change.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result committed(struct request *r)
{
    return job_change_answer(r, false);
}

enum MHD_Result jobs_cancel(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (body_must_be_empty(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->cmd.kind = CMD_CANCEL;
    r->cmd.job = r->id;
    return request_push(r, committed);
}
