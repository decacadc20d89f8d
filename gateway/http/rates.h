/* rates.h - how many requests and submissions a minute are taken from one key, or, where none are asked for, from one address;
 * and how many keys that are not valid from one address.
 *
 * What needs no key where keys are asked for is not counted: a probe of liveness must not be refused. Nor is anybody counted with
 * auth_mode loopback: there is one user. A valid key is let in from wherever it comes: it is not its fault who else
 * sits behind the same address. An IPv6 address counts by its first 64 bits, for those are what one customer has.
 *
 * Threads: any. Locks: one for each of the three, held while one bucket is looked at.
 */
#ifndef CG_HTTP_RATES_H
#define CG_HTTP_RATES_H

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "bridge/metrics.h"
#include "core/allowance.h"

struct request;
struct rates;
struct MHD_Response;

/* The same numbers as the label of the metric. */
enum rate_kind {
    RATE_REQUESTS = LIMIT_REQUESTS,
    RATE_SUBMISSIONS = LIMIT_SUBMISSIONS,
    RATE_KIND_COUNT
};

struct rates *rates_new(const struct config *config) MUST_CHECK;
void rates_free(struct rates *r); /* NULL is fine */

/* Counts the request, when its route and caller are known. RATE_LIMITED, with a sentence and the time to wait, when it is
 * one too many; then it is told so, whatever else may be wrong with it. */
enum errc rates_check(struct request *r, struct err *e) MUST_CHECK;
/* Counts a key that was not valid: e is UNAUTHORIZED, and becomes RATE_LIMITED when there were too many from that address.
 * Gives e->code. */
enum errc rates_wrong_key(struct request *r, struct err *e);
/* Adds RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) to the answer, if the request was counted. */
void rates_tell(const struct request *r, struct MHD_Response *response);

#endif
