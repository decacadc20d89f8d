/* fetch.h - gets one file from a URL that a stranger gave, and lets nobody use it to reach inside.
 *
 * Every connection, of the URL and of each redirect, goes where url_check.h and address.h
 * let it: the address is judged when the socket is made, after all names are resolved.
 * No proxy, cookie, password file or kept connection takes part; the certificate is always
 * checked. What people are told names the host that they gave, never an address, and never
 * what a server answered that only the allow list lets us reach.
 *
 * Not a cache, and no judge of what the file is: the sink's.
 *
 * Threads: fetch_url blocks, for as long as its limits say: helper threads only. The policy
 * is immutable; any number of threads use it at once. SIGPIPE has to be ignored.
 */
#ifndef CG_FETCH_FETCH_H
#define CG_FETCH_FETCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "base/span.h"

#define FETCH_REDIRECTS_MAX 3

struct fetch_policy;

struct fetch_limits {
    int64_t max_bytes;  /* of the file; at least 1 */
    int64_t total_ms;   /* for everything, redirects included; 0 = the setting fetch_timeout_ms */
    int64_t connect_ms; /* for one connection, with name and handshake; 0 = 5000 */
    /* Fewer bytes a second than this for that long end it; 0 = 1024, 0 = 10. */
    int64_t slow_bytes;
    int64_t slow_seconds;
    const atomic_bool *stop; /* set by another thread: ends within 0.1 s; NULL = never */
};

struct fetch_sink {
    /* Some bytes of the file, in order, each lent for the call. What it returns other than ERR_NONE
     * ends the fetch, with this code and its e. Nothing is given of an answer other than 200; after
     * a failure what was given is to be thrown away. */
    enum errc (*write)(void *arg, struct span data, struct err *e);
    void *arg;
};

/* From the settings inputs_urls and fetch_*. `own` are the gateway's and the ComfyUIs' addresses, as
 * own_servers_new() takes them; nothing is kept of either. INVALID_PARAMETER with a sentence that names
 * the setting. */
enum errc fetch_policy_new(const struct config *config, const char *const *own, size_t own_count,
                           struct fetch_policy **out, struct err *e) MUST_CHECK;
/* What is known only once the gateway listens: its own URL. Before the first fetch. */
enum errc fetch_policy_add_own(struct fetch_policy *p, const char *url, struct err *e) MUST_CHECK;
void fetch_policy_free(struct fetch_policy *p); /* NULL is fine; no fetch may be under way */

/* URL_NOT_ALLOWED: inputs_urls is off, or the URL, an address, or where it redirects to is refused.
 * URL_FETCH_FAILED: no connection, no valid certificate, an answer other than 200, too large, too
 * slow, cut off, or compressed. SHUTTING_DOWN: *stop was set. INTERNAL_ERROR: the CA file has gone.
 * Or what the sink returned. */
enum errc fetch_url(const struct fetch_policy *p, const char *url,
                    const struct fetch_limits *limits, struct fetch_sink sink, struct err *e)
    MUST_CHECK;

#endif
