/* worker.h - slow work off the engine: a few threads, first in first begun.
 *
 * For output files: what they are is read, and they are made durable and brought to where they are kept. For
 * input files: they are fetched from there. For what a ComfyUI has: its answer is read. The result comes back as a call on the engine thread, from worker_collect.
 *
 * Threads: all functions on the engine's; `run` on the worker's.
 */
#ifndef CG_ENGINE_WORKER_H
#define CG_ENGINE_WORKER_H

#include "base/attr.h"
#include "base/list.h"
#include "net/loop.h"

struct worker;

/* Embedded in its owner, who keeps it alive until `done`. */
struct work {
    struct list node;
    void (*run)(struct work *w);  /* a worker thread */
    void (*done)(struct work *w); /* engine thread; may free the owner */
};

/* At least one thread; results wake the loop. */
struct worker *worker_new(struct loop *loop, size_t threads) MUST_CHECK;
/* Runs what is queued to its end and stops the threads; the results can still be collected. */
void worker_finish(struct worker *w);
/* The same, and drops what was not collected. NULL is fine. */
void worker_free(struct worker *w);
void worker_add(struct worker *w, struct work *work);
/* Calls done() of everything finished. */
void worker_collect(struct worker *w);

#endif
