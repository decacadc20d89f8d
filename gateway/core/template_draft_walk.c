/* template_draft_walk.c - finding one's way in a graph that may be linked in circles.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_draft_parts.h"

#define HOPS_MAX 16 /* from an input to where its value is written */

bool draft_is_class(const struct draft *d, size_t node, const char *const *classes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(d->g.node[node].class_type, classes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_plain(const struct draft *d, size_t input)
{
    enum json_type type = json_type(d->g.doc, d->g.input[input].value);

    return type == JSON_STRING || type == JSON_NUMBER || type == JSON_TRUE || type == JSON_FALSE;
}

size_t draft_plain(const struct draft *d, size_t node, const char *name)
{
    size_t input = template_graph_input(&d->g, node, name);

    return input != TEMPLATE_NONE && is_plain(d, input) ? input : TEMPLATE_NONE;
}

struct template_source draft_link(const struct draft *d, size_t node, const char *name)
{
    size_t input = template_graph_input(&d->g, node, name);

    return input != TEMPLATE_NONE ? d->g.input[input].link
                                  : (struct template_source){TEMPLATE_NONE, -1};
}

/* The input of a node that makes up its value: what constants and seed nodes call it. */
static size_t value_of(const struct draft *d, size_t node)
{
    static const char *const names[] = {
        "value",  "seed",  "noise_seed", "string",  "text",   "int",  "float", "number",
        "prompt", "Value", "Number",     "boolean", "String", "Text", "INT",   "FLOAT"};
    const struct template_node *n = &d->g.node[node];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t input = template_graph_input(&d->g, node, names[i]);

        if (input != TEMPLATE_NONE) {
            return input;
        }
    }
    /* A reroute has one input, whatever its name. */
    return n->input_count == 1 ? n->first_input : TEMPLATE_NONE;
}

/* A node with a link and more computes: to set one of its inputs would not set the value. */
static bool passes_on(const struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];
    size_t links = 0;
    bool joins = strstr(n->class_type, "Concat") != NULL;

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        links += d->g.input[i].link.node != TEMPLATE_NONE ? 1 : 0;
    }
    return !joins && (links == 0 || n->input_count == 1);
}

size_t draft_resolve(const struct draft *d, size_t input)
{
    for (int i = 0; i < HOPS_MAX && input != TEMPLATE_NONE; i++) {
        size_t source = d->g.input[input].link.node;

        if (source == TEMPLATE_NONE) {
            return is_plain(d, input) ? input : TEMPLATE_NONE;
        }
        input = passes_on(d, source) ? value_of(d, source) : TEMPLATE_NONE;
    }
    return TEMPLATE_NONE;
}

bool draft_same_value(const struct draft *d, size_t a, size_t b)
{
    struct span left = json_raw(d->g.doc, d->g.input[a].value);
    struct span right = json_raw(d->g.doc, d->g.input[b].value);

    if (json_type(d->g.doc, d->g.input[a].value) == JSON_NUMBER &&
        json_type(d->g.doc, d->g.input[b].value) == JSON_NUMBER) {
        return json_number_compare(json_number_read(left), json_number_read(right)) == 0;
    }
    return span_eq(left, right);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* One node on the way down, and which of its inputs comes next. */
struct step {
    size_t node;
    size_t next;
};

struct walk {
    bool *is_seen;
    size_t *order;
    size_t count;
    struct step *path;
};

/* Depth first, an input after the other: so pictures come in the order in which they are used. */
static void visit(const struct draft *d, size_t root, struct walk *w)
{
    size_t depth = 0;

    if (w->is_seen[root]) {
        return;
    }
    w->is_seen[root] = true;
    w->path[depth++] = (struct step){root, 0};
    while (depth > 0) {
        struct step *s = &w->path[depth - 1];
        const struct template_node *n = &d->g.node[s->node];
        size_t source;

        if (s->next == n->input_count) {
            w->order[w->count++] = s->node;
            depth--;
            continue;
        }
        source = d->g.input[n->first_input + s->next++].link.node;
        if (source != TEMPLATE_NONE && !w->is_seen[source]) {
            w->is_seen[source] = true;
            w->path[depth++] = (struct step){source, 0};
        }
    }
}

void draft_sort(struct draft *d)
{
    size_t nodes = d->g.node_count;
    AUTO(free_ptr) struct step *path = xcalloc(nodes + 1, sizeof *path);
    AUTO(free_ptr) bool *is_seen = xcalloc(nodes + 1, sizeof *is_seen);
    AUTO(free_ptr) size_t *order = xcalloc(nodes + 1, sizeof *order);
    struct walk all = {d->is_alive, d->order, 0, path};
    size_t most = 0;

    for (size_t i = 0; i < d->outcome_count; i++) {
        struct walk own = {is_seen, order, 0, path};

        memset(is_seen, 0, nodes * sizeof *is_seen);
        visit(d, d->outcome[i].node, &own);
        visit(d, d->outcome[i].node, &all);
        /* The one that most goes into is the last in a chain of results. */
        if (own.count > most) {
            most = own.count;
            d->primary = i;
        }
    }
    d->order_count = all.count;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Letters and digits alone, in lower case: "Load Image (as Mask)" is "loadimageasmask". */
static void skeleton(const char *text, char out[64])
{
    size_t len = 0;

    for (; *text != '\0' && len + 1 < 64; text++) {
        char c = *text;

        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80) {
            out[len++] = c;
        }
    }
    out[len] = '\0';
}

/* Titles that ComfyUI gives by itself, where they are not the class's name with blanks. */
static bool is_usual_title(const char *bare)
{
    static const char *const usual[] = {
        "loadcheckpoint",
        "cliptextencodeprompt",
        "loaddiffusionmodel",
        "loadclip",
        "loadlora",
        "loadlorafortesting",
        "loadvae",
        "ksampleradvanced",
        "loadupscalemodel",
        "upscaleimageusingmodel",
        "upscaleimage",
        "upscaleimageby",
        "upscalelatent",
        "upscalelatentby",
        "loadcontrolnetmodel",
        "applycontrolnet",
        "loadclipvision",
        "loadimageasmask",
        "primitive",
        "int",
        "float",
        "string",
        "stringmultiline",
        "boolean",
        "text",
        "note",
        "seed",
        "dualcliploader",
        "conditioningzeroout",
    };

    for (size_t i = 0; i < COUNT_OF(usual); i++) {
        if (strcmp(usual[i], bare) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_given_by_class(const struct draft *d, const struct template_node *n)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    json_ref class = object_info_class(d->r->info, n->class_type);
    char title[64];
    char own[64];

    if (class != JSON_NONE && json_str_is(info, json_get(info, class, "display_name"), n->title)) {
        return true;
    }
    skeleton(n->title, title);
    skeleton(n->class_type, own);
    return title[0] == '\0' || strcmp(title, own) == 0 || is_usual_title(title);
}

bool draft_has_own_title(const struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];

    if (n->title[0] == '\0' || strlen(n->title) > 200 || is_given_by_class(d, n)) {
        return false;
    }
    for (size_t i = 0; i < d->g.node_count; i++) {
        if (i != node && strcmp(d->g.node[i].title, n->title) == 0) {
            return false;
        }
    }
    return true;
}

bool draft_declared(const struct draft *d, size_t input, struct object_input *out)
{
    AUTO(free_ptr) char *name = template_graph_input_name(&d->g, input);

    return object_info_input(d->r->info, d->g.node[d->g.input[input].node].class_type, name, out);
}
