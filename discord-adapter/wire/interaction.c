/* interaction.c - see interaction.h.
 */
#include "wire/interaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/read.h"

#define DISCORD_EPOCH_MS INT64_C(1420070400000)
#define SNOWFLAKE_SHIFT  22
#define SNOWFLAKE_DIGITS 20
#define DEFAULT_LIMIT    (INT64_C(10) << 20)
#define CHANNEL_TYPE_MAX 1000
#define DEPTH_MAX        12 /* of components and sub-commands */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool is_snowflake(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len <= SNOWFLAKE_DIGITS && text[len] == '\0';
}

int64_t snowflake_ms(const char *id)
{
    return is_snowflake(id)
               ? (int64_t)(strtoull(id, NULL, 10) >> SNOWFLAKE_SHIFT) + DISCORD_EPOCH_MS
               : 0;
}

static const char *id_or_null(const cJSON *object, const char *key)
{
    const char *text = read_text(object, key);

    return is_snowflake(text) ? text : NULL;
}

static uint64_t bits_of(const cJSON *object, const char *key)
{
    const char *text = read_text(object, key);

    return is_snowflake(text) ? strtoull(text, NULL, 10) : 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum interaction_type type_of(const cJSON *json)
{
    int64_t type = read_int(json, "type", 0);

    return type >= INTERACTION_PING && type <= INTERACTION_MODAL ? (enum interaction_type)type
                                                                 : INTERACTION_UNKNOWN;
}

static void read_user(struct interaction *i)
{
    const cJSON *member_ = member(i->json, "member");
    const cJSON *user = cJSON_IsObject(member_) ? member(member_, "user") : member(i->json, "user");
    const char *names[] = {read_text(member_, "nick"), read_text(user, "global_name"),
                           read_text(user, "username")};

    i->user_id = id_or_null(user, "id");
    i->user_name = "";
    for (size_t n = 0; n < COUNT_OF(names) && i->user_name[0] == '\0'; n++) {
        i->user_name = names[n];
    }
    i->roles = cJSON_IsArray(member(member_, "roles")) ? member(member_, "roles") : NULL;
    i->member_permissions = bits_of(member_, "permissions");
}

static int channel_type_of(const cJSON *channel)
{
    int64_t type = read_int(channel, "type", -1);

    return type >= 0 && type <= CHANNEL_TYPE_MAX ? (int)type : -1;
}

static void read_channel(struct interaction *i)
{
    const cJSON *channel = member(i->json, "channel");

    i->guild_id = id_or_null(i->json, "guild_id");
    i->channel_id = id_or_null(i->json, "channel_id");
    if (i->channel_id == NULL) {
        i->channel_id = id_or_null(channel, "id");
    }
    i->channel_type = channel_type_of(channel);
    i->is_nsfw_channel = read_true(channel, "nsfw");
}

static void read_owners(struct interaction *i)
{
    const cJSON *owners = member(i->json, "authorizing_integration_owners");

    i->is_user_install = read_text(owners, "1")[0] != '\0' && !is_snowflake(read_text(owners, "0"));
}

static void read_data(struct interaction *i)
{
    const cJSON *data = member(i->json, "data");
    bool is_command = i->type == INTERACTION_COMMAND || i->type == INTERACTION_AUTOCOMPLETE;
    int64_t type = read_int(data, "type", COMMAND_CHAT);

    if (is_command) {
        i->command = read_text(data, "name");
        i->command_type = type >= COMMAND_CHAT && type <= COMMAND_MESSAGE ? (enum command_type)type
                                                                          : COMMAND_CHAT;
    } else if (i->type == INTERACTION_COMPONENT || i->type == INTERACTION_MODAL) {
        i->custom_id = read_text(data, "custom_id");
    }
    if (i->type == INTERACTION_COMPONENT) {
        i->message_id = id_or_null(member(i->json, "message"), "id");
    }
}

static enum errc check(const struct interaction *i, struct err *e)
{
    if (!is_snowflake(i->id) || !is_snowflake(i->application_id)) {
        return err_set(e, ERR_VALIDATION_ERROR, "is no interaction: it has no id");
    }
    if (i->type != INTERACTION_PING && (i->token[0] == '\0' || i->user_id == NULL)) {
        return err_set(e, ERR_VALIDATION_ERROR, "is no interaction: it has no token or no user");
    }
    return ERR_NONE;
}

enum errc interaction_from(cJSON *json, struct interaction **out, struct err *e)
{
    struct interaction *i = xcalloc(1, sizeof *i);
    const char *locale = read_text(json, "locale");
    enum errc rc = ERR_NONE;

    i->json = json;
    i->type = type_of(json);
    i->id = read_text(json, "id");
    i->application_id = read_text(json, "application_id");
    i->token = read_text(json, "token");
    i->locale = locale[0] != '\0' ? locale : "en-US";
    i->has_app_permissions = is_snowflake(read_text(json, "app_permissions"));
    i->app_permissions = bits_of(json, "app_permissions");
    i->attachment_limit = read_int(json, "attachment_size_limit", DEFAULT_LIMIT);
    i->attachment_limit = i->attachment_limit > 0 ? i->attachment_limit : DEFAULT_LIMIT;
    i->created_ms = snowflake_ms(i->id);
    read_user(i);
    read_channel(i);
    read_owners(i);
    read_data(i);
    rc = check(i, e);
    if (rc != ERR_NONE) {
        interaction_free(i);
        return rc;
    }
    *out = i;
    return ERR_NONE;
}

enum errc interaction_parse(struct span json, struct interaction **out, struct err *e)
{
    cJSON *tree = NULL;

    if (json.len > INTERACTION_MAX_BYTES) {
        return err_set(e, ERR_CONTENT_TOO_LARGE, "is larger than an interaction may be");
    }
    tree = read_json(json);
    if (tree == NULL) {
        return err_set(e, ERR_MALFORMED_JSON, "is not valid JSON");
    }
    return interaction_from(tree, out, e);
}

void interaction_free(struct interaction *i)
{
    if (i != NULL) {
        cJSON_Delete(i->json);
        free(i);
    }
}

/* ---- chat commands -------------------------------------------------------------------------- */

/* Sub-commands and their groups hold options in place of a value. */
static const cJSON *find_option(const cJSON *options, const char *name, int depth)
{
    const cJSON *option = NULL;

    cJSON_ArrayForEach(option, options) {
        const cJSON *deeper = member(option, "options");

        if (cJSON_IsArray(deeper) && depth < DEPTH_MAX) {
            const cJSON *found = find_option(deeper, name, depth + 1);

            if (found != NULL) {
                return found;
            }
        } else if (strcmp(read_text(option, "name"), name) == 0) {
            return option;
        }
    }
    return NULL;
}

const cJSON *interaction_option(const struct interaction *i, const char *name)
{
    const cJSON *options = member(member(i->json, "data"), "options");
    const cJSON *value = member(find_option(options, name, 0), "value");

    return cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value) ? value : NULL;
}

const char *interaction_option_text(const struct interaction *i, const char *name)
{
    return cJSON_GetStringValue(interaction_option(i, name));
}

static const cJSON *find_focused(const cJSON *options, int depth)
{
    const cJSON *option = NULL;

    cJSON_ArrayForEach(option, options) {
        const cJSON *deeper = member(option, "options");
        const cJSON *found = read_true(option, "focused") ? option : NULL;

        if (found == NULL && cJSON_IsArray(deeper) && depth < DEPTH_MAX) {
            found = find_focused(deeper, depth + 1);
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

const char *interaction_focused(const struct interaction *i, const char **typed)
{
    const cJSON *option = find_focused(member(member(i->json, "data"), "options"), 0);
    const char *name = cJSON_GetStringValue(member(option, "name"));

    *typed = read_text(option, "value");
    return name;
}

/* ---- what came with it ---------------------------------------------------------------------- */

static bool read_attachment(const cJSON *json, struct attachment *out)
{
    const char *url = read_text(json, "url");
    int64_t size = read_int(json, "size", 0);

    if (url[0] == '\0') {
        return false;
    }
    *out = (struct attachment){.id = read_text(json, "id"),
                               .url = url,
                               .filename = read_text(json, "filename"),
                               .content_type = read_text(json, "content_type"),
                               .size = size > 0 ? size : 0};
    return true;
}

bool interaction_attachment(const struct interaction *i, const char *option, struct attachment *out)
{
    const char *id = interaction_option_text(i, option);
    const cJSON *resolved = member(member(i->json, "data"), "resolved");

    return id != NULL && read_attachment(member(member(resolved, "attachments"), id), out);
}

static bool is_picture(const cJSON *attachment)
{
    return strncmp(read_text(attachment, "content_type"), "image/", 6) == 0 ||
           read_int(attachment, "width", 0) > 0;
}

/* The picture of an embed as Discord's CDN has it. */
static bool read_embed(const cJSON *embed, struct attachment *out)
{
    static const char *const places[] = {"image", "thumbnail"};

    for (size_t n = 0; n < COUNT_OF(places); n++) {
        const cJSON *picture = member(embed, places[n]);
        const char *proxy = read_text(picture, "proxy_url");
        const char *url = proxy[0] != '\0' ? proxy : read_text(picture, "url");

        if (url[0] != '\0') {
            *out = (struct attachment){
                .id = "", .url = url, .filename = "picture", .content_type = ""};
            return true;
        }
    }
    return false;
}

size_t interaction_target_pictures(const struct interaction *i, struct attachment *out, size_t max)
{
    const cJSON *data = member(i->json, "data");
    const cJSON *messages = member(member(data, "resolved"), "messages");
    const cJSON *message = member(messages, read_text(data, "target_id"));
    const cJSON *item = NULL;
    size_t count = 0;

    cJSON_ArrayForEach(item, member(message, "attachments")) {
        if (count < max && is_picture(item) && read_attachment(item, &out[count])) {
            count++;
        }
    }
    cJSON_ArrayForEach(item, member(message, "embeds")) {
        if (count < max && read_embed(item, &out[count])) {
            count++;
        }
    }
    return count;
}

/* ---- components and modals ------------------------------------------------------------------ */

const char *interaction_value(const struct interaction *i)
{
    return cJSON_GetStringValue(cJSON_GetArrayItem(member(member(i->json, "data"), "values"), 0));
}

static const char *find_field(const cJSON *component, const char *custom_id, int depth)
{
    const cJSON *item = NULL;
    const char *found = NULL;

    if (depth > DEPTH_MAX || !cJSON_IsObject(component)) {
        return NULL;
    }
    if (strcmp(read_text(component, "custom_id"), custom_id) == 0 &&
        cJSON_IsString(member(component, "value"))) {
        return read_text(component, "value");
    }
    found = find_field(member(component, "component"), custom_id, depth + 1);
    cJSON_ArrayForEach(item, member(component, "components")) {
        found = found != NULL ? found : find_field(item, custom_id, depth + 1);
    }
    return found;
}

const char *interaction_field(const struct interaction *i, const char *custom_id)
{
    const cJSON *item = NULL;
    const char *found = NULL;

    cJSON_ArrayForEach(item, member(member(i->json, "data"), "components")) {
        found = found != NULL ? found : find_field(item, custom_id, 0);
    }
    return found;
}
