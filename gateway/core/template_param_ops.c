/* template_param_ops.c - the x-comfy of lora-chain, map and switch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_node.h"
#include "core/template_parts.h"

/* ---- lora-chain ------------------------------------------------------------------------------ */

bool template_chain_load(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    json_ref loader = json_get(doc, p->binding, "loader");
    json_ref clip = json_get(doc, p->binding, "clip");
    bool takes_clip = json_str_is(doc, loader, TEMPLATE_LOADER);
    json_ref properties = json_get(doc, json_get(doc, p->schema, "items"), "properties");

    if (!template_shape_check(l, SHAPE_LORAS, p->schema)) {
        return false;
    }
    if (takes_clip != (clip != JSON_NONE)) {
        template_fault(l, p->binding, "contradiction",
                       "\"clip\" belongs to the loader " TEMPLATE_LOADER
                       ", which cannot do without it, and to no other");
        return false;
    }
    if (!takes_clip && json_get(doc, properties, "strength_clip") != JSON_NONE) {
        template_fault(l, json_get(doc, properties, "strength_clip"), "contradiction",
                       "the loader " TEMPLATE_LOADER_MODEL_ONLY " has no such strength");
        return false;
    }
    return template_select_source(l, json_get(doc, p->binding, "model"), &p->model) &&
           (!takes_clip || template_select_source(l, clip, &p->clip));
}

const char *template_loader_of(const struct template_param *p)
{
    return p->clip.node != TEMPLATE_NONE ? TEMPLATE_LOADER : TEMPLATE_LOADER_MODEL_ONLY;
}

/* ---- choices --------------------------------------------------------------------------------- */

static json_ref case_of(const struct template_load *l, json_ref cases, struct span quoted)
{
    json_ref n = json_first(l->t->doc, cases);

    while (n != JSON_NONE && !json_schema_same_text(json_key_raw(l->t->doc, n), quoted)) {
        n = json_next(l->t->doc, n);
    }
    return n;
}

static bool check_enum(struct template_load *l, const struct template_param *p, json_ref cases,
                       json_ref choices)
{
    const struct json_doc *doc = l->t->doc;
    size_t count = 0;

    if (json_size(doc, choices) == 0) {
        template_fault(l, p->schema, "required", "needs an enum: the choices there are");
        return false;
    }
    for (json_ref n = json_first(doc, choices); n != JSON_NONE; n = json_next(doc, n)) {
        count++;
        if (json_type(doc, n) != JSON_STRING || case_of(l, cases, json_raw(doc, n)) == JSON_NONE) {
            template_fault(l, n, "required", "this choice has no entry in x-comfy");
            return false;
        }
    }
    if (count != json_size(doc, cases)) {
        template_fault(l, cases, "unknown_field", "has entries that are no choices of the enum");
        return false;
    }
    return true;
}

/* Each choice there is has an entry, and each entry is a choice. */
static bool check_choices(struct template_load *l, const struct template_param *p, json_ref cases)
{
    const struct json_doc *doc = l->t->doc;
    json_ref choices = json_get(doc, p->schema, "enum");

    if (p->type != TEMPLATE_BOOLEAN) {
        return check_enum(l, p, cases, choices);
    }
    if (choices != JSON_NONE || json_size(doc, cases) != 2 ||
        json_get(doc, cases, "true") == JSON_NONE || json_get(doc, cases, "false") == JSON_NONE) {
        template_fault(l, cases, "required",
                       "of a boolean must have the entries \"true\" and \"false\"");
        return false;
    }
    return true;
}

const struct template_choice *template_choose(const struct template *t,
                                              const struct template_param *p,
                                              const struct json_doc *doc, json_ref value)
{
    struct span quoted = json_raw(doc, value);

    if (json_type(doc, value) == JSON_TRUE) {
        quoted = SPAN_LIT("\"true\"");
    } else if (json_type(doc, value) == JSON_FALSE) {
        quoted = SPAN_LIT("\"false\"");
    } else if (json_type(doc, value) != JSON_STRING) {
        return NULL;
    }
    for (size_t i = 0; i < p->choice_count; i++) {
        if (json_schema_same_text(json_key_raw(t->doc, p->choice[i].name), quoted)) {
            return &p->choice[i];
        }
    }
    return NULL;
}

/* ---- map ------------------------------------------------------------------------------------- */

static bool is_set_already(const struct template_choice *c, size_t input)
{
    for (size_t i = 0; i < c->setting_count; i++) {
        if (c->setting[i].input == input) {
            return true;
        }
    }
    return false;
}

static bool add_setting(struct template_load *l, struct template_param *p,
                        struct template_choice *c, json_ref setting)
{
    json_ref value = json_get(l->t->doc, setting, "value");
    size_t input = template_claim(l, p, setting);

    if (input == TEMPLATE_NONE) {
        return false;
    }
    if (!template_may_replace(l->t, value, input)) {
        template_fault(l, value, "wrong_type",
                       "the workflow's own value of this input is of another type");
        return false;
    }
    if (is_set_already(c, input)) {
        template_fault(l, setting, "duplicate", "this choice sets the input twice");
        return false;
    }
    c->setting[c->setting_count++] = (struct template_setting){input, value};
    return true;
}

bool template_map_load(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    json_ref map = json_get(doc, p->binding, "map");
    bool is_good = true;

    if (!check_choices(l, p, map)) {
        return false;
    }
    p->choice = xcalloc(json_size(doc, map) + 1, sizeof *p->choice);
    for (json_ref n = json_first(doc, map); n != JSON_NONE; n = json_next(doc, n)) {
        struct template_choice *c = &p->choice[p->choice_count++];

        c->name = n;
        c->setting = xcalloc(json_size(doc, n) + 1, sizeof *c->setting);
        for (json_ref s = json_first(doc, n); s != JSON_NONE; s = json_next(doc, s)) {
            is_good = add_setting(l, p, c, s) && is_good;
        }
    }
    return is_good;
}

/* ---- switch ---------------------------------------------------------------------------------- */

bool template_switch_load(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    json_ref target = json_get(doc, p->binding, "target");
    json_ref cases = json_get(doc, p->binding, "cases");
    size_t input;
    bool is_good = true;

    if (!check_choices(l, p, cases)) {
        return false;
    }
    input = template_claim(l, p, target);
    if (input == TEMPLATE_NONE) {
        return false;
    }
    if (l->t->graph.input[input].link.node == TEMPLATE_NONE) {
        template_fault(l, target, "not_linked",
                       "this input is no link in the workflow: there is nothing to switch");
        return false;
    }
    p->target = xcalloc(1, sizeof *p->target);
    p->target[p->target_count++] = input;
    p->choice = xcalloc(json_size(doc, cases) + 1, sizeof *p->choice);
    for (json_ref n = json_first(doc, cases); n != JSON_NONE; n = json_next(doc, n)) {
        struct template_choice *c = &p->choice[p->choice_count++];

        c->name = n;
        is_good = template_select_source(l, n, &c->source) && is_good;
    }
    return is_good;
}
