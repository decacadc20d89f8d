/* comfy_http.c - a request of the engine, put into the words of net/http_call.h. */
#include "engine/comfy_http.h"

#include <string.h>

#include "base/mem.h"
#include "base/trace.h"
#include "base/version.h"

#define STALL_MS 30000

struct http_client *comfy_http_new(struct loop *loop)
{
    AUTO(free_ptr) char *agent = xasprintf("comfygate/%s", comfygate_version());

    return http_client_new(loop, agent);
}

static enum errc write_blob(void *arg, struct span piece)
{
    return blob_write(arg, piece, NULL);
}

struct http_call *comfy_call_start(struct http_client *h, const struct call_request *request)
{
    static const char NAME[] = "traceparent: ";
    char trace[sizeof NAME + TRACE_PARENT_SIZE];
    const char *header[3] = {NULL};
    size_t header_count = 0;
    const struct call_upload *upload = request->upload;
    const struct http_sink sink = {.write = write_blob, .arg = request->sink};
    struct http_part part[3] = {{.name = "type", .data = SPAN_LIT("input")}};
    bool is_post = strcmp(request->method, "POST") == 0;
    struct http_request r = {
        .method = request->method,
        .url = request->url,
        .timeout_ms = request->timeout_ms,
        .stall_ms = request->sink != NULL || upload != NULL ? STALL_MS : 0,
        .max_bytes = request->max_bytes,
        .sink = request->sink != NULL ? &sink : NULL,
        .is_alone = is_post,
        .header = header,
        .done = request->done,
        .arg = request->arg,
    };

    if (upload != NULL) {
        part[1] = (struct http_part){.name = "subfolder", .data = span_of(upload->subfolder)};
        part[2] = (struct http_part){
            .name = "image", .filename = upload->name, .fd = upload->fd, .size = upload->size};
        r.part = part;
        r.part_count = COUNT_OF(part);
    } else if (is_post) {
        header[header_count++] = "Content-Type: application/json";
        r.body = request->body;
    }
    if (request->job != NULL && request->job->trace_id != NULL) {
        memcpy(trace, NAME, sizeof NAME);
        (void)trace_parent(request->job->trace_id, request->job->trace_flags,
                           trace + sizeof NAME - 1);
        header[header_count++] = trace;
    }
    return http_start(h, &r);
}
