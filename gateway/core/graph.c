/* graph.c - see graph.h.
 */
#include "core/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define STEPS_WEIGHED_MAX 100
#define ID_MAX            256

/* Graphs that are stored have passed graph_check: these only keep a spoilt store from harm. */
static const struct json_limits stored_limits = {.depth = 1024, .nodes = 20000000};

static struct json_doc *parse_stored(struct span graph)
{
    struct json_doc *doc = NULL;

    if (json_parse(graph, JSON_STRICT, stored_limits, &doc, NULL) != ERR_NONE) {
        return NULL;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        json_free_ptr(&doc);
    }
    return doc;
}

static bool is_type(const struct json_doc *doc, json_ref node, enum json_type type)
{
    return node != JSON_NONE && json_type(doc, node) == type;
}

/* ---- checking ------------------------------------------------------------------------------- */

struct check {
    const struct json_doc *doc;
    const char *pointer; /* of the graph */
    struct map *ids;
    struct err *e;
    size_t faults; /* e may be full, or NULL */
};

struct place {
    char text[128];
};

static void add_key(const struct check *c, struct place *place, json_ref member)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(c->doc, member).len);

    (void)json_key(c->doc, member, &key);
    err_pointer_add(place->text, sizeof place->text, buf_span(&key));
}

/* Pointer of the node, of its member, and of one input below that. */
static struct place place_of(const struct check *c, json_ref node, const char *member,
                             json_ref input)
{
    struct place place = {""};

    (void)strncat(place.text, c->pointer, sizeof place.text - 1);
    add_key(c, &place, node);
    if (member != NULL) {
        err_pointer_add(place.text, sizeof place.text, span_of(member));
    }
    if (input != JSON_NONE) {
        add_key(c, &place, input);
    }
    return place;
}

#define fault(c, at, kind, ...)                                                                    \
    ((c)->faults++, (void)err_at((c)->e, ERR_INVALID_WORKFLOW, at, kind, __VA_ARGS__))

/* A list of a text and a number is a link, wherever it stands: ComfyUI takes it as one also in
 * inputs that the node does not have. */
static bool is_link(const struct json_doc *doc, json_ref value)
{
    return is_type(doc, value, JSON_ARRAY) && json_size(doc, value) == 2 &&
           is_type(doc, json_at(doc, value, 0), JSON_STRING) &&
           is_type(doc, json_at(doc, value, 1), JSON_NUMBER);
}

static void check_link(struct check *c, json_ref node, json_ref input)
{
    AUTO(free_ptr) char *target = json_str_dup(c->doc, json_first(c->doc, input));

    if (target == NULL || map_get(c->ids, target) == NULL) {
        fault(c, place_of(c, node, "inputs", input).text, "unknown_node",
              "the link names node \"%.64s\", which is not in the workflow",
              target != NULL ? target : "");
    }
}

/* ComfyUI's own loaders (LoadImage, LoadAudio, ...) join such a name to their folder without looking:
 * any file of the GPU's host could be read. */
static bool leads_outside(const char *path)
{
    bool has_drive = path[0] != '\0' && path[1] == ':';

    if (path[0] == '/' || path[0] == '\\' || has_drive) {
        return true;
    }
    for (const char *part = path; part != NULL; part = strpbrk(part, "/\\")) {
        part += strspn(part, "/\\");
        if (strcspn(part, "/\\") == 2 && strncmp(part, "..", 2) == 0) {
            return true;
        }
    }
    return false;
}

static void check_file(struct check *c, json_ref node, json_ref input)
{
    AUTO(free_ptr) char *class = json_str_dup(c->doc, json_get(c->doc, node, "class_type"));
    AUTO(free_ptr) char *path = json_str_dup(c->doc, input);

    if (class != NULL && path != NULL && strncmp(class, "Load", 4) == 0 && leads_outside(path)) {
        fault(c, place_of(c, node, "inputs", input).text, "file_outside",
              "\"%.64s\" leads out of ComfyUI's folders", path);
    }
}

static void check_node(struct check *c, json_ref node)
{
    json_ref class = json_get(c->doc, node, "class_type");
    json_ref inputs = json_get(c->doc, node, "inputs");

    if (json_type(c->doc, node) != JSON_OBJECT) {
        fault(c, place_of(c, node, NULL, JSON_NONE).text, "wrong_type",
              "a node must be an object with class_type and inputs");
        return;
    }
    if (class == JSON_NONE) {
        fault(c, place_of(c, node, "class_type", JSON_NONE).text, "required",
              "the node has no class_type");
    } else if (json_type(c->doc, class) != JSON_STRING || json_raw(c->doc, class).len <= 2) {
        fault(c, place_of(c, node, "class_type", JSON_NONE).text, "wrong_type",
              "class_type must be a text that is not empty");
    }
    if (inputs == JSON_NONE) {
        return;
    }
    if (json_type(c->doc, inputs) != JSON_OBJECT) {
        fault(c, place_of(c, node, "inputs", JSON_NONE).text, "wrong_type",
              "inputs must be an object");
        return;
    }
    for (json_ref n = json_first(c->doc, inputs); n != JSON_NONE; n = json_next(c->doc, n)) {
        if (is_link(c->doc, n)) {
            check_link(c, node, n);
        } else if (json_type(c->doc, n) == JSON_STRING) {
            check_file(c, node, n);
        }
    }
}

static void learn_id(struct check *c, json_ref node)
{
    static char is_present[] = "present";
    AUTO(buf_clear) struct buf id = BUF_INIT(json_key_raw(c->doc, node).len + 1);

    if (!json_key(c->doc, node, &id)) {
        fault(c, c->pointer, "invalid_character", "the id of a node contains U+0000");
    } else if (id.len == 0 || id.len > ID_MAX) {
        fault(c, place_of(c, node, NULL, JSON_NONE).text, "out_of_range",
              "the id of a node must have 1 to %d bytes", ID_MAX);
    } else {
        map_put(c->ids, buf_str(&id), is_present);
    }
}

/* What people send by mistake instead of an API export. */
static enum errc check_format(const struct json_doc *doc, json_ref graph, const char *pointer,
                              struct err *e)
{
    json_ref prompt = json_get(doc, graph, "prompt");

    if (!is_type(doc, graph, JSON_OBJECT)) {
        return err_at(e, ERR_INVALID_WORKFLOW, pointer, "wrong_type",
                      "a workflow must be an object of nodes, as \"Workflow > Export (API)\" in "
                      "ComfyUI writes it");
    }
    if (is_type(doc, json_get(doc, graph, "nodes"), JSON_ARRAY)) {
        return err_at(
            e, ERR_WORKFLOW_FORMAT_UI, pointer, "workflow_format_ui",
            "this is the editor's save format; in ComfyUI use \"Workflow > Export (API)\" "
            "and send that file");
    }
    if (is_type(doc, prompt, JSON_OBJECT) && json_get(doc, prompt, "class_type") == JSON_NONE) {
        return err_at(
            e, ERR_INVALID_WORKFLOW, pointer, "wrong_type",
            "this is a request to ComfyUI's /prompt; send only what its member \"prompt\" "
            "holds");
    }
    if (json_size(doc, graph) == 0) {
        return err_at(e, ERR_INVALID_WORKFLOW, pointer, "required", "the workflow has no nodes");
    }
    return ERR_NONE;
}

enum errc graph_check(const struct json_doc *doc, json_ref graph, const char *pointer,
                      size_t max_nodes, size_t *out_nodes, struct err *e)
{
    enum errc wrong = check_format(doc, graph, pointer, e);
    struct check c = {.doc = doc, .pointer = pointer, .e = e};
    size_t nodes = json_size(doc, graph);

    if (wrong != ERR_NONE) {
        return wrong;
    }
    if (nodes > max_nodes) {
        return err_at(e, ERR_INVALID_WORKFLOW, pointer, "too_many",
                      "the workflow has %zu nodes; %zu are allowed", nodes, max_nodes);
    }
    c.ids = map_new();
    for (json_ref n = json_first(doc, graph); n != JSON_NONE; n = json_next(doc, n)) {
        learn_id(&c, n);
    }
    for (json_ref n = json_first(doc, graph); n != JSON_NONE; n = json_next(doc, n)) {
        check_node(&c, n);
    }
    map_free(c.ids);
    if (c.faults > 0) {
        return e != NULL ? e->code : ERR_INVALID_WORKFLOW;
    }
    *out_nodes = nodes;
    return ERR_NONE;
}

/* ---- index ---------------------------------------------------------------------------------- */

struct graph_node {
    char *id;
    char *class;
    char *title;
    int weight;
};

struct graph_index {
    struct map *by_id;
    struct graph_node *node;
    size_t count;
    int weights;
};

/* A sampler's step takes about as long as any other node at work. Steps that are linked from elsewhere are not known. */
static int weight_of(const struct json_doc *doc, json_ref n)
{
    int64_t steps = 1;

    if (!json_int(doc, json_get(doc, json_get(doc, n, "inputs"), "steps"), &steps) || steps < 1) {
        return 1;
    }
    return steps < STEPS_WEIGHED_MAX ? (int)steps : STEPS_WEIGHED_MAX;
}

static void add_node(struct graph_index *g, const struct json_doc *doc, json_ref n)
{
    AUTO(buf_clear) struct buf id = BUF_INIT(json_key_raw(doc, n).len + 1);
    struct graph_node *node = &g->node[g->count++];

    if (!json_key(doc, n, &id)) {
        buf_reset(&id);
    }
    node->id = xstrdup(buf_str(&id));
    node->class = json_str_dup(doc, json_get(doc, n, "class_type"));
    node->title = json_str_dup(doc, json_get(doc, json_get(doc, n, "_meta"), "title"));
    node->weight = weight_of(doc, n);
    g->weights += node->weight;
    map_put(g->by_id, node->id, node);
}

struct graph_index *graph_index_new(struct span graph)
{
    AUTO(json_free_ptr) struct json_doc *doc = parse_stored(graph);
    struct graph_index *g = NULL;

    if (doc == NULL) {
        return NULL;
    }
    g = xcalloc(1, sizeof *g);
    g->by_id = map_new();
    g->node = xcalloc(json_size(doc, 0) + 1, sizeof *g->node);
    for (json_ref n = json_first(doc, 0); n != JSON_NONE; n = json_next(doc, n)) {
        add_node(g, doc, n);
    }
    return g;
}

void graph_index_free(struct graph_index *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; i < g->count; i++) {
        free(g->node[i].id);
        free(g->node[i].class);
        free(g->node[i].title);
    }
    free(g->node);
    map_free(g->by_id);
    free(g);
}

size_t graph_index_count(const struct graph_index *g)
{
    return g->count;
}

const char *graph_index_class(const struct graph_index *g, const char *node_id)
{
    const struct graph_node *node = map_get(g->by_id, node_id);

    return node != NULL ? node->class : NULL;
}

const char *graph_index_title(const struct graph_index *g, const char *node_id)
{
    const struct graph_node *node = map_get(g->by_id, node_id);

    return node != NULL ? node->title : NULL;
}

int graph_index_weight(const struct graph_index *g, const char *node_id)
{
    const struct graph_node *node = map_get(g->by_id, node_id);

    return node != NULL ? node->weight : 0;
}

int graph_index_weights(const struct graph_index *g)
{
    return g->weights;
}

size_t graph_index_place(const struct graph_index *g, const char *node_id)
{
    const struct graph_node *node = map_get(g->by_id, node_id);

    return node != NULL ? (size_t)(node - g->node) : SIZE_MAX;
}

const char *graph_index_own_node(const struct graph_index *g, const char *node_id)
{
    const struct graph_node *node = map_get(g->by_id, node_id);
    AUTO(free_ptr) char *id = xstrdup(node_id);

    /* Each expansion appends ".call.graph.node"; ids with dots of their own are legal. */
    while (node == NULL && strrchr(id, '.') != NULL) {
        *strrchr(id, '.') = '\0';
        node = map_get(g->by_id, id);
    }
    return node != NULL ? node->id : NULL;
}

/* ---- edits ---------------------------------------------------------------------------------- */

void graph_edits_add(struct graph_edits *edits, size_t offset, size_t len, struct span replacement)
{
    if ((edits->count & (edits->count - 1)) == 0) { /* full at each power of two */
        edits->item =
            xrealloc(edits->item, (edits->count > 0 ? 2 * edits->count : 1) * sizeof *edits->item);
    }
    edits->item[edits->count] = (struct graph_edit){
        .offset = offset,
        .len = len,
        .order = edits->count,
        .replacement = xstrndup(replacement.ptr != NULL ? replacement.ptr : "", replacement.len),
        .replacement_len = replacement.len,
    };
    edits->count++;
}

void graph_edits_clear(struct graph_edits *edits)
{
    for (size_t i = 0; i < edits->count; i++) {
        free(edits->item[i].replacement);
    }
    free(edits->item);
    *edits = (struct graph_edits){0};
}

static int compare_edits(const void *a, const void *b)
{
    const struct graph_edit *left = a;
    const struct graph_edit *right = b;

    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    if ((left->len == 0) != (right->len == 0)) {
        return left->len == 0 ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

bool graph_edits_apply(struct span graph, struct graph_edits *edits, struct buf *out)
{
    size_t done = 0;

    if (edits->count > 1) {
        qsort(edits->item, edits->count, sizeof *edits->item, compare_edits);
    }
    for (size_t i = 0; i < edits->count; i++) {
        const struct graph_edit *edit = &edits->item[i];

        if (edit->offset < done || edit->offset > graph.len ||
            edit->len > graph.len - edit->offset) {
            return false;
        }
        (void)buf_append(out, graph.ptr + done, edit->offset - done);
        (void)buf_append(out, edit->replacement, edit->replacement_len);
        done = edit->offset + edit->len;
    }
    (void)buf_append(out, graph.ptr + done, graph.len - done);
    return buf_ok(out);
}
