/* job_wait.h - looking at a job, and waiting until there is something new to see.
 */
#ifndef CG_HTTP_JOB_WAIT_H
#define CG_HTTP_JOB_WAIT_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "bridge/hub.h"
#include "core/job.h"

struct request;

/* A rendered job at one moment. */
struct job_look {
    struct bytes *json; /* one reference is the holder's */
    char etag[JOB_ETAG_SIZE];
    bool has_ended;
};

/* From the hub if it holds the job, else from the store. NOT_FOUND or STORE_UNAVAILABLE. */
enum errc job_look(struct request *r, struct id job, struct job_look *out, struct err *e)
    MUST_CHECK;
/* True when the job is known to be as one of these entity tags (an If-None-Match field, NULL = none) says; `out`
 * is that tag. Does not ask the store. */
bool job_is_unchanged(struct request *r, struct id job, const char *unless_etag,
                      char out[JOB_ETAG_SIZE]) MUST_CHECK;
/* As job_look, for a job whose row was committed a moment ago: spares the store while it waits. */
enum errc job_look_fresh(struct request *r, const struct job_row *row, struct job_look *out,
                         struct err *e) MUST_CHECK;
/* As job_look, for a row that was just read from the store. STORE_UNAVAILABLE. */
enum errc job_look_row(struct request *r, const struct job_row *row, struct job_look *out)
    MUST_CHECK;
void job_look_clear(struct job_look *look);

/* Part of a request. The handler fills the upper part. */
struct job_wait {
    struct id job;
    int64_t until_mono_ms; /* 0 = look once */
    const char
        *unless_etag; /* If-None-Match: waits until none of these holds; NULL: until the end */
    /* Answers with what there is when the wait is over. */
    enum MHD_Result (*answer)(struct request *r, const struct job_look *look);

    struct waiter waiter;
    bool is_refused; /* there is no room to wait */
};

/* Looks, and waits as r->wait says; then calls answer. A handler_fn. */
enum MHD_Result job_wait_run(struct request *r);

#endif
