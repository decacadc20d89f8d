/* client.c - a handle is kept between exchanges, so that a long wait is one connection. */
#include "cli/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/version.h"
#include "cli/terminal.h"

#define BODY_MAX         ((size_t)256 << 20)
#define CONNECT_LIMIT_MS 10000L
#define USUAL_LIMIT_MS   60000L

struct client {
    CURL *curl;
    char *url;
    char *authorization; /* whole header line, or NULL */
    char *agent;
    bool is_loopback;
    bool was_answered;
};

/* One exchange while curl calls back. */
struct exchange {
    const struct client_request *request;
    struct client_reply *reply;
    CURL *curl;
    bool is_sink_full;
};

static bool is_loopback(const char *url)
{
    static const char *const host[] = {"http://127.", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < COUNT_OF(host); i++) {
        if (strncasecmp(url, host[i], strlen(host[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

enum errc client_new(const char *url, const char *key, struct client **out, struct err *e)
{
    struct client *c;
    size_t len = strlen(url);

    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "the gateway's address must begin with http:// or https://, not \"%.80s\"",
                       url);
    }
    if (!is_printable(url)) {
        return err_set(e, ERR_INVALID_PARAMETER, "the gateway's address holds a blank");
    }
    if (key != NULL && (*key == '\0' || !is_printable(key))) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "the API key is empty or holds blanks or line ends");
    }
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }
    c = xcalloc(1, sizeof *c);
    c->url = xstrndup(url, len);
    c->is_loopback = is_loopback(url);
    c->authorization = key != NULL ? xasprintf("Authorization: Bearer %s", key) : NULL;
    c->agent = xasprintf("comfygate-cli/%s", comfygate_version());
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    c->curl = require_memory(curl_easy_init());
    *out = c;
    return ERR_NONE;
}

void client_free(struct client *c)
{
    if (c == NULL) {
        return;
    }
    curl_easy_cleanup(c->curl);
    curl_global_cleanup();
    free(c->url);
    free(c->authorization);
    free(c->agent);
    free(c);
}

const char *client_url(const struct client *c)
{
    return c->url;
}

bool client_was_answered(const struct client *c)
{
    return c->was_answered;
}

void client_reply_clear(struct client_reply *r)
{
    buf_clear(&r->body);
    *r = CLIENT_REPLY_INIT;
}

static bool header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t at = strlen(name);

    if (len <= at || strncasecmp(line, name, at) != 0 || line[at] != ':') {
        return false;
    }
    at++;
    while (at < len && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    while (len > at && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' ')) {
        len--;
    }
    /* A value too long to keep is as good as none; a cut ETag would match nothing. */
    if (len - at >= size) {
        return false;
    }
    memcpy(out, line + at, len - at);
    out[len - at] = '\0';
    return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct client_reply *reply = ((struct exchange *)arg)->reply;
    char number[16];

    (void)size;
    (void)(header_value(data, count, "ETag", reply->etag, sizeof reply->etag) ||
           header_value(data, count, "Content-Type", reply->content_type,
                        sizeof reply->content_type));
    if (header_value(data, count, "Retry-After", number, sizeof number)) {
        reply->retry_after_s = (int)strtol(number, NULL, 10);
    }
    return count;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    long status = 0;

    (void)size;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->request->sink == NULL || status < 200 || status > 299) {
        return buf_append(&x->reply->body, data, count) ? count : 0;
    }
    if (!x->request->sink(x->request->arg, data, count)) {
        x->is_sink_full = true;
        return 0;
    }
    return count;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct exchange *x = arg;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    if (x->request->tick != NULL) {
        x->request->tick(x->request->arg);
    }
    return terminal_is_interrupted() ? 1 : 0;
}

static struct curl_slist *add_line(struct curl_slist *lines, const char *line)
{
    return require_memory(curl_slist_append(lines, line));
}

/* Without a body, no type: curl would call the nothing a form. */
static const char *type_line(const struct client_request *request)
{
    if (request->upload != NULL) {
        return "Content-Type: application/octet-stream";
    }
    return request->body.ptr != NULL ? "Content-Type: application/json" : "Content-Type:";
}

static struct curl_slist *header_lines(const struct client *c, const struct client_request *request)
{
    struct curl_slist *lines = add_line(NULL, "Expect:");

    if (c->authorization != NULL) {
        lines = add_line(lines, c->authorization);
    }
    lines = add_line(lines, type_line(request));
    for (size_t i = 0; i < CLIENT_HEADERS_MAX && request->header[i] != NULL; i++) {
        lines = add_line(lines, request->header[i]);
    }
    return lines;
}

static size_t read_upload(char *out, size_t size, size_t count, void *file)
{
    size_t n = fread(out, size, count, file);

    return ferror(file) == 0 ? n : CURL_READFUNC_ABORT;
}

static int rewind_upload(void *file, curl_off_t offset, int origin)
{
    return fseeko(file, offset, origin) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void set_upload(CURL *curl, const struct client_request *request)
{
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, request->upload);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_upload);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, request->upload);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->upload_len);
}

static void set_method(CURL *curl, const struct client_request *request)
{
    if (strcmp(request->method, "GET") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        return;
    }
    if (request->upload != NULL) {
        set_upload(curl, request);
        return;
    }
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                           request->body.ptr != NULL ? request->body.ptr : "");
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
}

static void set_up(const struct client *c, const char *url, struct curl_slist *lines,
                   struct exchange *x)
{
    CURL *curl = c->curl;
    int64_t limit_ms = x->request->limit_ms > 0 ? x->request->limit_ms : USUAL_LIMIT_MS;

    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, c->agent);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    /* Less than one byte a second for this long: a slow download of any length is fine. */
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((limit_ms + 999) / 1000));
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (c->is_loopback) {
        /* A proxy of the environment cannot reach this machine's own loopback. */
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    }
    set_method(curl, x->request);
}

/* Whether anything was sent decides what may safely be said or sent again. */
static enum client_fault fault_of(const struct exchange *x, CURLcode code)
{
    long sent = 0;

    if (code == CURLE_OK) {
        return CLIENT_ANSWERED;
    }
    if (x->is_sink_full) {
        return CLIENT_SINK_FULL;
    }
    if (terminal_is_interrupted()) {
        return CLIENT_INTERRUPTED;
    }
    (void)curl_easy_getinfo(x->curl, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0 ? CLIENT_LOST : CLIENT_NO_CONTACT;
}

bool client_call(struct client *c, const struct client_request *request, struct client_reply *out)
{
    AUTO(buf_clear) struct buf url = BUF_INIT((size_t)64 << 10);
    struct exchange x = {.request = request, .reply = out, .curl = c->curl};
    char words[CURL_ERROR_SIZE] = "";
    struct curl_slist *lines;
    CURLcode code;
    long status = 0;

    client_reply_clear(out);
    out->body = BUF_INIT(BODY_MAX);
    buf_appendf(&url, "%s%s", c->url, request->path);
    lines = header_lines(c, request);
    set_up(c, buf_str(&url), lines, &x);
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, words);
    code = curl_easy_perform(c->curl);
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(lines);
    out->fault = fault_of(&x, code);
    out->status = (int)status;
    (void)snprintf(out->why, sizeof out->why, "%s",
                   words[0] != '\0' ? words : curl_easy_strerror(code));
    c->was_answered = c->was_answered || out->fault == CLIENT_ANSWERED;
    return out->fault == CLIENT_ANSWERED;
}

void client_escape(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c) != NULL) {
            buf_append_char(out, (char)c);
        } else {
            buf_append_char(out, '%');
            buf_append_char(out, hex[c >> 4]);
            buf_append_char(out, hex[c & 15]);
        }
    }
}
