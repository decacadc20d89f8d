/* comfy_http.h - HTTP towards ComfyUI on libcurl, driven by the loop.
 *
 * Connections are kept, except for POST: libcurl resends a request by itself
 * when a kept connection dies before the answer's first byte, and a second
 * POST /prompt would be a second run. So each POST has a fresh connection.
 * No Origin header is ever sent (ComfyUI answers 403 to foreign ones), no
 * redirect followed, no proxy used.
 *
 * Threads: the engine's.
 */
#ifndef CG_ENGINE_COMFY_HTTP_H
#define CG_ENGINE_COMFY_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "engine/loop.h"
#include "store/blob.h"

struct comfy_http;
struct comfy_call;

enum call_end {
    CALL_ANSWERED,   /* status and body are there, whole */
    CALL_NOT_SENT,   /* the server cannot have seen it: no connection was made */
    CALL_IN_DOUBT,   /* sent, perhaps in part; the answer was lost, late or cut short */
    CALL_TOO_LARGE,  /* the answer passed its ceiling */
    CALL_SINK_FAILED /* the blob writer refused: disk full; `sink_error` */
};

struct call_result {
    enum call_end end;
    int status;         /* of CALL_ANSWERED */
    struct span body;   /* borrowed during done(); empty when it went to a sink */
    const char *reason; /* curl's words for anything but CALL_ANSWERED; borrowed */
    enum errc sink_error;
};

/* A file as ComfyUI's POST /upload/image takes it: a form with the part `image` (RFC 7578). */
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
    int64_t
        timeout_ms; /* for the whole call; 0 with a sink or an upload: only stalls of 30 s end it */
    int64_t max_bytes; /* ceiling of the answer */
    struct blob_writer
        *sink; /* a 200's bytes go here instead of to the body; borrowed until done() */
    void (*done)(void *arg,
                 const struct call_result *result); /* once, never from within comfy_call_start */
    void *arg;
};

struct comfy_http *comfy_http_new(struct loop *loop) MUST_CHECK;
void comfy_http_free(struct comfy_http *h); /* drops calls under way without done(); NULL is fine */
/* The call is the module's; the handle is valid until done() begins. */
struct comfy_call *comfy_call_start(struct comfy_http *h, const struct call_request *request);
/* Ends it without done(). NULL is fine. */
void comfy_call_drop(struct comfy_call *c);

#endif
