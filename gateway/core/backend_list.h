/* backend_list.h - the setting `backends`, read: name=url[,name=url]. Pure; any thread.
 */
#ifndef CG_CORE_BACKEND_LIST_H
#define CG_CORE_BACKEND_LIST_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

#define BACKENDS_MAX 64

struct backend_address {
    char *name; /* ^[a-z0-9][a-z0-9_-]{0,62}$ */
    char *url;  /* http:// or https://, without a trailing slash; may hold a path prefix */
};

struct backend_list {
    struct backend_address *item;
    size_t count;
};

/* INVALID_PARAMETER with a sentence naming the faulty part. At least one backend, names unique. */
enum errc backend_list_parse(const char *text, struct backend_list *out, struct err *e) MUST_CHECK;
void backend_list_clear(struct backend_list *list);
/* NULL when there is none of that name. */
const struct backend_address *backend_list_find(const struct backend_list *list, const char *name);

#endif
