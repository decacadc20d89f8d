#include "base/config_rows.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"

const struct config_row config_rows[] = {
#define STR(field, section_, key_, def, doc_)                                                      \
    {.kind = CONFIG_STR,                                                                           \
     .offset = offsetof(struct config, field),                                                     \
     .section = (section_),                                                                        \
     .key = (key_),                                                                                \
     .text = (def),                                                                                \
     .doc = (doc_)},
#define CHOICE(field, section_, key_, def, choices_, doc_)                                         \
    {.kind = CONFIG_CHOICE,                                                                        \
     .offset = offsetof(struct config, field),                                                     \
     .section = (section_),                                                                        \
     .key = (key_),                                                                                \
     .text = (def),                                                                                \
     .choices = (choices_),                                                                        \
     .doc = (doc_)},
#define INT(field, section_, key_, def, min_, max_, unit_, doc_)                                   \
    {.kind = CONFIG_INT,                                                                           \
     .offset = offsetof(struct config, field),                                                     \
     .section = (section_),                                                                        \
     .key = (key_),                                                                                \
     .number = (def),                                                                              \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .unit = (unit_),                                                                              \
     .doc = (doc_)},
#include "base/config.def"
#undef STR
#undef CHOICE
#undef INT
};

const size_t config_row_count = COUNT_OF(config_rows);

char *config_flag_name(const struct config_row *row, char out[CONFIG_NAME_SIZE])
{
    (void)snprintf(out, CONFIG_NAME_SIZE, "--%s%s%s", row->section,
                   row->section[0] != '\0' ? "-" : "", row->key);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)(*at == '_' ? '-' : *at);
    }
    return out;
}

char *config_env_name(const struct config_row *row, char out[CONFIG_NAME_SIZE])
{
    (void)snprintf(out, CONFIG_NAME_SIZE, "COMFYGATE_%s%s%s", row->section,
                   row->section[0] != '\0' ? "_" : "", row->key);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    return out;
}

char *config_file_name(const struct config_row *row, char out[CONFIG_NAME_SIZE])
{
    if (row->section[0] == '\0') {
        (void)snprintf(out, CONFIG_NAME_SIZE, "%s", row->key);
    } else {
        (void)snprintf(out, CONFIG_NAME_SIZE, "[%s] %s", row->section, row->key);
    }
    return out;
}
