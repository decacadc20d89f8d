/* server.h - the REST API on libmicrohttpd.
 *
 * Owns the daemon, its pool of threads, and every request from its first byte
 * to its last. Talks to the rest only through what http_parts names.
 */
#ifndef CG_HTTP_SERVER_H
#define CG_HTTP_SERVER_H

#include <stdint.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "bridge/event_feed.h"
#include "bridge/hub.h"
#include "bridge/inbox.h"
#include "bridge/key_uses.h"
#include "bridge/metrics.h"
#include "bridge/pace.h"
#include "core/backend_list.h"
#include "fetch/fetch.h"
#include "fetch/receiver.h"
#include "library/template_set.h"
#include "store/blob.h"
#include "store/rendition_cache.h"
#include "store/store.h"

struct http_server;
struct signed_links;

/* Borrowed for the life of the server. */
struct http_parts {
    const struct config *config;
    const struct backend_list *backends;
    struct store *store;
    struct blobs *blobs;
    struct rendition_cache *renditions;
    struct template_set *templates;
    struct fetch_policy *fetch;        /* learns here which port is the gateway's own */
    struct receiver_policy *receivers; /* so does this */
    struct hub *hub;
    struct event_feed *feed;
    struct inbox *inbox;
    const struct signed_links *links;
    struct key_uses *key_uses;
    struct pace_of_queue *pace;
    struct metrics *metrics; /* learns here the names of templates */
};

/* Binds and serves. Fails with a sentence that names address and cause; refuses to listen on an
 * address other than loopback while auth_mode is "loopback". */
enum errc http_server_start(const struct http_parts *parts, struct http_server **out, struct err *e)
    MUST_CHECK;
/* "http://127.0.0.1:8090", with the port that was bound. Borrowed. */
const char *http_server_url(const struct http_server *s);
/* Closes connections of clients that take too long, and notes how many bytes files take (0 = not counted yet); for one thread,
 * about once a second. */
void http_server_look_around(struct http_server *s, int64_t file_bytes);
/* Accepts no new connection any more; those that are open are served; /readyz says not_ready. */
void http_server_quiesce(struct http_server *s);
/* Ends what is open. The hub must be closed and the engine ended before, so that no connection is
 * suspended. NULL is fine. */
void http_server_stop(struct http_server *s);

#endif
