/* jobs_preview.c - GET /v1/jobs/{id}/preview (getJobPreview): what a running job is drawing.
 */
#include <inttypes.h>
#include <stdio.h>

#include "http/condition.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result answer_none(struct request *r)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    struct err e;

    err_fresh(&e);
    return job_look(r, r->id, &look, &e) == ERR_NONE ? reply_no_content(r) : reply_problem(r, &e);
}

enum MHD_Result jobs_preview(struct request *r)
{
    const char *mime = NULL;
    int64_t seq = 0;
    AUTO(bytes_unref_ptr)
    struct bytes *image = hub_preview(r->parts->hub, r->id, &mime, &seq);
    struct MHD_Response *response;
    char etag[64];

    if (image == NULL) {
        return answer_none(r);
    }
    /* The length too: after a restart of the gateway the numbers begin anew. */
    (void)snprintf(etag, sizeof etag, "\"%" PRId64 "-%zu\"", seq, bytes_span(image).len);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    response = reply_bytes(image, mime);
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    reply_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
    return reply_send(r, MHD_HTTP_OK, response);
}
