/* track_edit.c - a job's message while it is open: the first, and then edits, the latest state winning.
 */
#include "bot/track_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/policy.h"
#include "bot/view.h"
#include "wire/read.h"

#define CHANNEL_EDIT_MS   1250 /* Discord takes about 5 messages in 5 s in a channel */
#define SLOW_AFTER_MS     120000
#define PREVIEW_MAX_BYTES (2 << 20)

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

/* A webhook or a message that has answered so is not to be asked again (Discord). */
static bool is_way_closed(const struct discord_result *r)
{
    return r->status == 401 || r->status == 403 || r->status == 404;
}

/* What was sent did not get there. What Discord refused for what is in it, it would refuse again: that waits for the next change. */
static void note_lost(struct track *t, const struct discord_result *r, bool was_by_token)
{
    bool is_refused = r->status / 100 == 4 && r->status != 429;

    if (!is_way_closed(r)) {
        t->shown = is_refused ? t->shown : 0;
        return;
    }
    t->shown = 0;
    if (was_by_token) {
        t->place.token[0] = '\0';
    } else {
        t->is_edit_closed = true;
    }
}

static void on_edited(void *arg, const struct discord_result *r)
{
    struct track *t = arg;

    t->edit = NULL;
    if (r->status / 100 == 2) {
        track_note_message(t, read_text(r->json, "id"));
    } else {
        note_lost(t, r, t->is_edit_by_token);
    }
    if (t->stage == OPEN) {
        track_plan_edit(t);
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
        t->is_edit_by_token = token_lives(t);
        if (t->is_edit_by_token) {
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
void track_plan_edit(struct track *t)
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

    track_note_message(t, read_text(message != NULL ? message : r->json, "id"));
    if (r->status / 100 != 2) {
        log_warn("first_message_failed", LOG_S("job", t->id), LOG_I("status", r->status),
                 LOG_I("code", r->code));
        note_lost(t, r, true);
    }
    answer_unref(take_ptr(&t->answer));
    t->edited_ms = clock_mono_ms();
    if (track_has_ended(t->job)) {
        track_ask_turn(t);
    } else {
        track_plan_edit(t);
    }
}

void track_say_first(struct track *t, struct answer *a)
{
    struct message *m = NULL;

    if (t->answer != NULL) {
        return; /* a repetition: it is on its way */
    }
    t->answer = answer_ref(a);
    m = make_view(t, NULL, NULL);
    t->shown = message_fingerprint(m);
    answer_say(t->answer, m, on_first_message, t);
    message_free(m);
}
