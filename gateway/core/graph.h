/* graph.h - a workflow in ComfyUI's API format, checked and edited as bytes.
 *
 * A graph is an object: node id -> {class_type, inputs, _meta?}. It is stored
 * and sent as it was written; changes are a list of (span, replacement) edits
 * applied once. Pure; any thread.
 */
#ifndef CG_CORE_GRAPH_H
#define CG_CORE_GRAPH_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json.h"

struct graph_limits {
    struct json_limits json;
    size_t nodes;
};

/* Checks the shape of the graph at `node` of doc: an object of nodes, each with a string
 * class_type and, if present, an object `inputs`; links ["id", slot] name a node that exists; ids
 * are 1..256 bytes without U+0000. Faults go to e as INVALID_WORKFLOW items with pointers below `pointer`
 * ("/workflow"), up to 32; the editor's save format (nodes[] and links[]) is WORKFLOW_FORMAT_UI
 * with a sentence that says which export to use ("Workflow > Export (API)"). *out_nodes: how many. */
enum errc graph_check(const struct json_doc *doc, json_ref graph, const char *pointer,
                      size_t max_nodes, size_t *out_nodes, struct err *e) MUST_CHECK;

/* What progress needs to know of a stored graph: class and title of each node. */
struct graph_index;
/* NULL when the bytes are no graph. */
struct graph_index *graph_index_new(struct span graph) MUST_CHECK;
void graph_index_free(struct graph_index *g); /* NULL is fine */
size_t graph_index_count(const struct graph_index *g);
const char *graph_index_class(const struct graph_index *g,
                              const char *node_id); /* NULL = no such node */
const char *graph_index_title(const struct graph_index *g,
                              const char *node_id); /* _meta.title, or NULL */
/* How much of the graph's work the node is thought to be: its `steps` when it says so, up to 100, else 1; 0 = no such node. */
int graph_index_weight(const struct graph_index *g, const char *node_id);
int graph_index_weights(const struct graph_index *g); /* of all nodes */
size_t graph_index_place(const struct graph_index *g,
                         const char *node_id); /* 0 = written first; SIZE_MAX = no such node */
/* The graph's own node that node_id is, or was expanded from ("3.0.0.1" from "3"). Borrowed; NULL = none. */
const char *graph_index_own_node(const struct graph_index *g, const char *node_id);

/* One replacement of bytes. */
struct graph_edit {
    size_t offset;
    size_t len;
    size_t order;      /* of those at one offset, insertions come first, in the order added */
    char *replacement; /* owned by the list */
    size_t replacement_len;
};
struct graph_edits {
    struct graph_edit *item;
    size_t count;
};
void graph_edits_add(struct graph_edits *edits, size_t offset, size_t len, struct span replacement);
void graph_edits_clear(struct graph_edits *edits);
/* Appends graph with all edits applied to out. False when two edits overlap or one lies outside. */
bool graph_edits_apply(struct span graph, struct graph_edits *edits, struct buf *out) MUST_CHECK;

/* Gives every output node of the graph its own file prefix, so that ComfyUI's cache cannot answer
 * with another job's files: each string input `filename_prefix` becomes
 * "comfygate/<job_id>/<what it was>" (without "..", leading "/" or %date% trickery changed: the old text is kept
 * after the prefix; a link instead of a string is left alone). Appends the new graph to out. */
enum errc graph_own_prefix(struct span graph, struct id job_id, struct buf *out, struct err *e)
    MUST_CHECK;

struct graph_rename {
    const char *from;
    const char *to;
};
/* Appends the graph to out with the new names: of each input that is a string and one of the old names as a
 * whole. False when the bytes are no graph or out is full. */
bool graph_rename_files(struct span graph, const struct graph_rename *rename, size_t count,
                        struct buf *out) MUST_CHECK;

#endif
