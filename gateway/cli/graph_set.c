/* graph_set.c - node titles and input names may hold dots themselves ("Sampler v1.5.seed",
 * "3.resize_type.width"), so every dot of the word is tried as the border, ids before titles. */
#include "cli/graph_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "core/graph.h"

#define DEPTH_MAX      512
#define NODES_MAX      ((size_t)20 << 20)
#define NAME_MAX_BYTES 65536
#define LIST_MAX       200 /* bytes of a list of names in a sentence */

struct workflow {
    const struct json_doc *doc;
    json_ref graph; /* the object of nodes */
};

/* "NODE.input" taken apart. */
struct place {
    struct span node;
    struct span input;
};

static bool text_is(const struct json_doc *doc, json_ref node, struct span text)
{
    AUTO(buf_clear) struct buf value = BUF_INIT(NAME_MAX_BYTES);

    return json_str(doc, node, &value) && span_eq(buf_span(&value), text);
}

static json_ref node_by_id(const struct workflow *w, struct span id)
{
    json_ref node = json_first(w->doc, w->graph);

    for (; node != JSON_NONE; node = json_next(w->doc, node)) {
        AUTO(buf_clear) struct buf key = BUF_INIT(NAME_MAX_BYTES);

        if (json_key(w->doc, node, &key) && span_eq(buf_span(&key), id)) {
            return node;
        }
    }
    return JSON_NONE;
}

/* *count tells how many nodes have the title; the first one is returned. */
static json_ref node_by_title(const struct workflow *w, struct span title, size_t *count)
{
    json_ref found = JSON_NONE;
    json_ref node = json_first(w->doc, w->graph);

    *count = 0;
    for (; node != JSON_NONE; node = json_next(w->doc, node)) {
        json_ref meta = json_get(w->doc, node, "_meta");

        if (text_is(w->doc, json_get(w->doc, meta, "title"), title)) {
            found = *count == 0 ? node : found;
            (*count)++;
        }
    }
    return found;
}

static json_ref find_input(const struct workflow *w, json_ref node, struct span name)
{
    json_ref inputs = json_get(w->doc, node, "inputs");
    json_ref input = inputs == JSON_NONE ? JSON_NONE : json_first(w->doc, inputs);

    for (; input != JSON_NONE; input = json_next(w->doc, input)) {
        AUTO(buf_clear) struct buf key = BUF_INIT(NAME_MAX_BYTES);

        if (json_key(w->doc, input, &key) && span_eq(buf_span(&key), name)) {
            return input;
        }
    }
    return JSON_NONE;
}

/* The keys of an object as "a, b, c", cut with "..." when there are too many. */
static void list_keys(const struct json_doc *doc, json_ref object, struct buf *out)
{
    json_ref member = object == JSON_NONE ? JSON_NONE : json_first(doc, object);
    size_t start = out->len;

    if (member == JSON_NONE) {
        buf_append_str(out, "none");
    }
    for (; member != JSON_NONE; member = json_next(doc, member)) {
        if (out->len - start > LIST_MAX) {
            buf_append_str(out, ", ...");
            return;
        }
        if (out->len > start) {
            buf_append_str(out, ", ");
        }
        (void)json_key(doc, member, out);
    }
}

static enum errc say_no_input(const struct workflow *w, json_ref node, struct place at,
                              struct err *e)
{
    AUTO(buf_clear) struct buf list = BUF_INIT(LIST_MAX + NAME_MAX_BYTES);

    list_keys(w->doc, json_get(w->doc, node, "inputs"), &list);
    return err_set(e, ERR_INVALID_PARAMETER, "node %.*s has no input \"%.*s\"; it has: %s",
                   (int)at.node.len, at.node.ptr, (int)at.input.len, at.input.ptr, buf_str(&list));
}

static enum errc say_no_node(const struct workflow *w, struct span word, struct err *e)
{
    AUTO(buf_clear) struct buf list = BUF_INIT(LIST_MAX + NAME_MAX_BYTES);

    list_keys(w->doc, w->graph, &list);
    return err_set(e, ERR_INVALID_PARAMETER,
                   "no node has the id or title in \"%.*s\"; the ids are: %s", (int)word.len,
                   word.ptr, buf_str(&list));
}

/* What the search has met on its way, for the sentence when it fails. */
struct search {
    json_ref near_node; /* a node without such an input */
    struct place near;
    size_t same_title; /* more than 1: a title that says too little */
    struct span title;
};

/* One reading of the word: border at `dot`. */
static json_ref try_border(const struct workflow *w, struct place at, bool by_title,
                           struct search *s)
{
    size_t count = 1;
    json_ref node = by_title ? node_by_title(w, at.node, &count) : node_by_id(w, at.node);
    json_ref input;

    if (node == JSON_NONE) {
        return JSON_NONE;
    }
    if (count > 1) {
        s->same_title = count;
        s->title = at.node;
        return JSON_NONE;
    }
    input = find_input(w, node, at.input);
    if (input == JSON_NONE && s->near_node == JSON_NONE) {
        s->near_node = node;
        s->near = at;
    }
    return input;
}

/* The input that `word` ("NODE.input") names. */
static enum errc find_place(const struct workflow *w, struct span word, json_ref *out,
                            struct err *e)
{
    struct search s = {.near_node = JSON_NONE};

    for (int by_title = 0; by_title < 2; by_title++) {
        for (size_t dot = 1; dot + 1 < word.len; dot++) {
            struct place at = {{word.ptr, dot}, {word.ptr + dot + 1, word.len - dot - 1}};
            json_ref input;

            if (word.ptr[dot] != '.') {
                continue;
            }
            input = try_border(w, at, by_title == 1, &s);
            if (input != JSON_NONE) {
                *out = input;
                return ERR_NONE;
            }
        }
    }
    if (s.near_node != JSON_NONE) {
        return say_no_input(w, s.near_node, s.near, e);
    }
    if (s.same_title > 1) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%zu nodes have the title \"%.*s\"; name the node by its id", s.same_title,
                       (int)s.title.len, s.title.ptr);
    }
    return say_no_node(w, word, e);
}

static bool is_json(const char *value)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct json_limits limits = {DEPTH_MAX, NODES_MAX};

    return json_parse(span_of(value), JSON_STRICT, limits, &doc, NULL) == ERR_NONE;
}

static enum errc add_edit(const struct workflow *w, const char *set, struct graph_edits *edits,
                          struct err *e)
{
    AUTO(buf_clear) struct buf value = BUF_INIT((size_t)64 << 20);
    const char *equals = strchr(set, '=');
    json_ref input = JSON_NONE;
    enum errc code;

    if (equals == NULL || memchr(set, '.', (size_t)(equals - set)) == NULL) {
        return err_set(e, ERR_INVALID_PARAMETER, "--set wants NODE.input=value, not \"%.80s\"",
                       set);
    }
    code = find_place(w, (struct span){set, (size_t)(equals - set)}, &input, e);
    if (code != ERR_NONE) {
        return code;
    }
    if (is_json(equals + 1)) {
        buf_append_str(&value, equals + 1);
    } else {
        struct json_out out = json_out_to(&value);

        jo_str(&out, NULL, equals + 1);
    }
    graph_edits_add(edits, json_offset(w->doc, input), json_raw(w->doc, input).len,
                    buf_span(&value));
    return ERR_NONE;
}

enum errc graph_set_apply(struct span graph, const struct words *sets, struct buf *out,
                          struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(graph_edits_clear) struct graph_edits edits = {0};
    struct json_limits limits = {DEPTH_MAX, NODES_MAX};
    struct workflow w = {0};
    size_t nodes = 0;
    enum errc code = json_parse(graph, JSON_STRICT, limits, &doc, e);

    if (code != ERR_NONE) {
        return code;
    }
    /* Only what could be edited wrongly is refused here; all else is the gateway's to judge. */
    code = graph_check(doc, 0, "", NODES_MAX, &nodes, e);
    if (code != ERR_NONE) {
        return code;
    }
    w.doc = doc;
    for (size_t i = 0; i < sets->count; i++) {
        code = add_edit(&w, sets->item[i], &edits, e);
        if (code != ERR_NONE) {
            return code;
        }
    }
    if (!graph_edits_apply(graph, &edits, out)) {
        return err_set(e, ERR_INVALID_PARAMETER, "--set names the same input twice");
    }
    return ERR_NONE;
}
