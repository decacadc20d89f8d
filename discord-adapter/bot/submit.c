/* submit.c - see submit.h. One request goes: quota, pending record, "thinking", files, job, first message.
 */
#include "bot/submit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/policy.h"
#include "bot/prefs.h"
#include "bot/say.h"
#include "bot/track.h"
#include "bot/work.h"
#include "wire/read.h"

#define UPLOAD_PATIENCE_MS 120000
#define SUBMIT_PATIENCE_MS 120000
#define QUOTA_PATIENCE_MS  5000
#define DAY_MS             86400000
#define TITLE_CHARS        80
#define TODAY_MAX          200 /* jobs of one user that are looked at */
#define RESUME_AGAIN_MS    2000

struct request {
    struct work work;
    struct list node; /* in the bot's submissions */
    struct bot *bot;
    struct answer *answer;
    struct place place;
    bool is_admitted;      /* by the quotas: it counts */
    bool must_count_again; /* a job of this user began while theirs were counted */
    const char *lacking;   /* permission of ours, here; NULL = none. A constant */
    cJSON *record;         /* the whole request, as the pending record keeps it */
    cJSON *input;          /* of the record */
    size_t next_picture;
    bool is_pending; /* the record is at comfygate */
};

static void next_picture(struct request *r);

/* ---- making and ending ---------------------------------------------------------------------- */

static void request_drop(struct work *w)
{
    struct request *r = container_of(w, struct request, work);

    list_remove(&r->node);
    answer_unref(r->answer);
    cJSON_Delete(r->record);
    free(r);
}

static void request_end(struct request *r)
{
    if (r->is_pending) {
        prefs_delete(r->bot, "pending", r->place.interaction, NULL, NULL);
    }
    tracker_expect_no_more(r->bot->tracker, r->place.interaction);
    work_end(&r->work);
    request_drop(&r->work);
}

static void refuse(struct request *r, const char *sentence)
{
    log_info("submission_refused", LOG_S("interaction", r->place.interaction));
    say_error(r->answer, sentence);
    request_end(r);
}

static cJSON *make_record(const struct submission *s, const struct place *place)
{
    cJSON *record = require_memory(cJSON_CreateObject());
    cJSON *pictures = cJSON_AddArrayToObject(record, "pictures");
    cJSON *raw = cJSON_AddObjectToObject(record, "raw"); /* numbers that JSON's readers round */
    const cJSON *value = NULL;

    (void)cJSON_AddItemToObject(
        record, "input", s->input != NULL ? cJSON_Duplicate(s->input, true) : cJSON_CreateObject());
    (void)cJSON_AddStringToObject(record, "template",
                                  s->template_name != NULL ? s->template_name : "");
    (void)cJSON_AddStringToObject(record, "parent", s->parent_id != NULL ? s->parent_id : "");
    cJSON_ArrayForEach(value, s->input) {
        if (cJSON_IsRaw(value)) {
            (void)cJSON_AddStringToObject(raw, value->string, value->valuestring);
        }
    }
    for (size_t i = 0; i < s->picture_count; i++) {
        cJSON *picture = require_memory(cJSON_CreateObject());

        (void)cJSON_AddStringToObject(picture, "param", s->picture[i].param);
        (void)cJSON_AddStringToObject(picture, "url", s->picture[i].url);
        (void)cJSON_AddStringToObject(picture, "name", s->picture[i].filename);
        (void)cJSON_AddItemToArray(pictures, picture);
    }
    place_write(place, cJSON_AddObjectToObject(record, "place"));
    return record;
}

/* ---- the job -------------------------------------------------------------------------------- */

/* Their jobs as they were counted are one too few by now. */
static void count_again(const struct request *r)
{
    list_each(node, next, &r->bot->submissions) {
        struct request *other = container_of(node, struct request, node);

        if (strcmp(other->place.user, r->place.user) == 0) {
            other->must_count_again = true;
        }
    }
}

/* The interaction's token needs none; but it ends after a quarter of an hour, and who waits so long is to know it now. */
static void tell_lacking(const struct request *r)
{
    AUTO(free_ptr) char *sentence = NULL;

    if (r->lacking != NULL) {
        sentence =
            xasprintf("I lack the permission \"%s\" in this channel. If this takes longer than a "
                      "quarter of an hour, the result comes to you as a direct message.",
                      r->lacking);
        answer_whisper_text(r->answer, sentence);
    }
}

static void on_submitted(void *arg, const struct comfygate_result *result)
{
    struct request *r = arg;
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(result->json, "metadata");
    bool is_job = result->status / 100 == 2 && result->json != NULL;

    if (is_job && strcmp(read_text(metadata, "discord.state"), "open") != 0) {
        request_end(r); /* a pending record that outlived its job's last message */
        return;
    }
    if (is_job) {
        log_info("submitted", LOG_S("interaction", r->place.interaction),
                 LOG_S("job", read_text(result->json, "id")));
        tracker_add(r->bot->tracker, result->json, &r->place, r->answer);
        tell_lacking(r);
        count_again(r);
        request_end(r);
        return;
    }
    refuse(r, result->sentence);
}

static cJSON *make_metadata(const struct request *r)
{
    cJSON *metadata = require_memory(cJSON_CreateObject());

    place_write(&r->place, metadata);
    (void)cJSON_AddStringToObject(metadata, "discord.state", "open");
    return metadata;
}

/* So that lists are read by people, too: the beginning of the prompt. */
static void add_title(cJSON *body, const cJSON *input)
{
    const char *prompt = read_text(input, "prompt");
    AUTO(buf_clear) struct buf title = BUF_INIT(1024);

    if (prompt[0] != '\0') {
        say_title(&title, prompt, TITLE_CHARS);
        (void)cJSON_AddStringToObject(body, "title", buf_str(&title));
    }
}

static void send_job(struct request *r)
{
    const char *parent = read_text(r->record, "parent");
    cJSON *body = require_memory(cJSON_CreateObject());
    AUTO(free_ptr) char *text = NULL;

    (void)cJSON_AddStringToObject(body, "template", read_text(r->record, "template"));
    if (parent[0] != '\0') {
        (void)cJSON_AddStringToObject(body, "parent_id", parent);
    }
    add_title(body, r->input);
    (void)cJSON_AddItemToObject(body, "input", cJSON_Duplicate(r->input, true));
    (void)cJSON_AddItemToObject(body, "metadata", make_metadata(r));
    text = require_memory(cJSON_PrintUnformatted(body));
    cJSON_Delete(body);
    (void)comfygate_start(r->bot->comfygate,
                          &(struct comfygate_request){.method = "POST",
                                                      .path = "/v1/jobs",
                                                      .body = text,
                                                      .idempotency_key = r->place.interaction,
                                                      .patience_ms = SUBMIT_PATIENCE_MS,
                                                      .done = on_submitted,
                                                      .arg = r});
}

/* ---- files ---------------------------------------------------------------------------------- */

static const cJSON *picture_at(const struct request *r, size_t index)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(r->record, "pictures"), (int)index);
}

static void on_uploaded(void *arg, const struct comfygate_result *result)
{
    struct request *r = arg;
    const char *id = read_text(result->json, "id");
    AUTO(free_ptr) char *reference = xasprintf("asset:%s", id);
    cJSON *value = NULL;

    if (result->status / 100 != 2 || id[0] == '\0') {
        refuse(r, result->sentence);
        return;
    }
    value = require_memory(cJSON_CreateString(reference));
    read_replace(r->input, read_text(picture_at(r, r->next_picture), "param"), value);
    cJSON_Delete(value);
    r->next_picture++;
    next_picture(r);
}

static void on_fetched(void *arg, struct bytes *data, const char *reason)
{
    struct request *r = arg;

    if (data == NULL) {
        refuse(r, reason);
        return;
    }
    (void)comfygate_upload(r->bot->comfygate, data,
                           read_text(picture_at(r, r->next_picture), "name"), UPLOAD_PATIENCE_MS,
                           on_uploaded, r);
    bytes_unref(data);
}

static void next_picture(struct request *r)
{
    const cJSON *picture = picture_at(r, r->next_picture);

    if (picture == NULL) {
        send_job(r);
        return;
    }
    (void)discord_fetch(r->bot->discord, read_text(picture, "url"),
                        r->bot->settings->max_input_bytes, on_fetched, r);
}

static void on_pending(void *arg, bool ok)
{
    struct request *r = arg;

    r->is_pending = ok;
    if (!ok) {
        refuse(r, "The picture service cannot be reached just now. Nothing was started; please try "
                  "again in a minute.");
        return;
    }
    answer_defer(r->answer, r->place.is_ephemeral, false, NULL, NULL);
    next_picture(r);
}

static void begin(struct request *r)
{
    if (picture_at(r, 0) == NULL) {
        send_job(r);
        return;
    }
    if (!prefs_fits(
            r->record)) { /* a prompt of thousands of characters: rather a small risk than a refusal */
        next_picture(r);
        return;
    }
    prefs_put(r->bot, "pending", r->place.interaction, r->record, on_pending, r);
}

/* ---- quotas --------------------------------------------------------------------------------- */

static void check_quota(struct request *r);

static bool is_listed(const cJSON *jobs, const char *interaction)
{
    const cJSON *job = NULL;

    cJSON_ArrayForEach(job, jobs) {
        const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(job, "metadata");

        if (strcmp(read_text(metadata, "discord.interaction"), interaction) == 0) {
            return true;
        }
    }
    return false;
}

/* Requests of this user that will be jobs, and are none in the list yet. */
static int count_admitted(const struct request *r, const cJSON *jobs)
{
    int count = 0;

    list_each(node, next, &r->bot->submissions) {
        const struct request *other = container_of(node, struct request, node);

        if (other->is_admitted && strcmp(other->place.user, r->place.user) == 0 &&
            !is_listed(jobs, other->place.interaction)) {
            count++;
        }
    }
    return count;
}

static void on_today(void *arg, const struct comfygate_result *result)
{
    struct request *r = arg;
    AUTO(buf_clear) struct buf why = BUF_INIT(512);
    const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(result->json, "data");
    int64_t now = clock_wall_ms();
    int64_t oldest = now;
    const cJSON *job = NULL;
    int open = tracker_open_count(r->bot->tracker, r->place.user) + count_admitted(r, NULL);
    int today = count_admitted(r, jobs);

    if (r->must_count_again) {
        check_quota(r);
        return;
    }
    cJSON_ArrayForEach(job, jobs) {
        int64_t created = read_time_ms(job, "created_at");

        if (created > now - DAY_MS) {
            today++;
            oldest = created < oldest ? created : oldest;
        }
    }
    if (!policy_quota(r->bot->policy, open, today, oldest, now, &why)) {
        refuse(r, buf_str(&why));
        return;
    }
    r->is_admitted = true;
    begin(r);
}

/* How many a day is counted in comfygate, so that a restart forgets nothing. */
static void check_quota(struct request *r)
{
    int64_t a_day = r->bot->settings->jobs_per_day;
    AUTO(free_ptr) char *path = NULL;

    r->must_count_again = false;
    if (a_day <= 0) {
        on_today(r, &(struct comfygate_result){.status = 200});
        return;
    }
    path = xasprintf("/v1/jobs?metadata.discord.app=%s&metadata.discord.user=%s&limit=%" PRId64,
                     r->place.app, r->place.user, a_day < TODAY_MAX ? a_day : (int64_t)TODAY_MAX);
    (void)comfygate_start(r->bot->comfygate,
                          &(struct comfygate_request){.method = "GET",
                                                      .path = path,
                                                      .patience_ms = QUOTA_PATIENCE_MS,
                                                      .done = on_today,
                                                      .arg = r});
}

/* ---- beginning ------------------------------------------------------------------------------ */

void submit(struct bot *b, const struct interaction *i, struct answer *a,
            const struct submission *s)
{
    struct request *r = xcalloc(1, sizeof *r);

    work_begin(b, &r->work, request_drop);
    list_push(&b->submissions, &r->node);
    r->bot = b;
    r->answer = answer_ref(a);
    r->lacking = policy_missing_permission(i);
    r->place = place_of(i, b->settings->token_seconds * 1000);
    r->record = make_record(s, &r->place);
    r->input = cJSON_GetObjectItemCaseSensitive(r->record, "input");
    tracker_expect(b->tracker, r->place.interaction);
    answer_in_time(a, false, false);
    check_quota(r);
}

static void restore_raw(cJSON *record)
{
    cJSON *input = cJSON_GetObjectItemCaseSensitive(record, "input");
    const cJSON *text = NULL;

    cJSON_ArrayForEach(text, cJSON_GetObjectItemCaseSensitive(record, "raw")) {
        cJSON_DeleteItemFromObjectCaseSensitive(input, text->string);
        (void)cJSON_AddRawToObject(input, text->string, cJSON_GetStringValue(text));
    }
}

static bool is_under_way(const struct bot *b, const char *interaction)
{
    list_each(node, next, &b->submissions) {
        const struct request *r = container_of(node, struct request, node);

        if (strcmp(r->place.interaction, interaction) == 0) {
            return true;
        }
    }
    return false;
}

static void resume_one(void *arg, const char *id, const cJSON *record)
{
    struct bot *b = arg;
    struct request *r = NULL;
    struct place place;

    if (is_under_way(b, id)) {
        return;
    }
    if (!place_read(cJSON_GetObjectItemCaseSensitive(record, "place"), &place) ||
        !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(record, "input"))) {
        prefs_delete(b, "pending", id, NULL, NULL);
        return;
    }
    r = xcalloc(1, sizeof *r);
    work_begin(b, &r->work, request_drop);
    list_push(&b->submissions, &r->node);
    r->bot = b;
    r->place = place;
    r->record = require_memory(cJSON_Duplicate(record, true));
    restore_raw(r->record);
    r->input = cJSON_GetObjectItemCaseSensitive(r->record, "input");
    r->is_pending = true;
    r->is_admitted = true;
    r->answer = answer_resume(b->loop, b->discord, place.app, place.interaction, place.token,
                              place.is_ephemeral);
    log_info("submission_resumed", LOG_S("interaction", place.interaction));
    tracker_expect(b->tracker, place.interaction);
    next_picture(r);
}

static void on_resume_due(void *arg)
{
    submit_resume(arg);
}

static void on_all_told(void *arg, bool ok)
{
    struct bot *b = arg;

    if (!ok) {
        loop_timer_set(b->loop, &b->resume, RESUME_AGAIN_MS, on_resume_due, b);
    }
}

void submit_resume(struct bot *b)
{
    prefs_list(b, "pending", resume_one, on_all_told, b);
}
