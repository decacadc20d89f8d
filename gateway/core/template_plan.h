/* template_plan.h - what a job's input changes in a template's graph, before it is written. Private
 * to template_bind*.c and template_emit.c.
 *
 * Parameters note what they want, in any order; only template_emit() looks at all of it together. So
 * a chain of loaders, a switch and a removal that meet at one link need not know of each other.
 */
#ifndef CG_CORE_TEMPLATE_PLAN_H
#define CG_CORE_TEMPLATE_PLAN_H

#include "core/template_parts.h"

/* What becomes of an input. Neither: it keeps its bytes. */
struct template_change {
    char *text;                  /* JSON of its new value, or NULL */
    struct template_source link; /* of a switch; node is TEMPLATE_NONE otherwise */
};

/* Consumers of `from` take slot `slot` of the new node `id` instead. */
struct template_detour {
    struct template_source from;
    char *id;
    int64_t slot;
};

struct template_plan {
    const struct template *t;
    const struct template_request *r;
    struct template_bound *out;
    struct err *e; /* not NULL */
    size_t faults;
    struct template_change *change; /* one for each input */
    bool *is_gone;                  /* one for each node */
    struct template_detour *detour;
    size_t detour_count;
    struct buf added; /* new nodes, each with a comma before it */
    size_t added_count;
};

/* A value of the input, or a default of the manifest. */
struct template_value {
    const struct json_doc *doc;
    json_ref node;
};

/* Notes a fault of a parameter's value; of element `index` and its `member` when that is not NULL. */
struct template_spot {
    const struct template_param *param;
    size_t index;
    const char *member;
};
void template_plan_fault(struct template_plan *plan, struct template_spot spot, const char *kind,
                         const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Notes a fault when a catalog is there and says that an input cannot have this value. */
void template_plan_ask(struct template_plan *plan, struct template_spot spot,
                       const char *class_type, const char *input, struct template_value value);
/* JSON of a number that ComfyUI can read: integers written out. NULL, with the fault noted, when it
 * is too large. The caller frees. */
char *template_plan_number(struct template_plan *plan, struct template_spot spot,
                           struct template_value value, bool is_integer) MUST_CHECK;

/* Notes what the value of a parameter changes. */
void template_plan_chain(struct template_plan *plan, const struct template_param *p,
                         struct template_value value);
void template_plan_asset(struct template_plan *plan, const struct template_param *p,
                         struct template_value value, struct json_out *effective);

/* Writes the graph: plan->out->graph and node_count. */
enum errc template_emit(struct template_plan *plan) MUST_CHECK;

#endif
