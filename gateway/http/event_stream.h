/* event_stream.h - events to one reader as Server-Sent Events, for as long as it listens.
 *
 * No thread and no timer of its own: while there is nothing to tell, its connection is suspended and
 * parked in the feed, which wakes it. What it sends is shared with all other readers but
 * for its place; see bridge/event_feed.h.
 */
#ifndef CG_HTTP_EVENT_STREAM_H
#define CG_HTTP_EVENT_STREAM_H

#include <microhttpd.h>

#include "http/event_query.h"

struct request;

/* Answers the request with a stream. `query` is copied, but for texts that the request's uri owns. */
enum MHD_Result event_stream_answer(struct request *r, const struct event_query *query);

#endif
