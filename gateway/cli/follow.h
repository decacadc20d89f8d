/* follow.h - waiting for a job until it ends, through restarts of the gateway.
 *
 * Long polls with If-None-Match: the gateway answers as soon as anything
 * changed. When it cannot be reached, tries again with growing pauses for
 * FOLLOW_RECONNECT_MS and says so; but an address that never answered is
 * given up at once.
 */
#ifndef CG_CLI_FOLLOW_H
#define CG_CLI_FOLLOW_H

#include <stdint.h>

#include "cli/client.h"
#include "cli/job_facts.h"

#define FOLLOW_RECONNECT_MS 120000

/* Called with every new state, and now and then in between; elapsed counts from the submission on. */
struct follower {
    void (*show)(void *arg, const struct job_facts *job, int64_t elapsed_ms);
    void (*say)(void *arg, const char *text); /* trouble with the connection */
    void *arg;
};

enum follow_end {
    FOLLOW_ENDED,   /* the job has ended; *last is its final answer */
    FOLLOW_OVER,    /* the limit was reached; the job goes on */
    FOLLOW_REFUSED, /* *last says why, for cli_refused */
    FOLLOW_INTERRUPTED
};

/* `limit_s` is -1 for as long as it takes. `client` is borrowed. */
enum follow_end follow_job(struct client *client, const char *id, int64_t limit_s,
                           const struct follower *follower, struct client_reply *last);

#endif
