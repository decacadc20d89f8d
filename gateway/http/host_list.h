/* host_list.h - the names by which clients may call this gateway, against pages that have a name of their own lead here.
 *
 * Not who may call: only what stands in the Host field. Immutable once it is made; any thread.
 */
#ifndef CG_HTTP_HOST_LIST_H
#define CG_HTTP_HOST_LIST_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "base/span.h"

struct host_list;

/* INVALID_PARAMETER with a sentence when server_hosts is not a list of names. */
enum errc host_list_new(const struct config *config, struct host_list **out, struct err *e)
    MUST_CHECK;
void host_list_free(struct host_list *l); /* NULL is fine */
/* `host` is a Host field, with or without a port, which is not looked at. */
bool host_list_allows(const struct host_list *l, struct span host) MUST_CHECK;
/* What to say to whom it does not allow. */
const char *host_list_refusal(const struct host_list *l);

#endif
