/* discord.h - Discord's REST API: requests in the order they were asked for, within its rate limits.
 *
 * One queue per bucket; a 429 puts its request back at the head; 5xx and lost connections are tried again with growing
 * pauses for what may be repeated (all but a POST without a nonce, whose loss is told). Callbacks and webhooks (token
 * routes) carry no Authorization and are outside the global limit. A 401 on a route of the bot means that the token was
 * revoked: everything stops, and discord_is_refused() says so. 403s are remembered per channel for a while by the caller.
 *
 * Threads: the loop's.
 */
#ifndef CGD_LINK_DISCORD_H
#define CGD_LINK_DISCORD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/http_call.h"
#include "net/loop.h"
#include "wire/message.h"

struct discord;
struct discord_call;

struct discord_config {
    const char *api_base; /* "https://discord.com/api/v10"; http for tests. Borrowed, as the next */
    const char *token;
    const char *ca_file;   /* NULL = the system's */
    int global_per_second; /* 0 = Discord's 50 */
    int invalid_max; /* 401s, 403s and 429s within 10 minutes that stop all but callbacks; 0 = 5,000 */
};

struct discord_result {
    int status;         /* 0 = no answer came, after all tries */
    int code;           /* Discord's JSON error code (10062, 50013, ...); 0 = none */
    const cJSON *json;  /* of the answer; NULL when there is none. Borrowed during done() */
    const char *reason; /* in plain words, with Discord's own message; borrowed */
};
typedef void discord_done(void *arg, const struct discord_result *result);

struct discord *discord_new(struct loop *loop, const struct discord_config *config) MUST_CHECK;
void discord_free(struct discord *d); /* drops what is under way without done(); NULL is fine */
bool discord_is_refused(const struct discord *d);
/* Requests answered, 429s seen, waiting now: for check, /status and the log. */
struct discord_counts {
    int64_t sent;
    int64_t limited;
    int64_t failed;
    int64_t waiting;
};
struct discord_counts discord_counts(const struct discord *d);

/* Each gives a handle that is valid until done() begins; done() is called once and never from within the call.
 * The message is borrowed for the call; its files are shared by reference. done may be NULL. `urgent` goes before what waits in its bucket. */

/* POST /interactions/{id}/{token}/callback: within 2.5 s, sent once (again only while no connection was made). `data` NULL = none; it is taken over. with_response gives the message's id in
 * json: resource.message.id. */
struct discord_call *discord_callback(struct discord *d, const char *interaction, const char *token,
                                      int type, cJSON *data, const struct message *files,
                                      bool with_response, discord_done *done, void *arg);
/* PATCH /webhooks/{app}/{token}/messages/@original. */
struct discord_call *discord_edit_original(struct discord *d, const char *app, const char *token,
                                           const struct message *m, bool urgent, discord_done *done,
                                           void *arg);
struct discord_call *discord_delete_original(struct discord *d, const char *app, const char *token,
                                             discord_done *done, void *arg);
/* POST /webhooks/{app}/{token}: a follow-up. */
struct discord_call *discord_follow_up(struct discord *d, const char *app, const char *token,
                                       const struct message *m, discord_done *done, void *arg);
struct discord_call *discord_post(struct discord *d, const char *channel, const struct message *m,
                                  discord_done *done, void *arg);
struct discord_call *discord_edit(struct discord *d, const char *channel, const char *message_id,
                                  const struct message *m, bool urgent, discord_done *done,
                                  void *arg);
struct discord_call *discord_delete(struct discord *d, const char *channel, const char *message_id,
                                    discord_done *done, void *arg);
/* POST /users/@me/channels: json.id is the channel of direct messages. */
struct discord_call *discord_open_dm(struct discord *d, const char *user, discord_done *done,
                                     void *arg);
/* Any other: method, path below the base, JSON text or NULL. `route` is the template for rate limits and the log; the method before it may be
 * left out. */
struct discord_call *discord_request(struct discord *d, const char *method, const char *path,
                                     const char *route, const char *body, discord_done *done,
                                     void *arg);
/* Ends it without done(). NULL is fine. One that is on its way goes on unheard, and what follows it in its bucket waits for it: else
 * Discord might do the older one last. */
void discord_drop(struct discord_call *c);

/* A file of Discord's CDN, into memory: hosts of the allow-list only (cdn.discordapp.com, media.discordapp.net, and with a base that is
 * http, its own host), no redirect, at most max_bytes. */
typedef void
discord_file_done(void *arg, struct bytes *data,
                  const char *reason); /* data NULL = failed, with the reason in a sentence;
                                                                                       gives the reference */
struct discord_call *discord_fetch(struct discord *d, const char *url, int64_t max_bytes,
                                   discord_file_done *done, void *arg);

#endif
