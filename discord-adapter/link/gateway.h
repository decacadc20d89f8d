/* gateway.h - the one connection to Discord's Gateway, kept for the life of the process.
 *
 * Does what wire/session.h says, on net/ws.h. Threads: the loop's.
 */
#ifndef CGD_LINK_GATEWAY_H
#define CGD_LINK_GATEWAY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "link/discord.h"
#include "net/loop.h"
#include "wire/session.h"

struct gateway_link;

struct gateway_events {
    void (*ready)(void *arg); /* READY: ids are known; each time */
    void (*dispatch)(void *arg, const char *event, cJSON *data); /* takes over data */
    void (*fatal)(void *arg, const char *reason, int exit_code); /* never again */
};

struct gateway_link *gateway_link_new(struct loop *loop, struct discord *rest,
                                      const struct session_config *config, const char *ca_file,
                                      const struct gateway_events *events, void *arg) MUST_CHECK;
void gateway_link_free(struct gateway_link *g);
/* Closes with 1000: the bot goes offline. True once it is closed; call loop_turn until then, 2 s at most. */
bool gateway_link_close(struct gateway_link *g);
const struct session *gateway_link_session(const struct gateway_link *g);

#endif
