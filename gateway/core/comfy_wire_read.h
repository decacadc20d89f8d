/* comfy_wire_read.h - what the readers of ComfyUI's text share. Private to comfy_wire*.c.
 */
#ifndef CG_CORE_COMFY_WIRE_READ_H
#define CG_CORE_COMFY_WIRE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/json.h"
#include "base/span.h"
#include "core/graph.h"
#include "core/job.h"

/* NULL when the text is no JSON; else freed with json_free. */
struct json_doc *wire_parse(struct span text) MUST_CHECK;

bool wire_is(const struct json_doc *doc, json_ref node,
             enum json_type type); /* JSON_NONE is nothing */
double wire_number(const struct json_doc *doc, json_ref node, double fallback); /* always finite */
int64_t wire_int(const struct json_doc *doc, json_ref node, int64_t fallback);  /* 7.0 is 7 */
struct id wire_id(const struct json_doc *doc, json_ref node); /* none when it is no UUID */
/* The text of the first node that is a non-empty string; NULL when neither is. */
char *wire_text(const struct json_doc *doc, json_ref first, json_ref second) MUST_CHECK;
char *wire_key(const struct json_doc *doc, json_ref member) MUST_CHECK; /* never NULL */
/* True when the string at node contains `part`, without regard to ASCII case. */
bool wire_contains(const struct json_doc *doc, json_ref node, const char *part);

struct span wire_trim(struct span text);
/* Sets *error to "<class> (node <id>): <words>", leaving out what is NULL. The words are trimmed
 * and cut; all texts are copied. */
void wire_blame(struct job_error *error, enum job_errc code, const char *node_id,
                const char *class_type, struct span words);
/* Fills in class and title from the graph where they are not known. g may be NULL. */
void wire_name_node(struct job_error *error, const struct graph_index *g);
/* Reads the data of execution_error. False for an "ExecutionBlocked": only one branch of the graph
 * was held back, the prompt goes on. */
bool wire_execution_error(const struct json_doc *doc, json_ref data, struct job_error *out)
    MUST_CHECK;
void wire_interruption(const struct json_doc *doc, json_ref data, struct job_error *out);

#endif
