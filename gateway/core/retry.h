/* retry.h - the body of POST /v1/jobs/{id}/retry: the same once more, or with another seed or another input.
 * Pure; any thread.
 */
#ifndef CG_CORE_RETRY_H
#define CG_CORE_RETRY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/job.h"
#include "core/webhook.h"

enum retry_seed { RETRY_SEED_SAME, RETRY_SEED_RANDOM, RETRY_SEED_GIVEN };

struct retry {
    enum retry_seed seed;
    char seed_text[24];   /* decimal, when given */
    struct json_doc *doc; /* borrows the body */
    json_ref input;       /* a merge patch (RFC 7396); JSON_NONE = no change */
    bool has_webhook;     /* another than the parent's; its url NULL = none */
    struct webhook webhook;
};

/* Reads {"seed"?: "same" | "random" | integer, "input"?: object, "webhook"?: object | null}; no body is the same
 * as {}. All faults go to e. *out is the caller's, to be cleared, also on failure; the body must outlive it. */
enum errc retry_parse(struct span body, struct json_limits limits, struct retry *out, struct err *e)
    MUST_CHECK;
void retry_clear(struct retry *r);
/* Asks for more than the very same: only a template can do that. */
bool retry_is_change(const struct retry *r);

/* Appends the parent's input with the changes made, a JSON object. `seed_param` is the template's;
 * NULL when it has none: then a seed that is given is a fault in e, at /seed. */
enum errc retry_input(const struct retry *r, const struct job_row *parent, const char *seed_param,
                      struct buf *out, struct err *e) MUST_CHECK;

#endif
