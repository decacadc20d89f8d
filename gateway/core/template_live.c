/* template_live.c - see template_live.h.
 */
#include "core/template_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_parts.h"

struct look {
    const struct template *t;
    const struct node_catalog *catalog;
    struct err *e; /* not NULL */
    size_t faults;
};

#define fault(l, at, kind, ...)                                                                    \
    ((l)->faults++, (void)err_at((l)->e, ERR_INVALID_WORKFLOW, at, kind, __VA_ARGS__))

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool has_class(const struct look *l, const char *class_type)
{
    return l->catalog->has_class(l->catalog->arg, class_type);
}

static bool is_first_of_class(const struct template_graph *g, size_t node)
{
    for (size_t i = 0; i < node; i++) {
        if (strcmp(g->node[i].class_type, g->node[node].class_type) == 0) {
            return false;
        }
    }
    return true;
}

/* ComfyUI refuses a graph with a class that it does not know, even in a node that nothing needs. */
static void look_for_classes(struct look *l)
{
    const struct template_graph *g = &l->t->graph;

    for (size_t i = 0; i < g->node_count; i++) {
        char at[128];

        if (is_first_of_class(g, i) && !has_class(l, g->node[i].class_type)) {
            template_graph_pointer(g, i, "class_type", NULL, at);
            fault(l, at, "missing_node", "the connected ComfyUI has no node \"%.100s\"",
                  g->node[i].class_type);
        }
    }
}

static void look_for_required(struct look *l)
{
    const struct json_doc *doc = l->t->doc;
    json_ref list = json_get(doc, json_get(doc, 0, "requires"), "nodes");

    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *class_type = json_str_dup(doc, n);
        char at[128];

        if (class_type == NULL || !has_class(l, class_type)) {
            json_pointer(doc, n, at, sizeof at);
            fault(l, at, "missing_node", "the connected ComfyUI has no node \"%.100s\"",
                  class_type != NULL ? class_type : "");
        }
    }
}

static void look_for_loaders(struct look *l)
{
    for (size_t i = 0; i < l->t->param_count; i++) {
        const struct template_param *p = &l->t->param[i];
        char at[128];

        if (p->op == TEMPLATE_LORA_CHAIN && !has_class(l, template_loader_of(p))) {
            json_pointer(l->t->doc, p->binding, at, sizeof at);
            fault(l, at, "missing_node", "the connected ComfyUI has no node \"%s\"",
                  template_loader_of(p));
        }
    }
}

/* ---- models ---------------------------------------------------------------------------------- */

/* The value that a parameter gives an input when the job does not say, where a parameter that
 * replaces a map's value says nothing: NULL when the input keeps
 * its own, which *keeps tells, or when only a job can tell. */
static char *default_of(const struct template *t, size_t input, bool *keeps)
{
    const struct template_input *in = &t->graph.input[input];
    const struct template_param *p = in->owner != TEMPLATE_NONE ? &t->param[in->owner] : NULL;
    const struct template_choice *c;

    *keeps = p == NULL || (p->fallback == JSON_NONE && !p->is_required && !p->removes);
    if (*keeps || p->fallback == JSON_NONE) {
        return NULL;
    }
    if (p->op == TEMPLATE_SET) {
        return json_str_dup(t->doc, p->fallback);
    }
    c = p->op == TEMPLATE_MAP ? template_choose(t, p, t->doc, p->fallback) : NULL;
    for (size_t i = 0; c != NULL && i < c->setting_count; i++) {
        if (c->setting[i].input == input) {
            return json_str_dup(t->doc, c->setting[i].value);
        }
    }
    *keeps = true;
    return NULL;
}

/* Where a model can be had, as far as the manifest says; appended to out. */
static void append_source(const struct template *t, const char *name, struct buf *out)
{
    json_ref list = json_get(t->doc, json_get(t->doc, 0, "requires"), "models");

    for (json_ref n = json_first(t->doc, list); n != JSON_NONE; n = json_next(t->doc, n)) {
        AUTO(free_ptr) char *folder = json_str_dup(t->doc, json_get(t->doc, n, "folder"));
        AUTO(free_ptr) char *url = json_str_dup(t->doc, json_get(t->doc, n, "url"));

        if (json_str_is(t->doc, json_get(t->doc, n, "name"), name)) {
            (void)buf_appendf(out, "; it belongs into models/%.60s", folder != NULL ? folder : "");
            (void)buf_appendf(out, "%s%.150s", url != NULL ? ", from " : "",
                              url != NULL ? url : "");
            return;
        }
    }
}

static void look_for_choice(struct look *l, size_t input)
{
    const struct template_graph *g = &l->t->graph;
    const struct template_node *node = &g->node[g->input[input].node];
    AUTO(free_ptr) char *name = template_graph_input_name(g, input);
    AUTO(buf_clear) struct buf source = BUF_INIT(400);
    bool keeps = false;
    AUTO(free_ptr) char *value = default_of(l->t, input, &keeps);
    char at[128];

    if (keeps) {
        value = json_str_dup(g->doc, g->input[input].value);
    }
    if (value == NULL || l->catalog->has_choice(l->catalog->arg, node->class_type, name, value)) {
        return;
    }
    append_source(l->t, value, &source);
    template_graph_pointer(g, g->input[input].node, "inputs", name, at);
    fault(l, at, "missing_model", "\"%.80s\" is not among what \"%.60s\" offers%s", value,
          node->class_type, buf_str(&source));
}

/* ---- removal --------------------------------------------------------------------------------- */

/* An input that goes with the node it is linked to must not be one that its own node requires. */
static void look_at_removal(struct look *l, const struct template_param *p, size_t input)
{
    const struct template_graph *g = &l->t->graph;
    const struct template_node *node = &g->node[g->input[input].node];
    AUTO(free_ptr) char *name = template_graph_input_name(g, input);
    bool is_cut = false;
    bool is_gone = false;
    char at[128];

    for (size_t i = 0; i < p->gone_count; i++) {
        is_cut = is_cut || p->gone[i] == g->input[input].link.node;
        is_gone = is_gone || p->gone[i] == g->input[input].node;
    }
    if (is_cut && !is_gone && l->catalog->needs_input(l->catalog->arg, node->class_type, name)) {
        json_pointer(l->t->doc, p->binding, at, sizeof at);
        fault(l, at, "required_input",
              "without this parameter node \"%.32s\" (%.64s) has no \"%.32s\", which it requires",
              node->id, node->class_type, name);
    }
}

static void look_at_removals(struct look *l)
{
    for (size_t i = 0; i < l->t->param_count; i++) {
        const struct template_param *p = &l->t->param[i];

        for (size_t k = 0; p->removes && k < l->t->graph.input_count; k++) {
            look_at_removal(l, p, k);
        }
    }
}

enum errc template_check_live(const struct template *t, const struct node_catalog *catalog,
                              struct err *e)
{
    struct err unseen = ERR_INIT;
    struct look l = {.t = t, .catalog = catalog, .e = e != NULL ? e : &unseen};

    look_for_classes(&l);
    look_for_required(&l);
    look_for_loaders(&l);
    for (size_t i = 0; i < t->graph.input_count; i++) {
        look_for_choice(&l, i);
    }
    if (catalog->needs_input != NULL) {
        look_at_removals(&l);
    }
    return l.faults > 0 ? l.e->code : ERR_NONE;
}
