/* template_set.h - the templates that are served: those built in, and those of the folders.
 *
 * A template's source is the last place that has one of its name: what is built in (CMake embeds
 * templates/), then the folders of templates_dir in their order. All places are read at the start and again
 * on template_set_reload(). What cannot be loaded is kept with its faults; after a reload the
 * template of that name that was served before goes on being served. At the start nothing stands
 * in for a broken one: a template of another place is another workflow.
 *
 * Not a check against any ComfyUI (http/template_live.h), and it watches no folder.
 *
 * Threads: any; template_set_open and template_set_reload read files and block.
 * Locks: one, inside; never held over I/O. A list and a template never change: who holds a
 * reference reads without a lock, also while a reload puts a new list in its place.
 */
#ifndef CG_LIBRARY_TEMPLATE_SET_H
#define CG_LIBRARY_TEMPLATE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "core/template.h"

#define TEMPLATE_SET_FOLDERS_MAX  16   /* in templates_dir */
#define TEMPLATE_SET_PER_FOLDER   1000 /* templates */
#define TEMPLATE_SET_MANIFEST_MAX ((size_t)1 << 20)

struct template_set;
struct template_list;
struct template_held;

/* Why a template cannot be loaded; at least one. `at` is "" when the fault is not inside a text that
 * could be read. */
struct template_faults {
    struct err_item *item;
    size_t count;
};

/* ---- one template ---------------------------------------------------------------------------- */

/* Keeps a template alive, whatever is reloaded. */
struct template_ref {
    struct template_held *held; /* NULL: nothing is served under this name */
    const struct template *t;   /* the same; borrowed from held */
    bool is_broken;             /* there are files of this name, and they cannot be loaded */
};

/* By its name; any text. Gives a reference. */
struct template_ref template_set_find(struct template_set *set, const char *name) MUST_CHECK;
void template_ref_release(struct template_ref *ref); /* an empty one is fine; for AUTO */

/* ---- all of them ----------------------------------------------------------------------------- */

struct template_item {
    const char *name;
    const struct template *t; /* what is served; NULL: nothing, because its files are broken */
    const char
        *folder; /* where t (or, without one, the broken files) was read: a path. NULL = built in */
    const struct template_faults *faults; /* of the newest files; NULL = they are what is served */
};

/* The list as it is now; gives a reference. */
struct template_list *template_set_list(struct template_set *set) MUST_CHECK;
void template_list_unref(struct template_list *list); /* NULL is fine */
void template_list_unref_ptr(struct template_list **list);
size_t template_list_count(const struct template_list *list);
/* In the order of names; borrowed from the list. */
const struct template_item *template_list_at(const struct template_list *list, size_t i);
/* NULL when there is none; borrowed from the list. */
const struct template_item *template_list_find(const struct template_list *list, const char *name);

/* ---- reading --------------------------------------------------------------------------------- */

/* What could not be loaded. */
struct template_broken {
    char *
        name; /* of the template's folder; NULL: `folder`, which holds templates, is meant itself */
    char *folder; /* path; NULL = built in */
    struct template_faults faults;
    bool is_served; /* the template of this name (the templates of this folder) as before */
};

struct template_names {
    char **item;
    size_t count;
};

struct template_report {
    size_t loaded; /* templates that are served now */
    struct template_broken *broken;
    size_t broken_count;
    struct template_names
        added; /* the three compare with the list before: what is served under a name */
    struct template_names removed;
    struct template_names changed;
};

/* Reads all places that the settings name; config is borrowed for the life of the set. What is broken
 * goes to the report (to be cleared by the caller) and keeps nothing from starting. Fails, with
 * INVALID_PARAMETER, only when templates_dir itself makes no sense. */
enum errc template_set_open(const struct config *config, struct template_set **out,
                            struct template_report *report, struct err *e) MUST_CHECK;
/* After the last use of all its lists and references. NULL is fine. */
void template_set_free(struct template_set *set);

/* Reads all places anew. One at a time: a second call waits for the first, and then reads. */
void template_set_reload(struct template_set *set, struct template_report *report);
/* One warning for each thing that is broken, with its first fault. */
void template_report_log(const struct template_report *report);
void template_report_clear(struct template_report *report); /* for AUTO */

#endif
