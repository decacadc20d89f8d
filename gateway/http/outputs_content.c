/* outputs_content.c - GET and HEAD /v1/outputs/{id}/content (getOutputContent).
 */
#include "base/clock.h"
#include "http/file_answer.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/signed_link.h"

static enum errc check_link(struct request *r, struct err *e)
{
    return signed_link_check(r->parts->links, r->id, uri_param(&r->uri, "expires"),
                             uri_param(&r->uri, "signature"), clock_wall_ms() / 1000, e);
}

enum MHD_Result outputs_content(struct request *r)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct store_reader *reader = reader_get(r->server);
    enum st st = ST_FAIL;
    struct err e;

    err_fresh(&e);
    if (check_link(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    st = reader != NULL ? store_output(reader, r->id, &output) : ST_FAIL;
    if (st == ST_NONE) {
        return reply_error(r, ERR_NOT_FOUND, "There is no output of this id.");
    }
    if (st != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return file_answer(r, &(struct stored_file){.sha256 = output.sha256,
                                                .content_type = output.content_type,
                                                .name = output.name,
                                                .may_be_elsewhere = true});
}
