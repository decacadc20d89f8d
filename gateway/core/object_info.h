/* object_info.h - what a ComfyUI's GET /object_info tells of its nodes, looked up in place.
 *
 * For the command line, which reads such a text once and asks a few things of it. Not a snapshot to
 * keep: it holds the whole text's index. Read leniently: a class or an input that is described in a
 * way that is not known here reads as one of which nothing is known. Pure; any thread.
 */
#ifndef CG_CORE_OBJECT_INFO_H
#define CG_CORE_OBJECT_INFO_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "core/template_live.h"

struct object_info;

enum object_kind {
    OBJECT_INT,
    OBJECT_FLOAT,
    OBJECT_STRING,
    OBJECT_BOOLEAN,
    OBJECT_CHOICE, /* of a list */
    OBJECT_OTHER   /* a link's type, or something new */
};

/* What a class declares of one of its inputs; the refs are of object_info_doc(). */
struct object_input {
    enum object_kind kind;
    bool is_required;
    bool is_upload;   /* the widget that offers to upload a file */
    json_ref choices; /* array; JSON_NONE unless kind is OBJECT_CHOICE */
    json_ref options; /* object with min, max, step, default, ...; JSON_NONE when there is none */
};

/* Gives *out, to be freed with object_info_free(); text must outlive it. VALIDATION_ERROR when the
 * text is JSON but no object of classes, else as json_parse() tells. */
enum errc object_info_new(struct span text, struct json_limits limits, struct object_info **out,
                          struct err *e) MUST_CHECK;
void object_info_free(struct object_info *o); /* NULL is fine */
void object_info_free_ptr(struct object_info **o);

/* All of these take NULL for o, and then know nothing. */
const struct json_doc *object_info_doc(const struct object_info *o);
/* The class's own object; JSON_NONE when it is not known. */
json_ref object_info_class(const struct object_info *o, const char *class_type);
/* False, *out untouched, when the class is not known or has no such input. */
bool object_info_input(const struct object_info *o, const char *class_type, const char *input,
                       struct object_input *out) MUST_CHECK;

/* What one declaration, the value below an input's name, says; all but is_required. False, *out
 * untouched, when it has no shape that is known. */
bool object_input_read(const struct json_doc *doc, json_ref declared, struct object_input *out)
    MUST_CHECK;

/* The same as a catalog, which borrows o. */
struct node_catalog object_info_catalog(struct object_info *o);

#endif
