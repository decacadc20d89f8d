/* template_json.c - a template as others see it.
 */
#include <string.h>

#include "base/mem.h"
#include "core/template_parts.h"

const char *template_name(const struct template *t)
{
    return t->name;
}

const char *template_title(const struct template *t)
{
    return t->title;
}

const char *template_category(const struct template *t)
{
    return t->category;
}

struct span template_workflow(const struct template *t)
{
    return t->graph.text;
}

int64_t template_timeout_ms(const struct template *t)
{
    return t->timeout_ms;
}

int template_max_attempts(const struct template *t)
{
    return t->max_attempts;
}

const char *template_seed_param(const struct template *t)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (t->param[i].op == TEMPLATE_SEED) {
            return t->param[i].name;
        }
    }
    return NULL;
}

const char *template_primary_node(const struct template *t)
{
    size_t primary = 0;

    while (primary + 1 < t->outcome_count && !t->outcome[primary].is_primary) {
        primary++;
    }
    return t->graph.node[t->outcome[primary].node].id;
}

/* ---- input_schema ---------------------------------------------------------------------------- */

/* Lists of file names: a folder of some thousand. */
#define OPTIONS_MAX_BYTES ((size_t)4 << 20)

static void drop_binding(const struct template *t, json_ref schema, struct graph_edits *edits)
{
    AUTO(free_ptr) bool *is_dropped = xcalloc(json_size(t->doc, schema) + 1, sizeof *is_dropped);
    size_t i = 0;

    for (json_ref n = json_first(t->doc, schema); n != JSON_NONE; n = json_next(t->doc, n)) {
        is_dropped[i++] = json_key_is(t->doc, n, "x-comfy");
    }
    template_graph_drop(edits, t->doc, schema, is_dropped);
}

/* A form or a chat has to know which texts are files; their binding, which says so, is not shown. */
static size_t mark_file(const struct template *t, const struct template_param *p,
                        struct graph_edits *edits)
{
    const struct span mark = SPAN_LIT("\"x-file\":true,");

    if (p->op != TEMPLATE_ASSET) {
        return 0;
    }
    /* Something follows: a schema has its type. */
    graph_edits_add(edits, json_offset(t->doc, p->schema) + 1, 0, mark);
    return mark.len;
}

/* Puts `values` behind the source of a schema's x-options. Returns the bytes added. */
static size_t add_values(const struct template *t, json_ref schema,
                         const struct template_options *options, struct graph_edits *edits)
{
    json_ref hint = json_get(t->doc, schema, "x-options");
    json_ref source = json_get(t->doc, hint, "source");
    AUTO(free_ptr) char *name = json_str_dup(t->doc, source);
    AUTO(buf_clear) struct buf values = BUF_INIT(OPTIONS_MAX_BYTES);

    (void)buf_append_str(&values, ",\"values\":");
    if (name == NULL || !options->append(options->arg, name, &values) || !buf_ok(&values)) {
        return 0;
    }
    graph_edits_add(edits, json_offset(t->doc, source) + json_raw(t->doc, source).len, 0,
                    buf_span(&values));
    return values.len;
}

/* As deep as schemas are, which is limited. */
static size_t add_all_values(const struct template *t, json_ref schema,
                             const struct template_options *options, struct graph_edits *edits)
{
    json_ref properties = json_get(t->doc, schema, "properties");
    json_ref items = json_get(t->doc, schema, "items");
    size_t added = add_values(t, schema, options, edits);

    for (json_ref n = json_first(t->doc, properties); n != JSON_NONE; n = json_next(t->doc, n)) {
        added += add_all_values(t, n, options, edits);
    }
    return items != JSON_NONE ? added + add_all_values(t, items, options, edits) : added;
}

static void write_schema(struct json_out *o, const struct template *t,
                         const struct template_options *options)
{
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    struct span raw = json_raw(t->doc, t->input);
    size_t added = 0;
    AUTO(buf_clear) struct buf text = BUF_INIT(0);
    bool is_good;

    for (size_t i = 0; i < t->param_count; i++) {
        drop_binding(t, t->param[i].schema, &edits);
        added += mark_file(t, &t->param[i], &edits);
    }
    if (options != NULL) {
        added = add_all_values(t, t->input, options, &edits);
    }
    for (size_t i = 0; i < edits.count; i++) {
        edits.item[i].offset -= json_offset(t->doc, t->input);
    }
    text = BUF_INIT(raw.len + added + 1);
    is_good = graph_edits_apply(raw, &edits, &text);
    bug_if(!is_good);
    jo_raw(o, "input_schema", buf_span(&text));
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A member of the manifest as written; `otherwise` when it is not there. */
static void write_member(struct json_out *o, const struct template *t, json_ref object,
                         const char *name, const char *otherwise)
{
    json_ref node = json_get(t->doc, object, name);

    jo_raw(o, name, node != JSON_NONE ? json_raw(t->doc, node) : span_of(otherwise));
}

static void write_outputs(struct json_out *o, const struct template *t)
{
    jo_arr(o, "outputs");
    for (size_t i = 0; i < t->outcome_count; i++) {
        const struct template_node *node = &t->graph.node[t->outcome[i].node];

        jo_obj(o, NULL);
        jo_str(o, "node_id", node->id);
        jo_str(o, "title", node->title[0] != '\0' ? node->title : NULL);
        jo_str(o, "type", t->outcome[i].type);
        jo_bool(o, "primary", t->outcome[i].is_primary);
        jo_end(o);
    }
    jo_end(o);
}

void template_json(struct json_out *o, const struct template *t, bool is_whole,
                   const struct template_options *options)
{
    AUTO(free_ptr) char *description = json_str_dup(t->doc, json_get(t->doc, 0, "description"));
    json_ref limits = json_get(t->doc, 0, "limits");
    json_ref requires = json_get(t->doc, 0, "requires");

    jo_str(o, "name", t->name);
    jo_str(o, "title", t->title);
    jo_str(o, "description", description);
    jo_str(o, "category", t->category);
    write_member(o, t, 0, "tags", "[]");
    if (!is_whole) {
        return;
    }
    write_schema(o, t, options);
    write_outputs(o, t);
    jo_obj(o, "limits");
    write_member(o, t, limits, "timeout_seconds", "null");
    write_member(o, t, limits, "max_attempts", "null");
    jo_end(o);
    jo_obj(o, "requires");
    write_member(o, t, requires, "nodes", "[]");
    write_member(o, t, requires, "models", "[]");
    jo_end(o);
    write_member(o, t, 0, "examples", "[]");
}
