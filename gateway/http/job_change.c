#include "http/job_change.h"

#include "http/reply.h"
#include "http/request.h"

enum MHD_Result job_change_answer(struct request *r, bool is_ok_open)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    struct MHD_Response *response;
    struct err e;

    err_fresh(&e);
    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    if (job_look(r, r->id, &look, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    response = reply_bytes(look.json, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, look.etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, is_ok_open || look.has_ended ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, response);
}
