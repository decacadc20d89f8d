/* template_draft_manifest.c - the manifest around the parameters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_draft_parts.h"

#define OTHERS_ORDER 55 /* parameters that are not known, among those that are */
#define MODELS_MAX   64
#define NODES_MAX    64
#define MODEL_NAME   300 /* bytes */
#define CLASS_NAME   200

/* ---- models ---------------------------------------------------------------------------------- */

static const struct {
    const char *input;
    const char *folder;
    const char *class_part; /* NULL = any class */
} model_inputs[] = {
    {"ckpt_name", "checkpoints", NULL},
    {"unet_name", "diffusion_models", NULL},
    {"vae_name", "vae", NULL},
    {"clip_name", "clip_vision", "CLIPVision"},
    {"clip_name", "text_encoders", NULL},
    {"clip_name1", "text_encoders", NULL},
    {"clip_name2", "text_encoders", NULL},
    {"clip_name3", "text_encoders", NULL},
    {"clip_name4", "text_encoders", NULL},
    {"lora_name", "loras", NULL},
    {"control_net_name", "controlnet", NULL},
    {"style_model_name", "style_models", NULL},
    {"gligen_name", "gligen", NULL},
    {"hypernetwork_name", "hypernetworks", NULL},
    {"model_name", "upscale_models", "Upscale"},
    {"audio_encoder_name", "audio_encoders", NULL},
};

/* Lists hold words as well as files: "taesd" for a VAE, "None" for a LoRA. */
static bool is_model_file(const char *name)
{
    static const char *const ends[] = {".safetensors", ".sft", ".ckpt", ".pt",
                                       ".pth",         ".bin", ".gguf", ".pkl"};
    size_t len = strlen(name);

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        size_t end = strlen(ends[i]);

        if (len > end && strcmp(name + len - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *draft_model_folder(const struct draft *d, size_t input)
{
    const char *class_type = d->g.node[d->g.input[input].node].class_type;
    json_ref value = d->g.input[input].value;

    if (json_type(d->g.doc, value) != JSON_STRING) {
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(model_inputs); i++) {
        if (json_key_is(d->g.doc, value, model_inputs[i].input) &&
            (model_inputs[i].class_part == NULL ||
             strstr(class_type, model_inputs[i].class_part) != NULL)) {
            return model_inputs[i].folder;
        }
    }
    return NULL;
}

static bool was_named(const struct draft *d, size_t input)
{
    for (size_t i = 0; i < input; i++) {
        if (draft_model_folder(d, i) == draft_model_folder(d, input) &&
            draft_same_value(d, i, input)) {
            return true;
        }
    }
    return false;
}

static void write_models(const struct draft *d, struct json_out *o)
{
    size_t count = 0;

    for (size_t i = 0; i < d->g.input_count && count < MODELS_MAX; i++) {
        const char *folder = draft_model_folder(d, i);
        AUTO(free_ptr)
        char *name = folder != NULL ? json_str_dup(d->g.doc, d->g.input[i].value) : NULL;

        if (name == NULL || strlen(name) > MODEL_NAME || !is_model_file(name) || was_named(d, i)) {
            continue;
        }
        if (count++ == 0) {
            jo_arr(o, "models");
        }
        jo_obj(o, NULL);
        jo_str(o, "folder", folder);
        jo_str(o, "name", name);
        jo_end(o);
    }
    if (count > 0) {
        jo_end(o);
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool is_custom(const struct draft *d, size_t node)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    json_ref class = object_info_class(d->r->info, d->g.node[node].class_type);
    AUTO(free_ptr)
    char *module =
        class != JSON_NONE ? json_str_dup(info, json_get(info, class, "python_module")) : NULL;

    return module != NULL && strncmp(module, "custom_nodes", 12) == 0;
}

static void write_nodes(const struct draft *d, struct json_out *o)
{
    size_t count = 0;

    for (size_t i = 0; i < d->g.node_count && count < NODES_MAX; i++) {
        const char *class_type = d->g.node[i].class_type;
        bool is_new = is_custom(d, i) && strlen(class_type) <= CLASS_NAME;

        for (size_t k = 0; k < i && is_new; k++) {
            is_new = strcmp(d->g.node[k].class_type, class_type) != 0;
        }
        if (is_new && count++ == 0) {
            jo_arr(o, "nodes");
        }
        if (is_new) {
            jo_str(o, NULL, class_type);
        }
    }
    if (count > 0) {
        jo_end(o);
    }
}

/* ---- what it is ------------------------------------------------------------------------------ */

static bool has_class_part(const struct draft *d, const char *part)
{
    for (size_t i = 0; i < d->g.node_count; i++) {
        if (d->is_alive[i] && strstr(d->g.node[i].class_type, part) != NULL) {
            return true;
        }
    }
    return false;
}

static const struct draft_param *param_of(const struct draft *d, const char *base)
{
    for (size_t i = 0; i < d->param_count; i++) {
        if (!d->param[i].is_dropped && strcmp(d->param[i].base, base) == 0) {
            return &d->param[i];
        }
    }
    return NULL;
}

static bool has_picture(const struct draft *d)
{
    for (size_t i = 0; i < d->param_count; i++) {
        const struct draft_param *p = &d->param[i];

        if (!p->is_dropped && p->op == TEMPLATE_ASSET &&
            strcmp(draft_file_word(d, p->target[0].input), "image") == 0) {
            return true;
        }
    }
    return false;
}

const char *draft_category(const struct draft *d)
{
    const char *type = d->outcome_count > 0 ? d->outcome[d->primary].type : "file";
    bool is_video = strcmp(type, "video") == 0 || param_of(d, "frames") != NULL;

    if (is_video) {
        return has_picture(d) ? "image-to-video" : "other";
    }
    if (strcmp(type, "image") != 0) {
        return "other";
    }
    if (d->sampler_count == 0 && has_picture(d) && has_class_part(d, "Upscale")) {
        return "upscale";
    }
    if (has_picture(d)) {
        return d->sampler_count > 0 || param_of(d, "prompt") != NULL ? "image-edit" : "other";
    }
    return param_of(d, "prompt") != NULL ? "text-to-image" : "other";
}

/* "my-sdxl" is "My sdxl". */
static void write_title(const struct draft *d, struct json_out *o)
{
    char title[TEMPLATE_NAME_MAX + 1];

    (void)snprintf(title, sizeof title, "%s", d->r->name);
    title[0] = (char)(title[0] - 'a' + 'A');
    for (char *c = title; *c != '\0'; c++) {
        if (*c == '-' || *c == '_') {
            *c = ' ';
        }
    }
    jo_str(o, "title", title);
}

/* ---- parts of the manifest --------------------------------------------------------------------- */

static int order_of(const struct draft_param *p)
{
    return p->role != NULL ? p->role->order : OTHERS_ORDER;
}

size_t draft_in_order(const struct draft *d, size_t out[TEMPLATE_PARAMS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < d->param_count; i++) {
        size_t at = count;

        if (d->param[i].is_dropped) {
            continue;
        }
        for (; at > 0 && order_of(&d->param[out[at - 1]]) > order_of(&d->param[i]); at--) {
            out[at] = out[at - 1];
        }
        out[at] = i;
        count++;
    }
    return count;
}

static void write_input(const struct draft *d, struct json_out *o)
{
    size_t order[TEMPLATE_PARAMS_MAX];
    size_t count = draft_in_order(d, order);

    jo_obj(o, "input");
    jo_str(o, "type", "object");
    jo_arr(o, "required");
    for (size_t i = 0; i < count; i++) {
        if (d->param[order[i]].is_required) {
            jo_str(o, NULL, d->param[order[i]].name);
        }
    }
    jo_end(o);
    jo_bool(o, "additionalProperties", false);
    jo_obj(o, "properties");
    for (size_t i = 0; i < count; i++) {
        draft_write_param(d, o, &d->param[order[i]], (int)i + 1);
    }
    jo_end(o);
    jo_end(o);
}

static void write_outcomes(const struct draft *d, struct json_out *o)
{
    jo_arr(o, "outputs");
    for (size_t i = 0; i < d->outcome_count; i++) {
        jo_obj(o, NULL);
        draft_write_selector(d, o, d->outcome[i].node);
        jo_str(o, "type", d->outcome[i].type);
        if (d->outcome_count > 1 && i == d->primary) {
            jo_bool(o, "primary", true);
        }
        jo_end(o);
    }
    jo_end(o);
}

/* What the workflow held where a value is required now, unless a file is: there is none to give. */
static void write_example(const struct draft *d, struct json_out *o)
{
    size_t texts = 0;

    for (size_t i = 0; i < d->param_count; i++) {
        const struct draft_param *p = &d->param[i];

        if (p->is_required && !p->is_dropped) {
            if (p->op == TEMPLATE_ASSET || p->is_mixed ||
                json_str_is(d->g.doc, d->g.input[p->target[0].input].value, "")) {
                return;
            }
            texts++;
        }
    }
    if (texts == 0) {
        return;
    }
    jo_arr(o, "examples");
    jo_obj(o, NULL);
    jo_str(o, "title", "As it was exported");
    jo_obj(o, "input");
    for (size_t i = 0; i < d->param_count; i++) {
        const struct draft_param *p = &d->param[i];

        if (p->is_required && !p->is_dropped) {
            jo_raw(o, p->name, json_raw(d->g.doc, d->g.input[p->target[0].input].value));
        }
    }
    jo_end(o);
    jo_end(o);
    jo_end(o);
}

void draft_write_manifest(const struct draft *d, struct buf *out)
{
    struct json_out o = json_out_to(out);

    jo_obj(&o, NULL);
    jo_int(&o, "manifest", 1);
    jo_str(&o, "name", d->r->name);
    write_title(d, &o);
    jo_str(&o, "category", draft_category(d));
    write_input(d, &o);
    write_outcomes(d, &o);
    jo_obj(&o, "requires");
    write_nodes(d, &o);
    write_models(d, &o);
    jo_end(&o);
    write_example(d, &o);
    jo_end(&o);
}
