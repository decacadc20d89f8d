/* backend_state.c - see backend_state.h.
 */
#include "core/backend_state.h"

#include <stddef.h>

#define DRAINED "It is drained: it finishes what it has, and gets no new jobs until it is resumed."

void backend_state_json(struct json_out *o, const struct backend_state *state)
{
    bool is_draining = state->draining_since != 0;
    const char *status = is_draining ? "draining" : "up";
    const char *reason = is_draining ? DRAINED : NULL;
    int64_t since = state->draining_since > state->since ? state->draining_since : state->since;

    jo_str(o, "status", state->is_up ? status : "down");
    jo_str(o, "reason", state->is_up ? reason : state->reason);
    jo_time(o, "since", state->is_up ? since : state->since);
    jo_bool(o, "draining", is_draining);
}
