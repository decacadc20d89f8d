/* discord.c - see discord.h. Here: the routes. How they are sent is in discord_send.c.
 */
#include "link/discord.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "link/discord_parts.h"
#include "wire/read.h"

#define GLOBAL_PER_SECOND 50
#define INVALID_MAX       5000
#define CALLBACK_MS       2500
#define TYPE_CHOICES      8
#define URL_MAX           4096

/* ---- opening and closing --------------------------------------------------------------------- */

struct discord *discord_new(struct loop *loop, const struct discord_config *config)
{
    struct discord *d = xcalloc(1, sizeof *d);
    AUTO(free_ptr)
    char *agent =
        xasprintf("DiscordBot (https://github.com/comfygate/comfygate, %s)", comfygate_version());
    size_t len = strlen(config->api_base);

    while (len > 0 && config->api_base[len - 1] == '/') {
        len--;
    }
    d->loop = loop;
    d->api_base = xstrndup(config->api_base, len);
    d->authorization = xasprintf("Authorization: Bot %s", config->token);
    d->http = http_client_new(loop, agent);
    http_client_trust(d->http, config->ca_file);
    d->rate =
        rate_new(config->global_per_second > 0 ? config->global_per_second : GLOBAL_PER_SECOND,
                 config->invalid_max > 0 ? config->invalid_max : INVALID_MAX);
    d->queue_by_key = map_new();
    list_init(&d->queues);
    list_init(&d->loose);
    list_init(&d->followers);
    return d;
}

static void free_calls(struct list *calls)
{
    struct list *node = NULL;

    while ((node = list_shift(calls)) != NULL) {
        discord_call_free(container_of(node, struct discord_call, node));
    }
}

static void let_go(struct list *followers)
{
    struct list *node = NULL;

    while ((node = list_shift(followers)) != NULL) {
        struct discord_follower *f = container_of(node, struct discord_follower, node);

        f->gone(f);
    }
}

void discord_free(struct discord *d)
{
    if (d == NULL) {
        return;
    }
    let_go(&d->followers);
    free_calls(&d->loose);
    list_each(node, next, &d->queues) {
        struct call_queue *q = container_of(node, struct call_queue, node);

        free_calls(&q->calls);
        discord_queue_free(q);
    }
    map_free(d->queue_by_key);
    http_client_free(d->http);
    rate_free(d->rate);
    free(d->api_base);
    free(d->authorization);
    free(d);
}

bool discord_is_refused(const struct discord *d)
{
    return d->is_refused;
}

struct discord_counts discord_counts(const struct discord *d)
{
    return d->counts;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* Parts come from Discord, and from metadata that others may have written: none may change the route. */
static void add_part(struct buf *url, const char *part)
{
    for (; *part != '\0'; part++) {
        bool is_plain = isalnum((unsigned char)*part) || strchr("-_~@", *part) != NULL;

        if (is_plain) {
            (void)buf_append_char(url, *part);
        } else {
            (void)buf_appendf(url, "%%%02X", (unsigned char)*part);
        }
    }
}

/* "/channels/{}/messages/{}" with the parts put in; ended by NULL. */
static char *make_url(const struct discord *d, const char *route, const char *const *part)
{
    AUTO(buf_clear) struct buf url = BUF_INIT(URL_MAX);

    (void)buf_append_str(&url, d->api_base);
    for (;;) {
        size_t len = strcspn(route, "{");

        (void)buf_append(&url, route, len);
        route += len;
        if (*route == '\0') {
            break;
        }
        bug_if(*part == NULL);
        add_part(&url, *part++);
        route += strlen("{}");
    }
    return buf_ok(&url) ? buf_take(&url) : xstrdup("");
}

/* `route` with its method before it: "PATCH /channels/{}/messages/{}". */
static struct discord_call *make_call(struct discord *d, const char *method, const char *route,
                                      const char *const *part)
{
    AUTO(free_ptr) char *url = make_url(d, route, part);
    AUTO(free_ptr) char *name = xasprintf("%s %s", method, route);

    return discord_call_new(d, method, url, name, NULL);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void take_files(struct discord_call *c, const struct message *m)
{
    size_t count = m != NULL ? message_file_count(m) : 0;

    for (size_t i = 0; i < count && i < COUNT_OF(c->file); i++) {
        struct message_file file = message_file_at(m, i);

        c->file[c->file_count++] =
            (struct call_file){.data = bytes_ref(file.data),
                               .filename = xstrdup(file.filename),
                               .content_type = xstrdup_or_null(file.content_type)};
    }
}

/* A new message that Discord makes only once may be asked for twice. */
static bool has_nonce(const char *body)
{
    cJSON *tree = cJSON_Parse(body);
    bool has = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "enforce_nonce"));

    cJSON_Delete(tree);
    return has;
}

static void take_message(struct discord_call *c, const struct message *m, bool is_edit)
{
    c->body = message_json(m, is_edit);
    c->is_repeatable = is_edit || has_nonce(c->body);
    c->is_once = !c->is_repeatable;
    take_files(c, m);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-function-size): their parameters are those of Discord's routes */

struct discord_call *discord_callback(struct discord *d, const char *interaction, const char *token,
                                      int type, cJSON *data, const struct message *files,
                                      bool with_response, discord_done *done, void *arg)
{
    const char *route = with_response ? "/interactions/{}/{}/callback?with_response=true"
                                      : "/interactions/{}/{}/callback";
    struct discord_call *c =
        make_call(d, "POST", route, (const char *const[]){interaction, token, NULL});
    cJSON *body = require_memory(cJSON_CreateObject());

    (void)cJSON_AddNumberToObject(body, "type", type);
    if (data != NULL) {
        (void)cJSON_AddItemToObject(body, "data", data);
    }
    c->body = require_memory(cJSON_PrintUnformatted(body));
    cJSON_Delete(body);
    take_files(c, files);
    /* Choices come with each key that is typed: rather twice than late. */
    c->is_once = type != TYPE_CHOICES;
    c->deadline_mono_ms = clock_mono_ms() + CALLBACK_MS;
    c->done = done;
    c->arg = arg;
    discord_send_now(c);
    return c;
}

struct discord_call *discord_go(struct discord_call *c, discord_done *done, void *arg)
{
    c->done = done;
    c->arg = arg;
    discord_enqueue(c);
    return c;
}

struct discord_call *discord_prepare_edit(struct discord *d, const char *app, const char *token,
                                          const struct message *m)
{
    struct discord_call *c = make_call(d, "PATCH", "/webhooks/{}/{}/messages/@original",
                                       (const char *const[]){app, token, NULL});

    take_message(c, m, true);
    c->major = xasprintf("%s/%s", app, token);
    return c;
}

struct discord_call *discord_prepare_get_original(struct discord *d, const char *app,
                                                  const char *token)
{
    struct discord_call *c = make_call(d, "GET", "/webhooks/{}/{}/messages/@original",
                                       (const char *const[]){app, token, NULL});

    c->is_repeatable = true;
    c->major = xasprintf("%s/%s", app, token);
    return c;
}

static void make_ephemeral(struct discord_call *c)
{
    cJSON *tree = require_memory(cJSON_Parse(c->body));
    cJSON *flags =
        cJSON_CreateNumber((double)(read_int(tree, "flags", 0) | MESSAGE_FLAG_EPHEMERAL));

    read_replace(tree, "flags", flags);
    cJSON_Delete(flags);
    free(c->body);
    c->body = require_memory(cJSON_PrintUnformatted(tree));
    cJSON_Delete(tree);
}

struct discord_call *discord_prepare_follow_up(struct discord *d, const char *app,
                                               const char *token, const struct message *m,
                                               bool is_ephemeral)
{
    struct discord_call *c =
        make_call(d, "POST", "/webhooks/{}/{}?wait=true", (const char *const[]){app, token, NULL});

    take_message(c, m, false);
    c->major = xasprintf("%s/%s", app, token);
    if (is_ephemeral) {
        make_ephemeral(c);
    }
    return c;
}

struct discord_call *discord_edit_original(struct discord *d, const char *app, const char *token,
                                           const struct message *m, bool urgent, discord_done *done,
                                           void *arg)
{
    struct discord_call *c = discord_prepare_edit(d, app, token, m);

    c->is_urgent = urgent;
    return discord_go(c, done, arg);
}

struct discord_call *discord_delete_original(struct discord *d, const char *app, const char *token,
                                             discord_done *done, void *arg)
{
    struct discord_call *c = make_call(d, "DELETE", "/webhooks/{}/{}/messages/@original",
                                       (const char *const[]){app, token, NULL});

    c->is_repeatable = true;
    c->major = xasprintf("%s/%s", app, token);
    return discord_go(c, done, arg);
}

struct discord_call *discord_follow_up(struct discord *d, const char *app, const char *token,
                                       const struct message *m, discord_done *done, void *arg)
{
    return discord_go(discord_prepare_follow_up(d, app, token, m, false), done, arg);
}

static struct discord_call *start_by_bot(struct discord_call *c, const char *major,
                                         discord_done *done, void *arg)
{
    c->is_bot = true;
    c->major = xstrdup_or_null(major);
    return discord_go(c, done, arg);
}

struct discord_call *discord_post(struct discord *d, const char *channel, const struct message *m,
                                  discord_done *done, void *arg)
{
    struct discord_call *c =
        make_call(d, "POST", "/channels/{}/messages", (const char *const[]){channel, NULL});

    take_message(c, m, false);
    return start_by_bot(c, channel, done, arg);
}

struct discord_call *discord_edit(struct discord *d, const char *channel, const char *message_id,
                                  const struct message *m, bool urgent, discord_done *done,
                                  void *arg)
{
    struct discord_call *c = make_call(d, "PATCH", "/channels/{}/messages/{}",
                                       (const char *const[]){channel, message_id, NULL});

    take_message(c, m, true);
    c->is_urgent = urgent;
    return start_by_bot(c, channel, done, arg);
}

struct discord_call *discord_delete(struct discord *d, const char *channel, const char *message_id,
                                    discord_done *done, void *arg)
{
    struct discord_call *c = make_call(d, "DELETE", "/channels/{}/messages/{}",
                                       (const char *const[]){channel, message_id, NULL});

    c->is_repeatable = true;
    return start_by_bot(c, channel, done, arg);
}

struct discord_call *discord_open_dm(struct discord *d, const char *user, discord_done *done,
                                     void *arg)
{
    struct discord_call *c =
        make_call(d, "POST", "/users/@me/channels", (const char *const[]){NULL});
    cJSON *body = require_memory(cJSON_CreateObject());

    (void)cJSON_AddStringToObject(body, "recipient_id", user);
    c->body = require_memory(cJSON_PrintUnformatted(body));
    cJSON_Delete(body);
    /* A second one opens the same channel. */
    c->is_repeatable = true;
    return start_by_bot(c, NULL, done, arg);
}

/* The method as http_call.h writes it, so that a call may keep it. */
static const char *method_of(const char *method)
{
    static const char *const METHODS[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        if (strcmp(METHODS[i], method) == 0) {
            return METHODS[i];
        }
    }
    bug_if(true);
    return NULL;
}

struct discord_call *discord_request(struct discord *d, const char *method, const char *path,
                                     const char *route, const char *body, discord_done *done,
                                     void *arg)
{
    const char *known = method_of(method);
    AUTO(free_ptr) char *url = xasprintf("%s%s", d->api_base, path);
    size_t len = strlen(known);
    bool has_method = strncmp(route, known, len) == 0 && route[len] == ' ';
    AUTO(free_ptr)
    char *name = xasprintf("%s%s%s", has_method ? "" : known, has_method ? "" : " ", route);
    struct discord_call *c = discord_call_new(d, known, url, name, xstrdup_or_null(body));

    c->is_repeatable = strcmp(known, "POST") != 0;
    c->is_once = !c->is_repeatable;
    return start_by_bot(c, NULL, done, arg);
}
/* NOLINTEND(readability-function-size) */
