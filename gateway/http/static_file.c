#include "http/static_file.h"

#include <string.h>

#include "base/buf.h"
#include "http/condition.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

#define PATH_SIZE      256
#define MOUNT_SEGMENTS 2 /* the mount and the version */
#define CSP                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src "    \
    "'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " \
    "frame-ancestors 'none'; require-trusted-types-for 'script'"

static const struct static_file *find(const struct static_bundle *bundle, const char *path)
{
    const struct static_file *file = bundle->files;

    while (file->path != NULL && strcmp(file->path, path) != 0) {
        file++;
    }
    return file->path != NULL ? file : NULL;
}

static enum MHD_Result send_file(struct request *r, const struct static_file *file,
                                 const char *cache, bool is_page)
{
    bool is_packed = file->gzip.data.len > 0 &&
                     encoding_accepted(request_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING), "gzip");
    const struct static_form *form = is_packed ? &file->gzip : &file->plain;
    struct MHD_Response *response;

    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), form->etag, true)) {
        return reply_not_modified(r, form->etag, cache);
    }
    response = reply_static(form->data.ptr, form->data.len, file->type);
    reply_header(response, MHD_HTTP_HEADER_ETAG, form->etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    reply_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (is_packed) {
        reply_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    if (is_page) {
        reply_header(response, "Content-Security-Policy", CSP);
        reply_header(response, "Cross-Origin-Opener-Policy", "same-origin");
        reply_header(response, "X-Frame-Options", "DENY");
    }
    return reply_send(r, MHD_HTTP_OK, response);
}

enum MHD_Result static_page(struct request *r, const struct static_bundle *bundle, const char *path)
{
    return send_file(r, find(bundle, path), CACHE_REVALIDATE, true);
}

enum MHD_Result static_part(struct request *r, const struct static_bundle *bundle)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(PATH_SIZE);
    const struct static_file *file = NULL;

    for (size_t i = MOUNT_SEGMENTS; i < r->uri.segment_count; i++) {
        (void)buf_appendf(&path, "%s%s", i > MOUNT_SEGMENTS ? "/" : "", r->uri.segment[i]);
    }
    if (buf_ok(&path) && strcmp(r->name, bundle->version) == 0) {
        file = find(bundle, buf_str(&path));
    }
    if (file == NULL) {
        return reply_error(r, ERR_NOT_FOUND,
                           "This program has no such file. A page that asks for it is of another "
                           "version: load it anew.");
    }
    return send_file(r, file, CACHE_FOR_EVER, false);
}
