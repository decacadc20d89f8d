/* place.c - see place.h.
 */
#include "bot/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/read.h"

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL && strlen(text) < size ? text : "");
}

struct place place_of(const struct interaction *i, int64_t token_ms)
{
    struct place p = {.token_until_ms = i->created_ms + token_ms,
                      .file_limit = i->attachment_limit};

    copy(p.app, sizeof p.app, i->application_id);
    copy(p.guild, sizeof p.guild, i->guild_id);
    copy(p.channel, sizeof p.channel, i->channel_id);
    copy(p.user, sizeof p.user, i->user_id);
    copy(p.interaction, sizeof p.interaction, i->id);
    copy(p.token, sizeof p.token, i->token);
    return p;
}

static void add(cJSON *metadata, const char *key, const char *text)
{
    if (text[0] != '\0') {
        (void)cJSON_AddStringToObject(metadata, key, text);
    }
}

static void add_number(cJSON *metadata, const char *key, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, number);
    add(metadata, key, text);
}

void place_write(const struct place *p, cJSON *metadata)
{
    add(metadata, "discord.app", p->app);
    add(metadata, "discord.guild", p->guild);
    add(metadata, "discord.channel", p->channel);
    add(metadata, "discord.message", p->message);
    add(metadata, "discord.user", p->user);
    add(metadata, "discord.interaction", p->interaction);
    add(metadata, "discord.token", p->token);
    add_number(metadata, "discord.until", p->token_until_ms);
    add(metadata, "discord.ephemeral", p->is_ephemeral ? "1" : "");
    add_number(metadata, "discord.limit", p->file_limit);
}

static void read_id(const cJSON *metadata, const char *key, char out[SNOWFLAKE_SIZE])
{
    const char *text = read_text(metadata, key);

    copy(out, SNOWFLAKE_SIZE, is_snowflake(text) ? text : "");
}

static int64_t read_digits(const cJSON *metadata, const char *key)
{
    return strtoll(read_text(metadata, key), NULL, 10);
}

bool place_read(const cJSON *metadata, struct place *out)
{
    struct place p = {.token_until_ms = read_digits(metadata, "discord.until"),
                      .file_limit = read_digits(metadata, "discord.limit")};

    read_id(metadata, "discord.app", p.app);
    read_id(metadata, "discord.guild", p.guild);
    read_id(metadata, "discord.channel", p.channel);
    read_id(metadata, "discord.message", p.message);
    read_id(metadata, "discord.user", p.user);
    read_id(metadata, "discord.interaction", p.interaction);
    copy(p.token, sizeof p.token, read_text(metadata, "discord.token"));
    p.is_ephemeral = read_text(metadata, "discord.ephemeral")[0] == '1';
    if (p.app[0] == '\0' || p.user[0] == '\0' || p.channel[0] == '\0') {
        return false;
    }
    *out = p;
    return true;
}
