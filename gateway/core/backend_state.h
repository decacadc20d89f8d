/* backend_state.h - how a ComfyUI is, in the words of the API: the same in GET /v1/backends and in events.
 *
 * Not what the engine knows of it (engine/internal.h). Pure; any thread.
 */
#ifndef CG_CORE_BACKEND_STATE_H
#define CG_CORE_BACKEND_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"

struct backend_state {
    bool is_up;
    const char *reason;     /* borrowed; why it is down */
    int64_t since;          /* wall clock: when is_up changed last */
    int64_t draining_since; /* 0 = it is not drained */
};

/* Writes the members status, reason, since and draining of an open object. What is down is shown as
 * down, drained or not. */
void backend_state_json(struct json_out *o, const struct backend_state *state);

#endif
