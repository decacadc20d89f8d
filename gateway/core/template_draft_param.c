/* template_draft_param.c - parameters as finders offer them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_draft_parts.h"

/* ---- what parameters are for ------------------------------------------------------------------- */

/* Bounds that keep a slip of a finger from blocking a GPU for an hour; ComfyUI's own are wider. */
static const struct draft_role roles[] = {
    {.name = "prompt",
     .type = TEMPLATE_STRING,
     .order = 10,
     .description = "What the result shows."},
    {.name = "negative",
     .type = TEMPLATE_STRING,
     .order = 20,
     .is_advanced = true,
     .description = "What it must not show."},
    {.name = "image", .type = TEMPLATE_STRING, .order = 30, .description = "A picture."},
    {.name = "mask",
     .type = TEMPLATE_STRING,
     .order = 32,
     .description = "A picture that is the mask."},
    {.name = "video", .type = TEMPLATE_STRING, .order = 34, .description = "A video."},
    {.name = "audio", .type = TEMPLATE_STRING, .order = 36, .description = "A sound."},
    {.name = "strength",
     .type = TEMPLATE_NUMBER,
     .order = 40,
     .min = "0",
     .max = "1",
     .description = "How much may differ from the picture: 0 keeps it, 1 forgets it."},
    {.name = "width",
     .type = TEMPLATE_INTEGER,
     .order = 50,
     .min = "64",
     .max = "4096",
     .step = "8",
     .description = "Width in pixels."},
    {.name = "height",
     .type = TEMPLATE_INTEGER,
     .order = 51,
     .min = "64",
     .max = "4096",
     .step = "8",
     .description = "Height in pixels."},
    {.name = "frames",
     .type = TEMPLATE_INTEGER,
     .order = 52,
     .min = "1",
     .max = "241",
     .description = "How many frames the video has."},
    {.name = "count",
     .type = TEMPLATE_INTEGER,
     .order = 53,
     .min = "1",
     .max = "8",
     .description = "How many are made at once."},
    {.name = "steps",
     .type = TEMPLATE_INTEGER,
     .order = 60,
     .min = "1",
     .max = "100",
     .is_advanced = true,
     .description = "More steps take longer."},
    {.name = "cfg",
     .type = TEMPLATE_NUMBER,
     .order = 61,
     .min = "0",
     .max = "30",
     .is_advanced = true,
     .description = "How closely the result follows the text."},
    {.name = "guidance",
     .type = TEMPLATE_NUMBER,
     .order = 62,
     .min = "0",
     .max = "30",
     .is_advanced = true,
     .description = "How closely the result follows the text."},
    {.name = "seed",
     .type = TEMPLATE_INTEGER,
     .order = 70,
     .min = "0",
     .max = "9007199254740991",
     .description = "The same seed gives the same result. Random when absent."},
    {.name = "loras",
     .type = TEMPLATE_ARRAY,
     .order = 80,
     .description = "LoRAs, applied in this order."},
};

const struct draft_role *draft_role(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return &roles[i];
        }
    }
    return NULL;
}

const char *template_confidence_name(enum template_confidence confidence)
{
    static const char *const names[] = {"left", "guess", "likely", "sure"};

    return names[confidence];
}

/* ---- names ----------------------------------------------------------------------------------- */

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c;
}

bool template_draft_name(struct span text, char glue, char out[TEMPLATE_NAME_MAX + 1])
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len < TEMPLATE_NAME_MAX; i++) {
        char c = lower(text.ptr[i]);
        bool is_letter = c >= 'a' && c <= 'z';

        if (is_letter || (len > 0 && ((c >= '0' && c <= '9') || c == '_' || c == '-'))) {
            out[len++] = c;
        } else if (len > 0 && out[len - 1] != glue) {
            out[len++] = glue;
        }
    }
    while (len > 0 && (out[len - 1] == glue || out[len - 1] == '-' || out[len - 1] == '_')) {
        len--;
    }
    out[len] = '\0';
    return len > 0;
}

static bool is_name_taken(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->param_count; i++) {
        if (strcmp(d->param[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "image", "image2"; "steps", "steps_2": files are counted, all else is told apart. The last of the
 * parameters, which has no name yet, gets one. */
static void number_name(struct draft *d)
{
    struct draft_param *p = &d->param[d->param_count];
    const char *glue = p->op == TEMPLATE_ASSET ? "" : "_";
    AUTO(free_ptr) char *name = xstrdup(p->base);

    for (int i = 2; is_name_taken(d, name); i++) {
        free(name);
        name = xasprintf("%.26s%s%d", p->base, glue, i);
    }
    memcpy(p->name, name, strlen(name) + 1);
}

/* ---- parameters -------------------------------------------------------------------------------- */

static struct draft_param *add_param(struct draft *d, const char *base, enum template_op op)
{
    struct draft_param *p = &d->param[d->param_count];

    if (d->param_count == TEMPLATE_PARAMS_MAX) {
        return NULL;
    }
    *p = (struct draft_param){.op = op, .model.node = TEMPLATE_NONE, .clip.node = TEMPLATE_NONE};
    (void)snprintf(p->base, sizeof p->base, "%s", base);
    number_name(d);
    d->param_count++;
    return p;
}

struct draft_param *draft_param_add(struct draft *d, const char *base)
{
    return add_param(d, base, TEMPLATE_SET);
}

void draft_target_add(struct draft *d, struct draft_param *p, struct draft_target target)
{
    target.why = xstrdup(target.why);
    p->target = xrealloc(p->target, (p->target_count + 1) * sizeof *p->target);
    p->target[p->target_count++] = target;
    if (target.input != TEMPLATE_NONE) {
        d->g.input[target.input].owner = (size_t)(p - d->param);
    }
}

void draft_param_clear(struct draft_param *p)
{
    for (size_t i = 0; i < p->target_count; i++) {
        free(p->target[i].why);
    }
    free(p->target);
    free(p->removed);
    *p = (struct draft_param){0};
}

void draft_left(struct draft *d, size_t node, size_t input, const char *fmt, ...)
{
    char why[400];
    va_list args;

    for (size_t i = 0; i < d->left_count; i++) {
        if (d->left[i].node == node && d->left[i].input == input) {
            return;
        }
    }
    if (d->left_count < DRAFT_LEFT_MAX) {
        va_start(args, fmt);
        (void)vsnprintf(why, sizeof why, fmt, args);
        va_end(args);
        d->left[d->left_count++] = (struct draft_left){node, input, xstrdup(why)};
    }
}

bool draft_note_owner(struct draft *d, size_t node, size_t place, const char *name)
{
    size_t owner = d->g.input[place].owner;

    if (owner == TEMPLATE_NONE) {
        return false;
    }
    if (d->param[owner].role != NULL && strcmp(d->param[owner].base, name) != 0) {
        draft_left(d, node, TEMPLATE_NONE, "its %s is what \"%s\" sets already", name,
                   d->param[owner].name);
    }
    return true;
}

/* ---- offers ---------------------------------------------------------------------------------- */

static bool has_seed(const struct draft *d)
{
    for (size_t i = 0; i < d->param_count; i++) {
        if (d->param[i].op == TEMPLATE_SEED) {
            return true;
        }
    }
    return false;
}

/* As an integer, when it is one that ComfyUI's Python would not read as a float or choke on. */
static bool is_integer(struct span raw)
{
    struct json_number n = json_number_read(raw);
    uint64_t magnitude = 0;

    return json_number_is_integer(n) && json_number_u64(n, &magnitude);
}

/* Floats that are whole numbers in the export: only their names tell. */
static bool is_float_name(const char *name)
{
    static const char *const parts[] = {"cfg",    "strength", "denoise", "guidance",   "scale",
                                        "weight", "shift",    "fps",     "frame_rate", "percent",
                                        "sigma",  "float",    "factor",  "eta"};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strstr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum template_type number_type(const struct draft *d, size_t input)
{
    struct span raw = json_raw(d->g.doc, d->g.input[input].value);
    AUTO(free_ptr) char *name = template_graph_input_name(&d->g, input);
    struct object_input declared = {.kind = OBJECT_OTHER};
    bool is_written_so = memchr(raw.ptr, '.', raw.len) == NULL;

    if (!is_integer(raw)) {
        return TEMPLATE_NUMBER;
    }
    if (draft_declared(d, input, &declared) &&
        (declared.kind == OBJECT_INT || declared.kind == OBJECT_FLOAT)) {
        return declared.kind == OBJECT_INT ? TEMPLATE_INTEGER : TEMPLATE_NUMBER;
    }
    return is_written_so && !is_float_name(name) &&
                   strstr(d->g.node[d->g.input[input].node].class_type, "Float") == NULL
               ? TEMPLATE_INTEGER
               : TEMPLATE_NUMBER;
}

static bool type_of(const struct draft *d, size_t input, enum template_type *out)
{
    json_ref value = d->g.input[input].value;
    AUTO(free_ptr) char *text = NULL;

    switch (json_type(d->g.doc, value)) {
    case JSON_STRING:
        text = json_str_dup(d->g.doc, value);
        *out = TEMPLATE_STRING;
        return text != NULL; /* no U+0000 */
    case JSON_NUMBER:
        *out = number_type(d, input);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = TEMPLATE_BOOLEAN;
        return true;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

/* Whether a role's type can hold the workflow's own value. */
static bool suits(const struct draft *d, const struct draft_role *role, size_t input,
                  enum template_type type)
{
    struct span raw = json_raw(d->g.doc, d->g.input[input].value);

    if (role->type == TEMPLATE_NUMBER) {
        return type == TEMPLATE_INTEGER || type == TEMPLATE_NUMBER;
    }
    if (role->type == TEMPLATE_INTEGER) {
        return json_type(d->g.doc, d->g.input[input].value) == JSON_NUMBER && is_integer(raw);
    }
    return role->type == type;
}

static bool is_seed_input(const struct draft *d, size_t input)
{
    json_ref value = d->g.input[input].value;

    return json_key_is(d->g.doc, value, "seed") || json_key_is(d->g.doc, value, "noise_seed");
}

/* A parameter as the offer would make it, to be found or added. */
static bool plan(const struct draft *d, const struct draft_offer *o, struct draft_param *out)
{
    const struct draft_role *role = draft_role(o->name);

    if (!type_of(d, o->input, &out->type)) {
        return false;
    }
    if (role != NULL && suits(d, role, o->input, out->type)) {
        out->role = role;
        out->type = role->type;
    } else if (role != NULL && o->confidence != TEMPLATE_SURE) {
        return false;
    }
    if (draft_is_file(d, o->input)) {
        out->op = TEMPLATE_ASSET;
    } else if (out->type == TEMPLATE_INTEGER &&
               (strcmp(o->name, "seed") == 0 || (is_seed_input(d, o->input) && !has_seed(d)))) {
        out->op = TEMPLATE_SEED;
        out->role = draft_role("seed");
    }
    return true;
}

/* Whether a parameter that is there can take the input too: then one value must do for all. */
static bool may_join(const struct draft *d, const struct draft_param *p,
                     const struct draft_param *wanted, const struct draft_offer *o)
{
    if (p->target_count == DRAFT_TARGETS_MAX || p->op != wanted->op || p->type != wanted->type) {
        return false;
    }
    if (p->op == TEMPLATE_SEED) {
        return true; /* there can be but one */
    }
    return p->op == TEMPLATE_SET && strcmp(p->base, o->name) == 0 && p->target_count > 0 &&
           (o->confidence == TEMPLATE_SURE || draft_same_value(d, p->target[0].input, o->input));
}

bool draft_offer(struct draft *d, const struct draft_offer *offer)
{
    struct draft_target target = {.node = d->g.input[offer->input].node,
                                  .input = offer->input,
                                  .confidence = offer->confidence};
    struct draft_param wanted = {.op = TEMPLATE_SET};
    AUTO(free_ptr) char *why = xstrdup(offer->why);
    struct draft_param *p = NULL;

    target.why = why;
    if (d->g.input[offer->input].owner != TEMPLATE_NONE || !plan(d, offer, &wanted)) {
        return false;
    }
    for (size_t i = 0; i < d->param_count && p == NULL; i++) {
        p = may_join(d, &d->param[i], &wanted, offer) ? &d->param[i] : NULL;
    }
    if (p == NULL && wanted.op == TEMPLATE_SEED && has_seed(d)) {
        return false; /* its targets are full */
    }
    if (p == NULL) {
        p = add_param(d, offer->name, wanted.op);
        if (p == NULL) {
            return false;
        }
        p->role = wanted.role;
        p->type = wanted.type;
        p->is_required =
            wanted.op == TEMPLATE_ASSET || (wanted.role != NULL && strcmp(p->name, "prompt") == 0);
    }
    /* Absent, it leaves each of them its own value. */
    p->is_mixed = p->is_mixed ||
                  (p->target_count > 0 && !draft_same_value(d, p->target[0].input, offer->input));
    if (p->op == TEMPLATE_SET && strcmp(p->name, p->base) != 0 &&
        target.confidence == TEMPLATE_LIKELY) {
        target.confidence = TEMPLATE_GUESS; /* one of several: whether people want it is open */
    }
    p->is_required = p->is_required && (p->op != TEMPLATE_SET || !p->is_mixed);
    draft_target_add(d, p, target);
    return true;
}
