/* assets_post.c - POST /v1/assets (createAsset).
 *
 * The body is on the disk when the handler runs (upload.h). To make it durable may take long and is left to
 * a helper thread; the row comes last.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/asset_intake.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/room.h"
#include "http/upload.h"

/* request.op, after the upload. */
struct storing {
    void *upload; /* the name is borrowed from it */
    void (*upload_free)(void *op);
    struct asset_intake *in;
    const char *name;
    struct asset asset;
    bool is_held; /* the content of asset, by us */
    struct request *r;
    struct err e;
};

static void storing_free(void *op)
{
    struct storing *s = op;

    asset_intake_drop(s->in);
    if (s->is_held && !s->r->cmd.has_taken) {
        blob_unstage(s->r->parts->blobs, s->asset.sha256);
    }
    asset_clear(&s->asset);
    if (s->upload != NULL) {
        s->upload_free(s->upload);
    }
    free(s);
}

static enum MHD_Result answer(struct request *r, const struct asset *asset, unsigned status)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(ASSET_JSON_MAX);
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;
    struct json_out json = json_out_to(&text);
    struct MHD_Response *response;
    char location[sizeof "/v1/assets/" + ID_LEN];

    asset_json(&json, NULL, asset);
    bytes = bytes_from_buf(&text);
    response = reply_bytes(bytes, JSON_TYPE);
    (void)snprintf(location, sizeof location, "/v1/assets/%s", asset->id.text);
    reply_header(response, MHD_HTTP_HEADER_LOCATION, location);
    return reply_send(r, status, response);
}

static enum MHD_Result committed(struct request *r)
{
    struct storing *s = r->op;

    if (r->cmd.result != ERR_NONE) {
        struct err e;

        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    return r->cmd.is_known ? answer(r, &r->cmd.known, MHD_HTTP_OK)
                           : answer(r, &s->asset, MHD_HTTP_CREATED);
}

static enum MHD_Result stored(struct request *r)
{
    struct storing *s = r->op;

    if (s->e.code != ERR_NONE) {
        return reply_problem(r, &s->e);
    }
    r->cmd.kind = CMD_ASSET_PUT;
    r->cmd.asset = &s->asset;
    return request_push(r, committed);
}

static void store(struct request *r)
{
    struct storing *s = r->op;

    s->is_held =
        asset_intake_finish(take_ptr(&s->in), r->cmd.actor, s->name, &s->asset, &s->e) == ERR_NONE;
}

enum MHD_Result assets_post(struct request *r)
{
    struct storing *s = NULL;
    struct asset_intake *in = NULL;
    const char *name = NULL;
    struct err e;

    err_fresh(&e);
    if (room_check(r->server, &e) != ERR_NONE || upload_end(r, &in, &name, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    s = xcalloc(1, sizeof *s);
    s->r = r;
    s->in = in;
    s->name = name;
    s->upload = r->op;
    s->upload_free = r->op_free;
    r->op = s;
    r->op_free = storing_free;
    return request_offload(r, store, stored);
}
