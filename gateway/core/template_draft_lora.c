/* template_draft_lora.c - where a chain of LoRAs can begin: at the loader of the first sampler's
 * model, and at that of its texts.
 */
#include <string.h>

#include "base/mem.h"
#include "core/template_draft_parts.h"

#define HOPS_MAX 200

static bool is_lora(const struct draft *d, size_t node)
{
    return strstr(d->g.node[node].class_type, "Lora") != NULL ||
           strstr(d->g.node[node].class_type, "LoRA") != NULL;
}

static bool names_model(const struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        if (draft_model_folder(d, i) != NULL) {
            return true;
        }
    }
    return false;
}

/* Follows inputs of that name to the loader. On the way, LoRAs of the workflow's own are told of. */
static struct template_source find_loader(struct draft *d, struct template_source from,
                                          const char *name)
{
    for (int i = 0; i < HOPS_MAX && from.node != TEMPLATE_NONE; i++) {
        struct template_source before = draft_link(d, from.node, name);

        if (is_lora(d, from.node)) {
            draft_left(d, from.node, TEMPLATE_NONE,
                       "a LoRA of the workflow's own: it stays, and those of \"loras\" come "
                       "before it");
        }
        if (before.node == TEMPLATE_NONE) {
            return names_model(d, from.node) && from.slot >= 0 && from.slot <= 255
                       ? from
                       : (struct template_source){TEMPLATE_NONE, -1};
        }
        from = before;
    }
    return (struct template_source){TEMPLATE_NONE, -1};
}

static struct template_source model_of(const struct draft *d, size_t sampler)
{
    struct template_source model = draft_link(d, sampler, "model");
    size_t guider = draft_link(d, sampler, "guider").node;

    return model.node == TEMPLATE_NONE && guider != TEMPLATE_NONE ? draft_link(d, guider, "model")
                                                                  : model;
}

static const struct draft_param *chain_of(const struct draft *d)
{
    for (size_t i = 0; i < d->param_count; i++) {
        if (d->param[i].op == TEMPLATE_LORA_CHAIN) {
            return &d->param[i];
        }
    }
    return NULL;
}

void draft_find_chain(struct draft *d, size_t sampler)
{
    struct template_source model = find_loader(d, model_of(d, sampler), "model");
    struct template_source clip = {TEMPLATE_NONE, -1};
    const struct draft_param *other = chain_of(d);
    AUTO(free_ptr) char *why = NULL;
    struct draft_param *p;

    if (model.node == TEMPLATE_NONE) {
        return;
    }
    if (other != NULL && (other->model.node != model.node || other->model.slot != model.slot)) {
        draft_left(
            d, model.node, TEMPLATE_NONE,
            "another model: \"loras\" are not put behind it; it can have a lora-chain of its "
            "own");
    }
    p = other == NULL ? draft_param_add(d, "loras") : NULL;
    if (p == NULL) {
        return;
    }
    if (d->encoder != TEMPLATE_NONE) {
        clip = find_loader(d, draft_link(d, d->encoder, "clip"), "clip");
        if (clip.node == model.node && clip.slot == model.slot) {
            clip.node = TEMPLATE_NONE; /* one output cannot be both */
        }
    }
    p->role = draft_role("loras");
    p->op = TEMPLATE_LORA_CHAIN;
    p->type = TEMPLATE_ARRAY;
    p->model = model;
    p->clip = clip;
    why = xasprintf("behind the model%s of the sampler %s",
                    clip.node != TEMPLATE_NONE ? " and the text encoder" : "",
                    d->g.node[sampler].class_type);
    draft_target_add(
        d, p,
        (struct draft_target){
            .node = model.node, .input = TEMPLATE_NONE, .confidence = TEMPLATE_LIKELY, .why = why});
}
