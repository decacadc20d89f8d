/* comfygate.h - comfygate's REST API, as this program uses it.
 *
 * Calls answer by done(), once, from the loop. GET, PUT, PATCH, DELETE and a POST that carries an Idempotency-Key are
 * tried again while the gateway is away or busy (503, 507 not), with growing pauses, until `patience_ms` is over.
 * The key goes in Authorization: Bearer. Threads: the loop's.
 */
#ifndef CGD_LINK_COMFYGATE_H
#define CGD_LINK_COMFYGATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/span.h"
#include "net/http_call.h"
#include "net/loop.h"

struct comfygate;
struct comfygate_call;

struct comfygate_config {
    const char *url;     /* http(s)://host:port[/prefix]; borrowed, as all */
    const char *key;     /* "" = none */
    const char *ca_file; /* NULL = the system's */
};

struct comfygate_result {
    int status;        /* 0 = not reached, or the answer was lost, for as long as patience lasted */
    const cJSON *json; /* of a JSON answer, else NULL; borrowed during done() */
    struct span body;  /* the same, as it came (numbers such as seeds lose nothing here) */
    const char *code;  /* of a problem ("validation_error"); "" = none */
    const char *
        sentence; /* what a chat user may be told about a failure: one sentence; "" when it went well */
};
typedef void comfygate_done(void *arg, const struct comfygate_result *result);

struct comfygate *comfygate_new(struct loop *loop, const struct comfygate_config *config)
    MUST_CHECK;
void comfygate_free(struct comfygate *c); /* drops what is under way without done(); NULL is fine */
/* The last call reached it. */
bool comfygate_is_up(const struct comfygate *c);

struct comfygate_request {
    const char *method;
    const char *path;            /* "/v1/jobs?limit=5"; copied, as all */
    const char *body;            /* JSON text; NULL = none */
    const char *idempotency_key; /* NULL = none */
    const char *if_match;        /* NULL = none */
    int64_t
        patience_ms; /* how long it may take with all tries; a try takes at most 10 s. 0 = one try. What changes something with a patience of 10 s or more may take a last try longer */
    comfygate_done *done; /* NULL is fine */
    void *arg;
};
struct comfygate_call *comfygate_start(struct comfygate *c,
                                       const struct comfygate_request *request);
/* POST /v1/assets: raw body; done gets the Asset (json.id). */
struct comfygate_call *comfygate_upload(struct comfygate *c, struct bytes *data, const char *name,
                                        int64_t patience_ms, comfygate_done *done, void *arg);
/* GET of bytes: content, rendition, preview. `body` has them; json is NULL. 204: empty. */
struct comfygate_call *comfygate_fetch(struct comfygate *c, const char *path, int64_t max_bytes,
                                       int64_t patience_ms, comfygate_done *done, void *arg);
/* Ends it without done(). NULL is fine. */
void comfygate_drop(struct comfygate_call *c);
/* A path's part, percent-encoded; appended. */
void comfygate_escape(struct buf *out, const char *text);

/* ---- what happens there ---------------------------------------------------------------------- *
 *
 * One stream (GET /v1/events, Server-Sent Events) of all our jobs, opened again for ever, from the last id seen. Levels, not
 * edges: `lost` says that something may have been missed (first connection, reset, gateway restarted): look at the list again. */
struct comfygate_feed;
struct feed_events {
    void (*event)(void *arg, const char *type, const char *job,
                  const cJSON *event); /* event = the whole object; borrowed */
    void (*lost)(void *arg);
    void (*state)(void *arg, bool is_open); /* for /status */
};
/* `query` is put behind ("metadata.discord.app=123"); copied. */
struct comfygate_feed *comfygate_feed_open(struct comfygate *c, const char *query,
                                           const struct feed_events *events, void *arg) MUST_CHECK;
void comfygate_feed_close(struct comfygate_feed *f); /* NULL is fine */

#endif
