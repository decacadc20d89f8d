#include "http/rendition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "http/condition.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/room.h"

#define KIND_SIZE       32
#define DISPOSITION_MAX 4096

/* request.op. */
struct rendition {
    struct job_output output;
    struct render_request render;
    char kind[KIND_SIZE];
    int fd; /* the result; -1 = not there */
    int64_t size;
    struct err e;
};

static void rendition_free(void *op)
{
    struct rendition *n = op;

    file_close(&n->fd);
    job_output_clear(&n->output);
    free(n);
}

static void etag_of(const struct rendition *n, char out[SHA256_TEXT_SIZE + KIND_SIZE + 3])
{
    (void)snprintf(out, SHA256_TEXT_SIZE + KIND_SIZE + 3, "\"%s-%s\"", n->output.sha256, n->kind);
}

/* The output's name with what it is now behind it. */
static void add_name(struct MHD_Response *response, const char *name)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(DISPOSITION_MAX);
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;
    AUTO(free_ptr)
    char *webp = name != NULL
                     ? xasprintf("%.*s.webp",
                                 (int)(dot != NULL ? dot - name : (ptrdiff_t)strlen(name)), name)
                     : xstrdup("picture.webp");

    disposition_write(&text, "inline", webp);
    if (buf_ok(&text)) {
        reply_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, buf_str(&text));
    }
}

static enum MHD_Result send_picture(struct request *r)
{
    struct rendition *n = r->op;
    char etag[SHA256_TEXT_SIZE + KIND_SIZE + 3];
    struct MHD_Response *response = NULL;

    if (n->fd < 0) {
        return reply_problem(r, &n->e);
    }
    etag_of(n, etag);
    response = reply_file(file_take(&n->fd), 0, n->size, "image/webp");
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_FOR_EVER);
    reply_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
    reply_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    add_name(response, n->output.name);
    return reply_send(r, MHD_HTTP_OK, response);
}

static enum errc render_into(const struct request *r, struct rendition *n,
                             struct rendition_file *file)
{
    AUTO(file_close) int original = -1;
    int64_t size = 0;
    enum errc rc = blob_open(r->parts->blobs, n->output.sha256, &original, &size);

    if (rc == ERR_NOT_FOUND && blobs_can_fetch(r->parts->blobs)) {
        rc = blob_fetch(r->parts->blobs, n->output.sha256, &n->e);
        if (rc == ERR_STORAGE_UNAVAILABLE || rc == ERR_INSUFFICIENT_STORAGE) {
            return rc;
        }
        rc = rc == ERR_NONE ? blob_open(r->parts->blobs, n->output.sha256, &original, &size) : rc;
    }
    if (rc != ERR_NONE) {
        return err_set(&n->e, ERR_INTERNAL_ERROR, "The file of this output cannot be read.");
    }
    n->render.is_canceled = &r->server->is_quiesced;
    rc = render_run(&n->render, original, file->fd, &n->e);
    return rc != ERR_NONE && atomic_load(&r->server->is_quiesced)
               ? err_set(&n->e, ERR_SHUTTING_DOWN, "The gateway is shutting down.")
               : rc;
}

/* The file may have been removed meanwhile, and what was made of it forgotten before it was kept. */
static void keep(const struct request *r, const struct rendition *n, struct rendition_file *file)
{
    AUTO(file_close) int original = -1;
    int64_t size = 0;

    rendition_cache_keep(r->parts->renditions, file, n->output.sha256, n->kind);
    if (blob_open(r->parts->blobs, n->output.sha256, &original, &size) == ERR_NOT_FOUND) {
        rendition_cache_forget(r->parts->renditions, n->output.sha256);
    }
}

/* On a helper thread: there may be no picture that takes longer than this process may wait. */
static void make(struct request *r)
{
    struct rendition *n = r->op;
    struct rendition_file file;
    struct stat about;

    if (rendition_cache_begin(r->parts->renditions, &file, &n->e) != ERR_NONE) {
        return;
    }
    if (render_into(r, n, &file) != ERR_NONE) {
        rendition_cache_discard(&file);
        return;
    }
    if (fstat(file.fd, &about) != 0) {
        (void)err_set(&n->e, ERR_INTERNAL_ERROR, "The picture that was made cannot be read.");
        rendition_cache_discard(&file);
        return;
    }
    n->size = about.st_size;
    n->fd = file_take(&file.fd);
    if (room_is_ample(r->server)) {
        keep(r, n, &file);
    } else {
        rendition_cache_discard(&file);
    }
}

enum MHD_Result rendition_answer(struct request *r, struct job_output *output, const char *kind,
                                 const struct render_request *render)
{
    struct rendition *n = xcalloc(1, sizeof *n);
    char etag[SHA256_TEXT_SIZE + KIND_SIZE + 3];

    n->output = *output;
    *output = (struct job_output){.name = NULL};
    n->render = *render;
    n->fd = -1;
    (void)snprintf(n->kind, sizeof n->kind, "%s", kind);
    r->op = n;
    r->op_free = rendition_free;
    etag_of(n, etag);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_FOR_EVER);
    }
    if (rendition_cache_find(r->parts->renditions, n->output.sha256, n->kind, &n->fd, &n->size)) {
        return send_picture(r);
    }
    return request_offload(r, make, send_picture);
}
