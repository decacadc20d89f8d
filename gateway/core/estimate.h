/* estimate.h - how long a job will run, learnt from those that ran before.
 *
 * A time is learnt for a template on a backend, for a template anywhere, and for any job. Where a template's input tells the
 * size of the work (steps, pixels, count, frames), times are learnt for a unit of it. Means are of logarithms and forget slowly: one
 * odd job moves them little, another GPU or model is learnt within some ten jobs.
 *
 * Pure: no clock, no I/O. Not thread-safe; the engine's.
 */
#ifndef CG_CORE_ESTIMATE_H
#define CG_CORE_ESTIMATE_H

#include <stdint.h>

#include "base/attr.h"

struct estimate;

struct estimate_about {
    const char *template_name; /* NULL = a raw workflow */
    const char *backend;       /* NULL = not known yet */
    const char *input_json;    /* NULL or "{}" = tells nothing */
};

struct estimate *estimate_new(void) MUST_CHECK;
void estimate_free(struct estimate *e); /* NULL is fine */
/* A job that succeeded took so long inside ComfyUI; ms <= 0 is passed over. */
void estimate_learn(struct estimate *e, const struct estimate_about *about, int64_t ms);
/* How long such a job will take, in ms; 0 = nothing is known. */
int64_t estimate_run_ms(const struct estimate *e, const struct estimate_about *about);
/* How long any job takes; 0 = nothing is known. */
int64_t estimate_usual_ms(const struct estimate *e);
/* By which factor estimates were off lately, in the mean: 1 = exact, 2 = half or twice; 0 = none was made yet. */
double estimate_error(const struct estimate *e);

#endif
