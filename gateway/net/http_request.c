/* http_request.c - a request, put into the words of curl. */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http_parts.h"

#define CONNECT_MS    5000L
#define STALL_BYTES   1024L /* a second, on average over the time of a stall */
#define KEEPALIVE_S   60L
#define RECEIVE_BYTES (128L << 10) /* at a time, for large files */

/* ---- how, and how long ----------------------------------------------------------------------- */

static void set_common(struct http_call *c, const char *url)
{
    const struct http_client *h = c->http;
    CURL *curl = c->curl;

    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, h->agent);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    /* Not even from the environment: whom we talk to is a setting of ours. */
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A name that does not resolve must not hold up the loop when its call is dropped. */
    (void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    if (h->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, h->ca_file);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH,
                               NULL); /* else the system's folder counts too */
    }
}

static void set_times(struct http_call *c, const struct http_request *request)
{
    int64_t timeout_ms = request->is_endless ? 0 : request->timeout_ms;
    int64_t stall_ms = request->is_endless ? 0 : request->stall_ms;
    long connect_ms = CONNECT_MS;

    bug_if(timeout_ms <= 0 && stall_ms <= 0 && !request->is_endless);
    if (timeout_ms > 0) {
        (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        connect_ms = timeout_ms < CONNECT_MS ? (long)timeout_ms : CONNECT_MS;
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    if (stall_ms > 0) {
        (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
        (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (long)((stall_ms + 999) / 1000));
    }
}

/* ---- headers and body ------------------------------------------------------------------------ */

/* A call that must not be sent goes the way of one whose address is wrong. */
static void refuse(struct http_call *c, const char *why)
{
    c->refusal = why;
    (void)curl_easy_setopt(c->curl, CURLOPT_URL, "");
}

static bool has_line_break(const char *text)
{
    return text[strcspn(text, "\r\n")] != '\0';
}

static void add_header(struct http_call *c, const char *header)
{
    c->headers = require_memory(curl_slist_append(c->headers, header));
}

static void set_headers(struct http_call *c, const struct http_request *request)
{
    bool has_type = false;

    for (size_t i = 0; request->header != NULL && request->header[i] != NULL; i++) {
        const char *header = request->header[i];

        if (has_line_break(header)) {
            refuse(c, "a header of the request has a line break");
            continue;
        }
        has_type = has_type || strncasecmp(header, "Content-Type:", 13) == 0;
        add_header(c, header);
    }
    /* Otherwise curl would wait for a "100 Continue" before it sends a larger body, ... */
    add_header(c, "Expect:");
    /* ... and call any body a form's. */
    if (request->part_count == 0 && !has_type) {
        add_header(c, "Content-Type:");
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
}

static size_t read_file(char *out, size_t size, size_t count, void *arg)
{
    struct part_file *file = arg;
    size_t wanted = size * count;
    ssize_t n = 0;

    if ((int64_t)wanted > file->size - file->at) {
        wanted = (size_t)(file->size - file->at);
    }
    do {
        n = pread(file->fd, out, wanted, file->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && wanted > 0)) {
        return CURL_READFUNC_ABORT;
    }
    file->at += n;
    return (size_t)n;
}

static int seek_file(void *arg, curl_off_t offset, int origin)
{
    struct part_file *file = arg;

    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    file->at = offset;
    return CURL_SEEKFUNC_OK;
}

static void add_part(struct http_call *c, const struct http_part *from)
{
    curl_mimepart *part = require_memory(curl_mime_addpart(c->form));
    bool is_file = from->filename != NULL || from->fd > 0;
    const char *type = from->content_type;

    if (type == NULL && is_file) {
        type = "application/octet-stream";
    }
    if (type != NULL && has_line_break(type)) {
        refuse(c, "the type of a part of the request has a line break");
        type = NULL;
    }
    (void)curl_mime_name(part, from->name);
    (void)curl_mime_filename(part, from->filename);
    (void)curl_mime_type(part, type);
    if (from->fd > 0) {
        struct part_file *file = &c->file[c->file_count++];

        *file = (struct part_file){.fd = from->fd, .size = from->size};
        (void)curl_mime_data_cb(part, (curl_off_t)from->size, read_file, seek_file, NULL, file);
    } else {
        (void)curl_mime_data(part, from->data.ptr != NULL ? from->data.ptr : "", from->data.len);
    }
}

static void set_form(struct http_call *c, const struct http_request *request)
{
    c->form = require_memory(curl_mime_init(c->curl));
    c->file = xcalloc(request->part_count, sizeof *c->file);
    for (size_t i = 0; i < request->part_count; i++) {
        add_part(c, &request->part[i]);
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_MIMEPOST, c->form);
}

static void set_body(struct http_call *c, struct span body)
{
    c->body = xmalloc(body.len + 1);
    if (body.ptr != NULL) {
        memcpy(c->body, body.ptr, body.len);
    }
    (void)curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, c->body);
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

static void set_content(struct http_call *c, const struct http_request *request)
{
    static const char *const METHODS[] = {"GET", "DELETE", "POST", "PUT", "PATCH"};
    size_t method = 0;
    bool has_body = request->body.ptr != NULL;

    while (method < COUNT_OF(METHODS) && strcmp(request->method, METHODS[method]) != 0) {
        method++;
    }
    bug_if(method == COUNT_OF(METHODS));
    bug_if(method == 0 && (has_body || request->part_count > 0));
    if (request->part_count > 0) {
        set_form(c, request);
    } else if (has_body || method >= 2) {
        set_body(c, request->body);
    }
    if (method > 0) {
        (void)curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, METHODS[method]);
    }
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_call *c = arg;

    if (purpose != CURLSOCKTYPE_IPCXN ||
        !c->guard.may_connect(c->guard.arg, &to->addr, to->addrlen)) {
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void set_guard(struct http_call *c)
{
    if (c->guard.may_connect != NULL) {
        (void)curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        (void)curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETDATA, c);
        /* Whoever has moved is found at once. */
        (void)curl_easy_setopt(c->curl, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    }
}

void http_call_prepare(struct http_call *c, const struct http_request *request)
{
    set_common(c, request->url);
    set_times(c, request);
    set_headers(c, request);
    set_content(c, request);
    set_guard(c);
    if (request->is_alone) {
        (void)curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(c->curl, CURLOPT_FORBID_REUSE, 1L);
    }
}
