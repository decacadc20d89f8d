/* offload.h - slow work off the HTTP threads: files made durable, pictures drawn small, addresses fetched.
 *
 * A few threads of their own, first in first out. Each HTTP thread serves thousands of connections
 * and the engine all jobs; neither may wait for a disk or for a stranger's server. What waits here
 * has its connection suspended (request.h, request_offload).
 *
 * Threads: offload_push anywhere, the rest on the owner's. Locks: one, inside; never held while work runs.
 */
#ifndef CG_HTTP_OFFLOAD_H
#define CG_HTTP_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/list.h"

struct offload;

/* Embedded in its owner, who keeps it alive until `run` is called. `run` may free the owner. */
struct offload_work {
    struct list node;
    void (*run)(struct offload_work *w);
};

/* Starts `threads` threads; at most max_waiting works wait for them. NULL when no thread can be had. */
struct offload *offload_new(size_t threads, size_t max_waiting) MUST_CHECK;
/* Takes no more work, runs what is queued to its end, ends the threads. offload_push may still be called. */
void offload_close(struct offload *o);
/* The same, when nobody calls any of these any more. NULL is fine. */
void offload_free(struct offload *o);
/* False when too much waits: the work is still the caller's. */
bool offload_push(struct offload *o, struct offload_work *w) MUST_CHECK;

#endif
