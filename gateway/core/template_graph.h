/* template_graph.h - a template's workflow as nodes and inputs that can be pointed at. Private to
 * template*.c.
 *
 * Only an index: values stay bytes of the text. It borrows nothing but its own doc and never changes.
 */
#ifndef CG_CORE_TEMPLATE_GRAPH_H
#define CG_CORE_TEMPLATE_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "core/graph.h"

#define TEMPLATE_NONE SIZE_MAX /* no node, no input, no parameter */

/* An output of a node: where a link comes from. */
struct template_source {
    size_t node;
    int64_t slot;
};

struct template_input {
    size_t node;
    json_ref value;
    struct template_source link; /* node is TEMPLATE_NONE when the value is no link */
    size_t owner;                /* the parameter that sets it, or TEMPLATE_NONE */
    size_t over;                 /* the one whose value replaces the owner's, or TEMPLATE_NONE */
};

struct template_node {
    json_ref ref;
    json_ref inputs; /* the object; JSON_NONE when there is none */
    char *id;
    char *class_type;
    char *title; /* _meta.title; "" when there is none */
    size_t first_input;
    size_t input_count;
};

struct template_graph {
    struct span text; /* borrowed */
    struct json_doc *doc;
    struct template_node *node;
    size_t node_count;
    struct template_input *input;
    size_t input_count;
    uint64_t next_id; /* no node has this number, or one above it, as its id */
};

/* Reads a text that may be no graph; faults go to e with pointers below "/workflow". *g is the
 * caller's, to be cleared, also on failure. */
enum errc template_graph_read(struct template_graph *g, struct span text, struct json_limits limits,
                              size_t max_nodes, struct err *e) MUST_CHECK;
void template_graph_clear(struct template_graph *g);

/* TEMPLATE_NONE when the node has no such input. */
size_t template_graph_input(const struct template_graph *g, size_t node, const char *name);
size_t template_graph_node(const struct template_graph *g, const char *id);
/* Pointer "/workflow/<id>", and "/<member>" and "/<name>" below it where they are not NULL. */
void template_graph_pointer(const struct template_graph *g, size_t node, const char *member,
                            const char *name, char out[128]);
/* Name of an input; the caller frees. */
char *template_graph_input_name(const struct template_graph *g, size_t input) MUST_CHECK;

/* Removes members from an object of doc, commas included: is_dropped has a flag for each, in order. */
void template_graph_drop(struct graph_edits *edits, const struct json_doc *doc, json_ref object,
                         const bool *is_dropped);

#endif
