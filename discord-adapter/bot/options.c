/* options.c - see options.h.
 */
#include "bot/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LORA_STRENGTH_MAX 10
#define ORDER_MODEL       15 /* behind the prompt */
#define PROMPT_MAX        4000

char *choice_text(const cJSON *value)
{
    return cJSON_IsString(value) ? xstrdup(value->valuestring)
                                 : (char *)require_memory(cJSON_PrintUnformatted(value));
}

static size_t index_of(const struct options *o, const char *name)
{
    size_t i = 0;

    while (i < o->count && strcmp(o->item[i].name, name) != 0) {
        i++;
    }
    return i;
}

const struct option *options_find(const struct options *o, const char *name)
{
    size_t i = index_of(o, name);

    return i < o->count ? &o->item[i] : NULL;
}

/* Beyond 25, which is what Discord takes, the rest is left to modals. */
static void add(struct options *o, struct option option)
{
    if (o->count < OPTIONS_MAX) {
        o->item[o->count++] = option;
    }
}

static bool is_size(const struct template_entry *t, const struct param *p)
{
    bool is_side = strcmp(p->role, "width") == 0 || strcmp(p->role, "height") == 0;

    return is_side && param_by_role(t, "width") != NULL && param_by_role(t, "height") != NULL;
}

static enum option_type type_of(const struct param *p)
{
    if (strcmp(p->role, "seed") == 0) {
        return OPTION_STRING;
    }
    switch (p->kind) {
    case PARAM_INTEGER:
        return OPTION_INTEGER;
    case PARAM_NUMBER:
        return OPTION_NUMBER;
    case PARAM_BOOL:
        return OPTION_BOOLEAN;
    case PARAM_PICTURE:
        return OPTION_ATTACHMENT;
    case PARAM_TEXT:
    case PARAM_CHOICE:
    case PARAM_LORAS:
        break;
    }
    return OPTION_STRING;
}

static struct option option_of(const struct param *p)
{
    enum option_type type = type_of(p);
    bool is_number = type == OPTION_INTEGER || type == OPTION_NUMBER;

    return (struct option){
        .name = p->name,
        .description = p->description[0] != '\0' ? p->description : p->title,
        .type = type,
        .is_required = p->is_required,
        .is_autocomplete = p->kind == PARAM_CHOICE && cJSON_GetArraySize(p->choice) > CHOICES_MAX,
        .choice = p->kind == PARAM_CHOICE ? p->choice : NULL,
        .has_min = is_number && p->has_min,
        .has_max = is_number && p->has_max,
        .min = p->min,
        .max = p->max,
        .max_length = p->kind == PARAM_TEXT ? p->max_length : 0,
        .order = p->order,
    };
}

/* What all templates that have it can take. Choices that differ are not offered as choices. */
static void widen(struct option *o, const struct option *other)
{
    if (o->type != other->type) {
        o->type = OPTION_STRING; /* read by the chosen template's own kind */
        o->choice = NULL;
        o->has_min = false;
        o->has_max = false;
        return;
    }
    o->has_min = o->has_min && other->has_min;
    o->has_max = o->has_max && other->has_max;
    o->min = other->min < o->min ? other->min : o->min;
    o->max = other->max > o->max ? other->max : o->max;
    o->max_length = other->max_length > o->max_length ? other->max_length : o->max_length;
    if (o->choice != NULL && !cJSON_Compare(o->choice, other->choice, true)) {
        o->choice = NULL;
        o->is_autocomplete = true;
    }
    o->order = other->order < o->order ? other->order : o->order;
}

static void add_loras(struct options *o, int order)
{
    if (options_find(o, "lora") != NULL) {
        return;
    }
    add(o, (struct option){.name = "lora",
                           .description = "A LoRA to add. Type to search.",
                           .type = OPTION_STRING,
                           .meaning = OPTION_LORA,
                           .is_autocomplete = true,
                           .order = order});
    add(o, (struct option){.name = "lora_strength",
                           .description = "How strongly the LoRA works; 1 when not given.",
                           .type = OPTION_NUMBER,
                           .meaning = OPTION_LORA_STRENGTH,
                           .has_min = true,
                           .has_max = true,
                           .min = -LORA_STRENGTH_MAX,
                           .max = LORA_STRENGTH_MAX,
                           .order = order + 1});
}

static void add_size(struct options *o, int order)
{
    if (options_find(o, "size") == NULL) {
        add(o, (struct option){.name = "size",
                               .description = "Width and height in pixels, such as 1024x768.",
                               .type = OPTION_STRING,
                               .meaning = OPTION_SIZE,
                               .is_autocomplete = true,
                               .order = order});
    }
}

static void add_param(struct options *o, const struct template_entry *t, const struct param *p)
{
    struct option option = option_of(p);
    size_t known = index_of(o, p->name);

    if (p->kind == PARAM_LORAS) {
        add_loras(o, p->order);
        return;
    }
    if (is_size(t, p)) {
        add_size(o, p->order);
        return;
    }
    if (known == o->count) {
        add(o, option);
    } else {
        widen(&o->item[known], &option);
    }
}

/* Required is what every template of the category requires. */
static bool is_required_by_all(const struct catalog *c, const char *category, const char *name)
{
    for (size_t i = 0; i < catalog_count(c); i++) {
        const struct template_entry *t = catalog_at(c, i);
        const struct param *p = param_by_name(t, name);

        if (catalog_is_of(t, category) && (p == NULL || !p->is_required)) {
            return false;
        }
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct option *x = a;
    const struct option *y = b;

    if (x->is_required != y->is_required) {
        return x->is_required ? -1 : 1;
    }
    return x->order != y->order ? (x->order > y->order ? 1 : -1) : strcmp(x->name, y->name);
}

struct options options_of(const struct catalog *c, const char *category)
{
    struct options o = {.count = 0};

    add(&o, (struct option){.name = "model",
                            .description = "Which model makes it.",
                            .type = OPTION_STRING,
                            .meaning = OPTION_MODEL,
                            .is_autocomplete = true,
                            .order = ORDER_MODEL});
    for (size_t i = 0; i < catalog_count(c); i++) {
        const struct template_entry *t = catalog_at(c, i);

        for (size_t n = 0; catalog_is_of(t, category) && n < t->param_count; n++) {
            add_param(&o, t, &t->param[n]);
        }
    }
    for (size_t i = 0; i < o.count; i++) {
        o.item[i].is_required =
            o.item[i].meaning == OPTION_PARAM && is_required_by_all(c, category, o.item[i].name);
        if (o.item[i].max_length > PROMPT_MAX) {
            o.item[i].max_length = PROMPT_MAX;
        }
    }
    qsort(o.item, o.count, sizeof *o.item, by_place);
    return o;
}
