/* show.h - an old result once more, where it is asked for. Its own delivery is not touched.
 */
#ifndef CGD_BOT_SHOW_H
#define CGD_BOT_SHOW_H

#include "bot/bot.h"

/* Takes i; borrows a. `job` is an id, or what somebody typed in its place. */
void show_job(struct bot *b, struct interaction *i, struct answer *a, const char *job);

#endif
