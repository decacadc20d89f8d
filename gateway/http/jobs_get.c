/* jobs_get.c - GET /v1/jobs/{id} (getJob): look at a job, or wait for it.
 */
#include "base/clock.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

#define WAIT_MAX_S 60

static enum MHD_Result answer(struct request *r, const struct job_look *look)
{
    struct MHD_Response *response;

    if (r->wait.is_refused && !hub_is_closed(r->parts->hub)) {
        return reply_error(r, ERR_RATE_LIMITED, "Too many requests wait already.");
    }
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), look->etag, true)) {
        return reply_not_modified(r, look->etag, CACHE_REVALIDATE);
    }
    response = reply_bytes(look->json, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, look->etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, MHD_HTTP_OK, response);
}

enum MHD_Result jobs_get(struct request *r)
{
    const char *text = uri_param(&r->uri, "wait");
    int wait_s = 0;
    char etag[JOB_ETAG_SIZE];

    if (text != NULL && !decimal_parse(text, 0, WAIT_MAX_S, &wait_s)) {
        struct err e;

        err_fresh(&e);
        (void)err_param(&e, "wait", "must be 0 to %d seconds", WAIT_MAX_S);
        return reply_problem(r, &e);
    }
    r->wait.job = r->id;
    r->wait.until_mono_ms = wait_s > 0 ? clock_mono_ms() + (int64_t)wait_s * 1000 : 0;
    r->wait.unless_etag = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    r->wait.answer = answer;
    if (wait_s == 0 && job_is_unchanged(r, r->id, r->wait.unless_etag, etag)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    return job_wait_run(r);
}
