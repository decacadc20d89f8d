/* request.c - see request.h.
 *
 * A refusal that is known before the body has arrived is told after the body
 * has been read and dropped, as long as it is not too long: a client that is
 * still sending when the connection closes would see a reset, not the answer.
 */
#include "http/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/header.h"
#include "http/raw_head.h"
#include "http/reply.h"
#include "http/upload.h"

/* Longest body that is read only to be dropped. */
#define DROP_MAX (16U << 20)
/* Of a form, beside its file. */
#define FORM_EXTRA (64U << 10)
/* When too much slow work waits. */
#define RETRY_AFTER_S 2

/* ---- life ----------------------------------------------------------------------------------------- */

struct request *request_new(struct http_server *s, struct MHD_Connection *connection,
                            const char *target)
{
    struct request *r = xcalloc(1, sizeof *r);

    r->server = s;
    r->parts = &s->parts;
    r->connection = connection;
    r->target = xstrdup(target);
    r->raw_target = span_of(target);
    r->method = "";
    r->body = BUF_INIT((size_t)s->parts.config->server_max_body);
    r->began_mono_us = clock_mono_us();
    return r;
}

static void log_access(const struct request *r)
{
    log_debug("request", LOG_S("request_id", r->request_id), LOG_OPT("trace_id", r->trace.id),
              LOG_S("method", r->method),
              LOG_OPT("operation", r->route != NULL ? r->route->operation_id : NULL),
              LOG_OPT("key_name", caller_owner(&r->caller)), LOG_I("http_status", r->status),
              LOG_I("duration_ms", (clock_mono_us() - r->began_mono_us) / 1000));
}

void request_free(struct request *r)
{
    if (r == NULL) {
        return;
    }
    log_access(r);
    if (r->is_begun && r->status == 0) {
        metrics_add(r->parts->metrics, METRIC_REQUESTS_LEFT, 0, 0, 1);
    }
    if (r->is_counted) {
        (void)atomic_fetch_sub(&r->server->open_requests, 1);
    }
    if (r->op != NULL) {
        r->op_free(r->op);
    }
    asset_clear(&r->cmd.known);
    buf_clear(&r->body);
    uri_clear(&r->uri);
    free(r->refusal);
    free(r->target);
    free(r);
}

void request_enter(struct request *r, enum peer_phase phase)
{
    peer_enter(
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context,
        phase);
}

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct json_limits request_json_limits(const struct request *r)
{
    return (struct json_limits){.depth = (size_t)r->parts->config->json_max_depth,
                                .nodes = (size_t)r->parts->config->json_max_nodes};
}

/* ---- what the header tells ---------------------------------------------------------------------- */

struct head {
    struct framing framing;
    struct raw_head raw;
};

static enum MHD_Result see_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct head *head = arg;
    struct span name_text = {name, name_len};
    struct span value_text = {value != NULL ? value : "", value != NULL ? value_len : 0};

    (void)kind;
    framing_field(&head->framing, name_text, value_text);
    raw_head_field(&head->raw, name_text, value_text);
    return MHD_YES;
}

static enum errc check_framing(struct request *r, const char *version, struct err *e)
{
    struct head head = {.framing = {.seen = 0}};
    size_t size = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                      ->header_size;

    raw_head_begin(&head.raw, r->method, r->raw_target, version);
    (void)MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, see_field, &head);
    if (framing_check(&head.framing, version, e) == ERR_NONE && raw_head_is_odd(&head.raw, size)) {
        return err_set(
            e, ERR_BAD_REQUEST,
            "The head holds a NUL, a line that is folded, or one that ends otherwise than with "
            "CR LF.");
    }
    return e->code;
}

static enum errc check_target(struct request *r, struct err *e)
{
    return uri_parse(span_of(r->target), &r->uri, e);
}

/* A page from anywhere can make a browser send requests to this machine, under any name that its
 * owner lets point here. The name is what tells them apart. */
static enum errc check_host(struct request *r, struct err *e)
{
    struct span host = span_of(request_header(r, MHD_HTTP_HEADER_HOST));

    if (r->uri.authority.len > 0 && !host_eq(r->uri.authority, host)) {
        return err_set(e, ERR_BAD_REQUEST, "The address and the Host field name different hosts.");
    }
    if (host.len > 0 && !host_list_allows(r->server->hosts, host)) {
        return err_set(e, ERR_HOST_NOT_ALLOWED, "%s", host_list_refusal(r->server->hosts));
    }
    return ERR_NONE;
}

static bool is_write(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0 &&
           strcmp(method, MHD_HTTP_METHOD_OPTIONS) != 0;
}

static enum errc check_origin(struct request *r, struct err *e)
{
    const char *origin = request_header(r, MHD_HTTP_HEADER_ORIGIN);

    if (origin != NULL && is_write(r->method) &&
        !origin_is_host(span_of(origin), span_of(request_header(r, MHD_HTTP_HEADER_HOST)))) {
        return err_set(e, ERR_HOST_NOT_ALLOWED,
                       "Pages of another origin may not change anything here.");
    }
    return ERR_NONE;
}

/* Nothing is told of what there is before it is known who asks. */
static enum errc check_route(struct request *r, struct err *e)
{
    struct route_match match;
    bool is_options = strcmp(r->method, MHD_HTTP_METHOD_OPTIONS) == 0;

    route_find(r->method, &r->uri, &match);
    memcpy(r->allow, match.allow, sizeof r->allow);
    r->route = is_options ? NULL : match.route;
    r->name = match.name;
    if (admission_check_caller(r, e) != ERR_NONE || rates_check(r, e) != ERR_NONE) {
        return e->code;
    }
    if (match.allow[0] == '\0') {
        return err_set(e, ERR_NOT_FOUND, "There is nothing at this address.");
    }
    if (is_options) {
        r->next = reply_no_content;
        return ERR_NONE;
    }
    if (match.route == NULL) {
        return err_set(e, ERR_METHOD_NOT_ALLOWED, "Only %s work here.", match.allow);
    }
    r->next = match.route->handler;
    if (admission_check_scope(r, e) != ERR_NONE) {
        return e->code;
    }
    if (match.id != NULL && !id_parse(span_of(match.id), &r->id)) {
        return err_set(e, ERR_NOT_FOUND, "The id in the address is none of ours.");
    }
    return ERR_NONE;
}

static enum errc check_query(struct request *r, struct err *e)
{
    return uri_check_params(&r->uri, r->route != NULL ? r->route->query : "", e);
}

/* Length that is announced; UINT64_MAX for a chunked body, 0 for none. */
static uint64_t announced_len(const struct request *r)
{
    const char *text = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    if (request_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL) {
        return UINT64_MAX;
    }
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static enum errc check_media_type(const struct request *r, struct err *e)
{
    const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *coding = request_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING);
    bool is_patch = r->route->body == BODY_PATCH;

    if (coding != NULL && strcasecmp(coding, "identity") != 0) {
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "A compressed body is not understood here.");
    }
    if (media_type_is(type, JSON_TYPE) ||
        (is_patch && media_type_is(type, "application/merge-patch+json"))) {
        return ERR_NONE;
    }
    return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "The Content-Type must be application/json%s.",
                   is_patch ? " or application/merge-patch+json" : "");
}

/* A form needs a little more than its file. */
static uint64_t max_body(const struct request *r)
{
    const struct config *c = r->parts->config;

    return r->route->body == BODY_FILE ? (uint64_t)c->assets_max_bytes + FORM_EXTRA
                                       : (uint64_t)c->server_max_body;
}

static void set_too_large(const struct request *r, struct err *e)
{
    (void)err_set(e, ERR_CONTENT_TOO_LARGE, "The body may hold up to %llu bytes.",
                  (unsigned long long)max_body(r));
}

static enum errc check_body(struct request *r, struct err *e)
{
    uint64_t len = announced_len(r);
    enum errc rc = ERR_NONE;

    if (r->route == NULL) {
        return ERR_NONE;
    }
    if (r->route->body == BODY_JSON || r->route->body == BODY_PATCH ||
        ((r->route->body == BODY_EMPTY || r->route->body == BODY_OPTIONAL) && len > 0)) {
        rc = check_media_type(r, e);
    }
    if (rc == ERR_NONE && len != UINT64_MAX && len > max_body(r)) {
        set_too_large(r, e);
        rc = e->code;
    }
    return rc;
}

static void name_request(struct request *r)
{
    const char *given = request_header(r, "X-Request-Id");
    struct id made;

    if (given != NULL && request_id_valid(given)) {
        memcpy(r->request_id, given, strlen(given) + 1);
        return;
    }
    made = id_new();
    memcpy(r->request_id, made.text, sizeof made.text);
}

struct trace_field {
    const char *value;
    int count;
};

static enum MHD_Result see_trace(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct trace_field *field = arg;

    (void)kind;
    if (strcasecmp(name, "traceparent") == 0) {
        field->value = value;
        field->count++;
    }
    return MHD_YES;
}

/* Two of them say nothing. */
static void read_trace(struct request *r)
{
    struct trace_field field = {.count = 0};

    if (request_header(r, "traceparent") != NULL) {
        (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, see_trace, &field);
    }
    if (field.count == 1 && !trace_parse(span_of(field.value), &r->trace)) {
        r->trace.id[0] = '\0';
    }
}

static void refuse(struct request *r, const struct err *e)
{
    free(r->refusal);
    r->refusal = xmalloc(sizeof *r->refusal);
    *r->refusal = *e;
}

enum MHD_Result request_begin(struct request *r, const char *method, const char *version)
{
    static enum errc (*const CHECK_ADDRESS[])(struct request *, struct err *) = {check_target,
                                                                                 check_host};
    static enum errc (*const CHECK[])(struct request *, struct err *) = {
        check_origin, check_route, check_query, check_body, admission_check_owner};
    struct err e;
    enum errc rc;
    uint64_t len;

    err_fresh(&e);
    r->is_begun = true;
    r->method = method;
    name_request(r);
    read_trace(r);
    rc = check_framing(r, version, &e);
    for (size_t i = 0; i < COUNT_OF(CHECK_ADDRESS) && rc == ERR_NONE; i++) {
        rc = CHECK_ADDRESS[i](r, &e);
    }
    /* Whoever is understood so differently is not listened to any further. A wrong name is well formed. */
    r->must_close = rc != ERR_NONE && rc != ERR_HOST_NOT_ALLOWED;
    for (size_t i = 0; i < COUNT_OF(CHECK) && rc == ERR_NONE; i++) {
        rc = CHECK[i](r, &e);
    }
    if (rc == ERR_NONE) {
        return MHD_YES;
    }
    len = announced_len(r);
    if (r->must_close || request_header(r, MHD_HTTP_HEADER_EXPECT) != NULL ||
        (len != UINT64_MAX && len > DROP_MAX)) {
        r->must_close = true; /* the body stays unread */
        return reply_problem(r, &e);
    }
    refuse(r, &e);
    return MHD_YES;
}

/* Keeps a piece of the body, in memory or, of a file, on the disk. */
static enum errc keep_body(struct request *r, struct span data, struct err *e)
{
    if (r->route->body == BODY_FILE) {
        return upload_write(r, data, e);
    }
    if (!buf_append_span(&r->body, data)) {
        set_too_large(r, e);
        buf_clear(&r->body);
    }
    return e->code;
}

enum MHD_Result request_body(struct request *r, struct span data)
{
    bool is_kept = r->refusal == NULL && r->route != NULL && r->route->body != BODY_NONE;
    struct err e;

    err_fresh(&e);
    if (is_kept && keep_body(r, data, &e) != ERR_NONE) {
        refuse(r, &e);
        is_kept = false;
    }
    r->dropped += is_kept ? 0 : data.len;
    return r->dropped <= DROP_MAX ? MHD_YES : MHD_NO;
}

enum MHD_Result request_run(struct request *r)
{
    if (!r->is_counted) {
        r->is_counted = true;
        (void)atomic_fetch_add(&r->server->open_requests, 1);
    }
    if (r->refusal != NULL) {
        return reply_problem(r, r->refusal);
    }
    /* What was only looked at may have been waited for. What was changed is told, whatever became of the key. */
    if (!is_write(r->method) && !admission_holds(r->server, &r->caller)) {
        struct err e;

        err_fresh(&e);
        (void)admission_refuse(&e);
        return reply_problem(r, &e);
    }
    return r->next(r);
}

/* ---- asking the engine -------------------------------------------------------------------------- */

static void cmd_done(struct cmd *c)
{
    struct request *r = container_of(c, struct request, cmd);

    MHD_resume_connection(r->connection);
}

enum MHD_Result request_push(struct request *r, handler_fn *next)
{
    struct MHD_Connection *connection = r->connection;
    struct inbox *inbox = r->parts->inbox;

    r->next = next;
    r->cmd.done = cmd_done;
    r->cmd.request_id = r->request_id;
    MHD_suspend_connection(connection);
    if (!inbox_push(inbox, &r->cmd)) {
        r->cmd.result = inbox_is_closed(inbox) ? ERR_SHUTTING_DOWN : ERR_QUEUE_FULL;
        MHD_resume_connection(connection);
    }
    return MHD_YES;
}

void request_cmd_error(const struct request *r, struct err *e)
{
    (void)err_set(e, r->cmd.result, "%s", r->cmd.detail);
    if (r->cmd.result == ERR_VALIDATION_ERROR) {
        /* Only together with what the job has can be told that metadata becomes too much. */
        (void)err_at(e, r->cmd.result, "/metadata", "too_many", "%s", r->cmd.detail);
    }
}

/* ---- slow work ---------------------------------------------------------------------------------- */

static void run_slow(struct offload_work *w)
{
    struct request *r = container_of(w, struct request, offload);

    r->slow(r);
    MHD_resume_connection(r->connection);
}

static enum MHD_Result answer_busy(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (atomic_load(&r->server->is_quiesced)) {
        (void)err_set(&e, ERR_SHUTTING_DOWN, "The gateway is shutting down.");
    } else {
        (void)err_set(&e, ERR_QUEUE_FULL, "Too many uploads and pictures are being worked on.");
    }
    e.retry_after_s = RETRY_AFTER_S;
    return reply_problem(r, &e);
}

enum MHD_Result request_offload(struct request *r, void (*slow)(struct request *r),
                                handler_fn *next)
{
    struct MHD_Connection *connection = r->connection;

    r->slow = slow;
    r->next = next;
    r->offload.run = run_slow;
    MHD_suspend_connection(connection);
    if (!offload_push(r->server->offload, &r->offload)) {
        r->next = answer_busy;
        MHD_resume_connection(connection);
    }
    return MHD_YES;
}
