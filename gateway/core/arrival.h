/* arrival.h - a job that comes in, with all that is to be kept with it at once. Plain data, all borrowed.
 */
#ifndef CG_CORE_ARRIVAL_H
#define CG_CORE_ARRIVAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/asset.h"
#include "core/job.h"

/* What an Idempotency-Key stands for. */
struct idempotency {
    const char *owner; /* NULL = no key */
    const char *key;
    char body_sha256[65];
    int64_t expires_at;
};

struct arrival {
    const struct job_row *row;
    struct span graph;
    const struct job_file *file; /* that it brings to its ComfyUI, each content once */
    size_t file_count;
    const struct asset *asset; /* that came with it and are made first; known ones are skipped */
    size_t asset_count;
    const struct idempotency *idem; /* NULL = none */
    struct span queued; /* data of its event job.queued, so that the engine need not write it */
};

#endif
