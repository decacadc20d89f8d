/* engine.h - the one thread that moves jobs.
 *
 * It owns the live jobs, the backends and their sockets, and the store's
 * writer. Others reach it through the inbox and see it through the hub. What
 * one turn of it does, and in which order, is argued in engine.c.
 */
#ifndef CG_ENGINE_ENGINE_H
#define CG_ENGINE_ENGINE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "bridge/event_feed.h"
#include "bridge/hub.h"
#include "bridge/inbox.h"
#include "bridge/key_uses.h"
#include "bridge/metrics.h"
#include "bridge/pace.h"
#include "core/backend_list.h"
#include "store/blob.h"
#include "store/rendition_cache.h"
#include "store/store.h"

struct engine;

/* Borrowed for the engine's life. */
struct engine_parts {
    const struct config *config;
    const struct backend_list *backends;
    struct store *store;
    struct blobs *blobs;
    struct rendition_cache *renditions;
    struct key_uses *key_uses;
    struct hub *hub;
    struct event_feed *feed;
    struct pace_of_queue *pace;
    struct metrics *metrics;
    /* Called after a commit that has made webhooks due, on the engine; must not block. NULL = nobody sends them. */
    void (*deliveries_due)(void *arg);
    void *deliveries_arg;
};

/* Makes the engine and its inbox; nothing runs yet. Main thread. */
enum errc engine_new(const struct engine_parts *parts, struct engine **out, struct err *e)
    MUST_CHECK;
/* Where commands go; valid until engine_free. */
struct inbox *engine_inbox(struct engine *e);
/* Takes up what the store knows to be under way, then starts the thread, which connects to the
 * backends at once. */
enum errc engine_start(struct engine *e, struct err *err) MUST_CHECK;
/* Closes the inbox, answers what is in it, closes the sockets with a close frame, ends the thread.
 * Prompts that run go on inside their ComfyUI and are taken up again at the next start. Returns
 * when done, at most after grace_ms. */
void engine_stop(struct engine *e, int grace_ms);
void engine_free(struct engine *e); /* after engine_stop; NULL is fine */

#endif
