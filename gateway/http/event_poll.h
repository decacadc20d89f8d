/* event_poll.h - events to one reader as one page of JSON, for which the request may wait.
 */
#ifndef CG_HTTP_EVENT_POLL_H
#define CG_HTTP_EVENT_POLL_H

#include <microhttpd.h>

#include "http/event_query.h"

struct request;

/* Answers the request, perhaps after a while. `query` is copied, but for texts that the request's uri owns. */
enum MHD_Result event_poll_answer(struct request *r, const struct event_query *query);

#endif
