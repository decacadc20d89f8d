/* track_end.c - a job that has ended: its turn, its delivery, and the mark that it is done.
 */
#include "bot/track_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/catalog.h"
#include "wire/read.h"

#define MARK_PATIENCE_MS 600000
#define MARK_AGAIN_MS    5000
#define DELIVERIES_MAX   4
#define TURN_MS          20000 /* so long a delivery holds up the next of its channel */

/* ---- metadata ------------------------------------------------------------------------------- */

static struct comfygate_call *write_metadata(struct track *t, cJSON *metadata, int64_t patience_ms,
                                             comfygate_done *done, void *arg)
{
    cJSON *body = require_memory(cJSON_CreateObject());
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s", t->id);
    AUTO(free_ptr) char *text = NULL;

    (void)cJSON_AddItemToObject(body, "metadata", metadata);
    text = require_memory(cJSON_PrintUnformatted(body));
    cJSON_Delete(body);
    return comfygate_start(t->tracker->bot->comfygate,
                           &(struct comfygate_request){.method = "PATCH",
                                                       .path = path,
                                                       .body = text,
                                                       .patience_ms = patience_ms,
                                                       .done = done,
                                                       .arg = arg});
}

void track_note_message(struct track *t, const char *id)
{
    cJSON *metadata = NULL;

    if (t->place.message[0] != '\0' || !is_snowflake(id)) {
        return;
    }
    (void)snprintf(t->place.message, sizeof t->place.message, "%s", id);
    metadata = require_memory(cJSON_CreateObject());
    (void)cJSON_AddStringToObject(metadata, "discord.message", id);
    (void)write_metadata(t, metadata, READ_PATIENCE_MS, NULL, NULL);
}

static void write_mark(void *arg);

/* Unmarked it would be taken for open, and its message sent once more: so it is written until comfygate has it. */
static void on_marked(void *arg, const struct comfygate_result *result)
{
    struct track *t = arg;

    t->reading = NULL;
    if (result->status / 100 != 2 && result->status != 404) {
        log_warn("mark_failed", LOG_S("job", t->id), LOG_I("status", result->status));
        loop_timer_set(t->tracker->bot->loop, &t->timer, MARK_AGAIN_MS, write_mark, t);
        return;
    }
    track_end(t);
}

static void write_mark(void *arg)
{
    struct track *t = arg;

    t->reading = write_metadata(t, require_memory(cJSON_Duplicate(t->mark, true)), MARK_PATIENCE_MS,
                                on_marked, t);
}

/* The token is forgotten with it: it opens nothing any more, and is nobody else's to read. */
void track_mark(struct track *t, const char *state, const char *channel, const char *message)
{
    cJSON *metadata = require_memory(cJSON_CreateObject());

    t->stage = MARKING;
    (void)cJSON_AddStringToObject(metadata, "discord.state", state);
    (void)cJSON_AddNullToObject(metadata, "discord.token");
    if (is_snowflake(message)) {
        (void)cJSON_AddStringToObject(metadata, "discord.message", message);
        (void)cJSON_AddStringToObject(metadata, "discord.channel", channel);
    }
    t->mark = metadata;
    write_mark(t);
}

/* ---- delivery ------------------------------------------------------------------------------- */

static void on_delivered(void *arg, enum delivered how, const char *channel, const char *message)
{
    struct track *t = arg;

    t->delivery = NULL;
    track_mark(t, how == DELIVERED_KEPT ? "kept" : "delivered", channel, message);
    tracker_give_turns(t->tracker);
}

void track_deliver(struct track *t, const cJSON *job, struct span text)
{
    t->stage = DELIVERING;
    t->turn_since_ms = clock_mono_ms();
    discord_drop(take_ptr(&t->edit)); /* what it said is old */
    t->delivery = deliver_start(t->tracker->bot, &t->place, job, text, on_delivered, t);
}

static bool is_channel_busy(struct tracker *tr, const struct track *of)
{
    int64_t now = clock_mono_ms();

    list_each(node, next, &tr->tracks) {
        const struct track *t = container_of(node, struct track, node);

        if (t != of && t->stage == DELIVERING && now - t->turn_since_ms < TURN_MS &&
            strcmp(t->place.channel, of->place.channel) == 0) {
            return true;
        }
    }
    return false;
}

/* The oldest that waits first; tracks are in the order in which they were heard of. */
void tracker_give_turns(struct tracker *tr)
{
    int delivering = 0;

    if (!catalog_is_known(tr->bot->catalog)) {
        return;
    }
    list_each(node, next, &tr->tracks) {
        const struct track *t = container_of(node, struct track, node);

        delivering += t->stage == DELIVERING ? 1 : 0;
    }
    list_each(node, next, &tr->tracks) {
        struct track *t = container_of(node, struct track, node);

        if (t->stage != TURN || delivering >= DELIVERIES_MAX || is_channel_busy(tr, t)) {
            continue;
        }
        delivering++;
        t->stage = DELIVERING;
        t->turn_since_ms = clock_mono_ms();
        track_read(t);
    }
}

void track_ask_turn(struct track *t)
{
    if (t->stage == OPEN && t->answer == NULL) {
        t->stage = TURN;
        loop_timer_off(t->tracker->bot->loop, &t->timer);
        comfygate_drop(take_ptr(&t->preview_call));
        tracker_give_turns(t->tracker);
    }
}
