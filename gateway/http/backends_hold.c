/* backends_hold.c - POST /v1/backends/{name}/drain, .../resume, /v1/queue/pause, /v1/queue/resume (drainBackend,
 * resumeBackend, pauseQueue, resumeQueue).
 *
 * Each answers as GET /v1/backends does then.
 */
#include "base/clock.h"
#include "http/body.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

static enum MHD_Result committed(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    return backends_get(r);
}

/* "" = the whole queue. */
static enum MHD_Result hold(struct request *r, const char *backend, bool is_held)
{
    struct err e;

    err_fresh(&e);
    if (body_must_be_empty(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (backend[0] != '\0' && backend_list_find(r->parts->backends, backend) == NULL) {
        return reply_error(r, ERR_NOT_FOUND, "There is no backend of this name.");
    }
    r->cmd.kind = CMD_HOLD;
    r->cmd.hold_backend = backend;
    r->cmd.is_held = is_held;
    r->cmd.hold_since = clock_wall_ms();
    return request_push(r, committed);
}

enum MHD_Result backends_drain(struct request *r)
{
    return hold(r, r->name, true);
}

enum MHD_Result backends_resume(struct request *r)
{
    return hold(r, r->name, false);
}

enum MHD_Result queue_pause(struct request *r)
{
    return hold(r, "", true);
}

enum MHD_Result queue_resume(struct request *r)
{
    return hold(r, "", false);
}
