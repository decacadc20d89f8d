/* comfy_http.h - what HTTP towards ComfyUI is, on top of net/http_call.h.
 *
 * Each POST has a connection of its own: a second POST /prompt would be a second run. Files go to
 * ComfyUI as a form, and come from it into a blob. No Origin header is ever sent (ComfyUI answers
 * 403 to foreign ones).
 *
 * Threads: the engine's.
 */
#ifndef CG_ENGINE_COMFY_HTTP_H
#define CG_ENGINE_COMFY_HTTP_H

#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "core/job.h"
#include "net/http_call.h"
#include "store/blob.h"

/* A file as ComfyUI's POST /upload/image takes it: a form with the part `image`. */
struct call_upload {
    int fd; /* read from its beginning; taken by the call */
    int64_t size;
    const char *name; /* copied, as the next */
    const char *subfolder;
};

struct call_request {
    const char *method;               /* "GET" or "POST" */
    const char *url;                  /* copied */
    struct span body;                 /* copied; for POST, as application/json */
    const struct call_upload *upload; /* for POST, instead of body; borrowed for comfy_call_start */
    const struct job_row *job; /* that the call is for, and whose trace goes with it; NULL = none */
    int64_t timeout_ms; /* for the whole call; 0 with a sink or an upload: only a stall ends it */
    int64_t max_bytes;  /* ceiling of the answer */
    struct blob_writer
        *sink; /* a 200's bytes go here instead of to the body; borrowed until done() */
    void (*done)(void *arg, const struct http_result *result); /* as in http_call.h */
    void *arg;
};

struct http_client *comfy_http_new(struct loop *loop) MUST_CHECK;
/* As http_start. With a sink or an upload, 30 s of silence end it too. */
struct http_call *comfy_call_start(struct http_client *h, const struct call_request *request);

#endif
