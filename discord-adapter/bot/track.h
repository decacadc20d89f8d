/* track.h - our jobs under way, from submission to the message that ends each.
 *
 * What must outlive this process is metadata of the job (strings, see track_metadata.def): application, guild, channel, message, user, token and when it was
 * made, whether it is ephemeral, state. `discord.state` is "open" until the one final message is out, then "delivered"; "kept" when nothing
 * could be delivered (`/show` gives it); so after any restart a list of the open ones is all that is needed. What is here in memory is a cache.
 *
 * A job's way here: submitted -> waiting -> running (edits of its one message, the latest wins) -> ended -> delivering
 * (bot/deliver.h) -> delivered. Threads: the loop's.
 */
#ifndef CGD_BOT_TRACK_H
#define CGD_BOT_TRACK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bot/bot.h"
#include "wire/interaction.h"

struct tracker;

struct tracker *tracker_new(struct bot *b) MUST_CHECK;
void tracker_free(struct tracker *t);
/* Reads the list of open jobs and listens; again whenever something may have been missed. */
void tracker_start(struct tracker *t);

/* A job to be submitted for a user: takes input and i's facts by copy. */
struct submission {
    const char *template_name;
    const cJSON *
        input; /* object; picture parameters hold asset:.. or output:.. already, or are in `picture` */
    const char *title;     /* NULL = none: the prompt's beginning */
    const char *parent_id; /* NULL = none */
    bool is_retry;    /* POST /v1/jobs/{parent_id}/retry: input is the patch, `seed` says which */
    const char *seed; /* of a retry: "same", "random" or digits */
    struct {
        const char *param;      /* template's parameter */
        struct attachment file; /* to be fetched from Discord and uploaded first */
    } picture[4];
    size_t picture_count;
};
/* Does all of it: policy's quotas, pending record when files must be fetched first (so that a crash loses nothing that was told), download, upload, submit under
 * the interaction's id as Idempotency-Key, first message, tracking. Refusals are said in a sentence. Borrows all; refers to a. */
void track_submit(struct bot *b, const struct interaction *i, struct answer *a,
                  const struct submission *s);

size_t tracker_count(const struct tracker *t); /* open jobs */
/* The job's message is not to be edited or delivered any more: it was deleted by its owner. */
void tracker_forget(struct tracker *t, const char *job);
/* Show this job's result in a new place (the reply of this interaction), without touching its own delivery. */
void track_show(struct bot *b, const char *job, const struct interaction *i, struct answer *a);

#endif
