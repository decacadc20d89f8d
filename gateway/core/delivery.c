/* delivery.c - see delivery.h.
 */
#include "core/delivery.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const STATE[DELIVERY_STATES] = {
    [DELIVERY_PENDING] = "pending",
    [DELIVERY_DELIVERED] = "delivered",
    [DELIVERY_FAILED] = "failed",
    [DELIVERY_GONE] = "gone",
};

const char *delivery_state_word(enum delivery_state state)
{
    return STATE[state];
}

bool delivery_state_parse(struct span word, enum delivery_state *out)
{
    for (int i = 0; i < DELIVERY_STATES; i++) {
        if (span_is(word, STATE[i])) {
            *out = (enum delivery_state)i;
            return true;
        }
    }
    return false;
}

void delivery_json(struct json_out *o, const char *key, const struct delivery *d)
{
    char seq[24];

    (void)snprintf(seq, sizeof seq, "%" PRId64, d->event_seq);
    jo_obj(o, key);
    jo_str(o, "id", d->id.text);
    jo_str(o, "job_id", d->job.text);
    jo_str(o, "event_id", seq);
    jo_str(o, "type", d->event_type);
    jo_str(o, "url", d->url);
    jo_str(o, "state", delivery_state_word(d->state));
    jo_int(o, "attempts", d->attempts);
    if (d->last_status > 0) {
        jo_int(o, "last_status", d->last_status);
    } else {
        jo_null(o, "last_status");
    }
    jo_str(o, "last_error", d->last_error);
    jo_time(o, "next_attempt_at", d->next_at);
    jo_time(o, "created_at", d->created_at);
    jo_time(o, "completed_at", d->completed_at);
    jo_raw(o, "tries", d->tries_json);
    jo_end(o);
}
