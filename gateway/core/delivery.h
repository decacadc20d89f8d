/* delivery.h - one event that is to reach one receiver: a message of a job's webhook. Plain data.
 */
#ifndef CG_CORE_DELIVERY_H
#define CG_CORE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/json_out.h"
#include "base/span.h"

enum delivery_state {
    DELIVERY_PENDING,   /* to be tried, now or later */
    DELIVERY_DELIVERED, /* its receiver has answered 2xx */
    DELIVERY_FAILED,    /* given up */
    DELIVERY_GONE /* the receiver wants no more of this job: it has answered 410, to this or another */
};
#define DELIVERY_STATES 4

const char *delivery_state_word(enum delivery_state state);
bool delivery_state_parse(struct span word, enum delivery_state *out) MUST_CHECK;

/* A message that comes to be. Borrowed. */
struct delivery_new {
    struct id id; /* told to the receiver as webhook-id, the same at each try */
    struct id job;
    const char *owner; /* of the job; NULL = there are no keys */
    int64_t event_seq;
    const char *event_type;
    const char *host; /* of the URL, with its port: those of one host wait for each other */
    struct span body; /* the event's object */
    int64_t at;       /* wall clock */
};

/* As it is shown; the texts are borrowed from who gives it. */
struct delivery {
    struct id id;
    struct id job;
    int64_t event_seq;
    const char *event_type;
    const char *url;
    enum delivery_state state;
    int attempts;
    int last_status;        /* of the last answer; 0 = the last try had none, or there was no try */
    const char *last_error; /* a sentence; NULL = none */
    int64_t next_at;        /* 0 = no try is planned */
    int64_t created_at;
    int64_t completed_at; /* 0 = it is pending */
    struct span
        tries_json; /* the newest, oldest first: an array of {at, status, error, duration_ms} */
};

/* As it is sent; the texts are borrowed from who gives it. */
struct delivery_due {
    struct id id;
    struct id job;
    const char *event_type;
    const char *url;
    const char *secret; /* NULL = the gateway's */
    struct span body;
    int attempts; /* so far */
    int round;    /* of these, since it was last asked for by hand, or ever */
    int64_t round_began_at;
};

#define DELIVERY_ERROR_MAX 400
/* Tries that are kept of one. */
#define DELIVERY_TRIES_KEPT 20

/* How a try has ended. */
struct delivery_result {
    struct id id;
    struct id job;
    enum delivery_state state; /* that it is in now */
    int64_t next_at;           /* of PENDING */
    int64_t at;                /* when the try began */
    int64_t ended_at;
    int status;                     /* of the answer; 0 = there was none */
    char error[DELIVERY_ERROR_MAX]; /* "" = none */
};

/* Writes an object of the API. */
void delivery_json(struct json_out *o, const char *key, const struct delivery *d);

#endif
