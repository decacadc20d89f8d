/* event_source.h - the durable events that one reader has not seen, in order: from the feed, and from
 * the store as long as the feed does not reach back so far.
 *
 * Belongs to one request; runs on its HTTP thread.
 */
#ifndef CG_HTTP_EVENT_SOURCE_H
#define CG_HTTP_EVENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "bridge/event_feed.h"
#include "core/event.h"
#include "http/internal.h"

#define SOURCE_BATCH 32

struct event_source {
    struct http_server *server;
    const struct event_filter *whose; /* borrowed */
    struct feed_reader reader;
    int64_t seq;       /* the last event that was given out, or passed over */
    bool has_seen_end; /* of reader.job, whether it was given out or not */
    bool
        asks_store; /* set by the owner: the job has ended, and its end may not have been told yet */
    bool is_entered;
    size_t count;
    size_t at;
    struct event batch[SOURCE_BATCH];
};

/* Whether all events that follow this one are still there, so that a reader can go on behind it. */
bool event_source_keeps(struct http_server *server, int64_t after) MUST_CHECK;
/* Where a reader of one job goes on that has seen `after`: just before the job's first event when all before that
 * was of other jobs, so that a story that is kept as a whole is told, whatever is kept of others; else `after`. */
int64_t event_source_from(struct http_server *server, struct id job, int64_t after) MUST_CHECK;
/* Takes a place in the feed, as the reader's upper part says. RATE_LIMITED when too many listen, or
 * SHUTTING_DOWN. */
enum errc event_source_open(struct event_source *s, struct err *e) MUST_CHECK;
void event_source_close(struct event_source *s); /* harmless when it is not open */

enum source_next {
    SOURCE_EVENT,   /* the caller owns it */
    SOURCE_NOTHING, /* all is seen: park */
    SOURCE_BUSY,    /* much was passed over: let others have the thread, then ask again */
    SOURCE_BROKEN,  /* the store does not answer, or what follows was removed from it */
};
enum source_next event_source_next(struct event_source *s, struct event *out) MUST_CHECK;

#endif
