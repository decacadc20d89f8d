/* answer_first.c - the first answer of an interaction: by callback or as an HTTP response, and what is done when it was lost.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "link/answer_parts.h"
#include "wire/read.h"

#define HTTP_GRACE_MS 300 /* until Discord has made a message of our response */
#define CODE_ALREADY  40060

static void release_held(struct answer *a)
{
    struct list *node = NULL;

    while ((node = list_shift(&a->held)) != NULL) {
        struct held *h = container_of(node, struct held, node);

        (void)discord_go(h->call, h->waiter.done, h->waiter.arg);
        free(h);
    }
}

/* Discord has the first answer, or had one already, or it was lost on the way: what it was to say is tried in another way,
 * and whoever waits hears of that. True when it is. */
static bool fall_back(struct answer *a)
{
    struct discord_call *call = take_ptr(&a->fallback);

    if (call == NULL) {
        return false;
    }
    if (a->is_fallback_edit && a->next == NULL) {
        answer_own(a);
        a->next = call;
        a->next_waiter = a->first;
    } else if (a->is_fallback_edit) {
        discord_drop(call); /* something newer is to be said */
        return false;
    } else {
        (void)discord_go(call, a->first.done, a->first.arg);
    }
    return true;
}

/* Discord did not take what was in it; the interaction can still be answered. */
static bool is_refused(const struct discord_result *r)
{
    return r->status == 400 && r->code != CODE_ALREADY;
}

static void on_first(void *arg, const struct discord_result *r)
{
    struct answer *a = arg;
    const cJSON *resource = cJSON_GetObjectItemCaseSensitive(r->json, "resource");
    bool is_lost = r->status / 100 != 2 && !is_refused(r);
    struct waiter first = a->first;
    struct list *node = NULL;
    bool is_told_later = false;

    a->stage = is_refused(r) && a->next == NULL ? FRESH : BEGUN;
    answer_note_message(a, cJSON_GetObjectItemCaseSensitive(resource, "message"));
    answer_note_message(a, r->json);
    if (is_lost) {
        is_told_later = fall_back(a);
    }
    discord_drop(take_ptr(&a->fallback));
    answer_start_next(a);
    release_held(a);
    if (!is_told_later) {
        answer_tell(&first, r);
    }
    while ((node = list_shift(&a->waiters)) != NULL) {
        struct waiter *w = container_of(node, struct waiter, node);

        answer_tell(w, r);
        free(w);
    }
    answer_disown(a);
}

/* Over HTTP nobody tells when Discord has it, nor the message's id: so we ask, after a while. */
static void on_grace_over(void *arg)
{
    struct answer *a = arg;

    if (!a->wants_id) {
        on_first(a, &(struct discord_result){.status = 200, .reason = ""});
        return;
    }
    (void)discord_go(discord_prepare_get_original(a->d, a->app, a->token), on_first, a);
}

static bool respond(struct answer *a, enum answer_type type, const cJSON *data,
                    const struct message *files)
{
    answer_respond *by_http = a->respond;
    cJSON *body = NULL;
    AUTO(free_ptr) char *text = NULL;

    if (by_http == NULL) {
        return false;
    }
    body = require_memory(cJSON_CreateObject());
    (void)cJSON_AddNumberToObject(body, "type", type);
    if (data != NULL) {
        (void)cJSON_AddItemToObject(body, "data", cJSON_Duplicate(data, true));
    }
    text = require_memory(cJSON_PrintUnformatted(body));
    cJSON_Delete(body);
    a->respond = NULL;
    return by_http(a->respond_arg, text, files);
}

void answer_start_first(struct answer *a, enum answer_type type, cJSON *data,
                        const struct message *files)
{
    a->wants_id = type == TYPE_MESSAGE || type == TYPE_DEFER;
    a->stage = ASKED;
    loop_timer_off(a->loop, &a->in_time);
    answer_own(a);
    if (respond(a, type, data, files)) {
        cJSON_Delete(data);
        loop_timer_set(a->loop, &a->grace, HTTP_GRACE_MS, on_grace_over, a);
        return;
    }
    (void)discord_callback(a->d, a->interaction, a->token, (int)type, data, files, a->wants_id,
                           on_first, a);
}

cJSON *answer_tree(const struct message *m, bool is_edit, bool is_ephemeral)
{
    cJSON *tree = message_tree(m, is_edit);
    cJSON *flags = NULL;

    if (is_ephemeral) {
        flags = cJSON_CreateNumber((double)(read_int(tree, "flags", 0) | MESSAGE_FLAG_EPHEMERAL));
        read_replace(tree, "flags", flags);
        cJSON_Delete(flags);
    }
    return tree;
}

void answer_start_deferral(struct answer *a, bool is_ephemeral, bool is_update)
{
    bool is_reply = !is_update || !a->has_message;
    cJSON *data = is_reply ? require_memory(cJSON_CreateObject()) : NULL;

    if (is_reply && is_ephemeral) {
        (void)cJSON_AddNumberToObject(data, "flags", MESSAGE_FLAG_EPHEMERAL);
    }
    a->is_ephemeral = is_reply && is_ephemeral;
    a->is_thinking = is_reply;
    if (is_reply) {
        a->message_id[0] = '\0';
    }
    answer_start_first(a, is_reply ? TYPE_DEFER : TYPE_DEFER_UPDATE, data, NULL);
}
