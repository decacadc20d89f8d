/* prefs.h - what the bot remembers for its users and for itself, in comfygate's /v1/preferences.
 *
 * Keys: discord.<app>.user.<id> (defaults), .setup.<interaction id> (a setup view that is open), .pending.<interaction id> (told "thinking", not yet a job),
 * .commands (hash of what is registered). Values are JSON objects of up to 8 KiB.
 */
#ifndef CGD_BOT_PREFS_H
#define CGD_BOT_PREFS_H

#include <cjson/cJSON.h>

#include "base/attr.h"
#include "bot/bot.h"

/* value NULL = there is none; `reached` false = comfygate did not answer. Borrowed during the call. */
typedef void prefs_got(void *arg, const cJSON *value, bool reached);
void prefs_get(struct bot *b, const char *kind, const char *id, prefs_got *got, void *arg);
typedef void prefs_done(void *arg, bool ok);
/* comfygate takes no larger ones: who would keep what people type asks first. */
bool prefs_fits(const cJSON *value) MUST_CHECK;
/* value is borrowed for the call. done may be NULL. */
void prefs_put(struct bot *b, const char *kind, const char *id, const cJSON *value,
               prefs_done *done, void *arg);
/* The same for who waits at a dialogue: it fails after 1.5 s. */
void prefs_put_soon(struct bot *b, const char *kind, const char *id, const cJSON *value,
                    prefs_done *done, void *arg);
void prefs_delete(struct bot *b, const char *kind, const char *id, prefs_done *done, void *arg);
/* All of a kind: each() for every one, then end(). */
void prefs_list(struct bot *b, const char *kind,
                void (*each)(void *arg, const char *id, const cJSON *value), prefs_done *end,
                void *arg);

#endif
