/* event_query.h - what a request for events asks for. Pure; any thread.
 */
#ifndef CG_HTTP_EVENT_QUERY_H
#define CG_HTTP_EVENT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/event.h"
#include "http/uri.h"
#include "store/store.h"

/* The texts are borrowed from the uri. */
struct event_query {
    unsigned types;            /* set; 0 = all */
    struct event_filter whose; /* owner and metadata; its types are all */
    bool has_after;
    int64_t after; /* -1 = something that was never an id of ours */
    int wait_s;
    int limit;
};

/* The form in which an Accept field (NULL = none) wants events. */
enum event_form { FORM_NONE, FORM_STREAM, FORM_POLL };
enum event_form event_form_of(const char *accept);

/* `last_event_id`: the header field, NULL = none; it goes before the parameter `after`, for a browser that comes
 * back sends both. INVALID_PARAMETER naming every parameter that is at fault. */
enum errc event_query_parse(const struct uri *uri, const char *last_event_id, enum event_form form,
                            struct event_query *out, struct err *e) MUST_CHECK;

#endif
