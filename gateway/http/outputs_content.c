/* outputs_content.c - GET and HEAD /v1/outputs/{id}/content (getOutputContent).
 */
#include "http/file_answer.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

enum MHD_Result outputs_content(struct request *r)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_output(reader, r->id, &output) : ST_FAIL;

    if (st == ST_NONE) {
        return reply_error(r, ERR_NOT_FOUND, "There is no output of this id.");
    }
    if (st != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return file_answer(r, &(struct stored_file){.sha256 = output.sha256,
                                                .content_type = output.content_type,
                                                .name = output.name});
}
