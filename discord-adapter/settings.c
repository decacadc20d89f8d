/* settings.c - the adapter's settings, as a table. The reader is base/setting_table.c.
 */
#include "settings.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OUR_PREFIX     "COMFYGATE_DISCORD_"
#define KEY_HEX_DIGITS 64
#define SHARDS_MAX     10000
#define TOKEN_MAX      512 /* with room for all else in an IDENTIFY of 4096 bytes */

static const struct setting_row rows[] = {
#define STR(field, section, key, def, doc)                                                         \
    SETTING_STR_ROW(struct settings, field, section, key, def, doc),
#define CHOICE(field, section, key, def, choices, doc)                                             \
    SETTING_CHOICE_ROW(struct settings, field, section, key, def, choices, doc),
#define INT(field, section, key, def, min, max, unit, doc)                                         \
    SETTING_INT_ROW(struct settings, field, section, key, def, min, max, unit, doc),
#include "settings.def"
#undef STR
#undef CHOICE
#undef INT
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The gateway's settings have the same beginning; only what begins as ours is ours to refuse. */
static bool is_foreign(const char *name, const char *value)
{
    return !starts_with(name, OUR_PREFIX) || setting_is_of_service(name, value);
}

/* ---- what no single row can see -------------------------------------------------------------- */

static enum errc check_token(const struct settings *s, struct err *e)
{
    if (s->token[0] == '\0') {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "the bot's token is missing: put it into a file and name that file in " OUR_PREFIX
            "TOKEN_FILE, or set " OUR_PREFIX "TOKEN");
    }
    if (strlen(s->token) > TOKEN_MAX) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "token: it is %zu characters long, and a bot's has about 70; is the file "
                       "the right one?",
                       strlen(s->token));
    }
    for (const char *at = s->token; *at != '\0'; at++) {
        if (!isgraph((unsigned char)*at)) {
            return err_set(e, ERR_INVALID_PARAMETER,
                           "token: it holds a blank or a strange character; give the token alone, "
                           "without \"Bot \" before it");
        }
    }
    return ERR_NONE;
}

static enum errc check_url(const char *setting, const char *url, struct err *e)
{
    const char *host = starts_with(url, "https://")  ? url + strlen("https://")
                       : starts_with(url, "http://") ? url + strlen("http://")
                                                     : "";

    if (!isalnum((unsigned char)host[0]) && host[0] != '[') {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%s: \"%.60s\" is no address that begins with https:// or http://", setting,
                       url);
    }
    if (strpbrk(url, " ?#\"<>@") != NULL) {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "%s: a blank, a query, a fragment, a quote and a password have no place in it",
            setting);
    }
    return ERR_NONE;
}

static enum errc check_mode(const struct settings *s, struct err *e)
{
    size_t digits = strspn(s->public_key, "0123456789abcdefABCDEF");

    if (s->public_key[0] == '\0' && strcmp(s->mode, "http") != 0) {
        return ERR_NONE;
    }
    if (digits != KEY_HEX_DIGITS || s->public_key[digits] != '\0') {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "public_key: %s; it has %d hexadecimal digits and stands under General "
                       "Information in the Developer Portal",
                       s->public_key[0] == '\0' ? "mode http needs it" : "this is no public key",
                       KEY_HEX_DIGITS);
    }
    return ERR_NONE;
}

/* "0/2". */
static bool parse_shard(const char *text, int *index, int *count)
{
    char *end = NULL;
    long first = 0;
    long second = 0;

    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    first = strtol(text, &end, 10);
    if (*end != '/' || !isdigit((unsigned char)end[1])) {
        return false;
    }
    second = strtol(end + 1, &end, 10);
    if (*end != '\0' || second < 1 || second > SHARDS_MAX || first >= second) {
        return false;
    }
    *index = (int)first;
    *count = (int)second;
    return true;
}

void settings_shard(const struct settings *s, int *index, int *count)
{
    *index = 0;
    *count = 0;
    (void)parse_shard(s->shard, index, count);
}

static enum errc check_guilds(const struct settings *s, struct err *e)
{
    if (s->guild_ids[strspn(s->guild_ids, "0123456789, ")] != '\0') {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "guild_ids: \"%.60s\" is not a list of ids of servers (digits; switch on the "
            "developer mode to copy one)",
            s->guild_ids);
    }
    return ERR_NONE;
}

static enum errc check_rest(const struct settings *s, struct err *e)
{
    int index = 0;
    int count = 0;

    if (s->shard[0] != '\0' && !parse_shard(s->shard, &index, &count)) {
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "shard: \"%.60s\" is not INDEX/COUNT with the index below the count, such as "
            "0/2",
            s->shard);
    }
    if (s->edit_ms > s->edit_slow_ms) {
        return err_set(e, ERR_INVALID_PARAMETER, "edit_ms (%lld) is above edit_slow_ms (%lld)",
                       (long long)s->edit_ms, (long long)s->edit_slow_ms);
    }
    return ERR_NONE;
}

static enum errc check_together(const void *target, struct err *e)
{
    const struct settings *s = target;
    enum errc code = check_url("url", s->gate_url, e);

    if (code == ERR_NONE) {
        code = check_url("api_base", s->api_base, e);
    }
    if (code == ERR_NONE && s->public_url[0] != '\0') {
        code = check_url("public_url", s->public_url, e);
    }
    if (code == ERR_NONE) {
        code = check_mode(s, e);
    }
    if (code == ERR_NONE) {
        code = check_guilds(s, e);
    }
    if (code == ERR_NONE) {
        code = check_rest(s, e);
    }
    /* Last: whoever tries out settings needs no token to hear of another fault. */
    return code == ERR_NONE ? check_token(s, e) : code;
}

/* ---- loading and printing -------------------------------------------------------------------- */

static const struct setting_table table = {.row = rows,
                                           .count = COUNT_OF(rows),
                                           .size = sizeof(struct settings),
                                           .bare_section = "discord",
                                           .config_env = OUR_PREFIX "CONFIG",
                                           .is_foreign = is_foreign,
                                           .check_together = check_together};

enum errc settings_load(struct settings *s, const struct setting_sources *from, struct err *e)
{
    return setting_load(&table, s, from, e);
}

void settings_clear(struct settings *s)
{
    setting_clear(&table, s);
}

const struct setting_table *settings_table(void)
{
    return &table;
}

void settings_print_help(FILE *out)
{
    setting_print_help(&table, out);
}

void settings_print_markdown(FILE *out)
{
    (void)fputs(
        "# Settings of comfygate-discord\n"
        "\n"
        "Made from `discord-adapter/settings.def`; not edited by hand: `UPDATE_DOCS=1\n"
        "test_discord_settings` writes it anew.\n"
        "\n"
        "A flag wins over the environment, the environment over the file, the file over the\n"
        "default. The file is the one that `--config` or `COMFYGATE_DISCORD_CONFIG` names; "
        "without\n"
        "either none is read. In it a setting is a line `name = value` below its `[section]`; "
        "what\n"
        "stands behind ` ;` is a comment. A flag is written `--name value` or `--name=value`. A "
        "text\n"
        "can also be kept in a file of its own, whose path is given in the environment with "
        "`_FILE`\n"
        "behind the name: `COMFYGATE_DISCORD_TOKEN_FILE`. Numbers of bytes may end in `k`, `M` or "
        "`G`\n"
        "(1024, 1024², 1024³). Any flag, line or variable that begins with `COMFYGATE_DISCORD_` "
        "and is\n"
        "not below is refused at the start.\n",
        out);
    setting_print_markdown(&table, out);
}
