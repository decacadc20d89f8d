/* outputs_pictures.c - GET /v1/outputs/{id}/thumbnail (getOutputThumbnail) and
 * GET /v1/outputs/{id}/rendition (getOutputRendition).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/job_json.h"
#include "http/file_answer.h"
#include "http/handlers.h"
#include "http/header.h"
#include "http/rendition.h"
#include "http/reply.h"
#include "http/request.h"

#define EDGE_DEFAULT 256
/* Of max_bytes in the cache: 32 steps to each doubling, so that nobody fills it by counting. */
#define STEPS 32

static enum errc read_output(struct request *r, struct job_output *out, struct err *e)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_output(reader, r->id, out) : ST_FAIL;

    if (st == ST_OK) {
        return ERR_NONE;
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no output of this id.")
                         : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

static int read_edge(const struct uri *uri, struct err *e)
{
    const char *size = uri_param(uri, "size");

    if (size == NULL || strcmp(size, "256") == 0) {
        return EDGE_DEFAULT;
    }
    if (strcmp(size, "512") != 0) {
        (void)err_param(e, "size", "must be 256 or 512");
    }
    return 512;
}

enum MHD_Result outputs_thumbnail(struct request *r)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct render_request render = {.kind = RENDER_THUMBNAIL};
    char kind[16];
    struct err e;

    err_fresh(&e);
    render.edge = read_edge(&r->uri, &e);
    if (e.code != ERR_NONE || read_output(r, &output, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (!job_output_is_picture(&output)) {
        (void)err_set(&e, ERR_NOT_FOUND, "This output has no thumbnail: its type is %.60s.",
                      output.content_type);
        return reply_problem(r, &e);
    }
    (void)snprintf(kind, sizeof kind, "t%d", render.edge);
    return rendition_answer(r, &output, kind, &render);
}

/* ---- renditions ---------------------------------------------------------------------------------------- */

/* Rounded down to what has a name in the cache: at most 1 in 32 less. */
static int64_t round_down(int64_t bytes)
{
    int64_t step = 1;

    while (step * STEPS * 2 <= bytes) {
        step *= 2;
    }
    return bytes / step * step;
}

static enum MHD_Result refuse(struct request *r, const struct job_output *output)
{
    struct err e;

    err_fresh(&e);
    (void)err_set(&e, ERR_RENDITION_IMPOSSIBLE,
                  "Only still pictures can be made smaller; this is %.60s of %" PRId64 " bytes.",
                  output->content_type, output->size_bytes);
    return reply_problem(r, &e);
}

enum MHD_Result outputs_rendition(struct request *r)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct render_request render = {.kind = RENDER_RENDITION};
    const char *max_bytes = uri_param(&r->uri, "max_bytes");
    char kind[24];
    int limit = 0;
    struct err e;

    err_fresh(&e);
    if (max_bytes == NULL ||
        !decimal_parse(max_bytes, RENDER_BYTES_MIN, RENDER_BYTES_MAX, &limit)) {
        (void)err_param(&e, "max_bytes", "must be %s%d to %d", max_bytes == NULL ? "given: " : "",
                        RENDER_BYTES_MIN, RENDER_BYTES_MAX);
        return reply_problem(r, &e);
    }
    if (read_output(r, &output, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (output.size_bytes <= limit) {
        return file_answer(r, &(struct stored_file){.sha256 = output.sha256,
                                                    .content_type = output.content_type,
                                                    .name = output.name});
    }
    if (!job_output_is_picture(&output)) {
        return refuse(r, &output);
    }
    render.max_bytes = round_down(limit);
    (void)snprintf(kind, sizeof kind, "r%" PRId64, render.max_bytes);
    return rendition_answer(r, &output, kind, &render);
}
