/* node_info.c - see node_info.h.
 *
 * Twenty loaders that list one folder write the same list twenty times, which is most of an answer's
 * size. Lists are therefore compared as they are written, and those that are equal are kept once.
 */
#include "core/node_info.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/object_info.h"

#define CHUNK_BYTES 65536
#define NO_LIST     SIZE_MAX

/* Texts that are kept, and do not move. */
struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    char bytes[];
};

struct list_of_names {
    const char **name; /* sorted, each once */
    size_t count;
};

struct input {
    const char *name;
    size_t list; /* NO_LIST = anything may be given */
    bool is_required;
    bool is_upload;
};

struct class
{
    const char *name;
    size_t first; /* of its inputs */
    size_t count;
};

struct node_info {
    atomic_size_t refs;
    struct chunk *chunk;
    struct class *class; /* sorted by name, each once */
    size_t class_count;
    struct input *input; /* of a class: the required ones first */
    size_t input_count;
    struct list_of_names *list;
    size_t list_count;
};

struct node_info *node_info_ref(struct node_info *n)
{
    if (n != NULL) {
        (void)atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
    }
    return n;
}

void node_info_unref(struct node_info *n)
{
    if (n == NULL || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < n->list_count; i++) {
        free(n->list[i].name);
    }
    for (struct chunk *next = NULL; n->chunk != NULL; n->chunk = next) {
        next = n->chunk->next;
        free(n->chunk);
    }
    free(n->list);
    free(n->input);
    free(n->class);
    free(n);
}

void node_info_unref_ptr(struct node_info **n)
{
    node_info_unref(*n);
    *n = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A list that an input wants, as it is written. */
struct wanted {
    struct span raw;
    json_ref array;
    size_t input;
};

struct reading {
    const struct json_doc *doc;
    struct node_info *n;
    struct buf text; /* of one name */
    struct wanted *wanted;
    size_t wanted_count;
    size_t wanted_room;
    size_t input_room;
};

/* Room for one more element of `size` bytes behind `count`. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count == *room) {
        *room = *room > 0 ? *room * 2 : 64;
        array = xrealloc(array, *room * size);
    }
    return array;
}

static const char *keep(struct node_info *n, struct span text)
{
    struct chunk *c = n->chunk;
    char *out = NULL;

    if (c == NULL || c->size - c->used <= text.len) {
        size_t size = text.len < CHUNK_BYTES ? CHUNK_BYTES : text.len + 1;

        c = xmalloc(sizeof *c + size);
        *c = (struct chunk){.next = n->chunk, .size = size};
        n->chunk = c;
    }
    out = c->bytes + c->used;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    c->used += text.len + 1;
    return out;
}

static const char *keep_key(struct reading *r, json_ref member)
{
    buf_reset(&r->text);
    return json_key(r->doc, member, &r->text) ? keep(r->n, buf_span(&r->text)) : NULL;
}

static void read_input(struct reading *r, json_ref member, bool is_required)
{
    struct object_input declared;
    struct input in = {.list = NO_LIST, .is_required = is_required};

    if (!object_input_read(r->doc, member, &declared) ||
        (!is_required && declared.choices == JSON_NONE)) {
        return;
    }
    in.name = keep_key(r, member);
    in.is_upload = declared.is_upload;
    if (in.name == NULL) {
        return;
    }
    if (declared.choices != JSON_NONE) {
        r->wanted = grow(r->wanted, r->wanted_count, &r->wanted_room, sizeof *r->wanted);
        r->wanted[r->wanted_count++] = (struct wanted){.raw = json_raw(r->doc, declared.choices),
                                                       .array = declared.choices,
                                                       .input = r->n->input_count};
    }
    r->n->input = grow(r->n->input, r->n->input_count, &r->input_room, sizeof in);
    r->n->input[r->n->input_count++] = in;
}

static void read_class(struct reading *r, json_ref member)
{
    static const char *const groups[] = {"required", "optional"};
    json_ref inputs = json_get(r->doc, member, "input");
    struct class c = {.first = r->n->input_count};

    c.name = json_type(r->doc, member) == JSON_OBJECT ? keep_key(r, member) : NULL;
    if (c.name == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        json_ref group = json_get(r->doc, inputs, groups[i]);

        if (json_type(r->doc, group) != JSON_OBJECT) {
            continue;
        }
        for (json_ref in = json_first(r->doc, group); in != JSON_NONE; in = json_next(r->doc, in)) {
            read_input(r, in, i == 0);
        }
    }
    c.count = r->n->input_count - c.first;
    r->n->class[r->n->class_count++] = c;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts, and leaves each name once; returns how many there are. */
static size_t sort_names(const char **name, size_t count)
{
    size_t kept = 0;

    if (count > 0) { /* qsort takes no NULL */
        qsort(name, count, sizeof *name, compare_names);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(name[kept - 1], name[i]) != 0) {
            name[kept++] = name[i];
        }
    }
    return kept;
}

/* What is no text in it can be no name: a number that is chosen is not looked up. */
static void read_list(struct reading *r, json_ref array, struct list_of_names *out)
{
    out->name = xcalloc(json_size(r->doc, array) + 1, sizeof *out->name);
    out->count = 0;
    for (json_ref i = json_first(r->doc, array); i != JSON_NONE; i = json_next(r->doc, i)) {
        buf_reset(&r->text);
        if (json_str(r->doc, i, &r->text)) {
            out->name[out->count++] = keep(r->n, buf_span(&r->text));
        }
    }
    out->count = sort_names(out->name, out->count);
}

static int compare_wanted(const void *a, const void *b)
{
    const struct span *x = &((const struct wanted *)a)->raw;
    const struct span *y = &((const struct wanted *)b)->raw;

    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    return memcmp(x->ptr, y->ptr, x->len);
}

static void read_lists(struct reading *r)
{
    struct node_info *n = r->n;

    if (r->wanted_count == 0) {
        return;
    }
    qsort(r->wanted, r->wanted_count, sizeof *r->wanted, compare_wanted);
    n->list = xcalloc(r->wanted_count, sizeof *n->list);
    for (size_t i = 0; i < r->wanted_count; i++) {
        if (i == 0 || compare_wanted(&r->wanted[i - 1], &r->wanted[i]) != 0) {
            read_list(r, r->wanted[i].array, &n->list[n->list_count++]);
        }
        n->input[r->wanted[i].input].list = n->list_count - 1;
    }
    n->list = xrealloc(n->list, n->list_count * sizeof *n->list);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Of two of one name the one that was written first comes first. */
static int compare_classes(const void *a, const void *b)
{
    const struct class *x = a;
    const struct class *y = b;
    int order = strcmp(x->name, y->name);

    if (order == 0) {
        order = (x->first > y->first) - (x->first < y->first);
    }
    return order;
}

static void sort_classes(struct node_info *n)
{
    size_t kept = 0;

    if (n->class_count > 0) {
        qsort(n->class, n->class_count, sizeof *n->class, compare_classes);
    }
    for (size_t i = 0; i < n->class_count; i++) {
        if (kept == 0 || strcmp(n->class[kept - 1].name, n->class[i].name) != 0) {
            n->class[kept++] = n->class[i];
        }
    }
    n->class_count = kept;
}

enum errc node_info_parse(struct span text, struct json_limits limits, struct node_info **out,
                          struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct node_info *n = NULL;
    enum errc code = json_parse(text, JSON_LENIENT, limits, &doc, e);
    struct reading r = {.doc = doc, .text = BUF_INIT(text.len + 1)};

    if (code != ERR_NONE) {
        return code;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        return err_set(e, ERR_VALIDATION_ERROR, "is no answer of /object_info: it is no object");
    }
    n = xcalloc(1, sizeof *n);
    atomic_init(&n->refs, 1);
    n->class = xcalloc(json_size(doc, 0) + 1, sizeof *n->class);
    r.n = n;
    for (json_ref class = json_first(doc, 0); class != JSON_NONE; class = json_next(doc, class)) {
        read_class(&r, class);
    }
    read_lists(&r);
    sort_classes(n);
    free(r.wanted);
    buf_clear(&r.text);
    *out = n;
    return ERR_NONE;
}

/* ---- looking --------------------------------------------------------------------------------- */

static int compare_class(const void *name, const void *class)
{
    return strcmp(name, ((const struct class *)class)->name);
}

static const struct class *find_class(const struct node_info *n, const char *name)
{
    if (n == NULL || n->class_count == 0) {
        return NULL;
    }
    return bsearch(name, n->class, n->class_count, sizeof *n->class, compare_class);
}

static const struct input *find_input(const struct node_info *n, const char *class_type,
                                      const char *name)
{
    const struct class *c = find_class(n, class_type);

    for (size_t i = 0; c != NULL && i < c->count; i++) {
        if (strcmp(n->input[c->first + i].name, name) == 0) {
            return &n->input[c->first + i];
        }
    }
    return NULL;
}

bool node_info_has_class(const struct node_info *n, const char *class_type)
{
    return find_class(n, class_type) != NULL;
}

size_t node_info_class_count(const struct node_info *n)
{
    return n != NULL ? n->class_count : 0;
}

static bool has_class(void *arg, const char *class_type)
{
    return node_info_has_class(arg, class_type);
}

static bool has_choice(void *arg, const char *class_type, const char *input, const char *value)
{
    const struct node_info *n = arg;
    const struct input *in = find_input(n, class_type, input);
    const struct list_of_names *list = NULL;

    if (in == NULL || in->is_upload || in->list == NO_LIST) {
        return true;
    }
    list = &n->list[in->list];
    return bsearch(&value, list->name, list->count, sizeof *list->name, compare_names) != NULL;
}

static bool needs_input(void *arg, const char *class_type, const char *input)
{
    const struct input *in = find_input(arg, class_type, input);

    return in != NULL && in->is_required;
}

struct node_catalog node_info_catalog(struct node_info *n)
{
    return (struct node_catalog){
        .arg = n, .has_class = has_class, .has_choice = has_choice, .needs_input = needs_input};
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Which inputs of ComfyUI's own nodes list a folder; by folder, in alphabetical order. Nodes that
 * list two folders in one input are left out, for a name there may be of the other. */
static const struct {
    const char *folder;
    const char *class_type;
    const char *input;
} loaders[] = {
    {"audio_encoders", "AudioEncoderLoader", "audio_encoder_name"},
    {"background_removal", "LoadBackgroundRemovalModel", "bg_removal_name"},
    {"checkpoints", "CheckpointLoaderSimple", "ckpt_name"},
    {"checkpoints", "CheckpointLoader", "ckpt_name"},
    {"checkpoints", "unCLIPCheckpointLoader", "ckpt_name"},
    {"checkpoints", "ImageOnlyCheckpointLoader", "ckpt_name"},
    {"checkpoints", "CreateHookModelAsLora", "ckpt_name"},
    {"checkpoints", "CreateHookModelAsLoraModelOnly", "ckpt_name"},
    {"checkpoints", "LTXAVTextEncoderLoader", "ckpt_name"},
    {"clip_vision", "CLIPVisionLoader", "clip_name"},
    {"configs", "CheckpointLoader", "config_name"},
    {"controlnet", "ControlNetLoader", "control_net_name"},
    {"controlnet", "DiffControlNetLoader", "control_net_name"},
    {"diffusers", "DiffusersLoader", "model_path"},
    {"diffusion_models", "UNETLoader", "unet_name"},
    {"frame_interpolation", "FrameInterpolationModelLoader", "model_name"},
    {"gligen", "GLIGENLoader", "gligen_name"},
    {"hypernetworks", "HypernetworkLoader", "hypernetwork_name"},
    {"latent_upscale_models", "LatentUpscaleModelLoader", "model_name"},
    {"loras", "LoraLoader", "lora_name"},
    {"loras", "LoraLoaderModelOnly", "lora_name"},
    {"loras", "LoraLoaderBypass", "lora_name"},
    {"loras", "LoraLoaderBypassModelOnly", "lora_name"},
    {"loras", "CreateHookLora", "lora_name"},
    {"loras", "CreateHookLoraModelOnly", "lora_name"},
    {"model_patches", "ModelPatchLoader", "name"},
    {"photomaker", "PhotoMakerLoader", "photomaker_model_name"},
    {"style_models", "StyleModelLoader", "style_model_name"},
    {"text_encoders", "CLIPLoader", "clip_name"},
    {"text_encoders", "DualCLIPLoader", "clip_name1"},
    {"text_encoders", "TripleCLIPLoader", "clip_name1"},
    {"text_encoders", "QuadrupleCLIPLoader", "clip_name1"},
    {"text_encoders", "LTXAVTextEncoderLoader", "text_encoder"},
    {"upscale_models", "UpscaleModelLoader", "model_name"},
    {"vae", "VAELoader", "vae_name"},
};

static const char *today_name(const char *folder)
{
    static const char *const older[][2] = {{"unet", "diffusion_models"}, {"clip", "text_encoders"}};

    for (size_t i = 0; i < COUNT_OF(older); i++) {
        if (strcmp(folder, older[i][0]) == 0) {
            return older[i][1];
        }
    }
    return folder;
}

const char *node_info_folder(size_t index)
{
    size_t seen = 0;

    for (size_t i = 0; i < COUNT_OF(loaders); i++) {
        if (i > 0 && strcmp(loaders[i - 1].folder, loaders[i].folder) == 0) {
            continue;
        }
        if (seen++ == index) {
            return loaders[i].folder;
        }
    }
    return NULL;
}

bool node_info_folder_known(const char *folder)
{
    const char *name = today_name(folder);

    for (size_t i = 0; i < COUNT_OF(loaders); i++) {
        if (strcmp(loaders[i].folder, name) == 0) {
            return true;
        }
    }
    return false;
}

void node_info_models(const struct node_info *n, const char *folder,
                      void (*visit)(void *arg, const char *name), void *arg)
{
    const struct list_of_names *found[COUNT_OF(loaders)];
    AUTO(free_ptr) const char **name = NULL;
    const char *today = today_name(folder);
    size_t lists = 0;
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(loaders); i++) {
        const struct input *in = strcmp(loaders[i].folder, today) == 0
                                     ? find_input(n, loaders[i].class_type, loaders[i].input)
                                     : NULL;

        if (in != NULL && in->list != NO_LIST) {
            found[lists] = &n->list[in->list];
            count += found[lists++]->count;
        }
    }
    name = xcalloc(count + 1, sizeof *name);
    count = 0;
    for (size_t i = 0; i < lists; i++) {
        memcpy(name + count, found[i]->name, found[i]->count * sizeof *name);
        count += found[i]->count;
    }
    count = sort_names(name, count);
    for (size_t i = 0; i < count; i++) {
        visit(arg, name[i]);
    }
}
