#include "http/reply.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/job_json.h"
#include "http/condition.h"
#include "http/request.h"

#define PROBLEM_MAX  (256U << 10)
#define PROBLEM_TYPE "application/problem+json"
#define CHALLENGE    "Bearer realm=\"comfygate\""
/* Of errors that pass and do not say when. */
#define RETRY_AFTER_S 2

/* ---- in steps ------------------------------------------------------------------------------------- */

static void release_bytes(void *bytes)
{
    bytes_unref(bytes);
}

static struct MHD_Response *with_type(struct MHD_Response *made, const char *content_type)
{
    struct MHD_Response *response = require_memory(made);

    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    return response;
}

struct MHD_Response *reply_bytes(struct bytes *bytes, const char *content_type)
{
    struct span data = bytes_span(bytes);

    /* libmicrohttpd only reads it. */
    return with_type(MHD_create_response_from_buffer_with_free_callback_cls(
                         data.len, (void *)(uintptr_t)data.ptr, release_bytes, bytes_ref(bytes)),
                     content_type);
}

struct MHD_Response *reply_static(const char *data, size_t len, const char *content_type)
{
    return with_type(
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT),
        content_type);
}

struct MHD_Response *reply_file(int fd, int64_t offset, int64_t len, const char *content_type)
{
    return with_type(MHD_create_response_from_fd_at_offset64((uint64_t)len, fd, (uint64_t)offset),
                     content_type);
}

void reply_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* It refuses names and values that would break the header; ours are checked or made by us. */
    if (MHD_add_response_header(response, name, value) != MHD_YES) {
        log_warn("header_refused", LOG_S("name", name));
    }
}

static void count(const struct request *r)
{
    struct metrics *m = r->parts->metrics;
    size_t route = r->route != NULL ? route_index(r->route) : metrics_no_route(m);

    metrics_add(m, METRIC_REQUESTS, route, r->status / 100 - 1, 1);
    metrics_observe(m, METRIC_REQUEST, route, clock_mono_us() - r->began_mono_us);
}

enum MHD_Result reply_send(struct request *r, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result;

    reply_header(response, "X-Request-Id", r->request_id);
    reply_header(response, "X-Content-Type-Options", "nosniff");
    reply_header(response, "Referrer-Policy", "no-referrer");
    rates_tell(r, response);
    if (MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL) == NULL) {
        reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    if (r->server->asks_keys && (r->route == NULL || r->route->scope[0] != '\0')) {
        reply_header(response, MHD_HTTP_HEADER_VARY, "Authorization, Cookie");
    }
    if (r->must_close || atomic_load(&r->server->is_quiesced)) {
        reply_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    request_enter(r, r->is_stream ? PEER_STREAM : PEER_ANSWER);
    result = MHD_queue_response(r->connection, status, response);
    if (result == MHD_YES) {
        r->status = status;
        count(r);
    }
    MHD_destroy_response(response);
    return result;
}

/* ---- whole answers -------------------------------------------------------------------------------- */

/* Takes the contents of text. */
static struct MHD_Response *from_buf(struct buf *text, const char *content_type)
{
    AUTO(bytes_unref_ptr) struct bytes *bytes = bytes_from_buf(text);

    return reply_bytes(bytes, content_type);
}

enum MHD_Result reply_json(struct request *r, unsigned status, struct buf *json)
{
    if (!buf_ok(json)) {
        return reply_error(r, ERR_INTERNAL_ERROR, "The answer would be too large.");
    }
    return reply_send(r, status, from_buf(json, JSON_TYPE));
}

enum MHD_Result reply_json_tagged(struct request *r, struct buf *json)
{
    struct MHD_Response *response;
    char sha256[SHA256_TEXT_SIZE];
    char etag[sizeof sha256 + 2];

    if (!buf_ok(json)) {
        return reply_error(r, ERR_INTERNAL_ERROR, "The answer would be too large.");
    }
    sha256_hex(buf_span(json), sha256);
    (void)snprintf(etag, sizeof etag, "\"%s\"", sha256);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    response = from_buf(json, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, MHD_HTTP_OK, response);
}

static void log_own_fault(const struct request *r, const struct err *e)
{
    const char *reason = e->code == ERR_STORE_UNAVAILABLE || e->code == ERR_INSUFFICIENT_STORAGE
                             ? store_reason()
                             : e->detail;

    log_warn("request_failed", LOG_S("request_id", r->request_id), LOG_OPT("trace_id", r->trace.id),
             LOG_OPT("operation", r->route != NULL ? r->route->operation_id : NULL),
             LOG_S("code", err_code(e->code)), LOG_S("reason", reason));
}

static bool passes_soon(enum errc code)
{
    return code == ERR_QUEUE_FULL || code == ERR_SHUTTING_DOWN || code == ERR_RATE_LIMITED ||
           code == ERR_STORAGE_UNAVAILABLE || code == ERR_STORE_UNAVAILABLE;
}

/* RFC 6750, section 3.1. */
static void add_missing_scope(struct MHD_Response *response, const char *scope)
{
    char text[160];

    (void)snprintf(text, sizeof text, CHALLENGE ", error=\"insufficient_scope\", scope=\"%s\"",
                   scope);
    reply_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, text);
}

struct MHD_Response *reply_problem_make(struct request *r, const struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PROBLEM_MAX);
    struct MHD_Response *response;
    int retry_s = e->retry_after_s;

    if (err_status(e->code) >= 500 && (!passes_soon(e->code) || e->code == ERR_STORE_UNAVAILABLE)) {
        log_own_fault(r, e);
    }
    problem_json(&text, e, r->request_id);
    response = from_buf(&text, PROBLEM_TYPE);
    if (retry_s == 0 && passes_soon(e->code)) {
        retry_s = RETRY_AFTER_S;
    }
    if (retry_s > 0) {
        char seconds[16];

        (void)snprintf(seconds, sizeof seconds, "%d", retry_s);
        reply_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (e->code == ERR_UNAUTHORIZED) {
        reply_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, CHALLENGE);
    }
    if (r->missing_scope != NULL) {
        add_missing_scope(response, r->missing_scope);
    }
    if (e->code == ERR_METHOD_NOT_ALLOWED) {
        reply_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
    }
    return response;
}

enum MHD_Result reply_problem(struct request *r, const struct err *e)
{
    return reply_send(r, (unsigned)err_status(e->code), reply_problem_make(r, e));
}

enum MHD_Result reply_error(struct request *r, enum errc code, const char *detail)
{
    struct err e;

    err_fresh(&e);
    (void)err_set(&e, code, "%s", detail);
    return reply_problem(r, &e);
}

static struct MHD_Response *empty(void)
{
    return require_memory(MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result reply_no_content(struct request *r)
{
    struct MHD_Response *response = empty();

    if (strcmp(r->method, MHD_HTTP_METHOD_OPTIONS) == 0) {
        reply_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
    }
    return reply_send(r, MHD_HTTP_NO_CONTENT, response);
}

enum MHD_Result reply_not_modified(struct request *r, const char *etag, const char *cache)
{
    struct MHD_Response *response = empty();

    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    return reply_send(r, MHD_HTTP_NOT_MODIFIED, response);
}
