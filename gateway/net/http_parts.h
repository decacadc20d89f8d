/* http_parts.h - what http_call.c and http_request.c share, and nobody else.
 */
#ifndef CG_NET_HTTP_PARTS_H
#define CG_NET_HTTP_PARTS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/http_call.h"

struct http_client {
    struct loop *loop;
    CURLM *multi;
    char *agent;
    char *ca_file;
    struct loop_timer timer;
    struct list calls;    /* under way */
    struct list finished; /* done() is due */
    bool is_in_curl;      /* which calls sinks */
    struct list starting; /* by a sink: not yet curl's */
    struct list dropped;  /* by a sink: curl's still */
};

struct part_file {
    int fd;
    int64_t size;
    int64_t at;
};

struct http_call {
    struct list node; /* one of the client's four */
    struct http_client *http;
    CURL *curl;
    struct curl_slist *headers;
    char *body;
    curl_mime *form;
    struct part_file *file; /* of the form */
    size_t file_count;
    int64_t max_bytes;
    int64_t received;
    struct http_sink sink;   /* write NULL = none */
    struct http_guard guard; /* may_connect NULL = none */
    bool is_endless;
    void (*done)(void *arg, const struct http_result *result);
    void *arg;

    const char *refusal; /* why it is not sent; NULL = it is */
    bool is_dropped;
    bool has_status; /* of an answer whose body has begun */
    bool is_to_sink;
    bool is_too_large;
    bool has_enough; /* of an error's text: the rest was not waited for */
    enum errc sink_error;
    CURLcode code;
    struct buf answer;
    char reason[CURL_ERROR_SIZE];
};

/* Tells curl what is asked, of whom, and how long it may take. The call is empty but for `http` and
 * `curl`; files become its own. */
void http_call_prepare(struct http_call *c, const struct http_request *request);

#endif
