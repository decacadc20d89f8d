/* rate.h - Discord's rate limits, learnt from its answers (Discord, "Rate Limits").
 *
 * A route is a method with a template of the path and its major parameter ("POST /channels/123/messages"); it is its own
 * bucket until an answer names one. Times are relative (Reset-After): Discord's clock is not ours.
 * Pure: time is given. Bounded: buckets that were not used for an hour are forgotten.
 */
#ifndef CGD_WIRE_RATE_H
#define CGD_WIRE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct rate;

struct rate_answer {
    int status;
    const char *bucket;    /* X-RateLimit-Bucket; NULL = none */
    const char *remaining; /* as they stand in the headers; NULL = none */
    const char *limit;
    const char *reset_after; /* seconds, decimals */
    const char *scope;
    const char *retry_after; /* header, seconds */
    double body_retry_after; /* of a 429's JSON; < 0 = none */
    bool is_global;
};

/* Discord's are 50, and 10,000 (rate_invalid_count), of which the latter is better not come near to. */
struct rate *rate_new(int global_per_second, int invalid_max) MUST_CHECK;
void rate_free(struct rate *r);
/* How long to wait before a request of this route may go; 0 = now, and it counts as sent. `major` NULL = none. `is_exempt`:
 * of the global limit (interaction callbacks and webhooks). INT64_MAX: stopped by a storm of invalid requests, webhooks too, see rate_is_stopped. */
int64_t rate_take(struct rate *r, const char *route, const char *major, bool is_exempt,
                  int64_t now_ms) MUST_CHECK;
/* What came back; returns how long a 429 is to be waited for, else 0. */
int64_t rate_note(struct rate *r, const char *route, const char *major,
                  const struct rate_answer *answer, int64_t now_ms);
/* The request got no answer: nothing is in flight any more. */
void rate_lost(struct rate *r, const char *route, const char *major);
/* 401, 403 and 429 (but shared ones) of the last 10 minutes; from invalid_max on nothing may be sent until enough of them are past. */
int rate_invalid_count(const struct rate *r, int64_t now_ms);
bool rate_is_stopped(const struct rate *r, int64_t now_ms);

#endif
