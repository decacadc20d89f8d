/* template_check.c - what only all parameters of a template together tell: that no removal leaves a
 * link or a node in the air, no chain has nothing to hang on, no switch closes a circle, and what
 * replaces a choice's value has a choice to replace.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_parts.h"

/* ---- removal --------------------------------------------------------------------------------- */

static void mark_gone(bool *is_gone, const struct template_param *p)
{
    for (size_t i = 0; i < p->gone_count; i++) {
        is_gone[p->gone[i]] = true;
    }
}

static json_ref absent_of(const struct template_load *l, const struct template_param *p)
{
    return json_get(l->t->doc, p->binding, "absent");
}

/* Whether the node had links and would have none. */
static bool loses_all(const struct template_graph *g, const bool *is_gone, size_t node)
{
    const struct template_node *n = &g->node[node];
    size_t lost = 0;

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        size_t source = g->input[i].link.node;

        if (source != TEMPLATE_NONE && !is_gone[source]) {
            return false;
        }
        lost += source != TEMPLATE_NONE ? 1 : 0;
    }
    return lost > 0;
}

/* With these nodes gone, nothing that stays is left without all that it was fed. */
static void check_rest(struct template_load *l, const struct template_param *p, const bool *is_gone)
{
    const struct template_graph *g = &l->t->graph;

    for (size_t i = 0; i < g->node_count; i++) {
        if (!is_gone[i] && loses_all(g, is_gone, i)) {
            template_fault(l, absent_of(l, p), "dangling",
                           "without it node \"%.32s\" (%.64s) has no link left; name it in "
                           "\"remove\"",
                           g->node[i].id, g->node[i].class_type);
            return;
        }
    }
}

/* Neither a declared output nor the source of a chain may go. */
static bool check_kept(struct template_load *l, const struct template_param *p, const bool *is_gone)
{
    const struct template *t = l->t;
    size_t faults = l->faults;

    for (size_t i = 0; i < t->outcome_count; i++) {
        if (is_gone[t->outcome[i].node]) {
            template_fault(l, absent_of(l, p), "contradiction",
                           "would remove node \"%.64s\", which is an output of the template",
                           t->graph.node[t->outcome[i].node].id);
        }
    }
    for (size_t i = 0; i < t->param_count; i++) {
        const struct template_param *chain = &t->param[i];

        if (chain->op == TEMPLATE_LORA_CHAIN &&
            (is_gone[chain->model.node] ||
             (chain->clip.node != TEMPLATE_NONE && is_gone[chain->clip.node]))) {
            template_fault(l, absent_of(l, p), "contradiction",
                           "would remove the node that \"%s\" hangs its loaders on", chain->name);
        }
    }
    return l->faults == faults;
}

static void check_removals(struct template_load *l)
{
    size_t nodes = l->t->graph.node_count;
    AUTO(free_ptr) bool *is_gone = xcalloc(nodes, sizeof *is_gone);
    AUTO(free_ptr) bool *is_any_gone = xcalloc(nodes, sizeof *is_any_gone);
    const struct template_param *last = NULL;
    size_t count = 0;
    size_t faults = l->faults;

    for (size_t i = 0; i < l->t->param_count; i++) {
        const struct template_param *p = &l->t->param[i];

        if (p->removes) {
            memset(is_gone, 0, nodes * sizeof *is_gone);
            mark_gone(is_gone, p);
            mark_gone(is_any_gone, p);
            if (check_kept(l, p, is_gone)) {
                check_rest(l, p, is_gone);
            }
            last = p;
            count++;
        }
    }
    if (count > 1 && l->faults == faults) {
        check_rest(l, last, is_any_gone); /* all absent at once */
    }
}

/* ---- chains ---------------------------------------------------------------------------------- */

static bool is_same_source(struct template_source a, struct template_source b)
{
    return a.node == b.node && a.slot == b.slot;
}

/* Whether any input takes this output, by its own link or by a switch. */
static bool is_taken(const struct template *t, struct template_source source)
{
    for (size_t i = 0; i < t->graph.input_count; i++) {
        if (is_same_source(t->graph.input[i].link, source)) {
            return true;
        }
    }
    for (size_t i = 0; i < t->param_count; i++) {
        const struct template_param *p = &t->param[i];

        for (size_t k = 0; p->op == TEMPLATE_SWITCH && k < p->choice_count; k++) {
            if (is_same_source(p->choice[k].source, source)) {
                return true;
            }
        }
    }
    return false;
}

static void check_chain(struct template_load *l, const struct template_param *p)
{
    const struct json_doc *doc = l->t->doc;
    const struct template_param *other = l->t->param;

    if (!is_taken(l->t, p->model)) {
        template_fault(l, json_get(doc, p->binding, "model"), "no_consumer",
                       "no input of the workflow takes this output");
    }
    if (p->clip.node != TEMPLATE_NONE &&
        (!is_taken(l->t, p->clip) || is_same_source(p->model, p->clip))) {
        template_fault(l, json_get(doc, p->binding, "clip"), "no_consumer",
                       "no input of the workflow takes this output as a clip");
    }
    for (; other < p; other++) {
        if (other->op == TEMPLATE_LORA_CHAIN &&
            (is_same_source(other->model, p->model) ||
             (p->clip.node != TEMPLATE_NONE && is_same_source(other->clip, p->clip)))) {
            template_fault(l, p->binding, "set_twice",
                           "the parameter \"%s\" hangs its loaders on this output already",
                           other->name);
        }
    }
}

/* ---- switches -------------------------------------------------------------------------------- */

/* Marks all that `from` is made of, itself included; whether `wanted` is among it. */
static bool leads_to(const struct template_graph *g, size_t from, size_t wanted)
{
    AUTO(free_ptr) bool *is_seen = xcalloc(g->node_count, sizeof *is_seen);
    AUTO(free_ptr) size_t *open = xcalloc(g->node_count, sizeof *open);
    size_t count = 0;

    open[count++] = from;
    is_seen[from] = true;
    while (count > 0) {
        const struct template_node *n = &g->node[open[--count]];

        for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
            size_t source = g->input[i].link.node;

            if (source != TEMPLATE_NONE && !is_seen[source]) {
                is_seen[source] = true;
                open[count++] = source;
            }
        }
    }
    return is_seen[wanted];
}

static void check_switch(struct template_load *l, const struct template_param *p)
{
    const struct template_graph *g = &l->t->graph;

    for (size_t i = 0; i < p->choice_count; i++) {
        if (leads_to(g, p->choice[i].source.node, g->input[p->target[0]].node)) {
            template_fault(l, p->choice[i].name, "cycle",
                           "this node is itself made from the node that the switch feeds");
        }
    }
}

/* ---- a value over a choice's ------------------------------------------------------------------ */

static const struct template_param *param_named(const struct template *t, const char *name)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (strcmp(t->param[i].name, name) == 0) {
            return &t->param[i];
        }
    }
    return NULL;
}

/* It replaces what a map sets, in a job that gives it, and must be silent in all others. */
static void check_over(struct template_load *l, const struct template_param *p)
{
    json_ref at = json_get(l->t->doc, p->binding, "over");
    const struct template_param *map = param_named(l->t, p->over);

    if (p->is_required || p->removes || p->fallback != JSON_NONE) {
        template_fault(l, at, "contradiction",
                       "the choice could never be seen: this parameter must be neither required "
                       "nor have a default or \"absent\"");
        return;
    }
    if (map == NULL || map->op != TEMPLATE_MAP) {
        template_fault(l, at, "no_such_map", "must name a parameter with the op \"map\"");
        return;
    }
    for (size_t i = 0; i < p->target_count; i++) {
        size_t owner = l->t->graph.input[p->target[i]].owner;

        if (owner == TEMPLATE_NONE || &l->t->param[owner] != map) {
            template_fault(l, at, "no_such_input", "\"%s\" sets none of this parameter's inputs",
                           map->name);
            return;
        }
    }
}

void template_check_parts(struct template_load *l)
{
    check_removals(l);
    for (size_t i = 0; i < l->t->param_count; i++) {
        const struct template_param *p = &l->t->param[i];

        if (p->over != NULL) {
            check_over(l, p);
        }
        if (p->op == TEMPLATE_LORA_CHAIN) {
            check_chain(l, p);
        } else if (p->op == TEMPLATE_SWITCH) {
            check_switch(l, p);
        }
    }
}
