/* template_draft_media.c - files that go in, and results that come out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_draft_parts.h"

/* ---- files that go in -------------------------------------------------------------------------- */

static const struct {
    const char *class_type;
    const char *input;
    const char *word;
} loaders[] = {
    {"LoadImage", "image", "image"},       {"LoadImageMask", "image", "mask"},
    {"LoadVideo", "file", "video"},        {"LoadAudio", "audio", "audio"},
    {"VHS_LoadVideo", "video", "video"},   {"VHS_LoadAudioUpload", "audio", "audio"},
    {"LoadImageOutput", "image", "image"},
};

const char *draft_file_word(const struct draft *d, size_t input)
{
    static const char *const words[] = {"mask", "video", "audio"};
    const struct template_node *n = &d->g.node[d->g.input[input].node];
    json_ref value = d->g.input[input].value;
    struct object_input declared;
    AUTO(free_ptr) char *name = NULL;

    if (json_type(d->g.doc, value) != JSON_STRING) {
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(loaders); i++) {
        if (strcmp(n->class_type, loaders[i].class_type) == 0 &&
            json_key_is(d->g.doc, value, loaders[i].input)) {
            return loaders[i].word;
        }
    }
    if (!draft_declared(d, input, &declared) || !declared.is_upload) {
        return NULL;
    }
    name = template_graph_input_name(&d->g, input);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strstr(name, words[i]) != NULL) {
            return words[i];
        }
    }
    return "image";
}

bool draft_is_file(const struct draft *d, size_t input)
{
    return draft_file_word(d, input) != NULL;
}

static void offer_files(struct draft *d, size_t node)
{
    const struct template_node *n = &d->g.node[node];

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        const char *word = draft_file_word(d, i);

        if (word != NULL) {
            AUTO(free_ptr) char *why = xasprintf("the file that %s loads", n->class_type);

            (void)draft_offer(d, &(struct draft_offer){word, i, TEMPLATE_LIKELY, why});
        }
    }
}

/* ---- files that may be left out ------------------------------------------------------------------ */

/* Inputs that are known to be optional, for when no ComfyUI was asked. */
static bool is_optional(const struct draft *d, size_t input)
{
    static const struct {
        const char *class_type;
        const char *start; /* of the input's name */
    } known[] = {{"TextEncodeQwenImageEditPlus", "image"},
                 {"TextEncodeQwenImageEdit", "image"},
                 {"ImageStitch", "image2"},
                 {"ReferenceLatent", "latent"}};
    AUTO(free_ptr) char *name = template_graph_input_name(&d->g, input);
    const char *class_type = d->g.node[d->g.input[input].node].class_type;
    struct object_input declared;

    if (draft_declared(d, input, &declared)) {
        return !declared.is_required;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(class_type, known[i].class_type) == 0 &&
            strncmp(name, known[i].start, strlen(known[i].start)) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a node cannot stay when others are gone: it lacks something it needs, or has no link left. */
static bool must_go(const struct draft *d, const bool *is_gone, size_t node)
{
    const struct template_node *n = &d->g.node[node];
    size_t links = 0;
    size_t lost = 0;

    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        size_t source = d->g.input[i].link.node;

        if (source == TEMPLATE_NONE) {
            continue;
        }
        links++;
        if (is_gone[source]) {
            lost++;
            if (!is_optional(d, i)) {
                return true;
            }
        }
    }
    return lost > 0 && lost == links;
}

static void spread(const struct draft *d, bool *is_gone)
{
    bool has_changed = true;

    while (has_changed) {
        has_changed = false;
        for (size_t i = 0; i < d->g.node_count; i++) {
            if (!is_gone[i] && must_go(d, is_gone, i)) {
                is_gone[i] = true;
                has_changed = true;
            }
        }
    }
}

/* Nothing that the template lives by: results, chains, and what other parameters set. */
static bool may_go(const struct draft *d, size_t param, size_t node)
{
    const struct template_node *n = &d->g.node[node];

    for (size_t i = 0; i < d->outcome_count; i++) {
        if (d->outcome[i].node == node) {
            return false;
        }
    }
    for (size_t i = 0; i < d->param_count; i++) {
        if (d->param[i].model.node == node || d->param[i].clip.node == node) {
            return false;
        }
    }
    for (size_t i = n->first_input; i < n->first_input + n->input_count; i++) {
        if (d->g.input[i].owner != TEMPLATE_NONE && d->g.input[i].owner != param) {
            return false;
        }
    }
    return true;
}

static void try_removal(struct draft *d, size_t param)
{
    struct draft_param *p = &d->param[param];
    size_t nodes = d->g.node_count;
    size_t own = p->target[0].node;
    AUTO(free_ptr) bool *is_gone = xcalloc(nodes, sizeof *is_gone);
    AUTO(free_ptr) size_t *removed = xcalloc(nodes, sizeof *removed);
    size_t count = 0;

    is_gone[own] = true;
    spread(d, is_gone);
    for (size_t i = 0; i < nodes; i++) {
        if (is_gone[i] && !may_go(d, param, i)) {
            return;
        }
        if (is_gone[i] && i != own) {
            removed[count++] = i;
        }
    }
    if (count <= DRAFT_TARGETS_MAX) {
        p->removes = true;
        p->is_required = false;
        p->removed = take_ptr(&removed);
        p->removed_count = count;
    }
}

void draft_find_files(struct draft *d)
{
    size_t count = 0;

    for (size_t i = 0; i < d->order_count; i++) {
        offer_files(d, d->order[i]);
    }
    /* The first is what the workflow is about; the others may be extras. */
    for (size_t i = 0; i < d->param_count; i++) {
        if (d->param[i].op == TEMPLATE_ASSET && count++ > 0) {
            try_removal(d, i);
        }
    }
}

/* ---- results --------------------------------------------------------------------------------- */

static const struct {
    const char *start; /* of the class's name */
    const char *type;
} savers[] = {
    {"SaveImageWebsocket", "image"},
    {"SaveImage", "image"},
    {"SaveAnimatedWEBP", "image"},
    {"SaveAnimatedPNG", "image"},
    {"SaveSVG", "image"},
    {"Image Save", "image"},
    {"SaveVideo", "video"},
    {"SaveWEBM", "video"},
    {"VHS_VideoCombine", "video"},
    {"SaveAudio", "audio"},
    {"SaveText", "text"},
    {"SaveLatent", "file"},
    {"SaveGLB", "file"},
    {"Save", "image"},
};

static const struct {
    const char *start;
    const char *type;
} viewers[] = {
    {"PreviewImage", "image"}, {"PreviewAudio", "audio"}, {"PreviewAny", "text"},
    {"PreviewVideo", "video"}, {"Preview3D", "file"},     {"ShowText", "text"},
    {"MaskPreview", "image"},
};

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *saver_type(const struct draft *d, size_t node)
{
    const char *class_type = d->g.node[node].class_type;
    size_t format = draft_plain(d, node, "format");
    AUTO(free_ptr)
    char *kind = format != TEMPLATE_NONE ? json_str_dup(d->g.doc, d->g.input[format].value) : NULL;

    for (size_t i = 0; i < COUNT_OF(savers); i++) {
        if (starts(class_type, savers[i].start)) {
            /* One node for both: "video/h264-mp4", but "image/gif". */
            bool is_animation =
                strcmp(savers[i].type, "video") == 0 && kind != NULL && starts(kind, "image/");

            return is_animation ? "image" : savers[i].type;
        }
    }
    return NULL;
}

static const char *viewer_type(const struct draft *d, size_t node)
{
    for (size_t i = 0; i < COUNT_OF(viewers); i++) {
        if (starts(d->g.node[node].class_type, viewers[i].start)) {
            return viewers[i].type;
        }
    }
    return NULL;
}

/* An output node that is not known by name, or a node whose results nobody takes. */
static const char *other_type(const struct draft *d, size_t node)
{
    const struct json_doc *info = object_info_doc(d->r->info);
    json_ref class = object_info_class(d->r->info, d->g.node[node].class_type);
    bool is_output = false;

    if (class != JSON_NONE) {
        (void)json_bool(info, json_get(info, class, "output_node"), &is_output);
        return is_output ? "file" : NULL;
    }
    for (size_t i = 0; i < d->g.input_count; i++) {
        if (d->g.input[i].link.node == node) {
            return NULL;
        }
    }
    return "file";
}

void draft_find_outcomes(struct draft *d)
{
    static const char *(*const tries[])(const struct draft *, size_t) = {saver_type, viewer_type,
                                                                         other_type};

    for (size_t k = 0; k < COUNT_OF(tries) && d->outcome_count == 0; k++) {
        for (size_t i = 0; i < d->g.node_count; i++) {
            const char *type = tries[k](d, i);

            if (type != NULL && d->outcome_count == DRAFT_OUTCOMES_MAX) {
                draft_left(d, i, TEMPLATE_NONE, "there are %d outputs already", DRAFT_OUTCOMES_MAX);
            } else if (type != NULL) {
                d->outcome[d->outcome_count++] = (struct draft_outcome){i, type};
            }
        }
    }
}
