/* inbox.h - how HTTP threads ask the engine to change something.
 *
 * A bounded queue of commands. A command has one owner at a time: the request
 * until inbox_push, the engine until done(), the request again. done() runs on
 * the engine after the commit, or at once when nothing had to be written.
 *
 * Contents of assets (ASSET_PUT, and those that come with a SUBMIT) are staged and held by who pushes.
 * When the result is ERR_NONE the engine has published them, unless a SUBMIT is a replay: then, and after
 * every other result, they are the request's to let go of.
 *
 * Threads: push and close anywhere, take on the engine. Locks: one, inside.
 */
#ifndef CG_BRIDGE_INBOX_H
#define CG_BRIDGE_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/id.h"
#include "base/list.h"
#include "core/api_key.h"
#include "core/arrival.h"
#include "core/delivery.h"
#include "core/job.h"
#include "core/preference.h"
#include "core/submit.h"

enum cmd_kind {
    CMD_SUBMIT,
    CMD_CANCEL,
    CMD_PATCH,
    CMD_DELETE,
    CMD_ASSET_PUT,
    CMD_ASSET_DELETE,
    CMD_PREFERENCE_PUT,
    CMD_PREFERENCE_DELETE,
    CMD_HOLD,
    CMD_DELIVERY_RESULT, /* how a try to deliver a webhook has ended */
    CMD_REDELIVER,       /* one is to be tried again now */
    CMD_KEY_PUT,
    CMD_KEY_REVOKE,
    CMD_REFRESH_NODES /* every ComfyUI is asked anew what it has; answered before they are */
};

struct cmd {
    struct list node; /* the inbox's */
    enum cmd_kind kind;
    void (*done)(struct cmd *c); /* on the engine; afterwards the engine does not touch c */

    /* What is asked. Everything pointed to is borrowed until done(). */
    struct id job;                 /* CANCEL, PATCH, DELETE, REDELIVER */
    const char *request_id;        /* of who asks, for the log; NULL = none */
    const char *owner;             /* whose things may be touched; NULL = all */
    const char *actor;             /* who asks, and owns what is made; NULL = there are no keys */
    struct arrival submit;         /* SUBMIT; idem is the engine's */
    const char *idempotency_key;   /* SUBMIT; NULL = none */
    char body_sha256[65];          /* SUBMIT with a key */
    const struct job_patch *patch; /* PATCH */
    const char *if_match;      /* PATCH, PREFERENCE_*: the ETag text that must hold; NULL = any */
    const struct asset *asset; /* ASSET_PUT */
    struct id asset_id;        /* ASSET_DELETE */
    struct preference preference; /* PREFERENCE_PUT; its key for PREFERENCE_DELETE */
    const char *hold_backend;     /* HOLD: its name in the settings; "" = the whole queue */
    bool is_held;                 /* HOLD: stopped, else let go on */
    int64_t hold_since;           /* HOLD, KEY_REVOKE: now, wall clock */
    const struct api_key *key;    /* KEY_PUT */
    struct id key_id;             /* KEY_REVOKE, at `hold_since` */
    const struct delivery_result *delivery; /* DELIVERY_RESULT */
    struct id delivery_id;                  /* REDELIVER */
    bool if_there;                          /* PREFERENCE_PUT: only in the place of another */
    bool if_new;                            /* PREFERENCE_PUT: only where there is none */

    /* What came of it. */
    enum errc result; /* ERR_NONE, NOT_FOUND, JOB_ACTIVE, JOB_NOT_WAITING, PRECONDITION_FAILED,
                          VALIDATION_ERROR, KEY_EXISTS, IDEMPOTENCY_KEY_REUSE, QUOTA_EXCEEDED, QUEUE_FULL,
                          SHUTTING_DOWN, STORE_UNAVAILABLE, INSUFFICIENT_STORAGE */
    char detail[320]; /* as long as struct err keeps it */
    bool is_replay;   /* SUBMIT: `job` names the job of the first request */
    bool had_ended;   /* CANCEL: nothing was left to cancel */
    bool
        has_taken; /* SUBMIT, ASSET_PUT: the contents that came along are published; the request holds none
                         of them any more, also when it is freed without having run again */
    bool is_known; /* ASSET_PUT: the owner has this content; `known`, for the request to clear */
    struct asset known;
    bool is_new; /* PREFERENCE_PUT */
};

struct inbox;

/* `wake` is called after a push into an empty inbox, unlocked, on the pushing thread. */
struct inbox *inbox_new(size_t max, void (*wake)(void *arg), void *arg) MUST_CHECK;
void inbox_free(struct inbox *b); /* must be empty; NULL is fine */
/* False when full or closed: the command is still the caller's. */
bool inbox_push(struct inbox *b, struct cmd *c) MUST_CHECK;
/* Moves up to `max` commands, oldest first, to the list; returns how many. */
size_t inbox_take(struct inbox *b, struct list *out, size_t max) ON_ENGINE;
bool inbox_is_empty(struct inbox *b);
void inbox_close(struct inbox *b);
bool inbox_is_closed(struct inbox *b);

#endif
