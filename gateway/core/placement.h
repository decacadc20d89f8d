/* placement.h - which of several ComfyUIs a job goes to.
 *
 * One that has nothing to do goes before one that works. Between two that are alike in that, the job goes where it
 * would begin first: the work that is inside, plus what it costs to load its model where another was used
 * last. Between two that are alike in that too, where there is more room, and then to the one that is
 * named first. Pure; any thread.
 */
#ifndef CG_CORE_PLACEMENT_H
#define CG_CORE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What loading a model is thought to take. */
#define PLACEMENT_LOAD_MS 5000
#define PLACEMENT_NONE    SIZE_MAX

struct placement {
    bool is_allowed; /* the job may go there */
    int room;        /* prompts that it can still take */
    int inside;      /* prompts that it has */
    int64_t wait_ms; /* how long these are thought to take */
    bool is_warm;    /* it used the job's model last */
};

/* The index of the best one; PLACEMENT_NONE when none is allowed and has room. */
size_t placement_choose(const struct placement *choice, size_t count);

/* Which ComfyUIs a workflow may go to, a bit for each. `known` have told what they have, `fits` of them have what it
 * needs, `up` are there. Those that fit, and, while none of these is up, those of which nothing is known; when all
 * are known and none fits, all: ComfyUI then says best what is missing. */
uint64_t placement_allowed(uint64_t all, uint64_t known, uint64_t fits, uint64_t up);

#endif
