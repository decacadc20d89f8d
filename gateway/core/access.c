#include "core/access.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    const char *word;
    const char *doc;
} SCOPES[SCOPE_COUNT] = {
#define SCOPE(name, word, doc) {word, doc},
#define ROLE(name, word, scopes, doc)
#include "core/access.def"
#undef SCOPE
#undef ROLE
};

/* Each role as a constant, so that the rows below it can name it. */
enum {
#define BIT(name) SCOPE_BIT(SCOPE_##name)
#define OF(name)  ROLE_SCOPES_##name
#define SCOPE(name, word, doc)
#define ROLE(name, word, scopes, doc) ROLE_SCOPES_##name = (scopes),
#include "core/access.def"
#undef SCOPE
#undef ROLE
};

static const struct {
    const char *word;
    const char *doc;
    unsigned scopes;
} ROLES[ROLE_COUNT] = {
    {NULL, NULL, 0},
#define SCOPE(name, word, doc)
#define ROLE(name, word, scopes, doc) {word, doc, ROLE_SCOPES_##name},
#include "core/access.def"
#undef SCOPE
#undef ROLE
};

const char *scope_word(enum scope scope)
{
    return SCOPES[scope].word;
}

const char *scope_doc(enum scope scope)
{
    return SCOPES[scope].doc;
}

bool scope_parse(struct span word, enum scope *out)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (span_is(word, SCOPES[i].word)) {
            *out = (enum scope)i;
            return true;
        }
    }
    return false;
}

void scopes_write(struct buf *out, unsigned scopes)
{
    const char *between = "";

    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if ((scopes & SCOPE_BIT(i)) != 0) {
            (void)buf_appendf(out, "%s%s", between, SCOPES[i].word);
            between = " ";
        }
    }
}

unsigned scopes_read(struct span text)
{
    unsigned scopes = 0;

    while (text.len > 0) {
        const char *blank = memchr(text.ptr, ' ', text.len);
        size_t len = blank != NULL ? (size_t)(blank - text.ptr) : text.len;
        enum scope scope = SCOPE_COUNT;

        if (scope_parse((struct span){text.ptr, len}, &scope)) {
            scopes |= SCOPE_BIT(scope);
        }
        len += blank != NULL ? 1 : 0;
        text = (struct span){text.ptr + len, text.len - len};
    }
    return scopes;
}

void scopes_json(struct json_out *o, const char *key, unsigned scopes)
{
    jo_arr(o, key);
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if ((scopes & SCOPE_BIT(i)) != 0) {
            jo_str(o, NULL, SCOPES[i].word);
        }
    }
    jo_end(o);
}

const char *role_word(enum role role)
{
    return ROLES[role].word;
}

const char *role_doc(enum role role)
{
    return ROLES[role].doc;
}

unsigned role_scopes(enum role role)
{
    return ROLES[role].scopes;
}

bool role_parse(struct span word, enum role *out)
{
    for (size_t i = ROLE_NONE + 1; i < ROLE_COUNT; i++) {
        if (span_is(word, ROLES[i].word)) {
            *out = (enum role)i;
            return true;
        }
    }
    return false;
}
