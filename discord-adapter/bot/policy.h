/* policy.h - who may do what where: guilds, channels, roles, how many at once and a day, age-restricted channels, who may press.
 *
 * From settings; pure but for the counts a day, which come from comfygate's list of the user's jobs (so a restart forgets nothing).
 */
#ifndef CGD_BOT_POLICY_H
#define CGD_BOT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "settings.h"
#include "wire/interaction.h"

struct policy;

struct policy *policy_new(const struct settings *s, struct err *e)
    MUST_CHECK; /* NULL with a sentence when a list cannot be read */
void policy_free(struct policy *p);
/* May this user use the bot here at all? False with one polite sentence. */
bool policy_admits(const struct policy *p, const struct interaction *i, struct buf *why) MUST_CHECK;
/* The permission that we lack here to deliver a result without the interaction's token; NULL = none. */
const char *policy_missing_permission(const struct interaction *i);
/* Was the button pressed by someone who may: the owner always; moderators (Manage Messages) what `is_moderation` says; others by the setting. */
bool policy_may_press(const struct policy *p, const struct interaction *i, const char *owner,
                      bool is_owner_only, bool is_moderation, struct buf *why) MUST_CHECK;
/* May one more job start? open_now and today are the user's; oldest_today_ms is when the oldest of today began: tells when to come back. */
bool policy_quota(const struct policy *p, int open_now, int today, int64_t oldest_today_ms,
                  int64_t now_ms, struct buf *why) MUST_CHECK;
bool policy_is_spoiler(const struct policy *p, const char *channel);

#endif
