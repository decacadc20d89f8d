/* commands.c - see commands.h. Their registration is in commands_register.c.
 */
#include "bot/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/options.h"
#include "wire/text.h"

#define DESCRIPTION_MAX 100
#define CHOICE_NAME_MAX 100
#define COMMAND_MAX     7800 /* of Discord's 8000 characters of a command, with all names and choices */
#define ROUTE_MAX       128

/* What makes something: the options come from the templates of the category. */
static const struct {
    const char *name;
    const char *description;
    const char *category;
    const char *template_name; /* "" = the category's; else this one alone, if it is there */
} makers[] = {
    {"generate", "Make a picture from a text", "text-to-image", ""},
    {"edit", "Change a picture as a text says", "image-edit", ""},
    {"upscale", "Make a picture larger", "upscale", ""},
    {"animate", "Set a picture in motion", "image-to-video", ""},
    {"editflux", "Change a picture with FLUX Kontext", "image-edit", "flux-kontext-edit"},
    {"editqwen", "Change a picture with Qwen-Image Edit", "image-edit", "qwen-image-edit"},
};

/* The rest: C(name, description, option, its description, is_required). */
static const struct {
    const char *name;
    const char *description;
    const char *option;
    const char *option_description;
    bool is_autocomplete;
    bool is_required;
} others[] = {
    {"queue", "What is waiting and running: mine, and how many there are in all", NULL, NULL, false,
     false},
    {"cancel", "Cancel one of my jobs", "job", "Which one", true, true},
    {"jobs", "My last jobs, to be shown again", NULL, NULL, false, false},
    {"show", "Show a result again", "job", "Which one: choose, or paste a job's id", true, true},
    {"settings", "My defaults: models and values", NULL, NULL, false, false},
    {"status", "How the picture servers are, and how long the queue is", NULL, NULL, false, false},
    {"loras", "Which LoRAs there are", "search", "A part of the name", false, false},
    {"help", "What I can do", NULL, NULL, false, false},
};

static const char *const menus[] = {"Edit", "Upscale", "Animate"};

/* ---- one command ---------------------------------------------------------------------------- */

static void add_cut(cJSON *object, const char *key, const char *text, size_t max)
{
    AUTO(buf_clear) struct buf cut = BUF_INIT(max * 4 + 8);

    text_cut(&cut, text, max);
    (void)cJSON_AddStringToObject(object, key, buf_str(&cut));
}

static void add_choices(cJSON *option, const cJSON *values)
{
    cJSON *choices = cJSON_AddArrayToObject(option, "choices");
    const cJSON *value = NULL;

    cJSON_ArrayForEach(value, values) {
        cJSON *choice = require_memory(cJSON_CreateObject());
        AUTO(free_ptr) char *text = choice_text(value);

        add_cut(choice, "name", text, CHOICE_NAME_MAX);
        (void)cJSON_AddStringToObject(choice, "value", text);
        (void)cJSON_AddItemToArray(choices, choice);
    }
}

static cJSON *option_tree(const struct option *o, bool may_be_required)
{
    cJSON *option = require_memory(cJSON_CreateObject());

    (void)cJSON_AddNumberToObject(option, "type", o->type);
    (void)cJSON_AddStringToObject(option, "name", o->name);
    add_cut(option, "description", o->description, DESCRIPTION_MAX);
    if (o->is_required && may_be_required) {
        (void)cJSON_AddTrueToObject(option, "required");
    }
    if (o->is_autocomplete) {
        (void)cJSON_AddTrueToObject(option, "autocomplete");
    } else if (o->choice != NULL) {
        add_choices(option, o->choice);
    }
    if (o->has_min) {
        (void)cJSON_AddNumberToObject(option, "min_value", o->min);
    }
    if (o->has_max) {
        (void)cJSON_AddNumberToObject(option, "max_value", o->max);
    }
    if (o->max_length > 0) {
        (void)cJSON_AddNumberToObject(option, "max_length", (double)o->max_length);
    }
    return option;
}

static cJSON *command_new(const char *name, const char *description, int type)
{
    cJSON *command = require_memory(cJSON_CreateObject());

    (void)cJSON_AddStringToObject(command, "name", name);
    (void)cJSON_AddNumberToObject(command, "type", type);
    if (type == COMMAND_CHAT) {
        (void)cJSON_AddStringToObject(command, "description", description);
    }
    return command;
}

static size_t size_of(const cJSON *tree)
{
    AUTO(free_ptr) char *text = require_memory(cJSON_PrintUnformatted(tree));

    return strlen(text);
}

static bool is_shown_for(const struct option *o, const struct template_entry *only)
{
    switch (o->meaning) {
    case OPTION_MODEL:
        return only == NULL;
    case OPTION_SIZE:
        return only == NULL || param_by_role(only, "width") != NULL;
    case OPTION_LORA:
    case OPTION_LORA_STRENGTH:
        return only == NULL || param_by_role(only, "loras") != NULL;
    case OPTION_PARAM:
        break;
    }
    return only == NULL || param_by_name(only, o->name) != NULL;
}

/* NULL when there is nothing that it could make. */
static cJSON *maker_tree(const struct catalog *c, size_t index)
{
    const struct template_entry *only = catalog_find(c, makers[index].template_name);
    struct options options = options_of(c, makers[index].category);
    bool is_generate = strcmp(makers[index].name, "generate") == 0;
    cJSON *command = NULL;
    cJSON *list = NULL;

    if ((makers[index].template_name[0] != '\0' && only == NULL) ||
        catalog_default(c, makers[index].category, NULL) == NULL) {
        return NULL;
    }
    command = command_new(makers[index].name, makers[index].description, COMMAND_CHAT);
    list = cJSON_AddArrayToObject(command, "options");
    for (size_t i = 0; i < options.count; i++) {
        /* /generate without a prompt opens the view in which everything can be set. */
        cJSON *option = option_tree(&options.item[i], !is_generate);

        if (!is_shown_for(&options.item[i], only) ||
            size_of(command) + size_of(option) > COMMAND_MAX) {
            cJSON_Delete(option);
            continue;
        }
        (void)cJSON_AddItemToArray(list, option);
    }
    return command;
}

static cJSON *other_tree(size_t index)
{
    cJSON *command = command_new(others[index].name, others[index].description, COMMAND_CHAT);
    struct option option = {.name = others[index].option,
                            .description = others[index].option_description,
                            .type = OPTION_STRING,
                            .is_required = others[index].is_required,
                            .is_autocomplete = others[index].is_autocomplete};

    if (option.name != NULL) {
        cJSON *list = cJSON_AddArrayToObject(command, "options");

        (void)cJSON_AddItemToArray(list, option_tree(&option, true));
    }
    return command;
}

cJSON *commands_tree(const struct bot *b)
{
    cJSON *all = require_memory(cJSON_CreateArray());

    for (size_t i = 0; i < COUNT_OF(makers); i++) {
        cJSON *command = maker_tree(b->catalog, i);

        if (command != NULL) {
            (void)cJSON_AddItemToArray(all, command);
        }
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        (void)cJSON_AddItemToArray(all, other_tree(i));
    }
    for (size_t i = 0; i < COUNT_OF(menus); i++) {
        (void)cJSON_AddItemToArray(all, command_new(menus[i], NULL, COMMAND_MESSAGE));
    }
    return all;
}
