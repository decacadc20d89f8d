/* bot.h - what every part of the bot can reach. Made by main, borrowed by all, for the life of the process.
 *
 * One thread. What must be remembered beyond the process is in comfygate: jobs' metadata (bot/track.h) and preferences
 * (bot/prefs.h); what is here can be lost at any moment.
 */
#ifndef CGD_BOT_BOT_H
#define CGD_BOT_BOT_H

#include "base/list.h"
#include "base/map.h"
#include "link/answer.h"
#include "link/comfygate.h"
#include "link/discord.h"
#include "net/loop.h"
#include "settings.h"

struct catalog;
struct policy;
struct tracker;
struct gateway_link;

#define BOT_SEEN_MAX 4096 /* interactions that are remembered, to tell a repetition */

struct bot {
    const struct settings *settings;
    struct loop *loop;
    struct discord *discord;
    struct comfygate *comfygate;
    struct catalog *catalog;
    struct policy *policy;
    struct tracker *tracker;
    const struct gateway_link *gateway; /* NULL with interactions over HTTP */
    struct list work;                   /* handlers that wait: bot/work.h; list_init by main */
    struct list submissions; /* requests that are no jobs yet: bot/submit.c; list_init by main */
    struct map *seen;        /* ids of interactions; map_new by main */
    char seen_order[BOT_SEEN_MAX][24];
    size_t seen_next;
    struct loop_timer sweep;  /* of views that nobody uses any more */
    struct loop_timer resume; /* of requests that were pending: bot/submit.c */
    char application_id[24];  /* "" until Discord has told */
    char user_id[24];         /* ours */
};

/* A handler of one interaction: keeps what it needs (takes i; has a reference of a for as long as it keeps one), and says something in the end. */
typedef void bot_handler(struct bot *b, struct interaction *i, struct answer *a);

/* Every interaction comes in here, from the Gateway and over HTTP: de-duplicates by id, checks the policy, finds the handler. Takes i; a is borrowed. */
void bot_interaction(struct bot *b, struct interaction *i, struct answer *a);

#endif
