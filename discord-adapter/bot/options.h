/* options.h - the options of a command: the union of the parameters of a category's templates, as Discord's commands have them.
 *
 * One list for registering, for autocomplete and for reading what was given. Order: required ones first (Discord), then as the manifests say.
 * Width and height are one option `size` ("1024x768"), a list of LoRAs is `lora` and `lora_strength`, seeds are text (they may have 20 digits),
 * and `model` chooses the template. Pure; made from the catalog, valid until it changes.
 */
#ifndef CGD_BOT_OPTIONS_H
#define CGD_BOT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "bot/catalog.h"

#define OPTIONS_MAX 25
#define CHOICES_MAX 25

/* Discord's "Application Command Option Type". */
enum option_type {
    OPTION_STRING = 3,
    OPTION_INTEGER = 4,
    OPTION_BOOLEAN = 5,
    OPTION_ATTACHMENT = 11,
    OPTION_NUMBER = 10
};
enum option_meaning { OPTION_PARAM, OPTION_MODEL, OPTION_SIZE, OPTION_LORA, OPTION_LORA_STRENGTH };

struct option {
    const char *name;
    const char *description; /* cut to 100 when it is written */
    enum option_type type;
    enum option_meaning meaning;
    bool is_required;
    bool is_autocomplete; /* more choices than 25, or ones that are only known by asking */
    const cJSON *choice;  /* array of values; NULL = none */
    bool has_min, has_max;
    double min, max;
    int64_t max_length;
    int order;
};

struct options {
    struct option item[OPTIONS_MAX];
    size_t count;
};

struct options options_of(const struct catalog *c, const char *category);
const struct option *options_find(const struct options *o, const char *name); /* NULL = none */
/* A choice's value as text: strings as they are, numbers as written. The caller frees. */
char *choice_text(const cJSON *value) MUST_CHECK;

#endif
