/* courier_parts.h - what courier.c and attempt.c share, and nobody else.
 */
#ifndef CG_WEBHOOK_COURIER_PARTS_H
#define CG_WEBHOOK_COURIER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/webhook.h"
#include "net/http_call.h"
#include "webhook/courier.h"

/* Tries at once. */
#define ATTEMPTS_MAX      64
#define ATTEMPTS_PER_HOST 4

enum attempt_phase {
    ATTEMPT_NONE,    /* the slot is free */
    ATTEMPT_CALLING, /* the receiver has the word */
    ATTEMPT_ENDED,   /* and the engine is to be told, at due_mono_ms */
    ATTEMPT_TELLING, /* the engine has the command */
    ATTEMPT_TOLD     /* and has given it back */
};

struct attempt {
    struct courier *courier;
    _Atomic enum attempt_phase phase; /* the engine sets TOLD, the courier all others */
    struct id id;
    struct id job;
    char host[WEBHOOK_HOST_SIZE];
    char *url;
    char *secret; /* NULL = the gateway's */
    char event_type[32];
    struct span body; /* owned */
    int round;
    int64_t round_began_at;

    struct receiver_call guard;
    bool has_guard;
    struct http_call *call;
    struct delivery_result result;
    int64_t due_mono_ms;
    struct cmd cmd;
};

struct courier {
    const struct config *config;
    struct store *store;
    const struct receiver_policy *receivers;
    struct inbox *inbox;
    struct webhook_key key; /* of the gateway; len 0 = none */
    struct webhook_schedule schedule;
    struct loop *loop;
    struct http_client *http;
    struct store_reader *reader;
    pthread_t thread;
    bool is_running;
    atomic_bool is_stopping;
    atomic_bool is_woken;

    struct attempt attempt[ATTEMPTS_MAX];
    char last_host[WEBHOOK_HOST_SIZE]; /* whose turn was last */
    int64_t look_due_mono_ms;
    int64_t levels_due_mono_ms;

    atomic_llong delivered;
    atomic_llong failed_tries;
    atomic_llong given_up;
    atomic_llong gone;
    atomic_llong pending;
    atomic_llong oldest_at; /* wall clock; 0 = none */
};

/* Makes a free slot the try of this delivery and begins it. */
void attempt_begin(struct courier *c, struct attempt *a, const char *host,
                   const struct delivery_due *due);
/* Goes on with what has ended or was told. Returns whether the slot has become free. */
bool attempt_step(struct attempt *a, int64_t mono);
/* Ends it, told or not; the engine must not have its command. */
void attempt_clear(struct attempt *a);

#endif
