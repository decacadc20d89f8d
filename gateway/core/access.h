/* access.h - scopes, and the roles that are sets of them. The rows are in access.def. Pure; any thread.
 */
#ifndef CG_CORE_ACCESS_H
#define CG_CORE_ACCESS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json_out.h"
#include "base/span.h"

enum scope {
#define SCOPE(name, word, doc) SCOPE_##name,
#define ROLE(name, word, scopes, doc)
#include "core/access.def"
#undef SCOPE
#undef ROLE
    SCOPE_COUNT
};

/* A set of scopes, bit by bit. */
#define SCOPE_BIT(scope) (1U << (unsigned)(scope))
#define SCOPES_ALL       (SCOPE_BIT(SCOPE_COUNT) - 1)

const char *scope_word(enum scope scope);
const char *scope_doc(enum scope scope);
bool scope_parse(struct span word, enum scope *out) MUST_CHECK;

/* Appends the words with blanks between. */
void scopes_write(struct buf *out, unsigned scopes);
/* The other way round. Words that are not known give nothing: a newer program may have written them. */
unsigned scopes_read(struct span text);
/* An array of the words. */
void scopes_json(struct json_out *o, const char *key, unsigned scopes);

enum role {
    ROLE_NONE,
#define SCOPE(name, word, doc)
#define ROLE(name, word, scopes, doc) ROLE_##name,
#include "core/access.def"
#undef SCOPE
#undef ROLE
    ROLE_COUNT
};

const char *role_word(enum role role); /* NULL for ROLE_NONE */
const char *role_doc(enum role role);  /* likewise */
unsigned role_scopes(enum role role);  /* none for ROLE_NONE */
bool role_parse(struct span word, enum role *out) MUST_CHECK;

#endif
