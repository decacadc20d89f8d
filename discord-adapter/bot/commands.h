/* commands.h - the commands as Discord's API takes them, and their registration.
 *
 * Registered (PUT, for the application or for the guilds of the settings) only when they differ from what was registered last: a hash is kept for
 * each place as a preference `commands.<guild or "everywhere">`. A failure never stops the bot: old commands keep working.
 */
#ifndef CGD_BOT_COMMANDS_H
#define CGD_BOT_COMMANDS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bot/bot.h"

/* The array of all commands. The caller deletes it. Pure. */
cJSON *commands_tree(const struct bot *b) MUST_CHECK;
/* Registers when they changed, or when forced. done (may be NULL): ok, and a sentence in both cases. Nothing while the catalog or the application is unknown. */
void commands_register(struct bot *b, bool is_forced,
                       void (*done)(void *arg, bool ok, const char *sentence), void *arg);

#endif
