/* deliver.c - files first, then the ways, one after the other.
 *
 * What is in doubt (no answer) is repeated on the same way: an edit says the same again, and a new message has a nonce that
 * Discord enforces. Only what Discord refused moves on to the next way.
 */
#include "bot/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bot/job_text.h"
#include "bot/policy.h"
#include "bot/view.h"
#include "wire/read.h"
#include "wire/text.h"

#define FILES_BYTES_MAX (24LL << 20) /* of one request; Discord takes 25 MiB with everything */
#define FILE_LIMIT_BOT  (10LL << 20) /* of a file that the bot sends by its own token */
#define FETCH_PATIENCE  120000
#define RETRY_FIRST_MS  2000
#define RETRY_MAX_MS    60000
#define LINKS_MAX       4000
#define LIMIT_TRIES     6 /* each halves the limit */
#define NONCE_CHARS     25

#define JSON_TOO_LARGE 40005 /* "Request entity too large" */
#define JSON_BAD_FORM  50035
#define JSON_NO_REPLY  160002 /* "Cannot reply without permission to read message history" */

enum way { WAY_ORIGINAL, WAY_EDIT, WAY_POST, WAY_OPEN_DM, WAY_DM, WAY_KEEP };

struct delivery {
    struct bot *bot;
    struct place place;
    cJSON *job;
    const char *id; /* of the job; in its tree */
    char *seed;
    void (*done)(void *arg, enum delivered how, const char *channel, const char *message_id);
    void *arg;

    enum way way;
    bool is_plain; /* Discord took none of our form: text and files alone */
    bool is_no_reply;
    int64_t file_limit;
    int limit_tries;
    int64_t pause_ms;
    struct loop_timer timer;
    char dm_channel[24];

    struct {
        struct bytes *data;
        bool is_rendition;
    } file[MESSAGE_FILES_MAX];
    size_t next_file;
    int64_t bytes; /* of the files that are here */
    struct buf links;
    struct comfygate_call *gate_call;
    struct discord_call *call;
};

static void go(struct delivery *d);
static void next_file(struct delivery *d);

/* ---- making and ending ---------------------------------------------------------------------- */

static void forget_files(struct delivery *d)
{
    for (size_t i = 0; i < COUNT_OF(d->file); i++) {
        bytes_unref(d->file[i].data);
        d->file[i].data = NULL;
        d->file[i].is_rendition = false;
    }
    d->next_file = 0;
    d->bytes = 0;
    buf_reset(&d->links);
}

void deliver_drop(struct delivery *d)
{
    if (d == NULL) {
        return;
    }
    loop_timer_off(d->bot->loop, &d->timer);
    comfygate_drop(d->gate_call);
    discord_drop(d->call);
    forget_files(d);
    buf_clear(&d->links);
    cJSON_Delete(d->job);
    free(d->seed);
    free(d);
}

static void finish(struct delivery *d, enum delivered how, const char *channel, const char *message)
{
    AUTO(free_ptr) char *where = xstrdup(channel);
    AUTO(free_ptr) char *id = xstrdup(message);
    void (*done)(void *, enum delivered, const char *, const char *) = d->done;
    void *arg = d->arg;

    log_info("delivered", LOG_S("job", d->id),
             LOG_S("how", how == DELIVERED_EDIT  ? "edit"
                          : how == DELIVERED_NEW ? "new"
                          : how == DELIVERED_DM  ? "dm"
                                                 : "kept"));
    deliver_drop(d);
    done(arg, how, where, id);
}

static void on_pause_over(void *arg)
{
    go(arg);
}

/* The same way again, later. */
static void pause_then_go(struct delivery *d)
{
    d->pause_ms = d->pause_ms == 0                 ? RETRY_FIRST_MS
                  : d->pause_ms < RETRY_MAX_MS / 2 ? d->pause_ms * 2
                                                   : RETRY_MAX_MS;
    loop_timer_set(d->bot->loop, &d->timer, d->pause_ms, on_pause_over, d);
}

/* Discord may take it later. A 401 of a way that is the bot's means that its token was revoked: the next process may have a new one. */
static bool is_passing(const struct delivery *d, const struct discord_result *r)
{
    return r->status == 0 || r->status >= 500 || r->status == 429 ||
           (r->status == 401 && d->way != WAY_ORIGINAL);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void on_file_due(void *arg)
{
    next_file(arg);
}

/* True when comfygate is away: what it has made is asked for again when it may be back, and no message goes out without. */
static bool waits_for_comfygate(struct delivery *d)
{
    if (comfygate_is_up(d->bot->comfygate)) {
        return false;
    }
    loop_timer_set(d->bot->loop, &d->timer, RETRY_FIRST_MS, on_file_due, d);
    return true;
}

static const cJSON *output_at(const struct delivery *d, size_t index)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(d->job, "outputs"), (int)index);
}

static bool is_file(const cJSON *output)
{
    return strcmp(read_text(output, "type"), "text") != 0;
}

static int64_t room_for_file(const struct delivery *d)
{
    int64_t left = FILES_BYTES_MAX - d->bytes;

    return left < d->file_limit ? left : d->file_limit;
}

static void add_line(struct delivery *d, const cJSON *output, const char *text)
{
    AUTO(buf_clear) struct buf size = BUF_INIT(64);

    text_bytes(&size, read_int(output, "size_bytes", 0));
    (void)buf_append_str(&d->links, "\n");
    text_escape(&d->links, read_text(output, "name"), 80);
    (void)buf_appendf(&d->links, " (%s) %s", buf_str(&size), text);
}

static void tell_too_large(struct delivery *d, const cJSON *output)
{
    AUTO(free_ptr)
    char *line = xasprintf("is too large for this chat. It is kept under the job's id, %s.", d->id);

    add_line(d, output, line);
    d->next_file++;
    next_file(d);
}

static void on_link(void *arg, const struct comfygate_result *result)
{
    struct delivery *d = arg;
    const cJSON *output = output_at(d, d->next_file);
    const char *url = read_text(result->json, "url");
    AUTO(free_ptr) char *line = NULL;
    int64_t until = read_time_ms(result->json, "expires_at");
    AUTO(buf_clear) struct buf when = BUF_INIT(64);

    d->gate_call = NULL;
    if (waits_for_comfygate(d)) {
        return;
    }
    if (result->status / 100 != 2 || url[0] == '\0') {
        tell_too_large(d, output);
        return;
    }
    text_time(&when, until, 'R');
    line = xasprintf("is too large for this chat: [open it](%s%s), until %s",
                     url[0] == '/' ? d->bot->settings->public_url : "", url, buf_str(&when));
    add_line(d, output, line);
    d->next_file++;
    next_file(d);
}

static void ask_link(struct delivery *d, const cJSON *output)
{
    AUTO(free_ptr) char *path = xasprintf("/v1/outputs/%s/link", read_text(output, "id"));
    AUTO(free_ptr)
    char *body = xasprintf("{\"expires_seconds\":%lld}", (long long)d->bot->settings->link_seconds);

    if (d->bot->settings->public_url[0] == '\0') {
        tell_too_large(d, output);
        return;
    }
    d->gate_call = comfygate_start(d->bot->comfygate, &(struct comfygate_request){.method = "POST",
                                                                                  .path = path,
                                                                                  .body = body,
                                                                                  .patience_ms = 0,
                                                                                  .done = on_link,
                                                                                  .arg = d});
}

static void take_file(struct delivery *d, struct span body, bool is_rendition)
{
    d->file[d->next_file].data = bytes_new(body);
    d->file[d->next_file].is_rendition = is_rendition;
    d->bytes += (int64_t)body.len;
    d->next_file++;
    next_file(d);
}

static void on_rendition(void *arg, const struct comfygate_result *result)
{
    struct delivery *d = arg;

    d->gate_call = NULL;
    if (result->status == 200 && (int64_t)result->body.len <= room_for_file(d)) {
        take_file(d, result->body, true);
    } else if (!waits_for_comfygate(d)) {
        ask_link(d, output_at(d, d->next_file));
    }
}

static void ask_rendition(struct delivery *d, const cJSON *output)
{
    int64_t room = room_for_file(d);
    AUTO(free_ptr)
    char *path = xasprintf("/v1/outputs/%s/rendition?max_bytes=%lld", read_text(output, "id"),
                           (long long)room);

    if (strcmp(read_text(output, "type"), "image") != 0 || room < 1024) {
        ask_link(d, output);
        return;
    }
    d->gate_call = comfygate_fetch(d->bot->comfygate, path, room, FETCH_PATIENCE, on_rendition, d);
}

static void on_content(void *arg, const struct comfygate_result *result)
{
    struct delivery *d = arg;

    d->gate_call = NULL;
    if (result->status == 200) {
        take_file(d, result->body, false);
        return;
    }
    if (waits_for_comfygate(d)) {
        return;
    }
    add_line(d, output_at(d, d->next_file), "could not be fetched.");
    d->next_file++;
    next_file(d);
}

static void fetch_file(struct delivery *d, const cJSON *output)
{
    AUTO(free_ptr)
    char *path = xasprintf("/v1/outputs/%s/content?redirect=0", read_text(output, "id"));
    int64_t size = read_int(output, "size_bytes", INT64_MAX);

    if (size > room_for_file(d)) {
        ask_rendition(d, output);
        return;
    }
    d->gate_call = comfygate_fetch(d->bot->comfygate, path, size, FETCH_PATIENCE, on_content, d);
}

static void next_file(struct delivery *d)
{
    const cJSON *output = NULL;

    while (d->next_file < MESSAGE_FILES_MAX && (output = output_at(d, d->next_file)) != NULL &&
           !is_file(output)) {
        d->next_file++;
    }
    if (d->next_file < MESSAGE_FILES_MAX && output != NULL) {
        fetch_file(d, output);
        return;
    }
    if (output_at(d, MESSAGE_FILES_MAX) != NULL) {
        (void)buf_appendf(&d->links, "\nOnly the first %d are shown here.", MESSAGE_FILES_MAX);
    }
    go(d);
}

/* ---- the message ---------------------------------------------------------------------------- */

static const char *file_type(const struct delivery *d, size_t i)
{
    struct span head = bytes_span(d->file[i].data);

    if (!d->file[i].is_rendition) {
        return read_text(output_at(d, i), "content_type");
    }
    return head.len > 12 && memcmp(head.ptr + 8, "WEBP", 4) == 0  ? "image/webp"
           : head.len > 3 && memcmp(head.ptr, "\xff\xd8", 2) == 0 ? "image/jpeg"
                                                                  : "image/png";
}

/* The output's own name, with the ending of what is sent. */
static void file_name(struct buf *out, const struct delivery *d, size_t i)
{
    static const char *const ending[][2] = {
        {"image/webp", ".webp"}, {"image/jpeg", ".jpg"}, {"image/png", ".png"}};
    const char *name = read_text(output_at(d, i), "name");
    const char *slash = strrchr(name, '/');
    AUTO(free_ptr) char *base = xstrdup(slash != NULL ? slash + 1 : name);
    char *dot = strrchr(base, '.');
    AUTO(free_ptr) char *whole = NULL;

    for (size_t e = 0; d->file[i].is_rendition && e < COUNT_OF(ending); e++) {
        if (strcmp(file_type(d, i), ending[e][0]) == 0 && dot != NULL) {
            *dot = '\0';
            whole = xasprintf("%s%s", base, ending[e][1]);
        }
    }
    (void)buf_appendf(out, "%zu-", i + 1); /* two outputs may have one name */
    text_filename(out, whole != NULL ? whole : base);
}

static void add_files(struct delivery *d, struct message *m)
{
    bool is_spoiler = policy_is_spoiler(d->bot->policy, d->place.channel);
    bool has_image = false;

    for (size_t i = 0; i < COUNT_OF(d->file); i++) {
        AUTO(buf_clear) struct buf name = BUF_INIT(128);

        if (d->file[i].data == NULL) {
            continue;
        }
        file_name(&name, d, i);
        if (message_file(m, buf_str(&name), file_type(d, i), bytes_ref(d->file[i].data), NULL,
                         is_spoiler) &&
            !has_image && !is_spoiler && !d->is_plain &&
            strncmp(file_type(d, i), "image/", 6) == 0 && message_file_count(m) == 1 &&
            output_at(d, 1) == NULL) {
            message_image(m, buf_str(&name));
            has_image = true;
        }
    }
}

static struct message *plain_message(const struct delivery *d)
{
    struct message *m = message_new();
    AUTO(free_ptr) char *text = xasprintf("Job %s: %s", d->id, read_text(d->job, "status"));

    message_content(m, text);
    return m;
}

static struct message *make_message(struct delivery *d)
{
    struct view_options o = {
        .catalog = d->bot->catalog, .now_ms = clock_wall_ms(), .user_id = d->place.user};
    bool is_good = strcmp(read_text(d->job, "status"), "succeeded") == 0;
    struct message *m = d->is_plain ? plain_message(d)
                        : is_good   ? view_result(d->job, d->seed, &o, buf_str(&d->links))
                                    : view_failed(d->job, &o);

    add_files(d, m);
    return m;
}

/* A new message says whose it is, replies to the old one, and cannot be made twice. */
static struct message *make_new_message(struct delivery *d, bool is_in_channel)
{
    struct message *m = make_message(d);
    char nonce[NONCE_CHARS + 1];
    size_t n = 0;
    AUTO(free_ptr) char *text = xasprintf("<@%s>, your result is here.", d->place.user);

    for (const char *c = d->id; *c != '\0' && n < NONCE_CHARS - 1; c++) {
        if (*c != '-') {
            nonce[n++] = *c;
        }
    }
    nonce[n++] = is_in_channel ? 'c' : 'd';
    nonce[n] = '\0';
    message_nonce(m, nonce);
    if (is_in_channel) {
        message_content(m, text);
        message_mention(m, d->place.user);
        if (d->place.message[0] != '\0' && !d->is_no_reply) {
            message_reply_to(m, d->place.message);
        }
    }
    return m;
}

/* ---- the ways ------------------------------------------------------------------------------- */

static int64_t limit_of(const struct delivery *d, enum way way)
{
    int64_t fixed = d->bot->settings->file_limit_bytes;

    if (fixed > 0) {
        return fixed;
    }
    return way == WAY_ORIGINAL && d->place.file_limit > 0 ? d->place.file_limit : FILE_LIMIT_BOT;
}

static void take_way(struct delivery *d, enum way way)
{
    bool fits = limit_of(d, way) >= d->file_limit;

    d->way = way;
    d->pause_ms = 0;
    if (fits) {
        go(d);
        return;
    }
    d->file_limit = limit_of(d, way);
    forget_files(d);
    next_file(d);
}

static enum way way_after(const struct delivery *d)
{
    switch (d->way) {
    case WAY_ORIGINAL:
        return d->place.message[0] != '\0' && !d->place.is_ephemeral ? WAY_EDIT
               : d->place.is_ephemeral                               ? WAY_OPEN_DM
                                                                     : WAY_POST;
    case WAY_EDIT:
        return WAY_POST;
    case WAY_POST:
        return WAY_OPEN_DM;
    case WAY_OPEN_DM:
    case WAY_DM:
    case WAY_KEEP:
        break;
    }
    return WAY_KEEP;
}

static void fit_smaller(struct delivery *d)
{
    if (++d->limit_tries > LIMIT_TRIES) {
        d->file_limit = 0; /* links only */
    } else {
        d->file_limit = (d->bytes < d->file_limit ? d->bytes : d->file_limit) / 2;
    }
    forget_files(d);
    next_file(d);
}

static void on_sent(void *arg, const struct discord_result *r)
{
    struct delivery *d = arg;
    const char *id = read_text(r->json, "id");

    d->call = NULL;
    if (r->status / 100 == 2) {
        const char *channel = d->way == WAY_DM ? d->dm_channel : d->place.channel;

        finish(d,
               d->way == WAY_DM     ? DELIVERED_DM
               : d->way == WAY_POST ? DELIVERED_NEW
                                    : DELIVERED_EDIT,
               channel, id[0] != '\0' ? id : d->place.message);
    } else if (is_passing(d, r)) {
        pause_then_go(d);
    } else if ((r->status == 413 || r->code == JSON_TOO_LARGE) && d->bytes > 0) {
        fit_smaller(d);
    } else if (r->status == 400 && r->code == JSON_BAD_FORM && !d->is_plain) {
        log_error("message_refused", LOG_S("job", d->id), LOG_S("reason", r->reason));
        d->is_plain = true;
        go(d);
    } else if (r->code == JSON_NO_REPLY && !d->is_no_reply) {
        d->is_no_reply = true;
        go(d);
    } else {
        log_info("way_closed", LOG_S("job", d->id), LOG_I("way", d->way),
                 LOG_I("status", r->status), LOG_I("code", r->code));
        take_way(d, way_after(d));
    }
}

static void on_dm_open(void *arg, const struct discord_result *r)
{
    struct delivery *d = arg;
    const char *id = read_text(r->json, "id");

    d->call = NULL;
    if (r->status / 100 == 2 && is_snowflake(id)) {
        (void)snprintf(d->dm_channel, sizeof d->dm_channel, "%s", id);
        take_way(d, WAY_DM);
    } else if (is_passing(d, r)) {
        pause_then_go(d);
    } else {
        take_way(d, WAY_KEEP);
    }
}

static void send_edit(struct delivery *d)
{
    struct message *m = make_message(d);

    if (d->way == WAY_ORIGINAL) {
        d->call = discord_edit_original(d->bot->discord, d->place.app, d->place.token, m, true,
                                        on_sent, d);
    } else {
        d->call =
            discord_edit(d->bot->discord, d->place.channel, d->place.message, m, true, on_sent, d);
    }
    message_free(m);
}

static void send_new(struct delivery *d)
{
    bool is_in_channel = d->way == WAY_POST;
    struct message *m = make_new_message(d, is_in_channel);

    d->call = discord_post(d->bot->discord, is_in_channel ? d->place.channel : d->dm_channel, m,
                           on_sent, d);
    message_free(m);
}

static void go(struct delivery *d)
{
    bool is_token_old = d->place.token[0] == '\0' || clock_wall_ms() >= d->place.token_until_ms;

    if (d->way == WAY_ORIGINAL && is_token_old) {
        take_way(d, way_after(d));
        return;
    }
    switch (d->way) {
    case WAY_ORIGINAL:
    case WAY_EDIT:
        send_edit(d);
        break;
    case WAY_POST:
    case WAY_DM:
        send_new(d);
        break;
    case WAY_OPEN_DM:
        d->call = discord_open_dm(d->bot->discord, d->place.user, on_dm_open, d);
        break;
    case WAY_KEEP:
        finish(d, DELIVERED_KEPT, "", "");
        break;
    }
}

/* ---- beginning ------------------------------------------------------------------------------ */

struct delivery *deliver_start(struct bot *b, const struct place *place, const cJSON *job,
                               struct span job_text,
                               void (*done)(void *arg, enum delivered how, const char *channel,
                                            const char *message_id),
                               void *arg)
{
    struct delivery *d = xcalloc(1, sizeof *d);

    d->bot = b;
    d->done = done;
    d->arg = arg;
    d->job = require_memory(cJSON_Duplicate(job, true));
    d->seed = job_seed_text(job_text);
    d->links = BUF_INIT(LINKS_MAX);
    d->place = *place;
    d->id = read_text(d->job, "id");
    d->way = WAY_ORIGINAL;
    d->file_limit = limit_of(d, WAY_ORIGINAL);
    loop_timer_set(b->loop, &d->timer, 0, on_file_due, d);
    return d;
}
