/* client.h - one HTTP exchange with the gateway, on libcurl.
 *
 * The only file of the command line that knows curl. It repeats nothing by itself: who
 * may repeat what is decided by the caller, who knows what was asked. One thread.
 */
#ifndef CG_CLI_CLIENT_H
#define CG_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct client;

/* Neither is checked for being reachable. Fails with a sentence when url is no http(s) address or
 * key cannot stand in a header. `key` may be NULL. */
enum errc client_new(const char *url, const char *key, struct client **out, struct err *e)
    MUST_CHECK;
void client_free(struct client *c);             /* NULL is fine */
const char *client_url(const struct client *c); /* without a slash at its end; borrowed */

/* Whether any exchange was answered: then it is there, and may come back. */
bool client_was_answered(const struct client *c);

#define CLIENT_HEADERS_MAX 4

struct client_request {
    const char *method;
    const char *path;   /* "/v1/jobs?limit=2", escaped already */
    struct span body;   /* ptr NULL = none; sent as application/json */
    FILE *upload;       /* instead of body: sent from its beginning, as application/octet-stream */
    int64_t upload_len; /* its length */
    const char *header[CLIENT_HEADERS_MAX]; /* "Name: value"; NULL ends */
    int64_t limit_ms; /* longest silence while waiting for the answer; 0 = the usual */

    /* When set, the bytes of a 2xx answer go here instead of reply.body; false ends the exchange.
     */
    bool (*sink)(void *arg, const void *data, size_t len);
    /* When set, called about once a second while the exchange is under way. */
    void (*tick)(void *arg);
    void *arg; /* of both */
};

enum client_fault {
    CLIENT_ANSWERED,    /* status and body are there */
    CLIENT_NO_CONTACT,  /* no connection: nothing was sent */
    CLIENT_LOST,        /* the connection broke, or the answer did not come or end */
    CLIENT_INTERRUPTED, /* Ctrl-C */
    CLIENT_SINK_FULL    /* the sink said no */
};

struct client_reply {
    enum client_fault fault;
    char why[256]; /* a sentence when fault is not CLIENT_ANSWERED */
    int status;
    struct buf body;
    char etag[96];
    char content_type[96];
    int retry_after_s;
};

void client_reply_clear(struct client_reply *r); /* for AUTO */
/* *out is overwritten (cleared first when used before: start with CLIENT_REPLY_INIT). Returns true
 * when answered. */
#define CLIENT_REPLY_INIT ((struct client_reply){.fault = CLIENT_LOST})
bool client_call(struct client *c, const struct client_request *request, struct client_reply *out);

/* Appends text escaped for a query value or path segment. */
void client_escape(struct buf *out, const char *text);

#endif
