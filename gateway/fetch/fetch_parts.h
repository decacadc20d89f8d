/* fetch_parts.h - what fetch.c and fetch_tell.c share: a fetch, and one hop of it. Nobody else's.
 */
#ifndef CG_FETCH_FETCH_PARTS_H
#define CG_FETCH_FETCH_PARTS_H

#include <curl/curl.h>

#include "fetch/fetch.h"
#include "fetch/own_servers.h"
#include "fetch/url_check.h"

#define STATUS_OK 200
/* The host that people gave, or the one that it redirects to. */
#define SUBJECT_SIZE (URL_HOST_MAX + 48)

struct fetch_policy {
    bool is_on;
    struct address_nets allow;
    struct url_rules rules; /* its allow is ours */
    struct own_servers *own;
    char *ca_file; /* "" = those of the system */
    char *agent;
    int64_t timeout_ms;
};

struct fetch {
    const struct fetch_policy *policy;
    struct fetch_limits limits; /* without zeroes */
    struct fetch_sink sink;
    struct err *e;
    int64_t deadline;
    char subject[SUBJECT_SIZE];
};

/* Why a hop was ended by us rather than by curl. */
enum hop_end {
    HOP_CURL, /* curl's code says it */
    HOP_STOPPED,
    HOP_OVERDUE,
    HOP_SINK,
    HOP_TOO_LARGE,
    HOP_BAD_HEAD,
    HOP_ENCODED,
    HOP_STATUS,
    HOP_REDIRECT
};

struct hop {
    struct fetch *fetch;
    CURL *curl;
    const struct url_target *target;
    struct own_addresses own;
    bool was_refused;    /* an address */
    bool was_welcome;    /* another */
    bool is_behind_wall; /* an address was reached for by the allow list only */
    bool is_encoded;
    size_t head_bytes;
    int locations;
    char *location;
    int64_t received;
    enum hop_end end;
    enum errc sink_error;
};

/* Of the answer; 0 while there is none. */
long hop_status(const struct hop *h);

/* ERR_NONE when the file is complete or the hop ended in a redirect; else sets the fetch's error in words
 * that hold no address, nor what a server behind the wall has answered. */
enum errc hop_tell(const struct hop *h, CURLcode code) MUST_CHECK;

#endif
