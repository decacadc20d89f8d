/* template_parts.h - the insides of a struct template. Private to template*.c.
 *
 * Loading: template_load.c reads the manifest, template_param.c a parameter's x-comfy,
 * template_param_ops.c the operations that are more than a list of targets, and template_check.c
 * what only all parameters together tell. template_shape.c says, as JSON Schemas, what each part looks like.
 * Using: template_bind.c, template_bind_ops.c and template_emit.c make a job's graph,
 * template_live.c asks a ComfyUI, template_json.c shows.
 */
#ifndef CG_CORE_TEMPLATE_PARTS_H
#define CG_CORE_TEMPLATE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "core/json_schema.h"
#include "core/template.h"
#include "core/template_graph.h"

enum template_op {
    TEMPLATE_SET,
    TEMPLATE_SEED,
    TEMPLATE_ASSET,
    TEMPLATE_LORA_CHAIN,
    TEMPLATE_MAP,
    TEMPLATE_SWITCH,
    TEMPLATE_OP_COUNT
};

enum template_type {
    TEMPLATE_STRING,
    TEMPLATE_INTEGER,
    TEMPLATE_NUMBER,
    TEMPLATE_BOOLEAN,
    TEMPLATE_ARRAY,
    TEMPLATE_TYPE_COUNT
};

/* One input that a choice of a map sets. */
struct template_setting {
    size_t input;
    json_ref value; /* in the manifest */
};

/* One choice of a map or a switch. */
struct template_choice {
    json_ref name; /* in the manifest: the member whose key is the choice */
    struct template_setting *setting;
    size_t setting_count;
    struct template_source source;
};

struct template_param {
    char *name;
    json_ref schema;   /* in the manifest, as the next two */
    json_ref binding;  /* x-comfy */
    json_ref fallback; /* the schema's default; JSON_NONE when there is none */
    enum template_op op;
    enum template_type type;
    bool is_required;
    bool removes;   /* absent: "remove" */
    char *over;     /* name of the map whose settings this one replaces; NULL when there is none */
    size_t *target; /* inputs of the graph */
    size_t target_count;
    size_t *gone; /* nodes that go when the parameter is absent */
    size_t gone_count;
    struct template_choice *choice;
    size_t choice_count;
    struct template_source model; /* of a lora-chain */
    struct template_source clip;  /* node TEMPLATE_NONE: the loader takes no clip */
};

struct template_outcome {
    size_t node;
    char *type;
    bool is_primary;
};

struct template
{
    char *text; /* manifest */
    char *workflow_text;
    struct json_doc *doc; /* of the manifest */
    struct json_schema *schema;
    json_ref input; /* the schema's place in the manifest */
    struct template_graph graph;
    char *name;
    char *title;
    char *category;
    int64_t timeout_ms;
    int max_attempts;
    struct template_param *param;
    size_t param_count;
    struct template_outcome *outcome;
    size_t outcome_count;
};

#define TEMPLATE_LOADER            "LoraLoader"
#define TEMPLATE_LOADER_MODEL_ONLY "LoraLoaderModelOnly"

/* ---- loading --------------------------------------------------------------------------------- */

struct template_load {
    struct template *t;
    struct err *e; /* not NULL */
    size_t faults;
};

/* Notes a fault at a node of the manifest. */
void template_fault(struct template_load *l, json_ref node, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

enum template_shape {
    SHAPE_MANIFEST,
    SHAPE_INPUT,    /* the outermost keywords of `input` */
    SHAPE_UI,       /* x-ui */
    SHAPE_OPTIONS,  /* x-options */
    SHAPE_LORAS,    /* the schema of a lora-chain's parameter */
    SHAPE_BINDINGS, /* x-comfy: one for each op, in their order */
    SHAPE_COUNT = SHAPE_BINDINGS + TEMPLATE_OP_COUNT
};
/* Checks a node of the manifest against our own schema of such a part; false with the faults noted. */
bool template_shape_check(struct template_load *l, unsigned shape, json_ref node) MUST_CHECK;

/* Fills in p, whose name and schema are there, from its x-comfy; false with the faults noted. */
bool template_param_load(struct template_load *l, struct template_param *p) MUST_CHECK;
void template_param_clear(struct template_param *p);
/* Those of op lora-chain, map and switch. */
bool template_chain_load(struct template_load *l, struct template_param *p) MUST_CHECK;
bool template_map_load(struct template_load *l, struct template_param *p) MUST_CHECK;
bool template_switch_load(struct template_load *l, struct template_param *p) MUST_CHECK;

/* The node that title, node or class of an object of the manifest selects; TEMPLATE_NONE, with the
 * fault noted, unless it is exactly one. */
size_t template_select(struct template_load *l, json_ref selector);
/* The input that a selector with `input` names, now owned by p; TEMPLATE_NONE as above, and when
 * another parameter owns it. */
size_t template_claim(struct template_load *l, const struct template_param *p, json_ref target);
bool template_select_source(struct template_load *l, json_ref selector, struct template_source *out)
    MUST_CHECK;
/* Whether a value, as far as its JSON type goes, may stand in for an input's own one. */
bool template_may_replace(const struct template *t, json_ref value, size_t input);

/* What only all parameters together tell. */
void template_check_parts(struct template_load *l);

/* ---- using ----------------------------------------------------------------------------------- */

/* The choice that a value (a string or a boolean) means; NULL when it is none. */
const struct template_choice *template_choose(const struct template *t,
                                              const struct template_param *p,
                                              const struct json_doc *doc, json_ref value);
const char *template_loader_of(const struct template_param *p);

#endif
