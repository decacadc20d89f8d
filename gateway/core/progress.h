/* progress.h - how far a prompt is, from what its ComfyUI tells on the way. Pure.
 *
 * The measure is the whole graph: a node that is done or answered from the
 * cache counts its weight (graph_index_weight: a sampler's steps), the node at
 * work the part of it that its steps tell. The value
 * never falls within an attempt, whatever order messages come in.
 */
#ifndef CG_CORE_PROGRESS_H
#define CG_CORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/comfy_wire.h"
#include "core/graph.h"
#include "core/job.h"

struct progress;

/* Borrows index for its life. */
struct progress *progress_new(const struct graph_index *index) MUST_CHECK;
void progress_free(struct progress *p); /* NULL is fine */
/* Takes a message of this prompt into account. True when something visible changed. */
bool progress_message(struct progress *p, const struct comfy_message *m, int64_t now);
/* A new preview picture has come. */
void progress_preview(struct progress *p, int64_t seq, int64_t now);
/* Borrowed; changes with the next message. */
const struct job_progress *progress_now(const struct progress *p);

#endif
