/* file_answer.c - see file_answer.h.
 *
 * The bytes come from strangers, by way of ComfyUI or of an upload. A browser is told to believe the
 * type that we found in them, to show only types that cannot run anything, and to run nothing in
 * any case.
 */
#include "http/file_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "http/condition.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

/* request.op of an answer whose file is fetched first: a copy of what its caller has lent. */
struct fetching {
    char *content_type;
    char *name;
    char sha256[SHA256_TEXT_SIZE];
    struct err e;
    void *op; /* what was there before */
    void (*op_free)(void *op);
};

#define DISPOSITION_MAX 4096
#define LINK_MAX        6144 /* servers take 8 KiB of a URL, most of them */
#define SANDBOX         "default-src 'none'; sandbox"
#define UNKNOWN_TYPE    "application/octet-stream"

/* Whether a browser may show it in place. */
static bool is_harmless(const char *content_type)
{
    static const char *const TYPE[] = {
        "image/png", "image/jpeg", "image/webp", "image/gif",  "image/avif",
        "video/mp4", "video/webm", "audio/wav",  "audio/mpeg", "audio/flac",
        "audio/ogg", "audio/mp4",  "audio/webm", "text/plain", "text/plain; charset=utf-8"};

    for (size_t i = 0; i < COUNT_OF(TYPE); i++) {
        if (strcasecmp(content_type, TYPE[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* If-Range: the range counts only for the very bytes that the client has. */
static struct range chosen_range(const struct request *r, const char *etag, int64_t size)
{
    const char *if_range = request_header(r, MHD_HTTP_HEADER_IF_RANGE);
    bool counts = if_range == NULL || etag_listed(if_range, etag, false);

    return range_parse(counts ? request_header(r, MHD_HTTP_HEADER_RANGE) : NULL, size);
}

static enum MHD_Result answer_outside(struct request *r, int64_t size)
{
    struct MHD_Response *response;
    struct err e;
    char text[48];

    err_fresh(&e);
    (void)err_set(&e, ERR_RANGE_NOT_SATISFIABLE, "The file has %" PRId64 " bytes.", size);
    response = reply_problem_make(r, &e);
    (void)snprintf(text, sizeof text, "bytes */%" PRId64, size);
    reply_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    return reply_send(r, MHD_HTTP_RANGE_NOT_SATISFIABLE, response);
}

/* Whether a parameter that is 0 or 1 says so. */
static bool says(const struct request *r, const char *param, const char *value)
{
    const char *text = uri_param(&r->uri, param);

    return text != NULL && strcmp(text, value) == 0;
}

/* Whether it is shown in place, and not saved. */
static bool is_inline(const struct request *r, const struct stored_file *file)
{
    return is_harmless(file->content_type) && !says(r, "download", "1");
}

/* The text of Content-Disposition; borrowed from out, or a constant. */
static const char *disposition(const struct request *r, const struct stored_file *file,
                               struct buf *out)
{
    const char *kind = is_inline(r, file) ? "inline" : "attachment";

    if (file->name != NULL) {
        disposition_write(out, kind, file->name);
    }
    return out->len > 0 && buf_ok(out) ? buf_str(out) : kind;
}

/* Takes the descriptor, of `size` bytes. */
static enum MHD_Result send_file(struct request *r, const struct stored_file *file, int fd,
                                 int64_t size, struct range range)
{
    AUTO(buf_clear) struct buf named = BUF_INIT(DISPOSITION_MAX);
    bool is_shown = is_harmless(file->content_type);
    struct MHD_Response *response =
        reply_file(fd, range.first, range.length, is_shown ? file->content_type : UNKNOWN_TYPE);
    char text[96];

    (void)snprintf(text, sizeof text, "\"%s\"", file->sha256);
    reply_header(response, MHD_HTTP_HEADER_ETAG, text);
    reply_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_FOR_EVER);
    reply_header(response, "Content-Security-Policy", SANDBOX);
    reply_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    reply_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, disposition(r, file, &named));
    if (range.kind == RANGE_WHOLE) {
        return reply_send(r, MHD_HTTP_OK, response);
    }
    (void)snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range.first,
                   range.first + range.length - 1, size);
    reply_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    return reply_send(r, MHD_HTTP_PARTIAL_CONTENT, response);
}

/* The storage sends no nosniff: what a browser might take for a page is answered from here. */
static bool is_harmless_anywhere(const char *content_type)
{
    return is_harmless(content_type) && strncasecmp(content_type, "text/", 5) != 0;
}

/* Our own pages show only what comes from here (their policy), and what they fetch is from here. */
static bool is_for_our_pages(const struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site");

    return site != NULL && strcmp(site, "same-origin") == 0;
}

/* Sends who asks to the storage, when it may serve the file itself: it does not say the policy that keeps other types from
 * running. False when it is served from here. */
static bool answer_elsewhere(struct request *r, const struct stored_file *file,
                             enum MHD_Result *result)
{
    AUTO(buf_clear) struct buf named = BUF_INIT(DISPOSITION_MAX);
    AUTO(buf_clear) struct buf link = BUF_INIT(LINK_MAX);
    struct MHD_Response *response = NULL;

    if (!file->may_be_elsewhere || strcmp(r->method, MHD_HTTP_METHOD_GET) != 0 ||
        !is_harmless_anywhere(file->content_type) || is_for_our_pages(r) ||
        says(r, "redirect", "0") ||
        !blob_link(r->parts->blobs, file->sha256, file->content_type, disposition(r, file, &named),
                   &link)) {
        return false;
    }
    response = reply_static("", 0, "text/plain");
    reply_header(response, MHD_HTTP_HEADER_LOCATION, buf_str(&link));
    *result = reply_send(r, MHD_HTTP_TEMPORARY_REDIRECT, response);
    return true;
}

static enum MHD_Result fetch(struct request *r, const struct stored_file *file);

/* `may_fetch`: when the file is not on our disk, it is brought there first. */
static enum MHD_Result answer(struct request *r, const struct stored_file *file, bool may_fetch)
{
    enum errc rc = ERR_NONE;
    char etag[SHA256_TEXT_SIZE + 2];
    enum MHD_Result result = MHD_NO;
    struct range range;
    int64_t size = 0;
    int fd = -1;

    (void)snprintf(etag, sizeof etag, "\"%s\"", file->sha256);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_FOR_EVER);
    }
    if (may_fetch && answer_elsewhere(r, file, &result)) {
        return result;
    }
    rc = blob_open(r->parts->blobs, file->sha256, &fd, &size);
    if (rc == ERR_NOT_FOUND && may_fetch && blobs_can_fetch(r->parts->blobs)) {
        return fetch(r, file);
    }
    if (rc != ERR_NONE) {
        return reply_error(r, ERR_INTERNAL_ERROR, "The file cannot be read.");
    }
    range = chosen_range(r, etag, size);
    if (range.kind == RANGE_OUTSIDE) {
        file_close(&fd);
        return answer_outside(r, size);
    }
    return send_file(r, file, fd, size, range);
}

/* ---- a file that is kept elsewhere ---------------------------------------------------------------- */

static void fetching_free(void *op)
{
    struct fetching *f = op;

    if (f->op != NULL) {
        f->op_free(f->op);
    }
    free(f->content_type);
    free(f->name);
    free(f);
}

/* On a helper thread. */
static void bring(struct request *r)
{
    struct fetching *f = r->op;

    f->e.code = blob_fetch(r->parts->blobs, f->sha256, &f->e);
}

static enum MHD_Result brought(struct request *r)
{
    const struct fetching *f = r->op;

    if (f->e.code == ERR_STORAGE_UNAVAILABLE || f->e.code == ERR_INSUFFICIENT_STORAGE) {
        return reply_error(r, ERR_STORAGE_UNAVAILABLE, f->e.detail);
    }
    return answer(r,
                  &(struct stored_file){
                      .sha256 = f->sha256, .content_type = f->content_type, .name = f->name},
                  false);
}

static enum MHD_Result fetch(struct request *r, const struct stored_file *file)
{
    struct fetching *f = xcalloc(1, sizeof *f);

    (void)snprintf(f->sha256, sizeof f->sha256, "%s", file->sha256);
    f->content_type = xstrdup(file->content_type);
    f->name = file->name != NULL ? xstrdup(file->name) : NULL;
    f->op = r->op;
    f->op_free = r->op_free;
    r->op = f;
    r->op_free = fetching_free;
    return request_offload(r, bring, brought);
}

enum MHD_Result file_answer(struct request *r, const struct stored_file *file)
{
    static const char *const SWITCH[] = {"download", "redirect"};

    for (size_t i = 0; i < COUNT_OF(SWITCH); i++) {
        struct err e;

        if (uri_param(&r->uri, SWITCH[i]) != NULL && !says(r, SWITCH[i], "0") &&
            !says(r, SWITCH[i], "1")) {
            err_fresh(&e);
            (void)err_param(&e, SWITCH[i], "must be 0 or 1");
            return reply_problem(r, &e);
        }
    }
    return answer(r, file, true);
}
