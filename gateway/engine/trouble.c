/* trouble.c - a ComfyUI that fails by itself: not the jobs are to blame.
 *
 * A circuit breaker. Closed: jobs go there. After backend_max_faults failures in a row it opens: the backend is down
 * for a pause. Then it is half open: one job at a time is the probe. A prompt that runs as it should closes it; another
 * failure opens it again, for longer. Whether it answers at all is not asked here but in look.c and backend.c.
 *
 * And memory: one that ran out of it is asked to free it, when the job has nowhere else to go.
 */
#include <stdio.h>

#include "base/log.h"
#include "engine/internal.h"

static int over_max(const struct backend *b) ON_ENGINE;
static int over_max(const struct backend *b)
{
    return b->faults - (int)b->engine->config->backend_max_faults;
}

bool trouble_is_suspect(const struct backend *b)
{
    return over_max(b) >= 0 || b->holds > 0;
}

void trouble_fault(struct backend *b, const char *reason)
{
    char text[sizeof b->reason];

    b->faults++;
    if (over_max(b) < 0) {
        return;
    }
    measure_backend(b, METRIC_BACKEND_RESTS);
    (void)snprintf(text, sizeof text, "failed %d times in a row: %s", b->faults, reason);
    backend_rest(b, backend_pause(b, over_max(b) + 1), text);
}

/* Where it cannot go elsewhere, it comes back after a pause, in which memory is freed. */
static void out_of_memory(struct live_job *j, unsigned effects) ON_ENGINE;
static void out_of_memory(struct live_job *j, unsigned effects)
{
    struct backend *b = j->backend;

    if ((effects & FX_REQUEUE) != 0 && !fit_has_other(b->engine, j)) {
        log_info("memory_freed", LOG_JOB(&j->row), LOG_S("backend", b->address->name));
        prompt_free_memory(b);
    }
}

void trouble_heard_end(struct live_job *j, const struct comfy_history *end, unsigned effects)
{
    enum job_errc cause = end->end == COMFY_END_ERROR ? end->error.code : JOB_ERR_NONE;

    if (effects == 0) {
        return; /* heard before */
    }
    if (cause == JOB_ERR_OUT_OF_MEMORY) {
        out_of_memory(j, effects);
    } else if (cause == JOB_ERR_BACKEND_LOST) {
        trouble_fault(j->backend, end->error.message);
    } else {
        j->backend->faults = 0;
    }
}
