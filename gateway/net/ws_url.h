/* ws_url.h - the parts of a WebSocket's URL, as a connection needs them.
 *
 * Threads: any.
 */
#ifndef CG_NET_WS_URL_H
#define CG_NET_WS_URL_H

#include <stdbool.h>

#include "base/attr.h"

struct ws_url {
    bool is_tls;
    char *host;      /* as the resolver wants it: no brackets */
    char *authority; /* as the Host header wants it */
    char *path;      /* with query; begins with a slash */
    int port;
};

/* ws, wss, http (read as ws) or https; no user, no blank or control character, no fragment kept, at
 * most 4096 bytes. On false *out is as before. */
bool ws_url_read(struct ws_url *out, const char *url) MUST_CHECK;
void ws_url_clear(struct ws_url *u);

#endif
