/* node_info.h - what one ComfyUI has, as its GET /object_info told: nodes, their inputs, models.
 *
 * A snapshot to keep and to share: of an answer of megabytes it holds the classes, the names of
 * inputs that are required or are a choice from a list, and each different list once, sorted. Not
 * the declarations themselves (types, limits, tooltips): object_info.h reads those in place.
 *
 * A class or an input that is declared in a way that is not known here reads as one of which nothing
 * is known; it never spoils the rest.
 *
 * Immutable and counted, the count is atomic: any thread. Functions that look take NULL for a
 * snapshot that is not there, and then know nothing.
 */
#ifndef CG_CORE_NODE_INFO_H
#define CG_CORE_NODE_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "core/template_live.h"

struct node_info;

/* Gives *out with one reference; borrows nothing of the text. VALIDATION_ERROR when the text is JSON
 * but no object of classes, else as json_parse() tells. */
enum errc node_info_parse(struct span text, struct json_limits limits, struct node_info **out,
                          struct err *e) MUST_CHECK;
struct node_info *node_info_ref(struct node_info *n); /* NULL gives NULL */
void node_info_unref(struct node_info *n);            /* NULL is fine */
void node_info_unref_ptr(struct node_info **n);       /* for AUTO */

/* What it says about templates; borrows n. A list of uploaded files refuses nothing: a file that is
 * uploaded for a job is not in it yet. */
struct node_catalog node_info_catalog(struct node_info *n);
bool node_info_has_class(const struct node_info *n, const char *class_type);
size_t node_info_class_count(const struct node_info *n);

/* ---- models, by the folder of ComfyUI that they lie in ---------------------------------------- */

/* Names of the folders that the nodes of ComfyUI itself list, in alphabetical order; NULL behind the
 * last. */
const char *node_info_folder(size_t index);
/* One of these, or an older name of one ("unet", "clip"). */
bool node_info_folder_known(const char *folder);
/* Calls visit for each name that a loader lists of that folder: each once, in the order of strcmp,
 * borrowed from n. They are as ComfyUI writes them, with the separators of its system. */
void node_info_models(const struct node_info *n, const char *folder,
                      void (*visit)(void *arg, const char *name), void *arg);

#endif
