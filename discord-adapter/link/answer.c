/* answer.c - see answer.h. How the first answer goes is in answer_first.c.
 */
#include "link/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "link/answer_parts.h"
#include "wire/read.h"

#define IN_TIME_MS           1200
#define IN_TIME_COMPONENT_MS 2000
#define CHOICES_MS           2500
#define TOKEN_MS             840000
#define CODE_NO_WEBHOOK      10015
#define STATUS_DONE_ALREADY  204

static void on_edit(void *arg, const struct discord_result *r);

/* ---- references ------------------------------------------------------------------------------ */

void answer_own(struct answer *a)
{
    a->refs++;
    a->own_refs++;
}

static void free_waiters(struct list *list)
{
    struct list *node = NULL;

    while ((node = list_shift(list)) != NULL) {
        free(container_of(node, struct waiter, node));
    }
}

static void free_held(struct answer *a)
{
    struct list *node = NULL;

    while ((node = list_shift(&a->held)) != NULL) {
        struct held *h = container_of(node, struct held, node);

        if (a->d != NULL) {
            discord_drop(h->call);
        }
        free(h);
    }
}

static void answer_free(struct answer *a)
{
    loop_timer_off(a->loop, &a->in_time);
    loop_timer_off(a->loop, &a->grace);
    loop_timer_off(a->loop, &a->later_timer);
    list_remove(&a->follower.node);
    free_waiters(&a->waiters);
    free_waiters(&a->later);
    free_held(a);
    free(a->token);
    free(a);
}

void answer_disown(struct answer *a)
{
    a->own_refs--;
    answer_unref(a);
}

/* Its calls end with Discord, untold. */
static void on_gone(struct discord_follower *f)
{
    struct answer *a = container_of(f, struct answer, follower);

    a->d = NULL;
    a->respond = NULL;
    a->fallback = NULL;
    a->edit = NULL;
    a->next = NULL;
    loop_timer_off(a->loop, &a->in_time);
    loop_timer_off(a->loop, &a->grace);
    loop_timer_off(a->loop, &a->later_timer);
    free_held(a);
    a->refs -= a->own_refs;
    a->own_refs = 0;
    if (a->refs == 0) {
        answer_free(a);
    }
}

struct answer *answer_ref(struct answer *a)
{
    a->refs++;
    return a;
}

/* ---- telling --------------------------------------------------------------------------------- */

void answer_tell(const struct waiter *w, const struct discord_result *r)
{
    if (w->done != NULL) {
        w->done(w->arg, r);
    }
}

static void on_later(void *arg)
{
    struct answer *a = arg;
    struct list *node = NULL;
    struct list due;

    list_init(&due);
    list_move_all(&due, &a->later);
    while ((node = list_shift(&due)) != NULL) {
        struct waiter *w = container_of(node, struct waiter, node);

        answer_tell(w, &(struct discord_result){.status = w->status, .reason = ""});
        free(w);
    }
    answer_disown(a);
}

static void hush(struct waiter *w, const void *arg)
{
    if (w->arg == arg) {
        w->done = NULL;
    }
}

void answer_hush(struct answer *a, const void *arg)
{
    hush(&a->first, arg);
    hush(&a->edit_waiter, arg);
    hush(&a->next_waiter, arg);
    list_each(node, next, &a->later) {
        hush(container_of(node, struct waiter, node), arg);
    }
}

void answer_tell_later(struct answer *a, const struct waiter *from, int status)
{
    struct waiter *w = NULL;

    if (from->done == NULL) {
        return;
    }
    w = xcalloc(1, sizeof *w);
    w->done = from->done;
    w->arg = from->arg;
    w->status = status;
    if (list_empty(&a->later)) {
        answer_own(a);
        loop_timer_set(a->loop, &a->later_timer, 0, on_later, a);
    }
    list_push(&a->later, &w->node);
}

/* ---- edits ----------------------------------------------------------------------------------- */

void answer_start_next(struct answer *a)
{
    if (a->stage != BEGUN || a->edit != NULL || a->next == NULL) {
        return;
    }
    a->edit_waiter = a->next_waiter;
    a->edit = discord_go(take_ptr(&a->next), on_edit, a);
}

void answer_note_message(struct answer *a, const cJSON *message)
{
    const char *id = read_text(message, "id");

    if (a->message_id[0] == '\0' && is_snowflake(id)) {
        (void)snprintf(a->message_id, sizeof a->message_id, "%s", id);
    }
}

static void on_edit(void *arg, const struct discord_result *r)
{
    struct answer *a = arg;
    struct waiter waiter = a->edit_waiter;

    a->edit = NULL;
    if (r->status / 100 == 2) {
        answer_note_message(a, r->json);
    }
    if (r->status == 401 || r->code == CODE_NO_WEBHOOK) {
        a->is_token_dead = true;
    }
    answer_start_next(a);
    answer_tell(&waiter, r);
    answer_disown(a);
}

static void say_by_edit(struct answer *a, const struct message *m, discord_done *done, void *arg)
{
    if (a->next != NULL) {
        discord_drop(take_ptr(&a->next));
        answer_tell_later(a, &a->next_waiter, 0);
    } else {
        answer_own(a);
    }
    a->is_thinking = false;
    a->next = discord_prepare_edit(a->d, a->app, a->token, m);
    a->next_waiter = (struct waiter){.done = done, .arg = arg};
    answer_start_next(a);
}

/* ---- deferring ------------------------------------------------------------------------------- */

static void on_in_time(void *arg)
{
    struct answer *a = arg;

    a->first = (struct waiter){.done = NULL};
    answer_start_deferral(a, a->plans_ephemeral, a->plans_update);
}

void answer_in_time(struct answer *a, bool is_ephemeral, bool is_update)
{
    int64_t limit_ms = a->is_component ? IN_TIME_COMPONENT_MS : IN_TIME_MS;

    a->plans_ephemeral = is_ephemeral;
    a->plans_update = is_update;
    if (a->stage == FRESH && a->d != NULL) {
        loop_timer_set(a->loop, &a->in_time, a->begun_mono_ms + limit_ms - clock_mono_ms(),
                       on_in_time, a);
    }
}

void answer_defer(struct answer *a, bool is_ephemeral, bool is_update, discord_done *done,
                  void *arg)
{
    struct waiter waiter = {.done = done, .arg = arg};
    struct waiter *w = NULL;

    if (a->d == NULL) {
        return;
    }
    switch (a->stage) {
    case FRESH:
        a->first = waiter;
        answer_start_deferral(a, is_ephemeral, is_update);
        break;
    case ASKED:
        w = xcalloc(1, sizeof *w);
        *w = waiter;
        list_push(&a->waiters, &w->node);
        break;
    case BEGUN:
    case NEVER:
        answer_tell_later(a, &waiter, STATUS_DONE_ALREADY);
        break;
    }
}

/* ---- saying ---------------------------------------------------------------------------------- */

bool answer_is_update(const struct answer *a)
{
    return a->plans_update && a->has_message;
}

void answer_say(struct answer *a, const struct message *m, discord_done *done, void *arg)
{
    bool is_update = answer_is_update(a);
    cJSON *tree = NULL;

    if (a->d == NULL) {
        return;
    }
    if (a->stage == NEVER) {
        answer_tell_later(a, &(struct waiter){.done = done, .arg = arg}, 0);
        return;
    }
    if (a->stage != FRESH) {
        say_by_edit(a, m, done, arg);
        return;
    }
    tree = answer_tree(m, is_update, !is_update && a->plans_ephemeral);
    a->is_ephemeral = (read_int(tree, "flags", 0) & MESSAGE_FLAG_EPHEMERAL) != 0;
    a->first = (struct waiter){.done = done, .arg = arg};
    a->fallback = discord_prepare_edit(a->d, a->app, a->token, m);
    a->is_fallback_edit = true;
    if (!is_update) {
        a->message_id[0] = '\0';
    }
    answer_start_first(a, is_update ? TYPE_UPDATE : TYPE_MESSAGE, tree, m);
}

static void follow_up(struct answer *a, const struct message *m, discord_done *done, void *arg)
{
    struct discord_call *call = discord_prepare_follow_up(a->d, a->app, a->token, m, true);
    struct held *h = NULL;

    if (a->stage == BEGUN) {
        (void)discord_go(call, done, arg);
        return;
    }
    h = xcalloc(1, sizeof *h);
    h->call = call;
    h->waiter = (struct waiter){.done = done, .arg = arg};
    list_push(&a->held, &h->node);
}

void answer_whisper(struct answer *a, const struct message *m, discord_done *done, void *arg)
{
    if (a->d == NULL) {
        return;
    }
    if (a->stage == NEVER) {
        answer_tell_later(a, &(struct waiter){.done = done, .arg = arg}, 0);
    } else if (a->stage != FRESH && a->is_thinking) {
        /* Discord would make the follow-up the answer that it waits for. */
        say_by_edit(a, m, done, arg);
    } else if (a->stage != FRESH) {
        follow_up(a, m, done, arg);
    } else {
        a->is_ephemeral = true;
        a->first = (struct waiter){.done = done, .arg = arg};
        a->fallback = discord_prepare_follow_up(a->d, a->app, a->token, m, true);
        a->is_fallback_edit = false;
        a->message_id[0] = '\0';
        answer_start_first(a, TYPE_MESSAGE, answer_tree(m, false, true), m);
    }
}

void answer_whisper_text(struct answer *a, const char *text)
{
    struct message *m = message_new();

    message_content(m, text);
    answer_whisper(a, m, NULL, NULL);
    message_free(m);
}

void answer_modal(struct answer *a, cJSON *modal)
{
    if (a->d == NULL) {
        cJSON_Delete(modal);
        return;
    }
    bug_if(a->stage != FRESH);
    a->first = (struct waiter){.done = NULL};
    answer_start_first(a, TYPE_MODAL, modal, NULL);
}

void answer_choices(struct answer *a, cJSON *choices)
{
    cJSON *data = NULL;

    if (a->d == NULL) {
        cJSON_Delete(choices);
        return;
    }
    bug_if(a->stage != FRESH);
    if (clock_mono_ms() - a->begun_mono_ms > CHOICES_MS) {
        cJSON_Delete(choices);
        answer_never(a);
        return;
    }
    data = require_memory(cJSON_CreateObject());
    (void)cJSON_AddItemToObject(data, "choices", choices);
    a->first = (struct waiter){.done = NULL};
    answer_start_first(a, TYPE_CHOICES, data, NULL);
}

void answer_never(struct answer *a)
{
    answer_respond *by_http = a->respond;

    bug_if(a->stage != FRESH && a->stage != NEVER);
    a->stage = NEVER;
    a->respond = NULL;
    loop_timer_off(a->loop, &a->in_time);
    if (by_http != NULL) {
        (void)by_http(a->respond_arg, NULL, NULL);
    }
}

/* ---- beginning and ending -------------------------------------------------------------------- */

static struct answer *make(struct loop *loop, struct discord *d, const char *app,
                           const char *interaction, const char *token)
{
    struct answer *a = xcalloc(1, sizeof *a);

    a->refs = 1;
    a->loop = loop;
    a->d = d;
    a->follower.gone = on_gone;
    list_push(&d->followers, &a->follower.node);
    list_init(&a->waiters);
    list_init(&a->held);
    list_init(&a->later);
    (void)snprintf(a->app, sizeof a->app, "%s", app);
    (void)snprintf(a->interaction, sizeof a->interaction, "%s", interaction);
    a->token = xstrdup(token);
    a->begun_mono_ms = clock_mono_ms();
    return a;
}

struct answer *answer_new(struct loop *loop, struct discord *d, const struct interaction *i,
                          answer_respond *respond_by, void *arg)
{
    struct answer *a = make(loop, d, i->application_id, i->id, i->token);
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(i->json, "message");

    /* By our clock: Discord's may go differently. */
    a->until_wall_ms = clock_wall_ms() + TOKEN_MS;
    a->respond = respond_by;
    a->respond_arg = arg;
    a->is_autocomplete = i->type == INTERACTION_AUTOCOMPLETE;
    a->is_component = i->type == INTERACTION_COMPONENT;
    a->has_message = is_snowflake(read_text(message, "id"));
    answer_note_message(a, message);
    return a;
}

struct answer *answer_resume(struct loop *loop, struct discord *d, const char *app,
                             const char *interaction, const char *token, bool is_ephemeral)
{
    struct answer *a = make(loop, d, app, interaction, token);

    a->until_wall_ms = snowflake_ms(interaction) + TOKEN_MS;
    a->stage = BEGUN;
    a->is_ephemeral = is_ephemeral;
    a->is_thinking = true;
    return a;
}

/* Nobody shall read "This interaction failed". */
static void say_that_it_failed(struct answer *a)
{
    log_warn("interaction_unanswered", LOG_S("interaction", a->interaction));
    if (a->is_autocomplete) {
        answer_choices(a, require_memory(cJSON_CreateArray()));
    } else {
        answer_whisper_text(a, "That did not work. Please try again.");
    }
}

void answer_unref(struct answer *a)
{
    if (a == NULL) {
        return;
    }
    bug_if(a->refs == 0);
    if (a->refs == 1 && a->stage == FRESH && a->d != NULL && !a->has_failed) {
        a->has_failed = true;
        say_that_it_failed(a);
    }
    a->refs--;
    if (a->refs == 0) {
        answer_free(a);
    }
}

/* ---- what is known --------------------------------------------------------------------------- */

bool answer_is_begun(const struct answer *a)
{
    return a->stage == ASKED || a->stage == BEGUN;
}

bool answer_is_ephemeral(const struct answer *a)
{
    return a->is_ephemeral;
}

const char *answer_message_id(const struct answer *a)
{
    return a->message_id;
}

bool answer_token_lives(const struct answer *a)
{
    return !a->is_token_dead && clock_wall_ms() < a->until_wall_ms;
}
