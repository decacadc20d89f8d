/* graph_fit.h - whether a ComfyUI has what a workflow asks for, and which model the workflow is about.
 *
 * A guess that saves a useless attempt, not a check: ComfyUI has the last word on each prompt. Pure; any thread.
 */
#ifndef CG_CORE_GRAPH_FIT_H
#define CG_CORE_GRAPH_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "core/template_live.h"

/* True when the catalog knows the class of each node, and no text input is a choice that it does not offer. Otherwise
 * what is missing first is appended to `lacks` as words, unless that is NULL. */
bool graph_fits(const struct json_doc *graph, const struct node_catalog *catalog,
                struct buf *lacks);
/* The same for workflows that load the same checkpoints and diffusion models in the same order; 0 = none. */
uint64_t graph_model(const struct json_doc *graph);

#endif
