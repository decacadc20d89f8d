/* jobs_workflow.c - GET /v1/jobs/{id}/workflow (getJobWorkflow): the graph as it is sent.
 */
#include <stdio.h>

#include "base/hash.h"
#include "core/graph.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

/* What a body may hold, and the file prefixes. */
#define PREFIXES_MAX (4U << 20)

static enum errc make(struct request *r, struct buf *graph, struct err *e)
{
    AUTO(buf_clear)
    struct buf stored = BUF_INIT(graph->max);
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_job(reader, r->id, &row) : ST_FAIL;

    if (st == ST_OK) {
        st = store_graph(reader, r->id, &stored);
    }
    if (st != ST_OK) {
        return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no job of this id.")
                             : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return graph_own_prefix(buf_span(&stored), job_prefix(&row), graph, e);
}

static enum MHD_Result answer(struct request *r, struct buf *graph)
{
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;
    struct MHD_Response *response;
    char sha256[SHA256_TEXT_SIZE];
    char etag[sizeof sha256 + 2];

    sha256_hex(buf_span(graph), sha256);
    (void)snprintf(etag, sizeof etag, "\"%s\"", sha256);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    bytes = bytes_from_buf(graph);
    response = reply_bytes(bytes, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, MHD_HTTP_OK, response);
}

enum MHD_Result jobs_workflow(struct request *r)
{
    AUTO(buf_clear)
    struct buf graph = BUF_INIT((size_t)r->parts->config->server_max_body + PREFIXES_MAX);
    struct err e;

    err_fresh(&e);
    return make(r, &graph, &e) == ERR_NONE ? answer(r, &graph) : reply_problem(r, &e);
}
