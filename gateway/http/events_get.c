/* events_get.c - GET /v1/jobs/{id}/events (getJobEvents) and GET /v1/events (getEvents).
 */
#include "http/event_poll.h"
#include "http/event_query.h"
#include "http/event_source.h"
#include "http/event_stream.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result answer(struct request *r)
{
    enum event_form form = event_form_of(request_header(r, MHD_HTTP_HEADER_ACCEPT));
    struct event_query query;
    struct err e;

    if (form == FORM_NONE) {
        return reply_error(r, ERR_NOT_ACCEPTABLE,
                           "Events come as text/event-stream or application/json.");
    }
    err_fresh(&e);
    if (event_query_parse(&r->uri, request_header(r, "Last-Event-ID"), form, &query, &e) !=
        ERR_NONE) {
        return reply_problem(r, &e);
    }
    query.whose.owner = caller_sees(&r->caller);
    query.whose.hides_backends = !caller_has(&r->caller, SCOPE_BACKENDS_READ);
    if (query.has_after && !id_is_none(r->id)) {
        query.after = event_source_from(r->server, r->id, query.after);
    }
    return form == FORM_STREAM ? event_stream_answer(r, &query) : event_poll_answer(r, &query);
}

enum MHD_Result events_of_job(struct request *r)
{
    return answer(r);
}

enum MHD_Result events_of_all(struct request *r)
{
    return answer(r);
}
