/* http_in.h - interactions over HTTP, the second way in (Discord, "Receiving Interactions": Interactions Endpoint URL).
 *
 * A small HTTP/1.1 server on libmicrohttpd, driven by the loop (no thread of its own). Each request's Ed25519 signature is checked over
 * timestamp and body (libsodium), within 5 minutes of the clock; bad ones get 401; PING is answered here. Everything else goes to the
 * same handler as over the Gateway. Bodies up to INTERACTION_MAX_BYTES. Threads: the loop's.
 */
#ifndef CGD_LINK_HTTP_IN_H
#define CGD_LINK_HTTP_IN_H

#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "wire/interaction.h"

struct http_in;
struct http_in_request;
struct message;

/* `listen` "127.0.0.1:8091"; port 0 picks one (http_in_address). `public_key`: hex, from the application's page. */
enum errc http_in_open(struct loop *loop, const char *listen, const char *public_key,
                       void (*interaction)(void *arg, struct interaction *i,
                                           struct http_in_request *request),
                       void *arg, struct http_in **out, struct err *e) MUST_CHECK;
void http_in_close(struct http_in *h); /* NULL is fine */
const char *http_in_address(const struct http_in *h);
/* Answers it, once; an answer with files is multipart, json NULL is a 202 without content. The handle is gone afterwards. When 2.8 s pass
 * without, 202 is answered and whatever is said later goes by callback: false then. Each request has to be answered before http_in_close,
 * or never. */
bool http_in_respond(struct http_in_request *request, const char *json,
                     const struct message *files);

#endif
