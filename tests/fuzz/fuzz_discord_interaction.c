/* fuzz_discord_interaction.c - any bytes as an interaction: what is read is what it promises, and every question has an answer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/interaction.h"

#define PICTURES_MAX 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const char *id)
{
    bug_if(id != NULL && (!is_snowflake(id) || strlen(id) > 20));
}

static void check_ids(const struct interaction *i)
{
    const char *const ids[] = {i->user_id, i->guild_id, i->channel_id, i->message_id};

    bug_if(!is_snowflake(i->id) || !is_snowflake(i->application_id));
    for (size_t n = 0; n < COUNT_OF(ids); n++) {
        check_id(ids[n]);
    }
    bug_if(i->created_ms != snowflake_ms(i->id) || i->created_ms <= 0);
}

static void check_kind(const struct interaction *i)
{
    bool is_command = i->type == INTERACTION_COMMAND || i->type == INTERACTION_AUTOCOMPLETE;
    bool is_press = i->type == INTERACTION_COMPONENT || i->type == INTERACTION_MODAL;

    bug_if(i->type > INTERACTION_MODAL);
    bug_if((i->command != NULL) != is_command || (i->custom_id != NULL) != is_press);
    bug_if(is_command && (i->command_type < COMMAND_CHAT || i->command_type > COMMAND_MESSAGE));
    bug_if(i->message_id != NULL && i->type != INTERACTION_COMPONENT);
}

static void check_place(const struct interaction *i)
{
    bug_if(i->type != INTERACTION_PING && (i->user_id == NULL || i->token[0] == '\0'));
    bug_if(i->user_name == NULL || i->locale[0] == '\0');
    bug_if(i->attachment_limit <= 0 || i->channel_type < -1);
}

/* By the names that the corpus has in it. */
static void check_option(const struct interaction *i, const char *name)
{
    const cJSON *option = interaction_option(i, name);
    struct attachment a = {.url = NULL};

    bug_if((interaction_option_text(i, name) != NULL) != (cJSON_IsString(option) != 0));
    bug_if(interaction_attachment(i, name, &a) && (a.url[0] == '\0' || a.size < 0));
    (void)interaction_field(i, name);
}

static void check_answers(const struct interaction *i)
{
    static const char *const names[] = {"prompt", "image", "steps", "sub", "", "x"};
    struct attachment picture[PICTURES_MAX];
    const char *typed = NULL;
    size_t count = interaction_target_pictures(i, picture, PICTURES_MAX);

    for (size_t n = 0; n < COUNT_OF(names); n++) {
        check_option(i, names[n]);
    }
    bug_if(count > PICTURES_MAX);
    for (size_t n = 0; n < count; n++) {
        bug_if(picture[n].url[0] == '\0' || picture[n].size < 0);
    }
    (void)interaction_focused(i, &typed);
    bug_if(typed == NULL);
    (void)interaction_value(i);
}

/* The same when it has been written out again. */
static void check_again(const struct interaction *i)
{
    AUTO(free_ptr) char *text = require_memory(cJSON_PrintUnformatted(i->json));
    struct interaction *again = NULL;
    struct err e = ERR_INIT;

    if (strlen(text) > INTERACTION_MAX_BYTES) {
        return;
    }
    bug_if(interaction_parse(span_of(text), &again, &e) != ERR_NONE);
    bug_if(strcmp(again->id, i->id) != 0 || again->type != i->type);
    bug_if(strcmp(again->user_name, i->user_name) != 0);
    bug_if(again->app_permissions != i->app_permissions);
    interaction_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct interaction *i = NULL;
    struct err e = ERR_INIT;

    if (interaction_parse((struct span){(const char *)data, size}, &i, &e) != ERR_NONE) {
        bug_if(i != NULL || e.detail[0] == '\0');
        return 0;
    }
    check_ids(i);
    check_kind(i);
    check_place(i);
    check_answers(i);
    check_again(i);
    interaction_free(i);
    return 0;
}
