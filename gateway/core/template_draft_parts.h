/* template_draft_parts.h - the insides of a draft. Private to template_draft*.c.
 *
 * Finders look at the graph and offer inputs; template_draft_param.c makes parameters of them. An
 * input that was taken stays taken (its `owner` in the graph is the parameter's index), so the order
 * of the finders, in template_draft.c, is their rank.
 */
#ifndef CG_CORE_TEMPLATE_DRAFT_PARTS_H
#define CG_CORE_TEMPLATE_DRAFT_PARTS_H

#include "core/template_draft.h"
#include "core/template_parts.h"

/* What a parameter is for, when that is known. */
struct draft_role {
    const char *name;
    enum template_type type;
    int order;       /* in the form */
    const char *min; /* numbers as JSON; NULL = none */
    const char *max;
    const char *step; /* kept to when the workflow's own value does */
    bool is_advanced;
    const char *description;
};
const struct draft_role *draft_role(const char *name); /* NULL = no such */

struct draft_target {
    size_t node;
    size_t input; /* TEMPLATE_NONE: the node as a whole */
    enum template_confidence confidence;
    char *why;
};

struct draft_param {
    char name[TEMPLATE_NAME_MAX + 1];
    char base[TEMPLATE_NAME_MAX + 1]; /* without the number that makes it the only one */
    const struct draft_role *role;    /* NULL: not known */
    enum template_op op;
    enum template_type type;
    struct draft_target *target;
    size_t target_count;
    bool is_mixed; /* the targets' own values differ: no default */
    bool is_required;
    bool is_dropped; /* template_load() did not want it */
    bool removes;
    size_t *removed; /* nodes beside those of the targets */
    size_t removed_count;
    struct template_source model; /* of a lora-chain; nodes are TEMPLATE_NONE elsewhere */
    struct template_source clip;
};

struct draft_outcome {
    size_t node;
    const char *type;
};

/* What was looked at and left. */
struct draft_left {
    size_t node;
    size_t input;
    char *why;
};

#define DRAFT_OUTCOMES_MAX 16
#define DRAFT_LEFT_MAX     200
#define DRAFT_TARGETS_MAX  64

struct draft {
    const struct template_draft_request *r;
    struct template_graph g;
    size_t *order; /* nodes that an outcome is made of, each after all that it is made of */
    size_t order_count;
    bool *is_alive; /* whether a node is among them */
    struct draft_param param[TEMPLATE_PARAMS_MAX];
    size_t param_count;
    struct draft_outcome outcome[DRAFT_OUTCOMES_MAX];
    size_t outcome_count;
    size_t primary; /* index of an outcome */
    struct draft_left left[DRAFT_LEFT_MAX];
    size_t left_count;
    size_t encoder; /* the node that holds the first prompt; TEMPLATE_NONE = none */
    size_t sampler_count;
};

/* ---- template_draft_walk.c: looking around ------------------------------------------------------ */

/* The input when the node has it and it is a text, number or boolean, else TEMPLATE_NONE. */
size_t draft_plain(const struct draft *d, size_t node, const char *name);
/* Where a linked input comes from; node is TEMPLATE_NONE when it is none. */
struct template_source draft_link(const struct draft *d, size_t node, const char *name);
/* The plain input that an input's value comes from: itself, or that of a node which only passes a
 * value on. TEMPLATE_NONE when it is computed. */
size_t draft_resolve(const struct draft *d, size_t input);
bool draft_is_class(const struct draft *d, size_t node, const char *const *classes, size_t count);
bool draft_same_value(const struct draft *d, size_t a, size_t b);
/* Fills order and is_alive, from the outcomes backwards. */
void draft_sort(struct draft *d);
/* A title that somebody chose, and that only this node has. */
bool draft_has_own_title(const struct draft *d, size_t node);
/* What is declared of an input; false when nothing is known. */
bool draft_declared(const struct draft *d, size_t input, struct object_input *out);

/* ---- template_draft_param.c: parameters ---------------------------------------------------------- */

struct draft_offer {
    const char *name;
    size_t input;
    enum template_confidence confidence;
    const char *why; /* copied */
};
/* Makes the input a target of the parameter `name`, or of name_2 and so on when the workflow's values
 * differ. False when it is taken, cannot be set, or there are too many parameters. */
bool draft_offer(struct draft *d, const struct draft_offer *offer);
/* Whether a parameter has the input already; says so when it is for something else than `name`, which
 * the node takes it as. */
bool draft_note_owner(struct draft *d, size_t node, size_t place, const char *name);
/* A parameter without targets yet; NULL when there are too many. */
struct draft_param *draft_param_add(struct draft *d, const char *base);
void draft_target_add(struct draft *d, struct draft_param *p, struct draft_target target);
void draft_left(struct draft *d, size_t node, size_t input, const char *fmt, ...) PRINTF_LIKE(4, 5);
void draft_param_clear(struct draft_param *p);

/* ---- finders ----------------------------------------------------------------------------------- */

void draft_find_outcomes(struct draft *d); /* template_draft_media.c */
void draft_find_titles(struct draft *d);   /* template_draft_title.c */
void draft_find_samplers(struct draft *d); /* template_draft_sampler.c */
void draft_find_texts(struct draft *d, struct template_source from, const char *name,
                      enum template_confidence confidence); /* template_draft_text.c */
void draft_find_chain(struct draft *d, size_t sampler);     /* template_draft_lora.c */
void draft_find_files(struct draft *d);                     /* template_draft_media.c */
void draft_find_constants(struct draft *d);                 /* template_draft_title.c */
void draft_find_leftovers(struct draft *d);                 /* template_draft_title.c */
/* Whether ComfyUI wants a file's name there. */
bool draft_is_file(const struct draft *d, size_t input);
/* The word for what the file is: "image"; NULL when it is none. */
const char *draft_file_word(const struct draft *d, size_t input);
/* Folder of models that an input names, "loras"; NULL when it names none. */
const char *draft_model_folder(const struct draft *d, size_t input);

/* ---- writing ------------------------------------------------------------------------------------ */

/* Members into the open object of o. */
void draft_write_selector(const struct draft *d, struct json_out *o, size_t node);
void draft_write_param(const struct draft *d, struct json_out *o, const struct draft_param *p,
                       int order); /* template_draft_schema.c */
/* The whole manifest, in one line. */
void draft_write_manifest(const struct draft *d, struct buf *out); /* template_draft_manifest.c */
/* Indexes of the parameters that are not dropped, in the form's order; returns how many. */
size_t draft_in_order(const struct draft *d, size_t out[TEMPLATE_PARAMS_MAX]);
/* What the draft would be of, one of the words of the manifest's category. */
const char *draft_category(const struct draft *d);

#endif
