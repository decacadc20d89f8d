/* livez_get.c - GET /livez (getLiveness): that this process answers, and nothing else.
 */
#include "http/handlers.h"
#include "http/reply.h"

enum MHD_Result livez_get(struct request *r)
{
    static const char BODY[] = "{\"status\":\"ok\"}";

    return reply_send(r, MHD_HTTP_OK, reply_static(BODY, sizeof BODY - 1, JSON_TYPE));
}
