/* track_parts.h - jobs under way as the files of track.h see them. Private to bot/track*.c.
 *
 * track.c: what is known of the jobs (list, events, their Job); track_edit.c: the message while one is open;
 * track_end.c: its turn, its delivery, and the mark that it is done.
 */
#ifndef CGD_BOT_TRACK_PARTS_H
#define CGD_BOT_TRACK_PARTS_H

#include "base/id.h"
#include "base/list.h"
#include "bot/deliver.h"
#include "bot/track.h"

#define READ_PATIENCE_MS 30000

enum stage { OPEN, TURN, DELIVERING, MARKING };

struct track {
    struct list node;
    struct tracker *tracker;
    char id[ID_LEN + 1];
    struct place place;
    cJSON *job; /* as it was heard of last */
    enum stage stage;
    bool must_read;        /* something happened: its Job is to be read again */
    bool is_listed;        /* seen in the list that is being read */
    bool is_edit_closed;   /* neither way takes edits any more */
    bool is_edit_by_token; /* the edit under way: by the interaction's token, else by the bot's */
    struct answer *answer; /* until the first message is out */

    struct comfygate_call *reading;
    struct comfygate_call *preview_call;
    struct discord_call *edit;
    struct delivery *delivery;
    cJSON *mark; /* what its metadata is to say at the end; NULL before */
    int64_t turn_since_ms;
    struct loop_timer timer;
    int64_t begun_ms; /* monotonic, like the two below */
    int64_t edited_ms;
    int64_t previewed_ms;
    bool has_new_preview;
    uint64_t shown; /* fingerprint of what the message shows */
};

struct tracker {
    struct bot *bot;
    struct map *by_id;
    struct list tracks;
    struct map *expected; /* interactions that are being submitted */
    struct comfygate_feed *feed;
    struct comfygate_call *list_call;
    bool must_list_again;
    struct loop_timer list_timer;
};

/* track.c */
void track_end(struct track *t); /* it is gone, and others have their turn */
bool track_has_ended(const cJSON *job);
void track_take_job(struct track *t, const cJSON *job);
/* Reads its Job, and goes on with what that says. */
void track_read(struct track *t);

/* track_edit.c */
/* Says its first message by the answer, and keeps that until it is out. */
void track_say_first(struct track *t, struct answer *a);
/* The edit that says the latest, as soon as it may be sent; one that is planned already will. */
void track_plan_edit(struct track *t);

/* track_end.c */
/* Where its message is, once that is known. */
void track_note_message(struct track *t, const char *id);
/* Its delivery is due: it waits for its turn. Nothing unless it is open and its first message is out. */
void track_ask_turn(struct track *t);
/* Its turn has come and its Job is read. `text` is the answer as it came. */
void track_deliver(struct track *t, const cJSON *job, struct span text);
/* Writes discord.state until comfygate has it, and ends the track. */
void track_mark(struct track *t, const char *state, const char *channel, const char *message);

#endif
