/* route.h - which operation a request is for. The rows are in routes.def. Pure; any thread.
 */
#ifndef CG_HTTP_ROUTE_H
#define CG_HTTP_ROUTE_H

#include <microhttpd.h>
#include <stddef.h>

#include "base/attr.h"
#include "http/uri.h"

struct request;

/* Answers, or parks the request and is followed by request.next. MHD_NO closes the connection. */
typedef enum MHD_Result handler_fn(struct request *r);

enum route_body {
    BODY_NONE,     /* read and dropped */
    BODY_JSON,     /* application/json */
    BODY_PATCH,    /* application/json or application/merge-patch+json */
    BODY_EMPTY,    /* none, or an empty object as application/json */
    BODY_OPTIONAL, /* none, or application/json */
    BODY_FILE,     /* one file, raw or in a form; streamed (upload.h) */
};

struct route {
    const char *method;
    const char *path; /* "{id}" and "{name}" stand for one segment each, "{path}" for the rest */
    const char *operation_id;
    handler_fn *handler;
    const char *scope;
    const char *query;
    enum route_body body;
};

#define ROUTE_ALLOW_SIZE 64

struct route_match {
    const struct route *route; /* NULL: no such path, or not with this method */
    const char *id;            /* the segment at "{id}", borrowed from the uri; NULL = has none */
    const char *name;          /* the same for "{name}" */
    char allow[ROUTE_ALLOW_SIZE]; /* the methods of the path; "" = there is no such path */
};

/* A row that has the very path goes before those with a place in it, for all methods. */
void route_find(const char *method, const struct uri *uri, struct route_match *out);
/* Every row, ended by one whose method is NULL. */
const struct route *route_table(void);
/* Its place in the table. */
size_t route_index(const struct route *route);

#endif
