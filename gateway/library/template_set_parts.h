/* template_set_parts.h - the insides of a struct template_set. Private to gateway/library/.
 *
 * A reading goes from places (template_scan.c: which names are where) over candidates
 * (template_read.c: the files of one, loaded) to a list (template_set.c); template_report.c
 * keeps what went wrong.
 */
#ifndef CG_LIBRARY_TEMPLATE_SET_PARTS_H
#define CG_LIBRARY_TEMPLATE_SET_PARTS_H

#include <stdatomic.h>

#include "base/hash.h"
#include "library/template_set.h"

/* ---- what is kept ---------------------------------------------------------------------------- */

/* A loaded template; never changes. */
struct template_held {
    atomic_size_t count;
    struct template *t;
    char *folder;                  /* NULL = built in */
    char sha256[SHA256_TEXT_SIZE]; /* of both files */
};
struct template_held *template_held_ref(struct template_held *held); /* NULL gives NULL */
void template_held_unref(struct template_held *held);                /* NULL is fine */

struct template_entry {
    struct template_item item; /* its pointers are into the rest */
    char *name;
    char *folder;
    struct template_held *held;
    struct template_faults faults;
};

struct template_list {
    atomic_size_t count_refs;
    struct template_entry *entry;
    size_t count;
};

/* The template that a list serves under a name; NULL when there is none. Borrowed. */
struct template_held *template_list_held(const struct template_list *list, const char *name);

/* ---- where templates are --------------------------------------------------------------------- */

struct template_place {
    char *dir;           /* NULL = built in */
    bool may_be_missing; /* nobody asked for it */
};

/* One name in one place. */
struct template_candidate {
    char *name;
    char *folder;               /* NULL = built in */
    struct template_held *kept; /* not NULL: the place cannot be read, this is what it had; owned */
};

/* In the order of names, each once. */
struct template_candidates {
    struct template_candidate *item;
    size_t count;
};
void template_candidates_clear(struct template_candidates *c); /* for AUTO */

/* Adds the names of a place; they replace those that are there. What a place that cannot be read
 * had in the list `before` stays. */
void template_scan(const struct template_place *place, const struct template_list *before,
                   struct template_candidates *out, struct template_report *report);

/* ---- reading one ----------------------------------------------------------------------------- */

struct template_read_limits {
    struct template_limits load;
    size_t workflow_bytes;
};

/* Gives a reference in *out: `before` (may be NULL) when its files are still the same, else a new one. False: the faults,
 * to be cleared by the caller, say why. */
bool template_read(const struct template_candidate *c, const struct template_read_limits *limits,
                   struct template_held *before, struct template_held **out,
                   struct template_faults *faults) MUST_CHECK;

/* ---- what went wrong ------------------------------------------------------------------------- */

/* Copies the items of e; when it has none, makes one of its code and detail. */
void template_faults_from(struct template_faults *out, const struct err *e);
void template_faults_copy(struct template_faults *out, const struct template_faults *from);
void template_faults_clear(struct template_faults *f);

/* Copies all. */
void template_report_broken(struct template_report *report, const char *name, const char *folder,
                            const struct template_faults *faults, bool is_served);
/* The same with a single fault, which is in no text. */
void template_report_fault(struct template_report *report, const char *name, const char *folder,
                           bool is_served, const char *code, const char *detail);
void template_report_name(struct template_names *names, const char *name);

#endif
