/* request.h - one request, from its first byte to its last.
 *
 * The way of a request: request_begin checks all that can be told by its header,
 * request_body collects the body, request_run calls the handler of its route.
 * A handler answers (reply.h), or parks the request:
 *
 *   request_push   hands r->cmd to the engine and is followed by `next`
 *   job_wait_run   waits for a job (job_wait.h)
 *   request_offload  has a helper thread do what takes long
 *
 * No thread waits meanwhile. While parked, the request belongs to the engine or
 * the hub; afterwards it runs on the thread of its connection again.
 */
#ifndef CG_HTTP_REQUEST_H
#define CG_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/trace.h"
#include "bridge/inbox.h"
#include "core/allowance.h"
#include "http/admission.h"
#include "http/internal.h"
#include "http/job_wait.h"
#include "http/offload.h"
#include "http/rates.h"
#include "http/route.h"
#include "http/slow_peers.h"
#include "http/uri.h"

#define REQUEST_ID_SIZE 65

struct request {
    struct http_server *server;
    const struct http_parts *parts; /* server->parts */
    struct MHD_Connection *connection;

    char *target; /* as received */
    struct span
        raw_target; /* the same where it was received; valid until the head has been checked */
    const char *method;
    struct uri uri;
    const struct route *route;
    struct id id;     /* the one in the path; none when the path has none */
    const char *name; /* the same of a name, of whatever form; NULL when the path has none */
    char allow[ROUTE_ALLOW_SIZE];
    char request_id[REQUEST_ID_SIZE];
    struct caller caller;
    const char *missing_scope;                    /* why it was refused; NULL = not by that */
    struct allowance_state rate[RATE_KIND_COUNT]; /* all zero when it was not counted */
    struct trace trace;                           /* that its client says it belongs to */
    int64_t began_mono_us;
    unsigned status; /* answered; 0 = not yet */
    bool is_begun;
    bool is_stream;  /* of events: its answer does not end by itself */
    bool is_counted; /* in server->open_requests */
    bool must_close; /* what follows on this connection cannot be trusted */

    struct buf body;
    uint64_t dropped;    /* bytes of the body that were read and thrown away */
    struct err *refusal; /* told once the body has been read; NULL = none */

    handler_fn *next; /* what to do when the request runs (again) */
    struct cmd cmd;   /* for request_push */
    struct job_wait wait;
    struct offload_work offload; /* for request_offload */
    void (*slow)(struct request *r);
    void *op; /* what a handler keeps between its steps */
    void (*op_free)(void *op);
};

struct request *request_new(struct http_server *s, struct MHD_Connection *connection,
                            const char *target) MUST_CHECK;
void request_free(struct request *r); /* NULL is fine */

/* The three steps, in this order; body any number of times. */
enum MHD_Result request_begin(struct request *r, const char *method, const char *version);
enum MHD_Result request_body(struct request *r, struct span data);
enum MHD_Result request_run(struct request *r);

/* What is expected of its client from here on. */
void request_enter(struct request *r, enum peer_phase phase);
/* A header field; NULL when absent. Borrowed. */
const char *request_header(const struct request *r, const char *name);
/* Suspends the request, gives r->cmd to the engine, and goes on with `next` when it is done. A command
 * that cannot be pushed comes back at once, its result saying why. Nothing of r may be touched
 * after this; return its result. */
enum MHD_Result request_push(struct request *r, handler_fn *next);
/* Suspends the request, runs `slow` on a helper thread, and goes on with `next` when it is done. `slow` may
 * block; it keeps what it finds out in r->op, and answers nothing. When too much waits already, the
 * request is answered 503. As above, nothing of r may be touched after this. */
enum MHD_Result request_offload(struct request *r, void (*slow)(struct request *r),
                                handler_fn *next);
/* What became of r->cmd, as an error. Only for a result other than ERR_NONE. */
void request_cmd_error(const struct request *r, struct err *e);
/* Limits of the JSON in a body. */
struct json_limits request_json_limits(const struct request *r);

/* An err without the cost of clearing its 12 KiB. */
static inline void err_fresh(struct err *e)
{
    e->code = ERR_NONE;
    e->detail[0] = '\0';
    e->retry_after_s = 0;
    e->item_count = 0;
}

#endif
