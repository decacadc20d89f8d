/* jobs_patch.c - PATCH /v1/jobs/{id} (updateJob).
 */
#include <stdlib.h>

#include "base/mem.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/job_change.h"
#include "http/reply.h"
#include "http/request.h"

/* request.op of a PATCH. */
struct patch {
    struct job_patch patch;
    char if_match[JOB_ETAG_SIZE];
};

static void free_patch(void *op)
{
    struct patch *p = op;

    job_patch_clear(&p->patch);
    free(p);
}

static enum MHD_Result committed(struct request *r)
{
    return job_change_answer(r, true);
}

/* If-Match may list several tags; the engine compares one. Gives it the one that holds now. */
static enum errc choose_tag(struct request *r, struct patch *p, struct err *e)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};
    const char *field = request_header(r, MHD_HTTP_HEADER_IF_MATCH);
    enum errc rc;

    if (field == NULL) {
        return ERR_NONE;
    }
    rc = job_look(r, r->id, &look, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!etag_listed(field, look.etag, false)) {
        return err_set(e, ERR_PRECONDITION_FAILED, "The job has changed since this ETag was read.");
    }
    if (!etag_is_any(field)) {
        memcpy(p->if_match, look.etag, sizeof p->if_match);
        r->cmd.if_match = p->if_match;
    }
    return ERR_NONE;
}

enum MHD_Result jobs_patch(struct request *r)
{
    struct patch *p = xcalloc(1, sizeof *p);
    struct err e;
    enum errc rc;

    r->op = p;
    r->op_free = free_patch;
    err_fresh(&e);
    rc = job_patch_parse(buf_span(&r->body), request_json_limits(r), &p->patch, &e);
    if (rc == ERR_NONE) {
        rc = choose_tag(r, p, &e);
    }
    if (rc != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->cmd.kind = CMD_PATCH;
    r->cmd.job = r->id;
    r->cmd.patch = &p->patch;
    return request_push(r, committed);
}
