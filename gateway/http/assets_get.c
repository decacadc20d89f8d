/* assets_get.c - GET /v1/assets/{id} (getAsset) and GET /v1/assets/{id}/content (getAssetContent).
 */
#include "core/asset.h"
#include "http/file_answer.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum errc read_asset(struct request *r, struct asset *out, struct err *e)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_asset(reader, r->id, out) : ST_FAIL;

    if (st == ST_OK) {
        return ERR_NONE;
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no asset of this id.")
                         : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

enum MHD_Result assets_get(struct request *r)
{
    AUTO(asset_clear) struct asset asset = {.name = NULL};
    AUTO(buf_clear) struct buf text = BUF_INIT(ASSET_JSON_MAX);
    struct json_out json = json_out_to(&text);
    struct err e;

    err_fresh(&e);
    if (read_asset(r, &asset, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    asset_json(&json, NULL, &asset);
    return reply_json(r, MHD_HTTP_OK, &text);
}

enum MHD_Result assets_content(struct request *r)
{
    AUTO(asset_clear) struct asset asset = {.name = NULL};
    struct err e;

    err_fresh(&e);
    if (read_asset(r, &asset, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    return file_answer(r, &(struct stored_file){.sha256 = asset.sha256,
                                                .content_type = asset.content_type,
                                                .name = asset.name,
                                                .may_be_elsewhere = true});
}
