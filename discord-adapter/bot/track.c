/* track.c - see track.h.
 *
 * A track goes: open (edits) -> looked at (its whole Job is read) -> waits for its turn -> delivering -> marking (discord.state) -> gone.
 * Whatever is heard of it, in any order and any number of times, only ever makes it look at the Job again.
 */
#include "bot/track.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "bot/deliver.h"
#include "bot/policy.h"
#include "bot/view.h"
#include "wire/read.h"

#define LIST_LIMIT        200
#define LIST_EVERY_MS     60000
#define LIST_RETRY_MS     2000
#define READ_PATIENCE_MS  30000
#define MARK_PATIENCE_MS  600000
#define DELIVERIES_MAX    4
#define TURN_MS           20000 /* so long a delivery holds up the next of its channel */
#define CHANNEL_EDIT_MS   1250  /* Discord takes about 5 messages in 5 s in a channel */
#define SLOW_AFTER_MS     120000
#define PREVIEW_MAX_BYTES (2 << 20)

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
    struct answer *answer; /* until the first message is out */

    struct comfygate_call *reading;
    struct comfygate_call *preview_call;
    struct discord_call *edit;
    struct delivery *delivery;
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

static void plan_edit(struct track *t);
static void read_job(struct track *t);
static void give_turns(struct tracker *tr);

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
    answer_unref(t->answer);
    (void)map_remove(t->tracker->by_id, t->id);
    list_remove(&t->node);
    cJSON_Delete(t->job);
    free(t);
}

static void track_end(struct track *t)
{
    struct tracker *tr = t->tracker;

    track_free(t);
    give_turns(tr);
}

static bool has_ended(const cJSON *job)
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

static void take_job(struct track *t, const cJSON *job)
{
    cJSON_Delete(t->job);
    t->job = require_memory(cJSON_Duplicate(job, true));
}

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

static void note_message(struct track *t, const char *id)
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

static void on_marked(void *arg, const struct comfygate_result *result)
{
    struct track *t = arg;

    t->reading = NULL;
    if (result->status / 100 != 2 && result->status != 404) {
        log_warn("mark_failed", LOG_S("job", t->id), LOG_I("status", result->status));
    }
    track_end(t);
}

/* The token is forgotten with it: it opens nothing any more, and is nobody else's to read. */
static void mark(struct track *t, const char *state, const char *channel, const char *message)
{
    cJSON *metadata = require_memory(cJSON_CreateObject());

    t->stage = MARKING;
    (void)cJSON_AddStringToObject(metadata, "discord.state", state);
    (void)cJSON_AddNullToObject(metadata, "discord.token");
    if (is_snowflake(message)) {
        (void)cJSON_AddStringToObject(metadata, "discord.message", message);
        (void)cJSON_AddStringToObject(metadata, "discord.channel", channel);
    }
    t->reading = write_metadata(t, metadata, MARK_PATIENCE_MS, on_marked, t);
}

/* ---- delivery ------------------------------------------------------------------------------- */

static void on_delivered(void *arg, enum delivered how, const char *channel, const char *message)
{
    struct track *t = arg;

    t->delivery = NULL;
    mark(t, how == DELIVERED_KEPT ? "kept" : "delivered", channel, message);
    give_turns(t->tracker);
}

static void on_read_for_delivery(struct track *t, const cJSON *job, struct span text)
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
static void give_turns(struct tracker *tr)
{
    int delivering = 0;

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
        read_job(t);
    }
}

static void ask_turn(struct track *t)
{
    if (t->stage == OPEN && t->answer == NULL) {
        t->stage = TURN;
        loop_timer_off(t->tracker->bot->loop, &t->timer);
        comfygate_drop(take_ptr(&t->preview_call));
        give_turns(t->tracker);
    }
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
        take_job(t, result->json);
    } else if (result->status == 404 && t->job != NULL) {
        note_gone(t);
        text = require_memory(cJSON_PrintUnformatted(t->job));
        body = span_of(text);
    } else {
        t->stage = t->stage == DELIVERING ? OPEN : t->stage; /* the list brings it again */
        return;
    }
    if (t->stage == DELIVERING && !has_ended(t->job)) {
        read_job(t); /* this reading began before its end was heard of */
    } else if (t->stage == DELIVERING) {
        on_read_for_delivery(t, t->job, body);
    } else if (has_ended(t->job)) {
        ask_turn(t);
    } else {
        plan_edit(t);
    }
    if (t->must_read && t->reading == NULL && t->stage == OPEN) {
        read_job(t);
    }
}

static void read_job(struct track *t)
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

/* ---- edits ---------------------------------------------------------------------------------- */

static int open_in_channel(struct tracker *tr, const char *channel)
{
    int count = 0;

    list_each(node, next, &tr->tracks) {
        const struct track *t = container_of(node, struct track, node);

        count += t->stage == OPEN && strcmp(t->place.channel, channel) == 0 ? 1 : 0;
    }
    return count;
}

static int64_t edit_pause(const struct track *t)
{
    const struct settings *s = t->tracker->bot->settings;
    int64_t shared = open_in_channel(t->tracker, t->place.channel) * (int64_t)CHANNEL_EDIT_MS;
    int64_t pause = shared > s->edit_ms ? shared : s->edit_ms;

    if (clock_mono_ms() - t->begun_ms > SLOW_AFTER_MS && pause < s->edit_slow_ms) {
        pause = s->edit_slow_ms;
    }
    return pause;
}

static bool token_lives(const struct track *t)
{
    return t->place.token[0] != '\0' && clock_wall_ms() < t->place.token_until_ms;
}

static struct message *make_view(const struct track *t, struct bytes *preview, const char *type)
{
    struct bot *b = t->tracker->bot;

    return view_open(
        t->job, &(struct view_options){.catalog = b->catalog,
                                       .now_ms = clock_wall_ms(),
                                       .user_id = t->place.user,
                                       .preview = preview,
                                       .preview_type = type,
                                       .is_spoiler = policy_is_spoiler(b->policy, t->place.channel),
                                       .is_cancel_shown = true});
}

static void on_edited(void *arg, const struct discord_result *r)
{
    struct track *t = arg;

    t->edit = NULL;
    if (r->status / 100 == 2) {
        note_message(t, read_text(r->json, "id"));
    } else if (r->status == 401 || r->status == 403 || r->status == 404 || r->status == 400) {
        if (token_lives(t)) {
            t->place.token[0] = '\0';
        } else {
            t->is_edit_closed = true;
        }
        t->shown = 0;
    } else {
        t->shown = 0;
    }
    if (t->stage == OPEN) {
        plan_edit(t);
    }
}

static void send_edit(struct track *t, struct bytes *preview, const char *type)
{
    struct discord *d = t->tracker->bot->discord;
    struct message *m = make_view(t, preview, type);
    uint64_t shows = message_fingerprint(m);

    if (shows != t->shown || preview != NULL) {
        t->shown = shows;
        t->edited_ms = clock_mono_ms();
        if (token_lives(t)) {
            t->edit =
                discord_edit_original(d, t->place.app, t->place.token, m, false, on_edited, t);
        } else if (t->place.message[0] != '\0' && !t->place.is_ephemeral) {
            t->edit = discord_edit(d, t->place.channel, t->place.message, m, false, on_edited, t);
        } else {
            t->is_edit_closed = true;
        }
    }
    message_free(m);
}

static const char *picture_type(struct span data)
{
    if (data.len > 4 && memcmp(data.ptr, "\x89PNG", 4) == 0) {
        return "image/png";
    }
    return data.len > 12 && memcmp(data.ptr + 8, "WEBP", 4) == 0 ? "image/webp" : "image/jpeg";
}

static void on_preview(void *arg, const struct comfygate_result *result)
{
    struct track *t = arg;
    AUTO(bytes_unref_ptr) struct bytes *preview = NULL;

    t->preview_call = NULL;
    t->previewed_ms = clock_mono_ms();
    if (result->status == 200 && result->body.len > 0) {
        preview = bytes_new(result->body);
    }
    if (t->stage == OPEN && t->edit == NULL) {
        send_edit(t, preview, picture_type(bytes_span(preview)));
    }
}

static void on_edit_due(void *arg)
{
    struct track *t = arg;
    int64_t since = clock_mono_ms() - t->previewed_ms;
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s/preview", t->id);

    if (t->edit != NULL || t->preview_call != NULL || t->answer != NULL || t->stage != OPEN) {
        return;
    }
    if (t->has_new_preview && since >= t->tracker->bot->settings->preview_ms) {
        t->has_new_preview = false;
        t->preview_call =
            comfygate_fetch(t->tracker->bot->comfygate, path, PREVIEW_MAX_BYTES, 0, on_preview, t);
        return;
    }
    send_edit(t, NULL, NULL);
}

/* The edit that says the latest, as soon as it may be sent; one that is planned already will. */
static void plan_edit(struct track *t)
{
    int64_t due = t->edited_ms + edit_pause(t) - clock_mono_ms();

    if (t->is_edit_closed || t->answer != NULL || t->edit != NULL || t->stage != OPEN ||
        t->job == NULL || t->timer.due_mono_ms != 0) {
        return;
    }
    loop_timer_set(t->tracker->bot->loop, &t->timer, due > 0 ? due : 0, on_edit_due, t);
}

/* ---- the first message ---------------------------------------------------------------------- */

static void on_first_message(void *arg, const struct discord_result *r)
{
    struct track *t = arg;
    const cJSON *resource = cJSON_GetObjectItemCaseSensitive(r->json, "resource");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(resource, "message");

    note_message(t, read_text(message != NULL ? message : r->json, "id"));
    if (r->status / 100 != 2) {
        log_warn("first_message_failed", LOG_S("job", t->id), LOG_I("status", r->status),
                 LOG_I("code", r->code));
    }
    answer_unref(take_ptr(&t->answer));
    t->edited_ms = clock_mono_ms();
    if (has_ended(t->job)) {
        ask_turn(t);
    } else {
        plan_edit(t);
    }
}

void tracker_add(struct tracker *tr, const cJSON *job, const struct place *place, struct answer *a)
{
    const char *id = read_text(job, "id");
    struct track *t = map_get(tr->by_id, id);
    struct message *m = NULL;

    if (t != NULL && t->stage != OPEN) {
        return; /* a repetition of what is on its way to its end */
    }
    t = t != NULL ? t : track_new(tr, id, place);
    take_job(t, job);
    if (t->answer == NULL) {
        t->answer = answer_ref(a);
    }
    m = make_view(t, NULL, NULL);
    t->shown = message_fingerprint(m);
    answer_say(t->answer, m, on_first_message, t);
    message_free(m);
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
        log_info("job_taken_up", LOG_S("job", id));
    }
    t->is_listed = true;
    if (t->stage != OPEN) {
        return;
    }
    take_job(t, job);
    if (has_ended(job)) {
        ask_turn(t);
    } else {
        plan_edit(t);
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
            read_job(t);
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
        plan_edit(t);
    } else if (strcmp(type, "job.preview") == 0) {
        t->has_new_preview = true;
        plan_edit(t);
    } else if (strncmp(type, "job.", 4) == 0 && strcmp(type, "job.output") != 0) {
        read_job(t);
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
        mark(t, "forgotten", "", "");
    }
}
