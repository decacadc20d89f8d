/* rendition.h - a picture made of an output, from the cache or by a process of its own, as an answer.
 */
#ifndef CG_HTTP_RENDITION_H
#define CG_HTTP_RENDITION_H

#include <microhttpd.h>

#include "core/job.h"
#include "imaging/render.h"

struct request;

/* Answers with what `render` asks for, made of the output's file. `kind` names it in the cache and in the
 * ETag. Takes the contents of output. The request may be suspended meanwhile. */
enum MHD_Result rendition_answer(struct request *r, struct job_output *output, const char *kind,
                                 const struct render_request *render);

#endif
