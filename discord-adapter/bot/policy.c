/* policy.c - see policy.h.
 */
#include "bot/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/text.h"

#define DAY_MS  86400000
#define IDS_MAX 1000

/* Ids of a setting, separated by commas. */
struct ids {
    char **id;
    size_t count;
};

struct policy {
    const struct settings *settings;
    struct ids guilds;
    struct ids channels;
    struct ids roles;
    struct ids spoiler_channels;
};

static void ids_clear(struct ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        free(ids->id[i]);
    }
    free(ids->id);
    *ids = (struct ids){.count = 0};
}

static enum errc ids_read(struct ids *ids, const char *setting, const char *text, struct err *e)
{
    const char *at = text;

    ids->id = xcalloc(IDS_MAX, sizeof *ids->id);
    while (*at != '\0') {
        size_t len = strcspn(at, ", ");
        AUTO(free_ptr) char *id = xstrndup(at, len);

        at += len;
        at += strspn(at, ", ");
        if (len == 0) {
            continue;
        }
        if (!is_snowflake(id) || ids->count == IDS_MAX) {
            return err_set(
                e, ERR_INVALID_PARAMETER,
                "%s: \"%.40s\" is no id of Discord (digits; switch on the developer mode to "
                "copy one), or there are more than %d",
                setting, id, IDS_MAX);
        }
        ids->id[ids->count++] = take_ptr(&id);
    }
    return ERR_NONE;
}

static bool ids_have(const struct ids *ids, const char *id)
{
    for (size_t i = 0; id != NULL && i < ids->count; i++) {
        if (strcmp(ids->id[i], id) == 0) {
            return true;
        }
    }
    return false;
}

struct policy *policy_new(const struct settings *s, struct err *e)
{
    struct policy *p = xcalloc(1, sizeof *p);
    const struct {
        struct ids *ids;
        const char *setting;
        const char *text;
    } lists[] = {
        {&p->guilds, "allowed_guilds", s->allowed_guilds},
        {&p->channels, "allowed_channels", s->allowed_channels},
        {&p->roles, "allowed_roles", s->allowed_roles},
        {&p->spoiler_channels, "spoiler_channels", s->spoiler_channels},
    };

    p->settings = s;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (ids_read(lists[i].ids, lists[i].setting, lists[i].text, e) != ERR_NONE) {
            policy_free(p);
            return NULL;
        }
    }
    return p;
}

void policy_free(struct policy *p)
{
    if (p == NULL) {
        return;
    }
    ids_clear(&p->guilds);
    ids_clear(&p->channels);
    ids_clear(&p->roles);
    ids_clear(&p->spoiler_channels);
    free(p);
}

/* ---- here, and for this user ---------------------------------------------------------------- */

static bool has_role(const struct policy *p, const struct interaction *i)
{
    const cJSON *role = NULL;

    if (p->roles.count == 0) {
        return true;
    }
    cJSON_ArrayForEach(role, i->roles) {
        if (ids_have(&p->roles, cJSON_GetStringValue(role))) {
            return true;
        }
    }
    return false;
}

static bool is_age_restricted(const struct policy *p, const struct interaction *i)
{
    return strcmp(p->settings->age_restricted_only, "on") != 0 || i->is_nsfw_channel;
}

/* What a result needs where only the bot's token is left to send it by. */
const char *policy_missing_permission(const struct interaction *i)
{
    bool is_thread = i->channel_type >= 10 && i->channel_type <= 12;
    const struct {
        uint64_t bit;
        const char *name;
    } needed[] = {
        {PERMISSION_VIEW_CHANNEL, "View Channel"},
        {is_thread ? PERMISSION_SEND_IN_THREADS : PERMISSION_SEND_MESSAGES,
         is_thread ? "Send Messages in Threads" : "Send Messages"},
        {PERMISSION_EMBED_LINKS, "Embed Links"},
        {PERMISSION_ATTACH_FILES, "Attach Files"},
    };

    if (!i->has_app_permissions || i->guild_id == NULL || i->is_user_install ||
        (i->app_permissions & PERMISSION_ADMINISTRATOR) != 0) {
        return NULL;
    }
    for (size_t n = 0; n < COUNT_OF(needed); n++) {
        if ((i->app_permissions & needed[n].bit) == 0) {
            return needed[n].name;
        }
    }
    return NULL;
}

bool policy_admits(const struct policy *p, const struct interaction *i, struct buf *why)
{
    bool is_known_channel = p->channels.count == 0 || ids_have(&p->channels, i->channel_id);

    if (p->guilds.count > 0 && !ids_have(&p->guilds, i->guild_id)) {
        (void)buf_append_str(why, i->guild_id != NULL ? "I am not set up for this server."
                                                      : "I am not set up for direct messages.");
    } else if (!is_known_channel) {
        (void)buf_appendf(why, "I do not work in this channel. Try <#%s>.", p->channels.id[0]);
    } else if (!has_role(p, i)) {
        (void)buf_append_str(why, "You need a role for this that you do not have here.");
    } else if (!is_age_restricted(p, i)) {
        (void)buf_append_str(why, "I only work in age-restricted channels.");
    } else {
        return true;
    }
    return false;
}

bool policy_may_press(const struct policy *p, const struct interaction *i, const char *owner,
                      bool is_owner_only, bool is_moderation, struct buf *why)
{
    uint64_t moderator = PERMISSION_MANAGE_MESSAGES | PERMISSION_ADMINISTRATOR;

    if (owner[0] != '\0' && strcmp(i->user_id, owner) == 0) {
        return true;
    }
    if (is_moderation && (i->member_permissions & moderator) != 0) {
        return true;
    }
    if (!is_owner_only && strcmp(p->settings->press, "anyone") == 0) {
        return true;
    }
    (void)buf_append_str(why, owner[0] != '\0' ? "Only " : "This is not yours.");
    if (owner[0] != '\0') {
        (void)buf_appendf(why, "<@%s> can do that%s.", owner,
                          is_moderation ? ", or a moderator" : "");
    }
    return false;
}

/* ---- how many ------------------------------------------------------------------------------- */

bool policy_quota(const struct policy *p, int open_now, int today, int64_t oldest_today_ms,
                  int64_t now_ms, struct buf *why)
{
    int64_t at_once = p->settings->jobs_at_once;
    int64_t a_day = p->settings->jobs_per_day;

    if (at_once > 0 && open_now >= at_once) {
        (void)buf_appendf(why,
                          "You have %d under way already, and %lld at once are allowed. "
                          "Try again when one is done; /cancel ends one.",
                          open_now, (long long)at_once);
        return false;
    }
    if (a_day > 0 && today >= a_day) {
        (void)buf_appendf(why,
                          "You have made %d within a day, which is as many as allowed. "
                          "You can go on ",
                          today);
        text_time(why, (oldest_today_ms < now_ms ? oldest_today_ms : now_ms) + DAY_MS, 'R');
        (void)buf_append_str(why, ".");
        return false;
    }
    return true;
}

bool policy_is_spoiler(const struct policy *p, const char *channel)
{
    return ids_have(&p->spoiler_channels, channel);
}
