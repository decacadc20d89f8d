/* object_info.c - see object_info.h.
 */
#include "core/object_info.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct object_info {
    struct json_doc *doc;
    struct map *by_class; /* to the class's json_ref, plus one, as a pointer */
};

enum errc object_info_new(struct span text, struct json_limits limits, struct object_info **out,
                          struct err *e)
{
    AUTO(object_info_free_ptr) struct object_info *o = xcalloc(1, sizeof *o);
    enum errc code = json_parse(text, JSON_LENIENT, limits, &o->doc, e);

    if (code != ERR_NONE) {
        return code;
    }
    if (json_type(o->doc, 0) != JSON_OBJECT) {
        return err_set(e, ERR_VALIDATION_ERROR, "is no answer of /object_info: it is no object");
    }
    o->by_class = map_new();
    for (json_ref n = json_first(o->doc, 0); n != JSON_NONE; n = json_next(o->doc, n)) {
        AUTO(buf_clear) struct buf name = BUF_INIT(json_key_raw(o->doc, n).len);

        if (json_type(o->doc, n) == JSON_OBJECT && json_key(o->doc, n, &name)) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr): a number is kept where pointers are
            map_put(o->by_class, buf_str(&name), (void *)((uintptr_t)n + 1));
        }
    }
    *out = take_ptr(&o);
    return ERR_NONE;
}

void object_info_free(struct object_info *o)
{
    if (o != NULL) {
        map_free(o->by_class);
        json_free(o->doc);
        free(o);
    }
}

void object_info_free_ptr(struct object_info **o)
{
    object_info_free(*o);
    *o = NULL;
}

const struct json_doc *object_info_doc(const struct object_info *o)
{
    return o != NULL ? o->doc : NULL;
}

json_ref object_info_class(const struct object_info *o, const char *class_type)
{
    const void *found = o != NULL ? map_get(o->by_class, class_type) : NULL;

    return found != NULL ? (json_ref)((uintptr_t)found - 1) : JSON_NONE;
}

/* An input is [type, options?]; type is a word, or, as it was of old, the list of choices itself. */
bool object_input_read(const struct json_doc *doc, json_ref declared, struct object_input *out)
{
    static const struct {
        const char *type;
        enum object_kind kind;
    } kinds[] = {{"INT", OBJECT_INT},
                 {"FLOAT", OBJECT_FLOAT},
                 {"STRING", OBJECT_STRING},
                 {"BOOLEAN", OBJECT_BOOLEAN},
                 {"COMBO", OBJECT_CHOICE}};
    static const char *const uploads[] = {"image_upload", "video_upload", "audio_upload",
                                          "file_upload"};
    json_ref type = json_at(doc, declared, 0);
    json_ref options = json_at(doc, declared, 1);

    if (json_type(doc, declared) != JSON_ARRAY) {
        return false;
    }
    *out = (struct object_input){.kind = OBJECT_OTHER, .choices = JSON_NONE};
    out->options = json_type(doc, options) == JSON_OBJECT ? options : JSON_NONE;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (json_str_is(doc, type, kinds[i].type)) {
            out->kind = kinds[i].kind;
        }
    }
    if (out->kind == OBJECT_CHOICE) {
        out->choices = json_get(doc, options, "options");
    } else if (json_type(doc, type) == JSON_ARRAY) {
        out->kind = OBJECT_CHOICE;
        out->choices = type;
    }
    /* Choices that ComfyUI asks another server for are not listed. */
    if (json_type(doc, out->choices) != JSON_ARRAY) {
        out->choices = JSON_NONE;
    }
    for (size_t i = 0; i < COUNT_OF(uploads); i++) {
        out->is_upload =
            out->is_upload || json_type(doc, json_get(doc, out->options, uploads[i])) == JSON_TRUE;
    }
    return true;
}

bool object_info_input(const struct object_info *o, const char *class_type, const char *input,
                       struct object_input *out)
{
    static const char *const groups[] = {"required", "optional"};
    json_ref class = object_info_class(o, class_type);
    json_ref inputs;

    if (class == JSON_NONE) {
        return false;
    }
    inputs = json_get(o->doc, class, "input");
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        json_ref declared = json_get(o->doc, json_get(o->doc, inputs, groups[i]), input);

        if (object_input_read(o->doc, declared, out)) {
            out->is_required = i == 0;
            return true;
        }
    }
    return false;
}

/* ---- as a catalog ---------------------------------------------------------------------------- */

static bool has_class(void *arg, const char *class_type)
{
    return object_info_class(arg, class_type) != JSON_NONE;
}

static bool has_choice(void *arg, const char *class_type, const char *input, const char *value)
{
    const struct object_info *o = arg;
    struct object_input declared;

    if (!object_info_input(o, class_type, input, &declared) || declared.choices == JSON_NONE) {
        return true;
    }
    for (json_ref n = json_first(o->doc, declared.choices); n != JSON_NONE;
         n = json_next(o->doc, n)) {
        if (json_str_is(o->doc, n, value)) {
            return true;
        }
    }
    return false;
}

static bool needs_input(void *arg, const char *class_type, const char *input)
{
    struct object_input declared;

    return object_info_input(arg, class_type, input, &declared) && declared.is_required;
}

struct node_catalog object_info_catalog(struct object_info *o)
{
    return (struct node_catalog){
        .arg = o, .has_class = has_class, .has_choice = has_choice, .needs_input = needs_input};
}
