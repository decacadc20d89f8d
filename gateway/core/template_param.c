/* template_param.c - a parameter's x-comfy: which inputs of which nodes it sets.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_parts.h"

/* ---- selectors ------------------------------------------------------------------------------- */

/* What a node shows to a selector of that kind. */
static const char *trait_of(const struct template_node *node, size_t kind)
{
    const char *const traits[] = {node->title, node->id, node->class_type};

    return traits[kind];
}

size_t template_select(struct template_load *l, json_ref selector)
{
    static const char *const kinds[] = {"title", "node", "class"};
    const struct template_graph *g = &l->t->graph;
    json_ref chosen = JSON_NONE;
    size_t kind = 0;
    size_t found = TEMPLATE_NONE;
    size_t count = 0;
    size_t given = 0;

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        json_ref member = json_get(l->t->doc, selector, kinds[i]);

        if (member != JSON_NONE) {
            chosen = member;
            kind = i;
            given++;
        }
    }
    if (given != 1) {
        template_fault(l, selector, "selector",
                       "must select a node by exactly one of title, node and class");
        return TEMPLATE_NONE;
    }
    for (size_t i = 0; i < g->node_count; i++) {
        if (json_str_is(l->t->doc, chosen, trait_of(&g->node[i], kind))) {
            found = i;
            count++;
        }
    }
    if (count != 1) {
        template_fault(l, chosen, count == 0 ? "no_such_node" : "ambiguous",
                       "must select exactly one node of the workflow; %zu have this %s", count,
                       kinds[kind]);
        return TEMPLATE_NONE;
    }
    return found;
}

bool template_select_source(struct template_load *l, json_ref selector, struct template_source *out)
{
    int64_t slot = 0;
    size_t node = template_select(l, selector);

    if (node == TEMPLATE_NONE) {
        return false;
    }
    if (!json_int(l->t->doc, json_get(l->t->doc, selector, "output"), &slot)) {
        template_fault(l, selector, "wrong_type",
                       "output must be written without point or exponent");
        return false;
    }
    *out = (struct template_source){node, slot};
    return true;
}

/* The parameter that stands in the way of p at an input; NULL when none does. Only a map, and one
 * parameter that is there to replace its value, may share an input. */
static const struct template_param *rival(const struct template *t, const struct template_param *p,
                                          const struct template_input *in)
{
    const struct template_param *owner = in->owner != TEMPLATE_NONE ? &t->param[in->owner] : NULL;
    const struct template_param *over = in->over != TEMPLATE_NONE ? &t->param[in->over] : NULL;

    if (p->over != NULL) {
        if (over != NULL && over != p) {
            return over;
        }
        return owner != NULL && strcmp(owner->name, p->over) != 0 ? owner : NULL;
    }
    if (owner != NULL && owner != p) {
        return owner;
    }
    return over != NULL && strcmp(over->over, p->name) != 0 ? over : NULL;
}

size_t template_claim(struct template_load *l, const struct template_param *p, json_ref target)
{
    struct template_graph *g = &l->t->graph;
    size_t self = (size_t)(p - l->t->param);
    size_t node = template_select(l, target);
    AUTO(free_ptr) char *name = json_str_dup(l->t->doc, json_get(l->t->doc, target, "input"));
    json_ref place = json_get(l->t->doc, target, "input");
    const struct template_param *other;
    size_t input;

    if (node == TEMPLATE_NONE) {
        return TEMPLATE_NONE;
    }
    input = name != NULL ? template_graph_input(g, node, name) : TEMPLATE_NONE;
    if (input == TEMPLATE_NONE) {
        template_fault(l, place, "no_such_input", "node \"%.32s\" (%.64s) has no such input",
                       g->node[node].id, g->node[node].class_type);
        return TEMPLATE_NONE;
    }
    other = rival(l->t, p, &g->input[input]);
    if (other != NULL) {
        template_fault(l, place, "set_twice", "the parameter \"%s\" sets this input already",
                       other->name);
        return TEMPLATE_NONE;
    }
    *(p->over != NULL ? &g->input[input].over : &g->input[input].owner) = self;
    return input;
}

bool template_may_replace(const struct template *t, json_ref value, size_t input)
{
    enum json_type own = json_type(t->graph.doc, t->graph.input[input].value);
    enum json_type new = json_type(t->doc, value);
    bool is_boolean = own == JSON_FALSE || own == JSON_TRUE;

    return own == new || (is_boolean && (new == JSON_FALSE || new == JSON_TRUE));
}

/* ---- set, seed, asset ------------------------------------------------------------------------ */

/* Whether the input holds a plain value of the parameter's type. */
static bool fits(const struct template *t, const struct template_param *p, size_t input)
{
    enum json_type own = json_type(t->graph.doc, t->graph.input[input].value);

    switch (p->type) {
    case TEMPLATE_STRING:
        return own == JSON_STRING;
    case TEMPLATE_INTEGER:
    case TEMPLATE_NUMBER:
        return own == JSON_NUMBER;
    case TEMPLATE_BOOLEAN:
        return own == JSON_TRUE || own == JSON_FALSE;
    case TEMPLATE_ARRAY:
    case TEMPLATE_TYPE_COUNT:
        break;
    }
    return false;
}

static bool add_target(struct template_load *l, struct template_param *p, json_ref target)
{
    size_t input = template_claim(l, p, target);

    if (input == TEMPLATE_NONE) {
        return false;
    }
    if (l->t->graph.input[input].link.node != TEMPLATE_NONE) {
        template_fault(l, target, "linked",
                       "this input is linked to node \"%.64s\"; bind an input of that node",
                       l->t->graph.node[l->t->graph.input[input].link.node].id);
        return false;
    }
    if (!fits(l->t, p, input)) {
        template_fault(l, target, "wrong_type",
                       "the workflow's own value of this input is of another type than the "
                       "parameter");
        return false;
    }
    for (size_t i = 0; i < p->target_count; i++) {
        if (p->target[i] == input) {
            template_fault(l, target, "duplicate", "this input is there twice");
            return false;
        }
    }
    p->target[p->target_count++] = input;
    return true;
}

static void add_gone(struct template_param *p, size_t node)
{
    for (size_t i = 0; i < p->gone_count; i++) {
        if (p->gone[i] == node) {
            return;
        }
    }
    p->gone[p->gone_count++] = node;
}

/* absent: "remove" and the list of further nodes that go along. */
static bool load_removal(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    json_ref absent = json_get(doc, p->binding, "absent");
    json_ref list = json_get(doc, p->binding, "remove");
    bool is_good = true;

    if (absent == JSON_NONE && list == JSON_NONE) {
        return true;
    }
    if (absent == JSON_NONE || p->is_required || p->fallback != JSON_NONE) {
        template_fault(l, absent != JSON_NONE ? absent : list, "contradiction",
                       "nodes are removed only for a parameter with absent \"remove\" that is "
                       "neither required nor has a default");
        return false;
    }
    p->removes = true;
    p->gone = xcalloc(p->target_count + json_size(doc, list) + 1, sizeof *p->gone);
    for (size_t i = 0; i < p->target_count; i++) {
        add_gone(p, l->t->graph.input[p->target[i]].node);
    }
    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        size_t node = template_select(l, n);

        is_good = is_good && node != TEMPLATE_NONE;
        if (node != TEMPLATE_NONE) {
            add_gone(p, node);
        }
    }
    return is_good;
}

static bool load_direct(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    json_ref list = json_get(doc, p->binding, "targets");
    bool has_own = json_get(doc, p->binding, "input") != JSON_NONE ||
                   json_get(doc, p->binding, "title") != JSON_NONE ||
                   json_get(doc, p->binding, "node") != JSON_NONE ||
                   json_get(doc, p->binding, "class") != JSON_NONE;
    bool is_good = true;

    if (has_own == (list != JSON_NONE) ||
        (has_own && json_get(doc, p->binding, "input") == JSON_NONE)) {
        template_fault(l, p->binding, "required",
                       "must have either a selector and \"input\", or \"targets\"");
        return false;
    }
    p->target = xcalloc(json_size(doc, list) + 1, sizeof *p->target);
    p->over = json_str_dup(doc, json_get(doc, p->binding, "over"));
    if (has_own) {
        is_good = add_target(l, p, p->binding);
    }
    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        is_good = add_target(l, p, n) && is_good;
    }
    return is_good && load_removal(l, p);
}

/* A seed is any whole number from 0, within at most `minimum` and `maximum`. */
static bool check_seed(struct template_load *l, const struct template_param *p)
{
    static const char *const banned[] = {
        "default", "enum", "const", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"};
    static const char *const bounds[] = {"minimum", "maximum"};
    const struct json_doc *doc = l->t->doc;
    uint64_t value[2] = {0, UINT64_MAX};

    for (size_t i = 0; i < COUNT_OF(banned); i++) {
        json_ref member = json_get(doc, p->schema, banned[i]);

        if (member != JSON_NONE) {
            template_fault(l, member, "contradiction",
                           "a seed that is absent is random; only minimum and maximum bound it");
            return false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        json_ref member = json_get(doc, p->schema, bounds[i]);
        struct json_number n = json_number_read(json_raw(doc, member));

        if (member != JSON_NONE && (n.is_negative || !json_number_u64(n, &value[i]))) {
            template_fault(l, member, "out_of_range",
                           "of a seed must be a whole number from 0 to 18446744073709551615");
            return false;
        }
    }
    if (value[0] > value[1]) {
        template_fault(l, p->schema, "out_of_range", "minimum is above maximum");
        return false;
    }
    return true;
}

/* ---- a parameter ----------------------------------------------------------------------------- */

static const char *const type_names[TEMPLATE_TYPE_COUNT] = {"string", "integer", "number",
                                                            "boolean", "array"};

static const struct {
    const char *name;
    bool (*load)(struct template_load *l, struct template_param *p);
    bool takes[TEMPLATE_TYPE_COUNT];
    const char *types; /* for people */
} ops[TEMPLATE_OP_COUNT] = {
    [TEMPLATE_SET] = {"set",
                      load_direct,
                      {true, true, true, true, false},
                      "string, integer, number or boolean"},
    [TEMPLATE_SEED] = {"seed", load_direct, {false, true, false, false, false}, "integer"},
    [TEMPLATE_ASSET] = {"asset", load_direct, {true, false, false, false, false}, "string"},
    [TEMPLATE_LORA_CHAIN] = {"lora-chain",
                             template_chain_load,
                             {false, false, false, false, true},
                             "array"},
    [TEMPLATE_MAP] = {"map",
                      template_map_load,
                      {true, false, false, true, false},
                      "string (with enum) or boolean"},
    [TEMPLATE_SWITCH] = {"switch",
                         template_switch_load,
                         {true, false, false, true, false},
                         "string (with enum) or boolean"},
};

static bool read_op(struct template_load *l, struct template_param *p)
{
    json_ref op = json_get(l->t->doc, p->binding, "op");

    if (p->binding == JSON_NONE || json_type(l->t->doc, p->binding) != JSON_OBJECT) {
        template_fault(l, p->schema, "unbound",
                       "no node takes this parameter: say which with an object x-comfy");
        return false;
    }
    p->op = TEMPLATE_SET;
    if (op == JSON_NONE) {
        return true;
    }
    for (size_t i = 0; i < TEMPLATE_OP_COUNT; i++) {
        if (json_str_is(l->t->doc, op, ops[i].name)) {
            p->op = (enum template_op)i;
            return true;
        }
    }
    template_fault(l, op, "not_in_list", "must be set, seed, asset, lora-chain, map or switch");
    return false;
}

static bool read_type(struct template_load *l, struct template_param *p)
{
    json_ref type = json_get(l->t->doc, p->schema, "type");

    for (size_t i = 0; i < TEMPLATE_TYPE_COUNT; i++) {
        if (json_str_is(l->t->doc, type, type_names[i]) && ops[p->op].takes[i]) {
            p->type = (enum template_type)i;
            return true;
        }
    }
    template_fault(l, p->schema, "wrong_type", "with the op \"%s\", type must be %s",
                   ops[p->op].name, ops[p->op].types);
    return false;
}

static bool check_fallback(struct template_load *l, const struct template_param *p)
{
    const struct json_schema *schema = json_schema_property(l->t->schema, p->name);
    char at[128];

    if (p->fallback == JSON_NONE) {
        return true;
    }
    if (p->op == TEMPLATE_ASSET) {
        template_fault(l, p->fallback, "contradiction", "a file cannot have a default");
        return false;
    }
    json_pointer(l->t->doc, p->fallback, at, sizeof at);
    if (json_schema_validate(schema, l->t->doc, p->fallback, at, l->e) != ERR_NONE) {
        l->faults++;
        return false;
    }
    return true;
}

bool template_param_load(struct template_load *l, struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;

    p->binding = json_get(doc, p->schema, "x-comfy");
    p->fallback = json_get(doc, p->schema, "default");
    p->model.node = TEMPLATE_NONE;
    p->clip.node = TEMPLATE_NONE;
    if (!template_is_name(span_of(p->name))) {
        template_fault(l, p->schema, "invalid_name",
                       "the name of a parameter has 1 to 32 of a-z, 0-9, _ and -, and begins "
                       "with a letter");
        return false;
    }
    if (!read_op(l, p) || !template_shape_check(l, SHAPE_BINDINGS + p->op, p->binding) ||
        !read_type(l, p) || (p->op == TEMPLATE_SEED && !check_seed(l, p)) ||
        !check_fallback(l, p)) {
        return false;
    }
    return ops[p->op].load(l, p);
}

void template_param_clear(struct template_param *p)
{
    for (size_t i = 0; i < p->choice_count; i++) {
        free(p->choice[i].setting);
    }
    free(p->choice);
    free(p->target);
    free(p->gone);
    free(p->over);
    free(p->name);
    *p = (struct template_param){0};
}
