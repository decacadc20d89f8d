/* discord_parts.h - what discord.c, discord_send.c and discord_fetch.c share, and nobody else.
 */
#ifndef CGD_LINK_DISCORD_PARTS_H
#define CGD_LINK_DISCORD_PARTS_H

#include "base/list.h"
#include "base/map.h"
#include "link/discord.h"
#include "wire/rate.h"

#define DISCORD_ANSWER_MAX     (8 << 20)
#define MESSAGE_FLAG_EPHEMERAL 64

/* Who holds calls beyond its owner's hands, and must let go of them when Discord is closed. */
struct discord_follower {
    struct list node;
    void (*gone)(struct discord_follower *f);
};

struct discord {
    struct loop *loop;
    struct http_client *http;
    char *api_base;
    char *authorization; /* the header line */
    struct rate *rate;
    struct map *queue_by_key;
    struct list queues;
    struct list loose; /* calls that are in no queue */
    struct list followers;
    struct discord_counts counts;
    bool is_refused;
    bool is_stop_told;
};

/* Calls of one route with one major parameter: one at a time, in order. */
struct call_queue {
    struct list node;
    struct discord *d;
    char *key;
    char *route;
    char *major; /* NULL = none */
    bool is_exempt;
    struct list calls; /* the one that is on its way is the first */
    bool is_flying;
    struct loop_timer timer;
};

struct call_file {
    struct bytes *data;
    char *filename;
    char *content_type;
};

struct discord_call {
    struct list node;
    struct discord *d;
    struct call_queue *queue; /* NULL = none */
    const char *method;       /* a constant */
    char *url;
    char *route; /* for the log: nothing secret is in it */
    char *major; /* NULL = none */
    char *body;  /* NULL = none */
    struct call_file file[MESSAGE_FILES_MAX];
    size_t file_count;
    bool is_bot; /* carries the bot's token */
    bool is_repeatable;
    bool is_once; /* may not even be repeated by the HTTP library: on a connection of its own */
    bool is_urgent;
    bool is_unheard; /* dropped on its way */
    int tries;
    int64_t deadline_mono_ms; /* of a callback; 0 = none */
    struct http_call *http;   /* NULL = not on its way */
    struct loop_timer timer;
    discord_done *done;
    void *arg;

    /* Of discord_fetch. */
    discord_file_done *file_done;
    int64_t max_bytes;
    struct buf received;
};

/* A call that goes nowhere yet. method is one of http_call.h's; url and route are copied, body is taken over. */
struct discord_call *discord_call_new(struct discord *d, const char *method, const char *url,
                                      const char *route, char *body) MUST_CHECK;
void discord_call_free(struct discord_call *c);
/* Puts it into the queue of its route, and sends what may be sent. */
void discord_enqueue(struct discord_call *c);
/* Calls by a token that are held back until discord_go: what may only go after something else. */
struct discord_call *discord_prepare_edit(struct discord *d, const char *app, const char *token,
                                          const struct message *m) MUST_CHECK;
struct discord_call *discord_prepare_follow_up(struct discord *d, const char *app,
                                               const char *token, const struct message *m,
                                               bool is_ephemeral) MUST_CHECK;
struct discord_call *discord_prepare_get_original(struct discord *d, const char *app,
                                                  const char *token) MUST_CHECK;
struct discord_call *discord_go(struct discord_call *c, discord_done *done, void *arg);
/* Sends it past all queues, now. */
void discord_send_now(struct discord_call *c);

void discord_queue_free(struct call_queue *q);

#endif
