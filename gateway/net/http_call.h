/* http_call.h - HTTP calls on libcurl's multi interface, driven by the loop.
 *
 * Any number at once, on one thread, none of it blocking. No redirect is followed, no proxy of the
 * environment used, and only http and https spoken. Connections are kept and used again, but for
 * calls that are `is_alone`: libcurl resends a request by itself when a kept connection dies before
 * the answer's first byte, which nobody may do to a request that must not be done twice.
 *
 * Threads: the loop's.
 */
#ifndef CG_NET_HTTP_CALL_H
#define CG_NET_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "net/loop.h"

struct http_client;
struct http_call;
struct sockaddr;

enum http_end {
    HTTP_ANSWERED,   /* status and body are there, whole */
    HTTP_NOT_SENT,   /* the server cannot have seen it: no connection was made */
    HTTP_IN_DOUBT,   /* sent, perhaps in part; the answer was lost, late or cut short */
    HTTP_TOO_LARGE,  /* the answer passed its ceiling */
    HTTP_SINK_FAILED /* the sink refused; `sink_error` */
};

struct http_result {
    enum http_end end;
    int status;         /* of HTTP_ANSWERED and HTTP_TOO_LARGE; else 0 */
    struct span body;   /* borrowed during done(); what went to a sink is not in it */
    const char *reason; /* in words, for anything but HTTP_ANSWERED, else ""; borrowed */
    enum errc sink_error;
    const struct http_call *call; /* for http_header */
};

/* The value of a header of the answer, the last of that name, without the blanks around it; NULL
 * when there is none. Case does not matter. Borrowed until done() returns. */
const char *http_header(const struct http_result *result, const char *name);

/* One part of multipart/form-data (RFC 7578). Either `data` or a file. All but the file is copied. */
struct http_part {
    const char *name;
    const char *filename;     /* NULL = a plain field */
    const char *content_type; /* NULL = none for a field, application/octet-stream for a file */
    struct span data;
    int fd; /* > 0: the part is this file from its beginning, taken by the call; else `data` */
    int64_t size; /* of the file, in bytes. One that has become shorter ends the call */
};

/* Asked about each address that is about to be connected to, after the name was resolved; false refuses it, and
 * with all of them the call ends with HTTP_NOT_SENT. */
struct http_guard {
    bool (*may_connect)(void *arg, const struct sockaddr *to, size_t len);
    void *arg; /* borrowed until done() */
};

/* Where the body of a 200 or 206 goes instead of into memory, piece by piece as it comes. Of other
 * answers up to 64 KiB are kept in memory. */
struct http_sink {
    /* Another code than ERR_NONE ends the call with HTTP_SINK_FAILED. It may start and drop calls,
     * its own too. */
    enum errc (*write)(void *arg, struct span piece);
    void *arg;
};

struct http_request {
    const char *method; /* GET, POST, PUT, PATCH, DELETE */
    const char *url;    /* copied, as all below unless it says otherwise */
    const char *const
        *header;      /* "Name: value", ended by NULL; NULL = none. A call with one that has
                                  a line break is not sent */
    struct span body; /* ptr NULL = none; its Content-Type is one of `header`. Not with GET */
    const struct http_part *part;
    size_t part_count;  /* > 0: instead of body */
    int64_t timeout_ms; /* for the whole call; 0: only a stall ends it */
    int64_t stall_ms;   /* silence (under 1 KiB/s), in whole seconds, that ends it; 0 = none. One of
                           the two is needed, but for is_endless */
    int64_t max_bytes;  /* ceiling of what is kept in memory or given to the sink */
    const struct http_sink *sink;   /* NULL = none; its arg is borrowed until done() */
    const struct http_guard *guard; /* NULL = none. Only with is_alone */
    bool is_alone;                  /* on a connection of its own, before and after */
    bool is_endless; /* a stream, for a sink: neither timeout nor stall nor ceiling. Its caller
                        watches for silence, before the first piece too */
    void (*done)(void *arg, const struct http_result *result); /* once, never within http_start */
    void *arg;
};

/* `agent` is the User-Agent, copied. */
struct http_client *http_client_new(struct loop *loop, const char *agent) MUST_CHECK;
/* Drops calls under way without done(). NULL is fine. Not from within done() or
 * write(). */
void http_client_free(struct http_client *h);
/* PEM file of certificates that servers of calls to come are checked by, instead of the system's;
 * copied; NULL = the system's. */
void http_client_trust(struct http_client *h, const char *ca_file);

/* The call is the client's; the handle is valid until done() begins. A connection must be there
 * within 5 s, whatever the other times. */
struct http_call *http_start(struct http_client *h, const struct http_request *request);
/* Ends it without done(). NULL is fine. */
void http_drop(struct http_call *c);

#endif
