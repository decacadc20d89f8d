/* deliver.h - the one final message of a job, whatever stands in its way.
 *
 * Ways, in this order, each left when Discord says it is closed: @original while the token is young; the message by the bot token;
 * a new message in the channel (mention, nonce = from the job's id, enforced); a direct message; kept for /show. Files are fetched and fitted first: as they are,
 * else as a rendition below the limit, else as a link. 413 and 40005 go back to fitting with a smaller limit. Afterwards discord.state is written to the job.
 */
#ifndef CGD_BOT_DELIVER_H
#define CGD_BOT_DELIVER_H

#include <cjson/cJSON.h>

#include "bot/bot.h"
#include "bot/place.h"

struct delivery;

enum delivered { DELIVERED_EDIT, DELIVERED_NEW, DELIVERED_DM, DELIVERED_KEPT };

/* done() once; never from within. `message_id` is where it stands now ("" when kept). */
struct delivery *deliver_start(struct bot *b, const struct place *place, const cJSON *job,
                               struct span job_text,
                               void (*done)(void *arg, enum delivered how, const char *channel,
                                            const char *message_id),
                               void *arg) MUST_CHECK;
void deliver_drop(struct delivery *d);

#endif
