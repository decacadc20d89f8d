/* courier.h - posts the messages of webhooks to their receivers, until they have arrived or it is too late.
 *
 * What is to be sent are rows of the store, written with the events that they tell; so a message is forgotten
 * neither by a crash of the gateway nor by one of the receiver. It is at least once: when the end of a try is not
 * known, or not on disk, the same message is sent again, with the same webhook-id and the same bytes.
 *
 * A few tries at once for each host and a bounded number over all, so that a receiver that hangs costs others
 * nothing. Redirects are not followed. Where a name leads is judged at each try (fetch/receiver.h).
 *
 * Threads: one of its own, which never writes to the store: how a try has ended is a command to the engine, and
 * many share a commit. Nothing is locked.
 */
#ifndef CG_WEBHOOK_COURIER_H
#define CG_WEBHOOK_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "bridge/inbox.h"
#include "fetch/receiver.h"
#include "store/store.h"

struct courier;

/* INVALID_PARAMETER when the setting webhook_secret is none, or webhook_ca_file cannot be read. All is borrowed for the
 * courier's life. Main thread, like all below but courier_wake and courier_counts. */
enum errc courier_new(const struct config *config, struct store *store,
                      const struct receiver_policy *receivers, struct courier **out, struct err *e)
    MUST_CHECK;
/* Begins to send. Before it nothing is read. */
enum errc courier_start(struct courier *c, struct inbox *inbox, struct err *e) MUST_CHECK;
/* Drops the calls that are under way; they are made again after the next start. Before the engine is stopped. */
void courier_stop(struct courier *c);
void courier_free(struct courier *c); /* after the engine was stopped; NULL is fine */

/* There may be something to send. Any thread. */
void courier_wake(void *courier);

/* Since the start; of the levels, as they were seen last, a second ago or less while something is to be sent. */
struct courier_counts {
    int64_t delivered;
    int64_t failed_tries; /* that did not deliver, those included that the next two count */
    int64_t given_up;     /* deliveries */
    int64_t gone;         /* answers 410 */
    int64_t pending;      /* level */
    int64_t oldest_ms;    /* level: age of the oldest pending one; 0 = there is none */
};
/* Any thread. */
struct courier_counts courier_counts(const struct courier *c);

#endif
