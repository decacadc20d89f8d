/* config_rows.h - config.def as a table, and the names of a row. For config*.c only.
 */
#ifndef CG_BASE_CONFIG_ROWS_H
#define CG_BASE_CONFIG_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

enum config_kind { CONFIG_STR, CONFIG_CHOICE, CONFIG_INT };

struct config_row {
    enum config_kind kind;
    size_t offset; /* of the field in struct config */
    const char *section;
    const char *key;
    const char *text;    /* default of STR and CHOICE */
    const char *choices; /* "a|b|c" */
    const char *unit;
    const char *doc;
    int64_t number; /* default of INT */
    int64_t min;
    int64_t max;
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

#define CONFIG_NAME_SIZE 64
/* "--section-key"; returns out. */
char *config_flag_name(const struct config_row *row, char out[CONFIG_NAME_SIZE]);
/* "COMFYGATE_SECTION_KEY"; returns out. */
char *config_env_name(const struct config_row *row, char out[CONFIG_NAME_SIZE]);
/* "[section] key", or "key" without a section; returns out. */
char *config_file_name(const struct config_row *row, char out[CONFIG_NAME_SIZE]);

#endif
