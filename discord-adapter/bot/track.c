/* track.c - see track.h.
 *
 * A track goes: open (edits) -> waits for its turn -> delivering -> marking (discord.state) -> gone. Whatever is heard of it, in any
 * order and any number of times, only ever makes it look at its Job again.
 */
#include "bot/track_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/read.h"

#define LIST_LIMIT    50
#define LIST_EVERY_MS 60000
#define LIST_RETRY_MS 2000

/* ---- tracks --------------------------------------------------------------------------------- */

static struct track *track_new(struct tracker *tr, const char *id, const struct place *place)
{
    struct track *t = xcalloc(1, sizeof *t);

    t->tracker = tr;
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    t->place = *place;
    t->begun_ms = clock_mono_ms();
    list_push(&tr->tracks, &t->node);
    map_put(tr->by_id, t->id, t);
    return t;
}

static void track_free(struct track *t)
{
    struct bot *b = t->tracker->bot;

    loop_timer_off(b->loop, &t->timer);
    comfygate_drop(t->reading);
    comfygate_drop(t->preview_call);
    discord_drop(t->edit);
    deliver_drop(t->delivery);
    if (t->answer != NULL) {
        answer_hush(t->answer, t);
    }
    answer_unref(t->answer);
    (void)map_remove(t->tracker->by_id, t->id);
    list_remove(&t->node);
    cJSON_Delete(t->job);
    cJSON_Delete(t->mark);
    free(t);
}

void track_end(struct track *t)
{
    struct tracker *tr = t->tracker;

    track_free(t);
    tracker_give_turns(tr);
}

bool track_has_ended(const cJSON *job)
{
    static const char *const ended[] = {"succeeded", "failed", "canceled", "expired"};
    const char *status = read_text(job, "status");

    for (size_t i = 0; i < COUNT_OF(ended); i++) {
        if (strcmp(status, ended[i]) == 0) {
            return true;
        }
    }
    return false;
}

void track_take_job(struct track *t, const cJSON *job)
{
    cJSON_Delete(t->job);
    t->job = require_memory(cJSON_Duplicate(job, true));
    /* Much of its size, and nothing that a message shows; the place is kept apart. */
    cJSON_DeleteItemFromObjectCaseSensitive(t->job, "urls");
    cJSON_DeleteItemFromObjectCaseSensitive(t->job, "metadata");
}

/* ---- the job -------------------------------------------------------------------------------- */

/* A job that was deleted at comfygate is told as canceled: its user is to hear of an end. */
static void note_gone(struct track *t)
{
    static const char GONE[] = "{\"status\":\"canceled\"}";
    cJSON *gone = require_memory(cJSON_Parse(GONE));

    if (t->job != NULL) {
        read_replace(t->job, "status", cJSON_GetObjectItemCaseSensitive(gone, "status"));
    }
    cJSON_Delete(gone);
}

static void on_read(void *arg, const struct comfygate_result *result)
{
    struct track *t = arg;
    AUTO(free_ptr) char *text = NULL;
    struct span body = result->body;

    t->reading = NULL;
    if (result->status == 200 && result->json != NULL) {
        track_take_job(t, result->json);
    } else if (result->status == 404 && t->job != NULL) {
        note_gone(t);
        text = require_memory(cJSON_PrintUnformatted(t->job));
        body = span_of(text);
    } else {
        t->stage = t->stage == DELIVERING ? OPEN : t->stage; /* the list brings it again */
        return;
    }
    if (t->stage == DELIVERING && !track_has_ended(t->job)) {
        track_read(t); /* this reading began before its end was heard of */
    } else if (t->stage == DELIVERING) {
        track_deliver(t, t->job, body);
    } else if (track_has_ended(t->job)) {
        track_ask_turn(t);
    } else {
        track_plan_edit(t);
    }
    if (t->must_read && t->reading == NULL && t->stage == OPEN) {
        track_read(t);
    }
}

void track_read(struct track *t)
{
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s", t->id);

    if (t->reading != NULL) {
        t->must_read = true;
        return;
    }
    t->must_read = false;
    t->reading = comfygate_start(t->tracker->bot->comfygate,
                                 &(struct comfygate_request){.method = "GET",
                                                             .path = path,
                                                             .patience_ms = READ_PATIENCE_MS,
                                                             .done = on_read,
                                                             .arg = t});
}

/* ---- the list ------------------------------------------------------------------------------- */

static void adopt(struct tracker *tr, const cJSON *job)
{
    const char *id = read_text(job, "id");
    struct track *t = map_get(tr->by_id, id);
    struct place place;

    if (!place_read(cJSON_GetObjectItemCaseSensitive(job, "metadata"), &place) ||
        map_get(tr->expected, place.interaction) != NULL) {
        return;
    }
    if (t == NULL) {
        t = track_new(tr, id, &place);
        t->edited_ms =
            clock_mono_ms(); /* its message is as fresh as it was; hundreds need not be edited at once */
        log_info("job_taken_up", LOG_S("job", id));
    }
    t->is_listed = true;
    if (t->stage != OPEN) {
        return;
    }
    track_take_job(t, job);
    if (track_has_ended(job)) {
        track_ask_turn(t);
    } else {
        track_plan_edit(t);
    }
}

static void on_list_due(void *arg)
{
    tracker_refresh(arg);
}

static void ask_page(struct tracker *tr, const char *cursor);

/* A job of ours that is not in the list any more was deleted or is marked: its Job tells. */
static void look_at_the_rest(struct tracker *tr)
{
    list_each(node, next, &tr->tracks) {
        struct track *t = container_of(node, struct track, node);

        if (!t->is_listed && t->stage == OPEN) {
            track_read(t);
        }
    }
}

static void on_page(void *arg, const struct comfygate_result *result)
{
    struct tracker *tr = arg;
    const cJSON *job = NULL;
    const char *cursor = read_text(result->json, "next_cursor");

    tr->list_call = NULL;
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(result->json, "data")) {
        adopt(tr, job);
    }
    if (result->status == 200 && cursor[0] != '\0') {
        ask_page(tr, cursor);
        return;
    }
    if (result->status == 200) {
        look_at_the_rest(tr);
    }
    loop_timer_set(tr->bot->loop, &tr->list_timer,
                   result->status == 200 && !tr->must_list_again ? LIST_EVERY_MS : LIST_RETRY_MS,
                   on_list_due, tr);
}

static void ask_page(struct tracker *tr, const char *cursor)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(2048);

    (void)buf_appendf(&path,
                      "/v1/jobs?metadata.discord.app=%s&metadata.discord.state=open&sort=created_at"
                      "&limit=%d",
                      tr->bot->application_id, LIST_LIMIT);
    if (cursor[0] != '\0') {
        (void)buf_append_str(&path, "&cursor=");
        comfygate_escape(&path, cursor);
    }
    tr->list_call = comfygate_start(tr->bot->comfygate,
                                    &(struct comfygate_request){.method = "GET",
                                                                .path = buf_str(&path),
                                                                .patience_ms = READ_PATIENCE_MS,
                                                                .done = on_page,
                                                                .arg = tr});
}

void tracker_refresh(struct tracker *tr)
{
    if (tr->list_call != NULL) {
        tr->must_list_again = true;
        return;
    }
    tr->must_list_again = false;
    list_each(node, next, &tr->tracks) {
        container_of(node, struct track, node)->is_listed = false;
    }
    ask_page(tr, "");
}

/* ---- events --------------------------------------------------------------------------------- */

static void on_event(void *arg, const char *type, const char *job, const cJSON *event)
{
    struct tracker *tr = arg;
    struct track *t = job != NULL ? map_get(tr->by_id, job) : NULL;
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "data");
    const cJSON *item = NULL;

    if (t == NULL || t->stage != OPEN || t->job == NULL) {
        return;
    }
    if (strcmp(type, "job.progress") == 0 || strcmp(type, "job.position") == 0) {
        cJSON_ArrayForEach(item, data) {
            read_replace(t->job, item->string, item);
        }
        track_plan_edit(t);
    } else if (strcmp(type, "job.preview") == 0) {
        t->has_new_preview = true;
        track_plan_edit(t);
    } else if (strncmp(type, "job.", 4) == 0 && strcmp(type, "job.output") != 0 &&
               strcmp(type, "job.updated") != 0) { /* the echo of what we note in its metadata */
        track_read(t);
    }
}

static void on_lost(void *arg)
{
    tracker_refresh(arg);
}

static void on_feed_state(void *arg, bool is_open)
{
    (void)arg;
    log_debug("feed", LOG_I("open", is_open));
}

void tracker_start(struct tracker *tr)
{
    static const struct feed_events events = {
        .event = on_event, .lost = on_lost, .state = on_feed_state};
    char query[64];

    if (tr->feed != NULL) {
        return;
    }
    (void)snprintf(query, sizeof query, "metadata.discord.app=%s", tr->bot->application_id);
    tr->feed = comfygate_feed_open(tr->bot->comfygate, query, &events, tr);
    tracker_refresh(tr);
}

/* ---- the rest ------------------------------------------------------------------------------- */

struct tracker *tracker_new(struct bot *b)
{
    struct tracker *tr = xcalloc(1, sizeof *tr);

    tr->bot = b;
    tr->by_id = map_new();
    tr->expected = map_new();
    list_init(&tr->tracks);
    return tr;
}

void tracker_free(struct tracker *tr)
{
    if (tr == NULL) {
        return;
    }
    list_each(node, next, &tr->tracks) {
        track_free(container_of(node, struct track, node));
    }
    loop_timer_off(tr->bot->loop, &tr->list_timer);
    comfygate_drop(tr->list_call);
    comfygate_feed_close(tr->feed);
    map_free(tr->by_id);
    map_free(tr->expected);
    free(tr);
}

void tracker_add(struct tracker *tr, const cJSON *job, const struct place *place, struct answer *a)
{
    const char *id = read_text(job, "id");
    struct track *t = map_get(tr->by_id, id);

    if (t != NULL && t->stage != OPEN) {
        return; /* a repetition of what is on its way to its end */
    }
    t = t != NULL ? t : track_new(tr, id, place);
    track_take_job(t, job);
    track_say_first(t, a);
}

void tracker_expect(struct tracker *tr, const char *interaction)
{
    map_put(tr->expected, interaction, tr);
}

void tracker_expect_no_more(struct tracker *tr, const char *interaction)
{
    (void)map_remove(tr->expected, interaction);
}

int tracker_open_count(struct tracker *tr, const char *user)
{
    int count = 0;

    list_each(node, next, &tr->tracks) {
        const struct track *t = container_of(node, struct track, node);

        count += t->stage == OPEN && (user == NULL || strcmp(t->place.user, user) == 0) ? 1 : 0;
    }
    return count;
}

void tracker_forget(struct tracker *tr, const char *job)
{
    struct track *t = map_get(tr->by_id, job);

    if (t != NULL && t->stage != MARKING) {
        deliver_drop(take_ptr(&t->delivery));
        comfygate_drop(take_ptr(&t->reading));
        comfygate_drop(take_ptr(&t->preview_call));
        discord_drop(take_ptr(&t->edit));
        loop_timer_off(tr->bot->loop, &t->timer);
        track_mark(t, "forgotten", "", "");
    }
}
