/* graph_set.h - `--set NODE.input=value`: changes inputs of a workflow, and no other byte of it.
 *
 * NODE is a node's id or a title (_meta.title) that only one node has. A value that is
 * valid JSON is put as it is written; anything else becomes a string.
 */
#ifndef CG_CLI_GRAPH_SET_H
#define CG_CLI_GRAPH_SET_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"

/* Appends graph with all `sets` made to out. On failure e's detail is a sentence that names what
 * there is instead ("node 7 has no input "sed"; it has: seed, steps, cfg"). */
enum errc graph_set_apply(struct span graph, const struct words *sets, struct buf *out,
                          struct err *e) MUST_CHECK;

#endif
