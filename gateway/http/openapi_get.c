/* openapi_get.c - GET /openapi.json (getOpenapi): the contract, as it was built in.
 */
#include <stdio.h>

#include "base/embed.h"
#include "base/hash.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

/* Made by the build from schema/openapi.yaml. */
extern const struct embedded_file http_documents[];

enum MHD_Result openapi_get(struct request *r)
{
    const struct embedded_file *file = &http_documents[0];
    struct MHD_Response *response;
    char sha256[SHA256_TEXT_SIZE];
    char etag[sizeof sha256 + 2];

    sha256_hex((struct span){file->data, file->len}, sha256);
    (void)snprintf(etag, sizeof etag, "\"%s\"", sha256);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    response = reply_static(file->data, file->len, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, MHD_HTTP_OK, response);
}
