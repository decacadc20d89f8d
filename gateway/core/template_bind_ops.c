/* template_bind_ops.c - the two operations that bring something new into a graph: files, and chains
 * of LoRA loaders.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_plan.h"

/* ---- asset ----------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a URL may be fetched is for the resolver to say. */
static bool is_reference(const char *text)
{
    return begins(text, "asset:") || begins(text, "output:") || begins(text, "https://") ||
           begins(text, "http://") || (begins(text, "data:") && strstr(text, ";base64,") != NULL);
}

static void keep_reference(struct template_bound *out, const char *reference)
{
    for (size_t i = 0; i < out->file_count; i++) {
        if (strcmp(out->file[i], reference) == 0) {
            return;
        }
    }
    out->file = xrealloc(out->file, (out->file_count + 1) * sizeof *out->file);
    out->file[out->file_count++] = xstrdup(reference);
}

/* False, with the fault noted, when the reference is none or cannot be had. */
static bool resolve(struct template_plan *plan, const struct template_param *p,
                    const char *reference, struct template_file *file)
{
    const struct template_files *files = plan->r->files;
    struct template_spot spot = {.param = p};
    struct err_item why = {.code = "missing_asset", .detail = "cannot be had"};

    if (reference == NULL || !is_reference(reference)) {
        template_plan_fault(plan, spot, "no_reference",
                            "must be asset:<id>, output:<id> or data:<type>;base64,<content>");
        return false;
    }
    if (files == NULL || !files->resolve(files->arg, reference, file, &why)) {
        template_plan_fault(plan, spot, why.code, "%s", why.detail);
        return false;
    }
    return true;
}

void template_plan_asset(struct template_plan *plan, const struct template_param *p,
                         struct template_value value, struct json_out *effective)
{
    AUTO(free_ptr) char *reference = json_str_dup(value.doc, value.node);
    AUTO(buf_clear) struct buf text = BUF_INIT(6 * sizeof(struct template_file));
    struct json_out o = json_out_to(&text);
    struct template_file file = {{0}, {0}};

    if (!resolve(plan, p, reference, &file)) {
        return;
    }
    jo_str(&o, NULL, file.name);
    for (size_t i = 0; i < p->target_count; i++) {
        xreplace(&plan->change[p->target[i]].text, buf_str(&text));
    }
    jo_str(effective, p->name, file.reference);
    keep_reference(plan->out, file.reference);
}

/* ---- lora-chain ------------------------------------------------------------------------------ */

/* The end of a chain so far: where the next loader, and at last the consumers, take their link from. */
struct tail {
    const char *id;
    int64_t slot;
};

static void write_link(struct json_out *o, const char *key, struct tail from)
{
    jo_arr(o, key);
    jo_str(o, NULL, from.id);
    jo_int(o, NULL, from.slot);
    jo_end(o);
}

/* A strength as JSON: what was given, else the schema's default, else `otherwise`. */
static char *strength_of(struct template_plan *plan, struct template_spot spot,
                         struct template_value lora, const char *otherwise)
{
    const struct json_doc *manifest = plan->t->doc;
    json_ref items = json_get(manifest, spot.param->schema, "items");
    json_ref schema = json_get(manifest, json_get(manifest, items, "properties"), spot.member);
    struct template_value given = {lora.doc, json_get(lora.doc, lora.node, spot.member)};

    if (given.node == JSON_NONE) {
        given = (struct template_value){manifest, json_get(manifest, schema, "default")};
    }
    if (json_type(given.doc, given.node) != JSON_NUMBER) {
        return xstrdup(otherwise);
    }
    return template_plan_number(plan, spot, given, false);
}

struct loader {
    char id[24];
    char title[24];
    struct tail model;
    struct tail clip;
    const char *strength;
    const char *strength_clip;
    struct span name; /* as JSON */
};

static void write_loader(struct template_plan *plan, const struct template_param *p,
                         const struct loader *loader)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(plan->r->max_bytes);
    struct json_out o = json_out_to(&text);
    bool takes_clip = p->clip.node != TEMPLATE_NONE;

    jo_obj(&o, NULL);
    jo_obj(&o, "inputs");
    jo_raw(&o, "lora_name", loader->name);
    jo_raw(&o, "strength_model", span_of(loader->strength));
    if (takes_clip) {
        jo_raw(&o, "strength_clip", span_of(loader->strength_clip));
    }
    write_link(&o, "model", loader->model);
    if (takes_clip) {
        write_link(&o, "clip", loader->clip);
    }
    jo_end(&o);
    jo_str(&o, "class_type", template_loader_of(p));
    jo_obj(&o, "_meta");
    jo_str(&o, "title", loader->title);
    jo_end(&o);
    jo_end(&o);
    (void)buf_appendf(&plan->added, ",\"%s\":", loader->id);
    (void)buf_append_span(&plan->added, buf_span(&text));
    plan->added.overflow = plan->added.overflow || !buf_ok(&text);
}

/* One loader behind the tails; *id is the new node's. False with the faults noted. */
static bool add_loader(struct template_plan *plan, const struct template_param *p,
                       struct template_value lora, size_t index, struct loader *loader)
{
    struct template_value name = {lora.doc, json_get(lora.doc, lora.node, "name")};
    struct template_spot spot = {p, index, "strength"};
    AUTO(free_ptr) char *strength = strength_of(plan, spot, lora, "1");
    AUTO(free_ptr) char *strength_clip = NULL;

    if (strength == NULL) {
        return false;
    }
    spot.member = "strength_clip";
    strength_clip = strength_of(plan, spot, lora, strength);
    if (strength_clip == NULL) {
        return false;
    }
    spot.member = "name";
    template_plan_ask(plan, spot, template_loader_of(p), "lora_name", name);
    loader->name = json_raw(name.doc, name.node);
    loader->strength = strength;
    loader->strength_clip = strength_clip;
    (void)snprintf(loader->id, sizeof loader->id, "%" PRIu64,
                   plan->t->graph.next_id + plan->added_count++);
    (void)snprintf(loader->title, sizeof loader->title, "LoRA %zu", index + 1);
    write_loader(plan, p, loader);
    return true;
}

static void add_detour(struct template_plan *plan, struct template_source from, const char *id,
                       int64_t slot)
{
    plan->detour[plan->detour_count++] =
        (struct template_detour){.from = from, .id = xstrdup(id), .slot = slot};
}

void template_plan_chain(struct template_plan *plan, const struct template_param *p,
                         struct template_value value)
{
    const struct template_graph *g = &plan->t->graph;
    bool takes_clip = p->clip.node != TEMPLATE_NONE;
    json_ref n = json_first(value.doc, value.node);
    char last[24] = "";
    size_t index = 0;
    struct loader loader = {
        .model = {g->node[p->model.node].id, p->model.slot},
        .clip = {takes_clip ? g->node[p->clip.node].id : "", p->clip.slot},
    };

    for (; n != JSON_NONE; n = json_next(value.doc, n)) {
        if (!add_loader(plan, p, (struct template_value){value.doc, n}, index++, &loader)) {
            return;
        }
        memcpy(last, loader.id, sizeof last);
        loader.model = (struct tail){last, 0};
        loader.clip = (struct tail){last, 1};
    }
    if (index > 0) {
        add_detour(plan, p->model, last, 0);
    }
    if (index > 0 && takes_clip) {
        add_detour(plan, p->clip, last, 1);
    }
}
