/* setting_table.h - settings as a table of rows: flag over environment over file over default.
 *
 * One reader for every program that has settings. A program keeps its rows in a .def, makes of it a struct
 * with one field per row, and a table of the rows; names, sources, limits and --help come from here. It
 * knows nothing of what a setting means. Threads: any; the struct is filled once.
 */
#ifndef CG_BASE_SETTING_TABLE_H
#define CG_BASE_SETTING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"

enum setting_kind { SETTING_STR, SETTING_CHOICE, SETTING_INT };

/* Flag --section-key, environment COMFYGATE_SECTION_KEY, file [section] key; an empty section gives
 * --key, COMFYGATE_KEY and a line before any section. */
struct setting_row {
    enum setting_kind kind;
    size_t offset; /* of the field: char * (STR, CHOICE: owned) or int64_t */
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

/* Rows, for the macros of a .def: type is the struct that they fill. */
#define SETTING_STR_ROW(type, field, section_, key_, def, doc_)                                    \
    {                                                                                              \
        .kind = SETTING_STR, .offset = offsetof(type, field), .section = (section_),               \
        .key = (key_), .text = (def), .unit = "", .doc = (doc_)                                    \
    }
#define SETTING_CHOICE_ROW(type, field, section_, key_, def, choices_, doc_)                       \
    {                                                                                              \
        .kind = SETTING_CHOICE, .offset = offsetof(type, field), .section = (section_),            \
        .key = (key_), .text = (def), .choices = (choices_), .unit = "", .doc = (doc_)             \
    }
#define SETTING_INT_ROW(type, field, section_, key_, def, min_, max_, unit_, doc_)                 \
    {                                                                                              \
        .kind = SETTING_INT, .offset = offsetof(type, field), .section = (section_),               \
        .key = (key_), .number = (def), .min = (min_), .max = (max_), .unit = (unit_),             \
        .doc = (doc_)                                                                              \
    }

struct setting_table {
    const struct setting_row *row;
    size_t count;
    size_t size;              /* of the struct that is filled */
    const char *bare_section; /* whose flags are written without it; NULL = none */
    const char *config_env;   /* variable that names the file: "COMFYGATE_CONFIG" */
    const char *short_flag;   /* "--listen", for long_flag; NULL = none */
    const char *long_flag;
    /* A COMFYGATE_ variable that is in no row: somebody else's? Else it is refused. */
    bool (*is_foreign)(const char *name, const char *value);
    /* What no single row can see; fills e. */
    enum errc (*check_together)(const void *target, struct err *e);
};

struct setting_sources {
    int argc; /* flags only, without program and verb */
    char **argv;
    char **envp; /* NULL = none */
};

/* Defaults, then the file (of --config or config_env; none is fine), then the environment (a text also as
 * ..._FILE), then flags ("--key=X", "--key X"). On failure the detail says which setting, where it was
 * given and what is allowed, and the target is clear. */
enum errc setting_load(const struct setting_table *t, void *target,
                       const struct setting_sources *from, struct err *e) MUST_CHECK;
void setting_clear(const struct setting_table *t, void *target);

/* What Kubernetes and Docker set in every container beside a service that is called comfygate. */
bool setting_is_of_service(const char *name, const char *value);

/* For people: flag, environment name, limits, default and meaning of every row. */
void setting_print_help(const struct setting_table *t, FILE *out);
/* The rows as tables of Markdown, one per section. */
void setting_print_markdown(const struct setting_table *t, FILE *out);

#define SETTING_NAME_SIZE 64
/* "--section-key"; returns out. */
char *setting_flag_name(const struct setting_table *t, const struct setting_row *row,
                        char out[SETTING_NAME_SIZE]);
/* "COMFYGATE_SECTION_KEY"; returns out. */
char *setting_env_name(const struct setting_row *row, char out[SETTING_NAME_SIZE]);

#endif
