/* job_json.h - the public API's nouns, written in one place. Pure; any thread.
 */
#ifndef CG_CORE_JOB_JSON_H
#define CG_CORE_JOB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_out.h"
#include "core/job.h"

struct job_view {
    const struct job_row *row;
    const struct job_progress *progress; /* NULL = null */
    const struct job_outputs *outputs;   /* NULL = [] */
    int64_t queue_position;              /* 0 = null */
    int64_t estimated_completion_at;     /* wall clock; 0 = null */
};

/* Writes a Job object as schema/openapi.yaml describes it. For an ended, succeeded job `progress` is null. */
void job_json(struct json_out *o, const char *key, const struct job_view *view);
void job_output_json(struct json_out *o, const char *key, const struct job_output *output);
/* Its member "progress"; null for NULL. */
void job_progress_json(struct json_out *o, const struct job_progress *p);
/* What events tell of a job: enough to show how it stands, and nothing of its input. `outputs` NULL = none. */
void job_summary_json(struct json_out *o, const char *key, const struct job_row *row,
                      const struct job_outputs *outputs);
/* An output as an element of the gallery, with what its job tells; title and template may be NULL. */
void job_output_gallery_json(struct json_out *o, const struct job_output *output,
                             const char *job_title, const char *template_name, bool is_starred);
/* Whether thumbnails and renditions can be made of it: by its type, whatever is inside. */
bool job_output_is_picture(const struct job_output *output);
/* application/problem+json (RFC 9457). The only maker of it. */
void problem_json(struct buf *out, const struct err *e, const char *request_id);
/* ETag text with quotes: changes exactly when the representation does. */
#define JOB_ETAG_SIZE 48
void job_etag(int64_t version, int64_t queue_position, char out[JOB_ETAG_SIZE]);
/* Appends {code, detail} to a warnings_json text, replacing it. */
void job_warn(struct job_row *row, const char *code, const char *detail);

#endif
