/* asset.h - a file that a client has brought, and the files that a job brings to its ComfyUI.
 *
 * Plain data: whoever holds an asset owns its strings and ends with asset_clear. Any thread.
 */
#ifndef CG_CORE_ASSET_H
#define CG_CORE_ASSET_H

#include <stdint.h>

#include "base/id.h"
#include "base/json_out.h"
#include "core/job.h"

struct asset {
    struct id id;
    char *owner; /* key that brought it; NULL = there are no keys */
    char sha256[65];
    char *name; /* as the client called it, without folders; NULL = it did not */
    enum output_type type;
    char *content_type;
    int64_t size_bytes;
    int width; /* 0 = unknown, like the next two */
    int height;
    int64_t duration_ms;
    int64_t created_at; /* wall clock, ms */
    int64_t used_at;    /* last brought, or given to a job */
};

void asset_clear(struct asset *a); /* also one that is all zero */

/* Ceiling of what asset_json writes. */
#define ASSET_JSON_MAX 8192
/* Writes an Asset object as schema/openapi.yaml describes it. */
void asset_json(struct json_out *o, const char *key, const struct asset *a);

/* One file of a job. */
struct job_file {
    char sha256[65];
    char name[96]; /* "comfygate/<sha256>.<ext>", as it stands in the graph */
};

#endif
