/* template_draft_text.c - from a sampler's conditioning backwards to the texts that it is made of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_draft_parts.h"

struct text_walk {
    struct draft *d;
    const char *name; /* "prompt" or "negative" */
    enum template_confidence confidence;
    bool *is_seen;
    struct template_source *open;
    size_t open_count;
    size_t found;
};

static const char *const text_inputs[] = {"text",   "prompt", "positive_prompt", "t5xxl", "clip_l",
                                          "text_g", "text_l", "clip_g",          "llama", "bert",
                                          "mt5xl",  "gemma",  "qwen25_7b",       "byt5",  "tags",
                                          "lyrics", "string", "cond_text"};

static bool is_negative(const struct text_walk *w)
{
    return strcmp(w->name, "negative") == 0;
}

static void offer_text(struct text_walk *w, size_t node, size_t input)
{
    struct draft *d = w->d;
    size_t place = draft_resolve(d, input);
    AUTO(free_ptr)
    char *why = xasprintf("the text that %s takes as its %s", d->g.node[node].class_type, w->name);

    w->found++;
    if (place == TEMPLATE_NONE) {
        draft_left(d, node, input,
                   "the %s is computed by other nodes; give the right one a title "
                   "such as $%s",
                   w->name, w->name);
        return;
    }
    if (!is_negative(w) && d->encoder == TEMPLATE_NONE) {
        d->encoder = node;
    }
    if (!draft_note_owner(d, node, place, w->name)) {
        (void)draft_offer(d, &(struct draft_offer){w->name, place, w->confidence, why});
    }
}

/* Whether the node has texts of its own: then what it takes beside them is no conditioning. */
static bool take_texts(struct text_walk *w, size_t node)
{
    size_t before = w->found;
    size_t negative = template_graph_input(&w->d->g, node, "negative_prompt");

    if (is_negative(w) && negative != TEMPLATE_NONE) {
        offer_text(w, node, negative);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(text_inputs); i++) {
        size_t input = template_graph_input(&w->d->g, node, text_inputs[i]);

        if (input != TEMPLATE_NONE) {
            offer_text(w, node, input);
        }
    }
    return w->found > before;
}

static void push(struct text_walk *w, struct template_source from)
{
    if (from.node != TEMPLATE_NONE && !w->is_seen[from.node]) {
        w->is_seen[from.node] = true;
        w->open[w->open_count++] = from;
    }
}

static bool carries_conditioning(const struct json_doc *doc, json_ref member)
{
    static const char *const starts[] = {"\"cond", "\"positive", "\"text_embeds", "\"embeds",
                                         "\"any",  "\"input",    "\"\"",          "\"*"};
    struct span key = json_key_raw(doc, member);

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        size_t len = strlen(starts[i]);

        if (key.len >= len && memcmp(key.ptr, starts[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* A node that passes conditioning on: a control net, a guidance, a combination. */
static void follow(struct text_walk *w, struct template_source from)
{
    const struct template_graph *g = &w->d->g;
    const struct template_node *n = &g->node[from.node];
    struct template_source positive = draft_link(w->d, from.node, "positive");
    struct template_source negative = draft_link(w->d, from.node, "negative");

    if (positive.node != TEMPLATE_NONE && negative.node != TEMPLATE_NONE) {
        push(w, from.slot == 1 ? negative : positive);
        return;
    }
    /* Backwards, so that what is written first comes off the pile first. */
    for (size_t i = n->first_input + n->input_count; i > n->first_input; i--) {
        if (carries_conditioning(g->doc, g->input[i - 1].value)) {
            push(w, g->input[i - 1].link);
        }
    }
}

static void offer_guidance(struct text_walk *w, size_t node)
{
    size_t input = template_graph_input(&w->d->g, node, "guidance");
    size_t place = input != TEMPLATE_NONE ? draft_resolve(w->d, input) : TEMPLATE_NONE;

    if (place != TEMPLATE_NONE) {
        AUTO(free_ptr)
        char *why = xasprintf("the guidance that %s adds to the %s", w->d->g.node[node].class_type,
                              w->name);

        (void)draft_offer(w->d, &(struct draft_offer){"guidance", place, w->confidence, why});
    }
}

void draft_find_texts(struct draft *d, struct template_source from, const char *name,
                      enum template_confidence confidence)
{
    AUTO(free_ptr) bool *is_seen = xcalloc(d->g.node_count, sizeof *is_seen);
    AUTO(free_ptr) struct template_source *open = xcalloc(d->g.node_count, sizeof *open);
    struct text_walk w = {
        .d = d, .name = name, .confidence = confidence, .is_seen = is_seen, .open = open};

    push(&w, from);
    while (w.open_count > 0) {
        struct template_source at = w.open[--w.open_count];

        /* Whatever text goes in, nothing of it comes out. */
        if (is_negative(&w) && strcmp(d->g.node[at.node].class_type, "ConditioningZeroOut") == 0) {
            continue;
        }
        if (!is_negative(&w)) {
            offer_guidance(&w, at.node);
        }
        if (!take_texts(&w, at.node)) {
            follow(&w, at);
        }
    }
}
