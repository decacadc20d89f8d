/* event_snapshot.h - how things stand when somebody begins to listen.
 */
#ifndef CG_HTTP_EVENT_SNAPSHOT_H
#define CG_HTTP_EVENT_SNAPSHOT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/event.h"

struct request;

#define SNAPSHOT_JOBS_MAX 200

struct snapshot {
    struct buf data; /* of the event */
    bool has_ended;  /* the job that was asked for */
    size_t job_count;
    struct id job[SNAPSHOT_JOBS_MAX]; /* those in it that have not ended */
};

/* Of the job in the path, or, when there is none, of all open jobs that `whose` takes, the oldest first and up
 * to SNAPSHOT_JOBS_MAX, and of the backends. NOT_FOUND or STORE_UNAVAILABLE. */
enum errc snapshot_make(struct request *r, const struct event_filter *whose, struct snapshot *out,
                        struct err *e) MUST_CHECK;
void snapshot_clear(struct snapshot *s);

#endif
