/* app.h - the parts of comfygate-discord, put together and taken apart: what run, check and register have in common.
 *
 * Threads: one.
 */
#ifndef CGD_APP_H
#define CGD_APP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "bot/bot.h"

#define EXIT_USAGE    2
#define EXIT_TOKEN    3 /* and those of wire/session.h: 4 sharding, 5 intents or version */
#define INVITE_RIGHTS "274878024704"

struct http_in;

struct app {
    struct settings settings;
    struct bot bot;
    bool has_settings;
    void (*catalog_changed)(void *arg); /* may be NULL; set after app_open */
    void *arg;
};

/* Settings, log, and all of the bot but its connection. On failure e says why; app_close is due in both cases. */
enum errc app_open(struct app *a, const struct setting_sources *from, struct err *e) MUST_CHECK;
/* `http` (NULL = none) is closed when nothing can answer its requests any more. */
void app_close(struct app *a, struct http_in *http);

/* What Discord or comfygate said. */
struct app_answer {
    int status; /* 0 = nothing */
    cJSON *json;
    char *reason; /* of a failure, in a sentence */
};
/* Asks and waits: only where there is nothing else to do. The caller clears. */
struct app_answer app_ask_discord(struct app *a, const char *path);
struct app_answer app_ask_gate(struct app *a, const char *path);
void app_answer_clear(struct app_answer *answer); /* for AUTO */

/* The ids of the application and of its user, out of GET /applications/@me. */
void app_learn(struct app *a, const cJSON *application);

/* The verbs. Each gives the exit code. */
int run_verb(const struct setting_sources *from);
int register_verb(const struct setting_sources *from);
int check_verb(const struct setting_sources *from);
/* Says why a verb cannot begin. */
int app_complain(const struct err *e);

#endif
