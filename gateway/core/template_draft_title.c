/* template_draft_title.c - what titles say: "$name" and "$name:input", and constants with names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_draft_parts.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* "$name:input" taken apart; words behind the name are for people. */
struct mark {
    struct span name;
    struct span input; /* len 0 = not said */
};

static struct mark read_mark(const char *title)
{
    struct mark m = {{title + 1, 0}, SPAN_NONE};
    const char *at = title + 1;

    while (*at != '\0' && *at != ':' && !is_blank(*at)) {
        at++;
    }
    m.name.len = (size_t)(at - m.name.ptr);
    while (is_blank(*at)) {
        at++;
    }
    if (*at == ':') {
        at++;
        at += strspn(at, " \t");
        m.input = span_of(at);
    }
    while (m.input.len > 0 && is_blank(m.input.ptr[m.input.len - 1])) {
        m.input.len--;
    }
    return m;
}

/* ---- which input is meant ---------------------------------------------------------------------- */

/* What a node is mostly about, when its title does not say more. */
static const char *const usual_inputs[] = {
    "text",     "prompt", "value",      "image",     "string",    "video",     "file",
    "audio",    "seed",   "noise_seed", "lora_name", "ckpt_name", "unet_name", "vae_name",
    "guidance", "scale",  "denoise",    "strength",  "cfg",       "steps",     "batch_size"};

static size_t only_plain(const struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];
    size_t found = TEMPLATE_NONE;

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        enum json_type type = json_type(d->g.doc, d->g.input[i].value);

        if (type == JSON_NULL || type == JSON_ARRAY || type == JSON_OBJECT) {
            continue;
        }
        if (found != TEMPLATE_NONE) {
            return TEMPLATE_NONE;
        }
        found = i;
    }
    return found;
}

static size_t meant_input(const struct draft *d, size_t node, const char *name, const char **why)
{
    size_t input = template_graph_input(&d->g, node, name);

    *why = "the node's title names the parameter and this input";
    if (input == TEMPLATE_NONE) {
        input = only_plain(d, node);
        *why = "the node's title names the parameter; it has no other input";
    }
    for (size_t i = 0; i < COUNT_OF(usual_inputs) && input == TEMPLATE_NONE; i++) {
        input = draft_plain(d, node, usual_inputs[i]);
        *why = "the node's title names the parameter; of its inputs this is the usual one "
               "($name:input says another)";
    }
    return input;
}

static void take_mark(struct draft *d, size_t node, const struct mark *m)
{
    char name[TEMPLATE_NAME_MAX + 1];
    AUTO(free_ptr) char *said = xstrndup(m->input.ptr != NULL ? m->input.ptr : "", m->input.len);
    const char *why = "the node's title names the parameter and the input";
    size_t input;
    size_t place;

    if (!template_draft_name(m->name, '_', name)) {
        draft_left(d, node, TEMPLATE_NONE,
                   "its title begins with $, but no name of a-z, 0-9, _ and - follows");
        return;
    }
    input = m->input.len > 0 ? template_graph_input(&d->g, node, said)
                             : meant_input(d, node, name, &why);
    if (input == TEMPLATE_NONE) {
        draft_left(d, node, TEMPLATE_NONE, "its title asks for \"%s\", but %s \"%.60s\"", name,
                   m->input.len > 0 ? "it has no input" : "not for which input; write",
                   m->input.len > 0 ? said : "$name:input");
        return;
    }
    place = draft_resolve(d, input);
    if (place != TEMPLATE_NONE &&
        draft_offer(d, &(struct draft_offer){name, place, TEMPLATE_SURE, why})) {
        return;
    }
    draft_left(d, node, input, "its title asks for \"%s\", but %s", name,
               place == TEMPLATE_NONE ? "other nodes compute this input"
                                      : "no parameter can be made of this input");
}

void draft_find_titles(struct draft *d)
{
    for (size_t i = 0; i < d->g.node_count; i++) {
        if (d->g.node[i].title[0] == '$') {
            struct mark m = read_mark(d->g.node[i].title);

            take_mark(d, i, &m);
        }
    }
}

/* ---- constants --------------------------------------------------------------------------------- */

static bool is_constant_class(const char *class_type)
{
    static const char *const words[] = {"Int",     "Integer",  "Float",      "String",     "Text",
                                        "Boolean", "Number",   "INT",        "FLOAT",      "STRING",
                                        "BOOLEAN", "easy int", "easy float", "easy string"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(class_type, words[i]) == 0) {
            return true;
        }
    }
    return strncmp(class_type, "Primitive", 9) == 0 || strstr(class_type, "Constant") != NULL ||
           strstr(class_type, "constant") != NULL;
}

static void take_constant(struct draft *d, size_t node)
{
    static const char *const names[] = {"value",  "int",     "float", "string", "text",
                                        "number", "boolean", "Value", "Number"};
    const char *title = d->g.node[node].title;
    char name[TEMPLATE_NAME_MAX + 1];
    size_t input = only_plain(d, node);

    for (size_t i = 0; i < COUNT_OF(names) && input == TEMPLATE_NONE; i++) {
        input = draft_plain(d, node, names[i]);
    }
    if (input != TEMPLATE_NONE && d->g.input[input].owner == TEMPLATE_NONE &&
        template_draft_name(span_of(title), '_', name)) {
        (void)draft_offer(d, &(struct draft_offer){name, input, TEMPLATE_LIKELY,
                                                   "a constant with a title of its own"});
    }
}

void draft_find_constants(struct draft *d)
{
    for (size_t i = 0; i < d->order_count; i++) {
        size_t node = d->order[i];

        if (is_constant_class(d->g.node[node].class_type) && d->g.node[node].title[0] != '$' &&
            draft_has_own_title(d, node)) {
            take_constant(d, node);
        }
    }
}

/* ---- what names alone tell ----------------------------------------------------------------------- */

struct usual {
    const char *param;
    const char *input;
};

static void take_by_name(struct draft *d, size_t node, const struct usual *usual, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t input = draft_plain(d, node, usual[i].input);

        if (input != TEMPLATE_NONE) {
            (void)draft_offer(d, &(struct draft_offer){usual[i].param, input, TEMPLATE_GUESS,
                                                       "by the input's name alone: no sampler "
                                                       "that is known leads here"});
        }
    }
}

void draft_find_leftovers(struct draft *d)
{
    static const struct usual everywhere[] = {{"prompt", "prompt"}, {"prompt", "positive_prompt"},
                                              {"prompt", "text"},   {"negative", "negative_prompt"},
                                              {"seed", "seed"},     {"seed", "noise_seed"}};
    static const struct usual of_canvas[] = {
        {"width", "width"}, {"height", "height"}, {"count", "batch_size"}};
    bool has_canvas = false;

    for (size_t i = 0; i < d->order_count && d->sampler_count == 0; i++) {
        size_t node = d->order[i];

        take_by_name(d, node, everywhere, COUNT_OF(everywhere));
        /* EmptyImage and its like; the first is the ground on which all else is laid. */
        if (!has_canvas && strncmp(d->g.node[node].class_type, "Empty", 5) == 0) {
            take_by_name(d, node, of_canvas, COUNT_OF(of_canvas));
            has_canvas = true;
        }
    }
}
