/* user.h - a user's own defaults, as handlers need them.
 *
 * Kept as the preference `user.<id>`: {"models": {category: template}, "values": {parameter: value}, "private": bool}.
 */
#ifndef CGD_BOT_USER_H
#define CGD_BOT_USER_H

#include <cjson/cJSON.h>

#include "bot/bot.h"
#include "bot/handlers.h"
#include "wire/custom_id.h"

/* Goes on once the user's defaults are known (NULL when there are none, or comfygate is away): takes i, borrows a. `id` is what was pressed, of zeros for a command. `arg` is the caller's constant. */
typedef void user_go(struct bot *b, struct interaction *i, struct answer *a,
                     const struct custom_id *id, const cJSON *defaults, const void *arg);
/* Takes i; borrows a. */
void user_defaults(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, user_go *go, const void *arg);
/* Of those defaults; "" and NULL when there are none. */
const char *user_model(const cJSON *defaults, const char *category);
const cJSON *user_values(const cJSON *defaults);

/* The same for handlers that need a job: GET /v1/jobs/{id->job}. When it cannot be had a sentence is said, and go is not called.
 * `text` is the answer as it came. */
typedef void job_go(struct bot *b, struct interaction *i, struct answer *a,
                    const struct custom_id *id, const cJSON *job, struct span text);
void with_job(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
              job_go *go);
/* The user whose job it is, by its metadata; "" when it is not one of a chat. */
const char *job_owner(const cJSON *job);

#endif
