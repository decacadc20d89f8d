/* template_draft_schema.c - one parameter as the manifest says it: schema, x-ui, x-comfy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_draft_parts.h"

#define TEXT_MAX    4000 /* characters, unless the workflow's own text is longer */
#define CHOICES_MAX 64
#define LORAS_MAX   8
#define TOOLTIP_MAX 300
#define POWER_MAX   15 /* of ten, up to which bounds are guessed */

void draft_write_selector(const struct draft *d, struct json_out *o, size_t node)
{
    if (draft_has_own_title(d, node)) {
        jo_str(o, "title", d->g.node[node].title);
    } else {
        jo_str(o, "node", d->g.node[node].id);
    }
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static struct span own_value(const struct draft *d, size_t input)
{
    return json_raw(d->g.doc, d->g.input[input].value);
}

static int compare(struct span a, struct span b)
{
    return json_number_compare(json_number_read(a), json_number_read(b));
}

/* A bound that ComfyUI declares; without bytes when it declares none. Its Infinity is none either. */
static struct span declared_bound(const struct draft *d, const struct draft_param *p,
                                  const char *name)
{
    struct object_input declared;
    const struct json_doc *info = object_info_doc(d->r->info);
    json_ref bound;
    struct span raw;
    double number = 0;

    if (!draft_declared(d, p->target[0].input, &declared)) {
        return SPAN_NONE;
    }
    bound = json_get(info, declared.options, name);
    raw = json_raw(info, bound);
    return json_type(info, bound) == JSON_NUMBER && json_double(info, bound, &number) ? raw
                                                                                      : SPAN_NONE;
}

/* The stricter of two bounds, either of which may be without bytes; `sign` is 1 for a maximum. */
static struct span stricter(struct span a, struct span b, int sign)
{
    if (a.len == 0 || b.len == 0) {
        return a.len == 0 ? b : a;
    }
    return compare(a, b) * sign < 0 ? a : b;
}

/* A guess for a number of which nothing is known: 20 gives 0 and 1000. */
static struct span guessed_bound(struct span own, bool is_max, char text[32])
{
    struct json_number n = json_number_read(own);
    int64_t power = n.first != NULL && n.high > 0 ? n.high : 0;

    if (power > POWER_MAX) {
        return SPAN_NONE;
    }
    if (!is_max && !n.is_negative) {
        return SPAN_LIT("0");
    }
    (void)snprintf(text, 32, "%s1%0*d", is_max ? "" : "-", (int)power + 2, 0);
    return span_of(text);
}

static void write_bound(const struct draft *d, struct json_out *o, const struct draft_param *p,
                        bool is_max)
{
    const char *of_role = p->role != NULL ? (is_max ? p->role->max : p->role->min) : NULL;
    struct span bound = declared_bound(d, p, is_max ? "max" : "min");
    int sign = is_max ? 1 : -1;
    char text[32];

    bound = stricter(bound, span_of(of_role), sign);
    if (bound.len == 0) {
        bound = guessed_bound(own_value(d, p->target[0].input), is_max, text);
    }
    for (size_t i = 0; i < p->target_count && bound.len > 0; i++) {
        struct span own = own_value(d, p->target[i].input);

        bound = compare(own, bound) * sign > 0 ? own : bound;
    }
    if (bound.len > 0) {
        jo_raw(o, is_max ? "maximum" : "minimum", bound);
    }
}

static void write_step(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    struct span step = span_of(p->role != NULL ? p->role->step : NULL);
    struct span declared = step.len > 0 ? declared_bound(d, p, "step") : SPAN_NONE;
    struct json_number n = json_number_read(declared);

    if (declared.len > 0 && n.first != NULL && !n.is_negative && json_number_is_integer(n) &&
        json_number_digits(n) <= JSON_NUMBER_STEP_DIGITS) {
        step = declared;
    }
    if (step.len == 0 || span_is(step, "1")) {
        return;
    }
    for (size_t i = 0; i < p->target_count; i++) {
        if (!json_number_is_multiple(json_number_read(own_value(d, p->target[i].input)),
                                     json_number_read(step))) {
            return;
        }
    }
    jo_raw(o, "multipleOf", step);
}

/* Seeds go from 0 to what JavaScript can count, or to 2^64 - 1 when the workflow's own is above. */
static void write_seed_bounds(const struct draft *d, struct json_out *o,
                              const struct draft_param *p)
{
    struct span most = span_of(p->role->max);
    struct span declared = declared_bound(d, p, "max");
    struct json_number n = json_number_read(declared);
    uint64_t number = 0;

    if (declared.len > 0 && !n.is_negative && json_number_u64(n, &number)) {
        most = stricter(most, declared, 1);
    }
    for (size_t i = 0; i < p->target_count; i++) {
        if (compare(own_value(d, p->target[i].input), most) > 0) {
            most = SPAN_LIT("18446744073709551615");
        }
    }
    jo_raw(o, "minimum", SPAN_LIT("0"));
    jo_raw(o, "maximum", most);
}

/* ---- texts ------------------------------------------------------------------------------------ */

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

static void write_length(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    size_t most = TEXT_MAX;

    for (size_t i = 0; i < p->target_count; i++) {
        AUTO(free_ptr)
        char *text = json_str_dup(d->g.doc, d->g.input[p->target[i].input].value);

        while (text != NULL && characters(text) > most) {
            most *= 2;
        }
    }
    if (p->is_required) {
        jo_int(o, "minLength", 1);
    }
    jo_int(o, "maxLength", (int64_t)most);
}

/* Whether the choices that ComfyUI offers can be an enum: few, all texts, the workflow's among them. */
static bool has_enum(const struct draft *d, const struct draft_param *p,
                     const struct object_input *declared)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    size_t found = 0;

    if (declared->choices == JSON_NONE || json_size(info, declared->choices) > CHOICES_MAX ||
        draft_model_folder(d, p->target[0].input) != NULL) {
        return false;
    }
    for (json_ref n = json_first(info, declared->choices); n != JSON_NONE; n = json_next(info, n)) {
        AUTO(free_ptr) char *choice = json_str_dup(info, n);

        if (choice == NULL) {
            return false;
        }
        for (size_t i = 0; i < p->target_count; i++) {
            found += json_str_is(d->g.doc, d->g.input[p->target[i].input].value, choice) ? 1 : 0;
        }
    }
    return found >= p->target_count;
}

static void write_text(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    struct object_input declared = {.choices = JSON_NONE};

    if (draft_declared(d, p->target[0].input, &declared) && has_enum(d, p, &declared)) {
        jo_arr(o, "enum");
        for (json_ref n = json_first(info, declared.choices); n != JSON_NONE;
             n = json_next(info, n)) {
            AUTO(free_ptr) char *choice = json_str_dup(info, n);

            jo_str(o, NULL, choice);
        }
        jo_end(o);
        return;
    }
    write_length(d, o, p);
}

/* ---- the schema -------------------------------------------------------------------------------- */

static void write_loras(struct json_out *o)
{
    jo_int(o, "maxItems", LORAS_MAX);
    jo_raw(o, "items",
           SPAN_LIT("{\"type\":\"object\",\"required\":[\"name\"],\"additionalProperties\":false,"
                    "\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":300,"
                    "\"x-options\":{\"source\":\"models:loras\"}},"
                    "\"strength\":{\"type\":\"number\",\"minimum\":-2,\"maximum\":2,"
                    "\"default\":1}}}"));
}

static void write_description(const struct draft *d, struct json_out *o,
                              const struct draft_param *p)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    const struct template_node *node = &d->g.node[p->target[0].node];
    struct object_input declared;
    AUTO(free_ptr) char *text = NULL;
    AUTO(free_ptr) char *name = NULL;

    if (p->role != NULL) {
        jo_str(o, "description", p->role->description);
        return;
    }
    if (draft_declared(d, p->target[0].input, &declared)) {
        text = json_str_dup(info, json_get(info, declared.options, "tooltip"));
    }
    if (text == NULL || text[0] == '\0' || strlen(text) > TOOLTIP_MAX) {
        name = template_graph_input_name(&d->g, p->target[0].input);
        free(text);
        text = xasprintf("%.100s of the node %.100s.", name,
                         node->title[0] != '\0' ? node->title : node->class_type);
    }
    jo_str(o, "description", text);
}

static bool is_multiline(const struct draft *d, const struct draft_param *p)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    struct object_input declared;
    bool is_so = strcmp(p->base, "prompt") == 0 || strcmp(p->base, "negative") == 0;

    if (p->op != TEMPLATE_SET || p->type != TEMPLATE_STRING) {
        return false;
    }
    if (draft_declared(d, p->target[0].input, &declared)) {
        (void)json_bool(info, json_get(info, declared.options, "multiline"), &is_so);
    }
    return is_so;
}

static bool has_param(const struct draft *d, const char *name)
{
    bool has = false;

    for (size_t i = 0; i < d->param_count && !has; i++) {
        has = !d->param[i].is_dropped && strcmp(d->param[i].name, name) == 0;
    }
    return has;
}

/* By the words of docs/templates.md; NULL = none. Of several alike the first has it, but all pictures do. What
 * samplers call cfg is the guidance, unless the model has one of its own. */
static const char *role_word(const struct draft *d, const struct draft_param *p)
{
    if (p->role == NULL ||
        (strcmp(p->name, p->role->name) != 0 && strcmp(p->role->name, "image") != 0)) {
        return NULL;
    }
    if (strcmp(p->role->name, "cfg") == 0) {
        return has_param(d, "guidance") ? NULL : "guidance";
    }
    return p->role->name;
}

static void write_ui(const struct draft *d, struct json_out *o, const struct draft_param *p,
                     int order)
{
    const char *role = role_word(d, p);
    bool is_extra = p->op == TEMPLATE_SET && p->role != NULL && strcmp(p->name, p->base) != 0;

    jo_obj(o, "x-ui");
    jo_int(o, "order", order);
    if (is_multiline(d, p)) {
        jo_str(o, "widget", "textarea");
    }
    if (role != NULL) {
        jo_str(o, "role", role);
    }
    if (is_extra || (p->role != NULL && p->role->is_advanced)) {
        jo_bool(o, "advanced", true);
    }
    jo_end(o);
}

static void write_type(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    static const char *const names[TEMPLATE_TYPE_COUNT] = {"string", "integer", "number", "boolean",
                                                           "array"};

    jo_str(o, "type", names[p->type]);
    if (p->op == TEMPLATE_LORA_CHAIN) {
        write_loras(o);
    } else if (p->op == TEMPLATE_SEED) {
        write_seed_bounds(d, o, p);
    } else if (p->type == TEMPLATE_INTEGER || p->type == TEMPLATE_NUMBER) {
        write_bound(d, o, p, false);
        write_bound(d, o, p, true);
        write_step(d, o, p);
    } else if (p->op == TEMPLATE_SET && p->type == TEMPLATE_STRING) {
        write_text(d, o, p);
    }
    if (p->op == TEMPLATE_SET && !p->is_required && !p->is_mixed) {
        jo_raw(o, "default", own_value(d, p->target[0].input));
    }
}

static void write_options(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    const char *folder = p->op == TEMPLATE_SET ? draft_model_folder(d, p->target[0].input) : NULL;
    char source[64];

    if (folder != NULL) {
        (void)snprintf(source, sizeof source, "models:%s", folder);
        jo_obj(o, "x-options");
        jo_str(o, "source", source);
        jo_end(o);
    }
}

/* ---- x-comfy ----------------------------------------------------------------------------------- */

static void write_target(const struct draft *d, struct json_out *o, size_t input)
{
    AUTO(free_ptr) char *name = template_graph_input_name(&d->g, input);

    draft_write_selector(d, o, d->g.input[input].node);
    jo_str(o, "input", name);
}

static void write_source(const struct draft *d, struct json_out *o, const char *key,
                         struct template_source source)
{
    if (source.node != TEMPLATE_NONE) {
        jo_obj(o, key);
        draft_write_selector(d, o, source.node);
        jo_int(o, "output", source.slot);
        jo_end(o);
    }
}

static void write_removal(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    jo_str(o, "absent", "remove");
    if (p->removed_count == 0) {
        return;
    }
    jo_arr(o, "remove");
    for (size_t i = 0; i < p->removed_count; i++) {
        jo_obj(o, NULL);
        draft_write_selector(d, o, p->removed[i]);
        jo_end(o);
    }
    jo_end(o);
}

static void write_binding(const struct draft *d, struct json_out *o, const struct draft_param *p)
{
    jo_obj(o, "x-comfy");
    if (p->op == TEMPLATE_LORA_CHAIN) {
        jo_str(o, "op", "lora-chain");
        jo_str(o, "loader",
               p->clip.node != TEMPLATE_NONE ? TEMPLATE_LOADER : TEMPLATE_LOADER_MODEL_ONLY);
        write_source(d, o, "model", p->model);
        write_source(d, o, "clip", p->clip);
        jo_end(o);
        return;
    }
    if (p->op != TEMPLATE_SET) {
        jo_str(o, "op", p->op == TEMPLATE_SEED ? "seed" : "asset");
    }
    if (p->target_count == 1) {
        write_target(d, o, p->target[0].input);
    } else {
        jo_arr(o, "targets");
        for (size_t i = 0; i < p->target_count; i++) {
            jo_obj(o, NULL);
            write_target(d, o, p->target[i].input);
            jo_end(o);
        }
        jo_end(o);
    }
    if (p->removes) {
        write_removal(d, o, p);
    }
    jo_end(o);
}

void draft_write_param(const struct draft *d, struct json_out *o, const struct draft_param *p,
                       int order)
{
    jo_obj(o, p->name);
    write_type(d, o, p);
    write_description(d, o, p);
    write_ui(d, o, p, order);
    write_options(d, o, p);
    write_binding(d, o, p);
    jo_end(o);
}
