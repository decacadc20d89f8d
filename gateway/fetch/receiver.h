/* receiver.h - where webhooks may be posted: which URLs a client may name, and which addresses are connected to.
 *
 * A receiver may be on any port and need not speak TLS, for many stand on the machine or in the network of who
 * runs the gateway; so what protects the inside is the address alone. It is judged when the socket is
 * made, after all names are resolved, at every try: public, or named by the setting webhook_allow, and
 * never the gateway itself or one of its ComfyUI servers.
 *
 * Not what makes the call; see webhook/courier.h.
 *
 * Threads: the policy is immutable once its own addresses are all there; any number of threads use it at once.
 * A struct receiver_call belongs to one.
 */
#ifndef CG_FETCH_RECEIVER_H
#define CG_FETCH_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "fetch/own_servers.h"
#include "fetch/url_check.h"

struct receiver_policy;

/* From the setting webhook_allow. `own` as for own_servers_new(). Nothing is kept of either.
 * INVALID_PARAMETER with a sentence that names the setting. */
enum errc receiver_policy_new(const struct config *config, const char *const *own, size_t own_count,
                              struct receiver_policy **out, struct err *e) MUST_CHECK;
/* What is known only once the gateway listens: its own URL. Before the first call. */
enum errc receiver_policy_add_own(struct receiver_policy *p, const char *url, struct err *e)
    MUST_CHECK;
void receiver_policy_free(struct receiver_policy *p); /* NULL is fine */

/* URL_NOT_ALLOWED with a sentence that says why, for what can be told without looking up a name: a URL that is not
 * plain, an address that is not allowed, localhost. *out is what is to be called. */
enum errc receiver_check(const struct receiver_policy *p, const char *url, struct url_target *out,
                         struct err *e) MUST_CHECK;

/* One connection to be made. */
struct receiver_call {
    const struct receiver_policy *policy;
    struct own_addresses own;
    bool was_refused; /* an address */
    bool was_own;     /* it was one of ours */
};

/* Looks up our own servers when one has this port, which may block for as long as that takes; URL_FETCH_FAILED when it
 * cannot be told what is ours. The caller ends it. */
enum errc receiver_call_begin(const struct receiver_policy *p, const struct url_target *target,
                              struct receiver_call *out, struct err *e) MUST_CHECK;
void receiver_call_end(struct receiver_call *call);
/* Whether this address may be connected to; notes when not. */
bool receiver_may_connect(struct receiver_call *call, const struct sockaddr *to, size_t len)
    MUST_CHECK;
/* Why no connection was made: after an address was refused. */
const char *receiver_refusal(const struct receiver_call *call);

#endif
