/* backends_get.c - GET /v1/backends (listBackends).
 */
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

enum MHD_Result backends_get(struct request *r)
{
    struct backend_counts counts;
    AUTO(bytes_unref_ptr) struct bytes *json = hub_backends(r->parts->hub, &counts);

    if (json == NULL) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "The backends have not been looked at yet.");
    }
    return reply_send(r, MHD_HTTP_OK, reply_bytes(json, JSON_TYPE));
}
