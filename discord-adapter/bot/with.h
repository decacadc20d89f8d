/* with.h - handlers in two steps: what they need is asked of comfygate, then they go on with it.
 *
 * Each takes i and refers to a while it waits. `id` is what was pressed, NULL for a command.
 * A user's defaults are the preference `user.<id>`: {"models": {category: template}, "values": {parameter: value}}.
 */
#ifndef CGD_BOT_WITH_H
#define CGD_BOT_WITH_H

#include <cjson/cJSON.h>

#include "bot/bot.h"
#include "bot/handlers.h"
#include "wire/custom_id.h"

/* Goes on with the user's defaults: NULL when there are none, or comfygate is away. Takes i, borrows a. `arg` is the caller's constant. */
typedef void user_go(struct bot *b, struct interaction *i, struct answer *a,
                     const struct custom_id *id, const cJSON *defaults, const void *arg);
void user_defaults(struct bot *b, struct interaction *i, struct answer *a,
                   const struct custom_id *id, user_go *go, const void *arg);
/* The same for who changes them: when comfygate is away a sentence is said, and go is not called. */
void user_defaults_to_change(struct bot *b, struct interaction *i, struct answer *a,
                             const struct custom_id *id, user_go *go);
/* Of those defaults; "" and NULL when there are none. */
const char *user_model(const cJSON *defaults, const char *category);
const cJSON *user_values(const cJSON *defaults);

/* The same for handlers that need a job: GET /v1/jobs/{id->job}. When it cannot be had a sentence is said, and go is not called.
 * `text` is the answer as it came. */
typedef void job_go(struct bot *b, struct interaction *i, struct answer *a,
                    const struct custom_id *id, const cJSON *job, struct span text);
void with_job(struct bot *b, struct interaction *i, struct answer *a, const struct custom_id *id,
              job_go *go);
/* GET of any path, within 10 s. go is called also when it failed: result->sentence says why. */
typedef void get_go(struct bot *b, struct interaction *i, struct answer *a,
                    const struct comfygate_result *result);
void with_get(struct bot *b, struct interaction *i, struct answer *a, const char *path, get_go *go);
/* The user whose job it is, by its metadata; "" when it is not one of a chat. */
const char *job_owner(const cJSON *job);

#endif
