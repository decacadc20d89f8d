/* track.h - our jobs under way, from the moment they are on disk to the message that ends each.
 *
 * What must outlive this process is metadata of the job: its place (bot/place.h) and discord.state, which is "open" until the one final
 * message is out, then "delivered", or "kept" when nothing could be delivered (`/show` gives it). So after any restart the list of
 * the open ones is all that is needed, and what is here is a cache of it. Events are hints; the list decides, once a minute and whenever
 * an event may have been missed.
 *
 * A job's message: edited while it runs, the latest state wins, at most every 2.5 s and less where a channel is busy; then delivered
 * (bot/deliver.h), at most four at a time, and in a channel one after the other. Threads: the loop's.
 */
#ifndef CGD_BOT_TRACK_H
#define CGD_BOT_TRACK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bot/bot.h"
#include "bot/place.h"

struct tracker;

struct tracker *tracker_new(struct bot *b) MUST_CHECK;
void tracker_free(struct tracker *t); /* NULL is fine */
/* Reads the list of open jobs and listens from now on. bot->application_id must be known. */
void tracker_start(struct tracker *t);
/* Looks at the list again. */
void tracker_refresh(struct tracker *t);
/* Delivers what waits for its turn, the oldest first; nothing before the catalog is known, since a result's buttons come from it. To
 * be called when it has become so. */
void tracker_give_turns(struct tracker *t);

/* The interaction is being submitted: the list's job of that interaction is not to be taken up meanwhile. */
void tracker_expect(struct tracker *t, const char *interaction);
void tracker_expect_no_more(struct tracker *t, const char *interaction);
/* A job that comfygate has just taken. Says its first message by the answer, which it keeps until that is out; borrows the rest. */
void tracker_add(struct tracker *t, const cJSON *job, const struct place *place, struct answer *a);

/* Jobs whose final message is not out: of this user (NULL = of all). */
int tracker_open_count(struct tracker *t, const char *user);
/* Its message was deleted by who may: it is neither edited nor delivered any more. */
void tracker_forget(struct tracker *t, const char *job);

#endif
