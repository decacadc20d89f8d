/* template_emit.c - a plan as edits of the graph's bytes.
 *
 * Links are decided here, once for each input: a switch gives it another source, a source that is
 * gone takes the input along, and a source with loaders behind it is replaced by the last of them.
 */
#include <string.h>

#include "base/mem.h"
#include "core/template_plan.h"

static const struct template_detour *detour_of(const struct template_plan *plan,
                                               struct template_source from)
{
    for (size_t i = 0; i < plan->detour_count; i++) {
        if (plan->detour[i].from.node == from.node && plan->detour[i].from.slot == from.slot) {
            return &plan->detour[i];
        }
    }
    return NULL;
}

static void edit_value(const struct template_plan *plan, struct graph_edits *edits, json_ref value,
                       struct span text)
{
    const struct json_doc *doc = plan->t->graph.doc;

    if (!span_eq(json_raw(doc, value), text)) {
        graph_edits_add(edits, json_offset(doc, value), json_raw(doc, value).len, text);
    }
}

static void edit_link(const struct template_plan *plan, struct graph_edits *edits, json_ref value,
                      const char *id, int64_t slot)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(6 * strlen(id) + 64);
    struct json_out o = json_out_to(&text);

    jo_arr(&o, NULL);
    jo_str(&o, NULL, id);
    jo_int(&o, NULL, slot);
    jo_end(&o);
    edit_value(plan, edits, value, buf_span(&text));
}

static bool is_same(struct template_source a, struct template_source b)
{
    return a.node == b.node && a.slot == b.slot;
}

/* Returns whether the input is to go, because its source does. */
static bool emit_input(const struct template_plan *plan, struct graph_edits *edits, size_t index)
{
    const struct template_input *input = &plan->t->graph.input[index];
    const struct template_change *change = &plan->change[index];
    struct template_source source = change->link.node != TEMPLATE_NONE ? change->link : input->link;
    const struct template_detour *detour;

    if (change->text != NULL) {
        edit_value(plan, edits, input->value, span_of(change->text));
        return false;
    }
    if (source.node == TEMPLATE_NONE) {
        return false;
    }
    if (plan->is_gone[source.node]) {
        return true;
    }
    detour = detour_of(plan, source);
    if (detour != NULL) {
        edit_link(plan, edits, input->value, detour->id, detour->slot);
    } else if (!is_same(source, input->link)) {
        edit_link(plan, edits, input->value, plan->t->graph.node[source.node].id, source.slot);
    }
    return false;
}

/* Behind the last node, whether that one stays or goes. */
static size_t end_of_nodes(const struct template_graph *g)
{
    json_ref last = g->node[g->node_count - 1].ref;

    return json_offset(g->doc, last) + json_raw(g->doc, last).len;
}

enum errc template_emit(struct template_plan *plan)
{
    const struct template_graph *g = &plan->t->graph;
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    AUTO(free_ptr) bool *is_dropped = xcalloc(g->input_count + 1, sizeof *is_dropped);
    bool is_whole = buf_ok(&plan->added);

    plan->out->node_count = g->node_count + plan->added_count;
    template_graph_drop(&edits, g->doc, 0, plan->is_gone);
    for (size_t i = 0; i < g->node_count; i++) {
        const struct template_node *n = &g->node[i];

        if (plan->is_gone[i]) {
            plan->out->node_count--;
            continue;
        }
        for (size_t k = n->first_input; k < n->first_input + n->input_count; k++) {
            is_dropped[k] = emit_input(plan, &edits, k);
        }
        template_graph_drop(&edits, g->doc, n->inputs, is_dropped + n->first_input);
    }
    if (plan->added.len > 0) {
        graph_edits_add(&edits, end_of_nodes(g), 0, buf_span(&plan->added));
    }
    if (!is_whole || !graph_edits_apply(g->text, &edits, &plan->out->graph) ||
        !buf_ok(&plan->out->input)) {
        return err_set(plan->e, ERR_CONTENT_TOO_LARGE,
                       "The workflow is too large with what was put into it.");
    }
    return ERR_NONE;
}
