/* backend_list.h - the settings `backends` and `backend_tags`, read, and what a job may ask for by them. Pure; any thread.
 *
 * A job asks for a backend by its name, or for any that bears some tags: tag:large, tag:large+fast.
 */
#ifndef CG_CORE_BACKEND_LIST_H
#define CG_CORE_BACKEND_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

#define BACKENDS_MAX     64
#define BACKEND_TAGS_MAX 16 /* of one backend */

struct backend_address {
    char *name; /* ^[a-z0-9][a-z0-9_-]{0,62}$ */
    char **tag; /* like names; in the order of the setting, each once */
    size_t tag_count;
    char *url; /* http:// or https://, without a trailing slash; may hold a path prefix */
};

struct backend_list {
    struct backend_address *item;
    size_t count;
};

/* INVALID_PARAMETER with a sentence naming the faulty part. At least one backend, names unique. */
enum errc backend_list_parse(const char *text, struct backend_list *out, struct err *e) MUST_CHECK;
/* name=tag[+tag][,name=tag]; each name once, and of the list. The same errors; the list is then as it was. */
enum errc backend_list_tag(struct backend_list *list, const char *text, struct err *e) MUST_CHECK;
void backend_list_clear(struct backend_list *list);
/* NULL when there is none of that name. */
const struct backend_address *backend_list_find(const struct backend_list *list, const char *name);
/* Whether the backend is one that is asked for. `wanted` is a name, or "tag:" and tags that it must all bear; NULL = any. */
bool backend_is_wanted(const struct backend_address *backend, const char *wanted);
/* Whether one of the list is. */
bool backend_list_has(const struct backend_list *list, const char *wanted);

#endif
