#include "http/upload.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/request.h"
#include "http/room.h"

#define FORM_TYPE   "multipart/form-data"
#define FORM_BUFFER ((size_t)16 * 1024)

struct upload {
    struct MHD_PostProcessor *form; /* NULL = the body is the file */
    struct asset_intake *in;
    struct request *r;
    char *name;
    bool has_file;
    bool is_over;  /* upload_end has been called */
    struct err *e; /* of the form's reader, while it reads */
};

static void upload_free(void *op)
{
    struct upload *u = op;

    if (u->form != NULL) {
        (void)MHD_destroy_post_processor(u->form);
    }
    asset_intake_drop(u->in);
    free(u->name);
    free(u);
}

static enum errc begin_file(struct upload *u, struct err *e)
{
    enum errc rc = room_check(u->r->server, e);

    u->has_file = true;
    return rc == ERR_NONE ? asset_intake_begin(u->r->parts->blobs, u->r->parts->config, &u->in, e)
                          : rc;
}

/* ---- a form ----------------------------------------------------------------------------------------- */

/* The library tells of a part's beginning twice when nothing of it could be told the first time. */
static bool is_second_file(const struct upload *u, const char *filename)
{
    const char *name = u->name != NULL ? u->name : "";

    return u->has_file &&
           (u->in == NULL || asset_intake_size(u->in) > 0 || strcmp(name, filename) != 0);
}

static enum errc begin_part(struct upload *u, const char *filename)
{
    if (is_second_file(u, filename)) {
        return err_set(u->e, ERR_BAD_REQUEST, "One file at a time: the form holds a second one.");
    }
    if (u->has_file) {
        return ERR_NONE;
    }
    xreplace(&u->name, filename[0] != '\0' ? filename : NULL);
    return begin_file(u, u->e);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_part(void *arg, enum MHD_ValueKind kind, const char *key,
                               const char *filename, const char *content_type,
                               const char *transfer_encoding, const char *data, uint64_t offset,
                               size_t size)
{
    struct upload *u = arg;
    enum errc rc = ERR_NONE;

    (void)kind;
    (void)content_type;
    (void)transfer_encoding;
    if (u->is_over) {
        return MHD_NO; /* what the library still held is told while it is torn down */
    }
    if (filename == NULL) {
        (void)err_set(u->e, ERR_UNKNOWN_FIELD,
                      "The form may hold one file and no field; \"%.60s\" is one.",
                      key != NULL ? key : "");
        return MHD_NO;
    }
    if (offset == 0) {
        rc = begin_part(u, filename);
    }
    if (rc == ERR_NONE && size > 0) {
        rc = asset_intake_write(u->in, (struct span){data, size}, u->e);
    }
    return rc == ERR_NONE ? MHD_YES : MHD_NO;
}

static enum errc read_form(struct upload *u, struct span data, struct err *e)
{
    enum MHD_Result result;

    u->e = e;
    result = MHD_post_process(u->form, data.ptr, data.len);
    u->e = NULL;
    if (e->code != ERR_NONE) {
        return e->code;
    }
    return result == MHD_YES ? ERR_NONE
                             : err_set(e, ERR_BAD_REQUEST, "The form is not well formed.");
}

/* ---- both --------------------------------------------------------------------------------------------- */

static bool is_form(const struct request *r)
{
    const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t len = sizeof FORM_TYPE - 1;

    return type != NULL && strncasecmp(type, FORM_TYPE, len) == 0 &&
           (type[len] == '\0' || strchr("; \t", type[len]) != NULL);
}

static enum errc begin(struct request *r, struct err *e)
{
    struct upload *u = xcalloc(1, sizeof *u);
    const char *name = uri_param(&r->uri, "name");

    u->r = r;
    r->op = u;
    r->op_free = upload_free;
    xreplace(&u->name, name);
    if (!is_form(r)) {
        return begin_file(u, e);
    }
    u->form = MHD_create_post_processor(r->connection, FORM_BUFFER, on_part, u);
    return u->form != NULL
               ? ERR_NONE
               : err_set(e, ERR_BAD_REQUEST, "The form names no boundary of its parts.");
}

enum errc upload_write(struct request *r, struct span data, struct err *e)
{
    struct upload *u = r->op;

    if (u == NULL) {
        enum errc rc = begin(r, e);

        if (rc != ERR_NONE) {
            return rc;
        }
        u = r->op;
    }
    /* Again and again: many uploads at once each found room when they began. */
    if (room_check(r->server, e) != ERR_NONE) {
        return e->code;
    }
    return u->form != NULL ? read_form(u, data, e) : asset_intake_write(u->in, data, e);
}

enum errc upload_end(struct request *r, struct asset_intake **out, const char **name, struct err *e)
{
    struct upload *u = r->op;

    if (u == NULL || !u->has_file) {
        return err_set(e, ERR_VALIDATION_ERROR,
                       "No file has come: send its bytes as the body, or as the file of a form.");
    }
    u->is_over = true;
    if (u->form != NULL && MHD_destroy_post_processor(take_ptr(&u->form)) != MHD_YES) {
        return err_set(e, ERR_BAD_REQUEST, "The form ends before its last boundary.");
    }
    *out = take_ptr(&u->in);
    *name = u->name;
    return ERR_NONE;
}
