/* template_draft_sampler.c - what belongs to samplers: seed, steps, cfg, size, and, by way of
 * template_draft_text.c and template_draft_lora.c, their texts and models.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/json_schema_number.h"
#include "core/template_draft_parts.h"

#define PARTS_MAX 16

struct sampler {
    struct draft *d;
    size_t node;
    size_t part[PARTS_MAX]; /* itself, and the nodes that tell it how: guider, sigmas, noise */
    size_t part_count;
    enum template_confidence confidence;
};

static const char *const known[] = {"KSampler", "KSamplerAdvanced", "SamplerCustom",
                                    "SamplerCustomAdvanced"};

static bool has_link(const struct draft *d, size_t node, const char *name)
{
    return draft_link(d, node, name).node != TEMPLATE_NONE;
}

static bool is_sampler(const struct draft *d, size_t node)
{
    bool has_seed = template_graph_input(&d->g, node, "seed") != TEMPLATE_NONE ||
                    template_graph_input(&d->g, node, "noise_seed") != TEMPLATE_NONE ||
                    has_link(d, node, "noise");
    bool has_text = has_link(d, node, "positive") || has_link(d, node, "guider") ||
                    has_link(d, node, "text_embeds") || has_link(d, node, "conditioning");

    return draft_is_class(d, node, known, COUNT_OF(known)) || (has_seed && has_text);
}

/* ---- its parts --------------------------------------------------------------------------------- */

static bool has_part(const struct sampler *s, size_t node)
{
    for (size_t i = 0; i < s->part_count; i++) {
        if (s->part[i] == node) {
            return true;
        }
    }
    return false;
}

static void collect_parts(struct sampler *s)
{
    static const char *const names[] = {"guider", "sigmas", "noise"};

    s->part[s->part_count++] = s->node;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t at = draft_link(s->d, s->node, names[i]).node;

        while (at != TEMPLATE_NONE && s->part_count < PARTS_MAX && !has_part(s, at)) {
            s->part[s->part_count++] = at;
            at = draft_link(s->d, at, names[i]).node;
        }
    }
}

/* Where the sampler's value of that name is written; *input is the input that takes it. */
static size_t place_of(const struct sampler *s, const char *name, size_t *input)
{
    for (size_t i = 0; i < s->part_count; i++) {
        *input = template_graph_input(&s->d->g, s->part[i], name);
        if (*input != TEMPLATE_NONE) {
            return draft_resolve(s->d, *input);
        }
    }
    return TEMPLATE_NONE;
}

static void offer_named(const struct sampler *s, const char *param, const char *name)
{
    struct draft *d = s->d;
    size_t input = TEMPLATE_NONE;
    size_t place = place_of(s, name, &input);
    AUTO(free_ptr) char *why = NULL;

    if (input == TEMPLATE_NONE) {
        return;
    }
    if (place == TEMPLATE_NONE) {
        draft_left(d, d->g.input[input].node, input, "the %s is computed by other nodes", param);
        return;
    }
    why = xasprintf("%s of the sampler %s", name, d->g.node[s->node].class_type);
    if (!draft_note_owner(d, d->g.input[input].node, place, param)) {
        (void)draft_offer(d, &(struct draft_offer){param, place, s->confidence, why});
    }
}

static bool is_number(const struct draft *d, size_t place, const char *number)
{
    json_ref value = place != TEMPLATE_NONE ? d->g.input[place].value : JSON_NONE;

    return json_type(d->g.doc, value) == JSON_NUMBER &&
           json_number_compare(json_number_read(json_raw(d->g.doc, value)),
                               json_number_read(span_of(number))) == 0;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Whether this sampler runs only some of its steps: then their number alone says little. */
static bool is_split(const struct sampler *s)
{
    const struct template_graph *g = &s->d->g;
    size_t start = draft_plain(s->d, s->node, "start_at_step");
    size_t end = draft_plain(s->d, s->node, "end_at_step");
    size_t steps = draft_plain(s->d, s->node, "steps");

    for (size_t i = 0; i < s->part_count; i++) {
        if (strncmp(g->node[s->part[i]].class_type, "SplitSigmas", 11) == 0) {
            return true;
        }
    }
    if (start != TEMPLATE_NONE && !is_number(s->d, start, "0")) {
        return true;
    }
    return end != TEMPLATE_NONE && steps != TEMPLATE_NONE &&
           json_number_compare(json_number_read(json_raw(g->doc, g->input[end].value)),
                               json_number_read(json_raw(g->doc, g->input[steps].value))) < 0;
}

static void offer_steps(const struct sampler *s)
{
    size_t input = TEMPLATE_NONE;

    if (!is_split(s)) {
        offer_named(s, "steps", "steps");
        return;
    }
    (void)place_of(s, "steps", &input);
    if (input != TEMPLATE_NONE) {
        draft_left(s->d, s->d->g.input[input].node, input,
                   "the steps are shared out between samplers; set them and the split together, "
                   "with a map");
    }
}

/* ---- latent ---------------------------------------------------------------------------------- */

/* What the sampler begins with. */
struct latent {
    size_t node;     /* the one with the size; TEMPLATE_NONE = none was found */
    bool is_picture; /* made from a file */
};

static bool is_size(const struct draft *d, size_t node)
{
    return template_graph_input(&d->g, node, "width") != TEMPLATE_NONE &&
           template_graph_input(&d->g, node, "height") != TEMPLATE_NONE &&
           !has_link(d, node, "samples") && !has_link(d, node, "pixels") &&
           !has_link(d, node, "image");
}

static bool has_file(const struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        if (draft_is_file(d, i)) {
            return true;
        }
    }
    return false;
}

/* Whether an input takes a latent, or a picture that one is made of. */
static bool carries_picture(const struct json_doc *doc, json_ref member)
{
    static const char *const names[] = {"\"image", "\"pixels", "\"latent", "\"samples"};
    struct span key = json_key_raw(doc, member);

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t len = strlen(names[i]);

        if (key.len >= len && memcmp(key.ptr, names[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static struct latent find_latent(const struct sampler *s)
{
    const struct draft *d = s->d;
    AUTO(free_ptr) bool *is_seen = xcalloc(d->g.node_count, sizeof *is_seen);
    AUTO(free_ptr) size_t *open = xcalloc(d->g.node_count, sizeof *open);
    struct latent found = {.node = TEMPLATE_NONE};
    size_t count = 0;

    open[count++] = s->node;
    is_seen[s->node] = true;
    while (count > 0) {
        size_t at = open[--count];
        const struct template_node *n = &d->g.node[at];

        if (at != s->node && is_size(d, at)) {
            found.node = at;
            return found;
        }
        if (at != s->node && is_sampler(d, at)) {
            continue; /* another sampler's result */
        }
        found.is_picture = found.is_picture || has_file(d, at);
        for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
            size_t source = d->g.input[i].link.node;

            if (source != TEMPLATE_NONE && !is_seen[source] &&
                carries_picture(d->g.doc, d->g.input[i].value)) {
                is_seen[source] = true;
                open[count++] = source;
            }
        }
    }
    return found;
}

static void offer_latent_input(const struct sampler *s, size_t node, const char *param,
                               const char *name)
{
    struct draft *d = s->d;
    size_t input = template_graph_input(&d->g, node, name);
    size_t place = input != TEMPLATE_NONE ? draft_resolve(d, input) : TEMPLATE_NONE;
    AUTO(free_ptr)
    char *why =
        xasprintf("%s of %s, which the sampler begins with", name, d->g.node[node].class_type);

    if (input == TEMPLATE_NONE) {
        return;
    }
    if (place == TEMPLATE_NONE) {
        draft_left(d, node, input, "the %s is computed by other nodes", param);
    } else if (!draft_note_owner(d, node, place, param)) {
        (void)draft_offer(d, &(struct draft_offer){param, place, s->confidence, why});
    }
}

static void offer_latent(const struct sampler *s, size_t node)
{
    static const struct {
        const char *param;
        const char *name;
    } inputs[] = {{"width", "width"},       {"height", "height"},       {"frames", "length"},
                  {"frames", "num_frames"}, {"frames", "video_frames"}, {"count", "batch_size"}};

    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        offer_latent_input(s, node, inputs[i].param, inputs[i].name);
    }
}

static void offer_strength(const struct sampler *s)
{
    size_t input = TEMPLATE_NONE;
    size_t place = place_of(s, "denoise", &input);

    if (input != TEMPLATE_NONE && is_split(s)) {
        draft_left(s->d, s->d->g.input[input].node, input,
                   "it says where the steps are shared out between samplers");
        return;
    }
    if (place != TEMPLATE_NONE && is_number(s->d, place, "1")) {
        draft_left(s->d, s->d->g.input[input].node, input,
                   "denoise is 1: nothing of the picture is kept but its size");
        return;
    }
    offer_named(s, "strength", "denoise");
}

/* ---- all of it ------------------------------------------------------------------------------- */

static struct template_source text_link(const struct sampler *s, const char *const *names,
                                        size_t count)
{
    for (size_t i = 0; i < s->part_count * count; i++) {
        struct template_source from = draft_link(s->d, s->part[i / count], names[i % count]);

        if (from.node != TEMPLATE_NONE) {
            return from;
        }
    }
    return (struct template_source){TEMPLATE_NONE, -1};
}

static void find_texts(const struct sampler *s)
{
    static const char *const positive[] = {"positive", "conditioning", "cond1", "text_embeds"};
    static const char *const negative[] = {"negative", "text_embeds"};
    size_t input = TEMPLATE_NONE;
    size_t cfg = place_of(s, "cfg", &input);

    draft_find_texts(s->d, text_link(s, positive, COUNT_OF(positive)), "prompt", s->confidence);
    if (is_number(s->d, cfg, "1")) {
        draft_left(s->d, s->d->g.input[input].node, input,
                   "cfg is 1: it is for a model that takes no other, and no negative either");
        return;
    }
    offer_named(s, "cfg", "cfg");
    if (text_link(s, negative, 1).node != TEMPLATE_NONE || cfg != TEMPLATE_NONE) {
        draft_find_texts(s->d, text_link(s, negative, COUNT_OF(negative)), "negative",
                         s->confidence);
    }
}

static void look_at(struct draft *d, size_t node)
{
    struct sampler s = {.d = d, .node = node, .confidence = TEMPLATE_GUESS};
    struct latent latent;

    if (draft_is_class(d, node, known, COUNT_OF(known))) {
        s.confidence = TEMPLATE_LIKELY;
    }
    collect_parts(&s);
    offer_named(&s, "seed", "seed");
    offer_named(&s, "seed", "noise_seed");
    find_texts(&s);
    offer_steps(&s);
    latent = find_latent(&s);
    if (latent.node != TEMPLATE_NONE) {
        offer_latent(&s, latent.node);
    } else if (latent.is_picture) {
        offer_strength(&s);
    }
    draft_find_chain(d, node);
    d->sampler_count++;
}

/* ---- others of the same size ------------------------------------------------------------------- */

static size_t target_of(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->param_count; i++) {
        if (strcmp(d->param[i].name, name) == 0 && d->param[i].op == TEMPLATE_SET) {
            return d->param[i].target[0].input;
        }
    }
    return TEMPLATE_NONE;
}

/* Models and encoders are told the size too, and a picture may be scaled to it. */
static void share_size(struct draft *d)
{
    size_t width = target_of(d, "width");
    size_t height = target_of(d, "height");

    for (size_t i = 0; i < d->order_count && width != TEMPLATE_NONE && height != TEMPLATE_NONE;
         i++) {
        size_t node = d->order[i];
        size_t w = draft_plain(d, node, "width");
        size_t h = draft_plain(d, node, "height");

        if (w == TEMPLATE_NONE || h == TEMPLATE_NONE || w == width || h == height) {
            continue;
        }
        if (draft_same_value(d, w, width) && draft_same_value(d, h, height)) {
            const char *why = "it has the same size";

            (void)draft_offer(d, &(struct draft_offer){"width", w, TEMPLATE_LIKELY, why});
            (void)draft_offer(d, &(struct draft_offer){"height", h, TEMPLATE_LIKELY, why});
        } else if (d->g.input[w].owner == TEMPLATE_NONE) {
            draft_left(d, node, w,
                       "it has a size of its own, which does not follow the width and "
                       "height that are asked for");
        }
    }
}

void draft_find_samplers(struct draft *d)
{
    for (size_t i = 0; i < d->order_count; i++) {
        if (is_sampler(d, d->order[i])) {
            look_at(d, d->order[i]);
        }
    }
    share_size(d);
}
