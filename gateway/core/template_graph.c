/* template_graph.c - see template_graph.h.
 */
#include "core/template_graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

/* Ids above this are no counters: nobody numbers nodes from there on. */
#define COUNTER_DIGITS 9

static char *key_dup(const struct json_doc *doc, json_ref member)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(doc, member).len);

    (void)json_key(doc, member, &key);
    return buf_take(&key);
}

static uint64_t number_of(const char *id)
{
    size_t len = strspn(id, "0123456789");

    return id[len] == '\0' && len <= COUNTER_DIGITS ? strtoull(id, NULL, 10) : 0;
}

static void add_node(struct template_graph *g, json_ref ref)
{
    const struct json_doc *doc = g->doc;
    struct template_node *node = &g->node[g->node_count++];
    json_ref title = json_get(doc, json_get(doc, ref, "_meta"), "title");

    *node = (struct template_node){
        .ref = ref,
        .inputs = json_get(doc, ref, "inputs"),
        .id = key_dup(doc, ref),
        .class_type = json_str_dup(doc, json_get(doc, ref, "class_type")),
        .title = json_str_dup(doc, title),
        .first_input = g->input_count,
    };
    node->title = node->title != NULL ? node->title : xstrdup("");
    /* A class with U+0000 in its name is one that nobody has. */
    node->class_type = node->class_type != NULL ? node->class_type : xstrdup("");
    node->input_count = json_size(doc, node->inputs);
    g->input_count += node->input_count;
    if (number_of(node->id) >= g->next_id) {
        g->next_id = number_of(node->id) + 1;
    }
}

static bool is_link(const struct json_doc *doc, json_ref value)
{
    return json_type(doc, value) == JSON_ARRAY && json_size(doc, value) == 2 &&
           json_type(doc, json_at(doc, value, 0)) == JSON_STRING &&
           json_type(doc, json_at(doc, value, 1)) == JSON_NUMBER;
}

static void add_input(struct template_graph *g, struct template_input *input, size_t node,
                      const struct map *by_id)
{
    AUTO(free_ptr) char *id = NULL;
    const struct template_node *source;

    input->node = node;
    input->owner = TEMPLATE_NONE;
    input->over = TEMPLATE_NONE;
    input->link = (struct template_source){TEMPLATE_NONE, -1};
    if (!is_link(g->doc, input->value)) {
        return;
    }
    id = json_str_dup(g->doc, json_at(g->doc, input->value, 0));
    source = map_get(by_id, id);
    bug_if(source == NULL); /* graph_check has seen to it */
    input->link.node = (size_t)(source - g->node);
    (void)json_int(g->doc, json_at(g->doc, input->value, 1), &input->link.slot);
}

static void add_inputs(struct template_graph *g, const struct map *by_id)
{
    size_t count = 0;

    g->input = xcalloc(g->input_count + 1, sizeof *g->input);
    for (size_t i = 0; i < g->node_count; i++) {
        json_ref value = json_first(g->doc, g->node[i].inputs);

        for (; value != JSON_NONE; value = json_next(g->doc, value)) {
            g->input[count].value = value;
            add_input(g, &g->input[count++], i, by_id);
        }
    }
}

enum errc template_graph_read(struct template_graph *g, struct span text, struct json_limits limits,
                              size_t max_nodes, struct err *e)
{
    enum errc code;
    size_t nodes = 0;
    struct map *by_id;

    *g = (struct template_graph){.text = text, .next_id = 1};
    code = json_parse(text, JSON_STRICT, limits, &g->doc, e);
    if (code == ERR_NONE) {
        code = graph_check(g->doc, 0, "/workflow", max_nodes, &nodes, e);
    }
    if (code != ERR_NONE) {
        return code;
    }
    g->node = xcalloc(nodes, sizeof *g->node);
    by_id = map_new();
    for (json_ref n = json_first(g->doc, 0); n != JSON_NONE; n = json_next(g->doc, n)) {
        add_node(g, n);
        map_put(by_id, g->node[g->node_count - 1].id, &g->node[g->node_count - 1]);
    }
    add_inputs(g, by_id);
    map_free(by_id);
    return ERR_NONE;
}

void template_graph_clear(struct template_graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        free(g->node[i].id);
        free(g->node[i].class_type);
        free(g->node[i].title);
    }
    free(g->node);
    free(g->input);
    json_free(g->doc);
    *g = (struct template_graph){0};
}

size_t template_graph_input(const struct template_graph *g, size_t node, const char *name)
{
    const struct template_node *n = &g->node[node];

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        if (json_key_is(g->doc, g->input[i].value, name)) {
            return i;
        }
    }
    return TEMPLATE_NONE;
}

size_t template_graph_node(const struct template_graph *g, const char *id)
{
    for (size_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->node[i].id, id) == 0) {
            return i;
        }
    }
    return TEMPLATE_NONE;
}

void template_graph_pointer(const struct template_graph *g, size_t node, const char *member,
                            const char *name, char out[128])
{
    const size_t size = 128;

    memcpy(out, "/workflow", sizeof "/workflow");
    (void)err_pointer_add(out, size, span_of(g->node[node].id));
    if (member != NULL) {
        (void)err_pointer_add(out, size, span_of(member));
    }
    if (name != NULL) {
        (void)err_pointer_add(out, size, span_of(name));
    }
}

char *template_graph_input_name(const struct template_graph *g, size_t input)
{
    return key_dup(g->doc, g->input[input].value);
}

static size_t key_start(const struct json_doc *doc, json_ref member, struct span text, size_t start)
{
    return start + (size_t)(json_key_raw(doc, member).ptr - text.ptr);
}

static size_t value_end(const struct json_doc *doc, json_ref member)
{
    return json_offset(doc, member) + json_raw(doc, member).len;
}

void template_graph_drop(struct graph_edits *edits, const struct json_doc *doc, json_ref object,
                         const bool *is_dropped)
{
    struct span text = json_raw(doc, object);
    size_t start = json_offset(doc, object);
    json_ref before = JSON_NONE; /* the member before, once one is kept */
    bool has_kept = false;
    size_t i = 0;

    /* Behind a kept member, a dropped one takes the comma before it along; ahead of the first kept
     * one, the comma after it. So no two edits overlap, whichever are dropped. */
    for (json_ref n = json_first(doc, object); n != JSON_NONE; n = json_next(doc, n)) {
        json_ref after = json_next(doc, n);

        if (!is_dropped[i++]) {
            has_kept = true;
        } else if (has_kept) {
            graph_edits_add(edits, value_end(doc, before),
                            value_end(doc, n) - value_end(doc, before), SPAN_NONE);
        } else {
            size_t from = key_start(doc, n, text, start);
            size_t to = after != JSON_NONE ? key_start(doc, after, text, start) : value_end(doc, n);

            graph_edits_add(edits, from, to - from, SPAN_NONE);
        }
        before = n;
    }
}
