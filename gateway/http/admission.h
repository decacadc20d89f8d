/* admission.h - who asks, what he may do, and whether what he asks about is his.
 *
 * Everything that keys mean is decided here, before a handler runs: from the row of the route, so that an operation that is added
 * is closed until its scope is said. Handlers read r->caller for what a row cannot say. Where no keys are asked for, the caller is
 * nobody and may do all.
 *
 * Runs on the thread of the request.
 */
#ifndef CG_HTTP_ADMISSION_H
#define CG_HTTP_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/api_key.h"

struct request;
struct http_server;

/* In routes.def, for what every key may do. */
#define SCOPE_ANY_KEY "any"

struct caller {
    bool is_known;        /* by a key; else keys are not asked for, or not for this */
    bool by_session;      /* of a browser: r->caller.until_s is its end */
    struct api_key key;   /* all zero when it is not known */
    unsigned scopes;      /* all when keys are not asked for */
    int64_t until_s;      /* seconds since 1970; 0 = no session */
    int64_t held_mono_ms; /* when it was last seen to be valid */
};

/* The steps, in this order, when the route is known. */
enum errc admission_check_caller(struct request *r, struct err *e) MUST_CHECK;
enum errc admission_check_scope(struct request *r, struct err *e) MUST_CHECK;
/* What belongs to somebody else is NOT_FOUND, with the words for what is not there at all. */
enum errc admission_check_owner(struct request *r, struct err *e) MUST_CHECK;

/* Whether the caller may still be answered, a while after he was let in: asks again once a second. */
bool admission_holds(struct http_server *s, struct caller *c) MUST_CHECK;

/* UNAUTHORIZED, with the one sentence for all who have no key that may be used. */
enum errc admission_refuse(struct err *e);

bool caller_has(const struct caller *c, enum scope scope) MUST_CHECK;
/* INSUFFICIENT_SCOPE, which names it, when the caller has it not. */
enum errc admission_need(struct request *r, enum scope scope, struct err *e) MUST_CHECK;
/* Whose things the caller may see and touch: his name; NULL = everybody's. */
const char *caller_sees(const struct caller *c);
/* Whether he may see what belongs to that owner; NULL = to nobody. */
bool caller_may_see(const struct caller *c, const char *owner) MUST_CHECK;
/* Who what he makes belongs to: his name; NULL = nobody, for there are no keys. */
const char *caller_owner(const struct caller *c);

/* The key of that text, if it may be used now. UNAUTHORIZED with the sentence for all who have none; RATE_LIMITED when too many
 * such came from that address (rates.h). */
enum errc admission_try_key(struct request *r, struct span key, struct api_key *out, struct err *e)
    MUST_CHECK;

#endif
