/* assets_delete.c - DELETE /v1/assets/{id} (deleteAsset). Jobs that were given it keep its content until
 * they have ended.
 */
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result committed(struct request *r)
{
    struct err e;

    if (r->cmd.result == ERR_NONE) {
        return reply_no_content(r);
    }
    request_cmd_error(r, &e);
    return reply_problem(r, &e);
}

enum MHD_Result assets_delete(struct request *r)
{
    r->cmd.kind = CMD_ASSET_DELETE;
    r->cmd.asset_id = r->id;
    return request_push(r, committed);
}
