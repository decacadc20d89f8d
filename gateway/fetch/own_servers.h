/* own_servers.h - the gateway's own address and its ComfyUI servers, where no URL of a stranger leads.
 *
 * Names are looked up each time they matter, which is when a URL names the port of one of
 * them; so an address that has changed since the start is the one that is refused.
 *
 * Immutable once they are all there; any thread that may wait for a look-up.
 */
#ifndef CG_FETCH_OWN_SERVERS_H
#define CG_FETCH_OWN_SERVERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "fetch/address.h"

struct own_servers;

struct own_addresses {
    struct address *item;
    size_t count;
};

/* From "host:port" (brackets around IPv6; an empty host, 0.0.0.0 and [::] are every address of this
 * machine) and from URLs ("http://gpu0:8188/prefix"). Port 0 is no port yet and is passed over: add
 * the one that is listened on. INVALID_PARAMETER with a sentence for what is neither. */
enum errc own_servers_new(const char *const *texts, size_t count, struct own_servers **out,
                          struct err *e) MUST_CHECK;
/* One more, before anybody else has them. */
enum errc own_servers_add(struct own_servers *own, const char *text, struct err *e) MUST_CHECK;
void own_servers_free(struct own_servers *own); /* NULL is fine */

/* The addresses of those with this port, with the port; often none, and then nothing is looked up.
 * A name that does not exist is passed over. URL_FETCH_FAILED when the look-up itself fails, because
 * then nobody can tell what is ours. The caller clears out. */
enum errc own_servers_find(const struct own_servers *own, uint16_t port, struct own_addresses *out,
                           struct err *e) MUST_CHECK;
void own_addresses_clear(struct own_addresses *list);

#endif
