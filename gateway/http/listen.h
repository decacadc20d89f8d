/* listen.h - the listening socket. */
#ifndef CG_HTTP_LISTEN_H
#define CG_HTTP_LISTEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

/* Binds "host:port"; IPv6 addresses stand in brackets; an empty host is every address; port 0 picks a free
 * one. With is_loopback_only any other address is refused. Gives the socket and the URL, which the
 * caller frees. INVALID_PARAMETER for a bad text, else INTERNAL_ERROR; the sentence names the address. */
enum errc listen_open(const char *address, bool is_loopback_only, int *out_fd, char **out_url,
                      struct err *e) MUST_CHECK;

#endif
