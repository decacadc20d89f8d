/* jobs_delete.c - DELETE /v1/jobs/{id} (deleteJob).
 */
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result committed(struct request *r)
{
    struct err e;

    if (r->cmd.result == ERR_NONE) {
        return reply_no_content(r);
    }
    request_cmd_error(r, &e);
    return reply_problem(r, &e);
}

enum MHD_Result jobs_delete(struct request *r)
{
    r->cmd.kind = CMD_DELETE;
    r->cmd.job = r->id;
    return request_push(r, committed);
}
