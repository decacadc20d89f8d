#include "base/config.h"

#include <string.h>

#include "base/config_rows.h"
#include "base/mem.h"

/* What a value may be, for people. */
static void print_allowed(FILE *out, const struct config_row *row, const char *between)
{
    switch (row->kind) {
    case CONFIG_STR:
        (void)fprintf(out, "text");
        break;
    case CONFIG_CHOICE:
        for (const char *at = row->choices; *at != '\0'; at++) {
            if (*at == '|') {
                (void)fputs(between, out);
            } else {
                (void)fputc(*at, out);
            }
        }
        break;
    case CONFIG_INT:
        (void)fprintf(out, "%lld to %lld %s", (long long)row->min, (long long)row->max, row->unit);
        break;
    }
}

static void print_default(FILE *out, const struct config_row *row)
{
    if (row->kind == CONFIG_INT) {
        (void)fprintf(out, "%lld", (long long)row->number);
    } else {
        (void)fputs(row->text, out);
    }
}

void config_print_help(FILE *out)
{
    char name[CONFIG_NAME_SIZE];

    (void)fprintf(out, "  --config PATH  (COMFYGATE_CONFIG)\n"
                       "      file with settings: [section] and name = value\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        (void)fprintf(out, "  %s", config_flag_name(row, name));
        (void)fprintf(out, "  (%s)\n      %s\n      ", config_env_name(row, name), row->doc);
        print_allowed(out, row, " or ");
        if (row->kind == CONFIG_INT || row->text[0] != '\0') {
            (void)fprintf(out, "; default ");
            print_default(out, row);
        }
        (void)fputc('\n', out);
    }
}

static void print_markdown_row(FILE *out, const struct config_row *row)
{
    char name[CONFIG_NAME_SIZE];

    (void)fprintf(out, "| `%s` | `%s` ", row->key, config_flag_name(row, name));
    (void)fprintf(out, "| `%s` | ", config_env_name(row, name));
    if (row->kind == CONFIG_INT || row->text[0] != '\0') {
        (void)fputc('`', out);
        print_default(out, row);
        (void)fputc('`', out);
    }
    (void)fprintf(out, " | ");
    print_allowed(out, row, ", ");
    (void)fprintf(out, " | %s |\n", row->doc);
}

static void print_markdown_section(FILE *out, const char *section)
{
    if (section[0] != '\0') {
        (void)fprintf(out, "\n## [%s]\n", section);
    } else {
        (void)fprintf(out, "\n## Before the first section\n");
    }
    (void)fprintf(out, "\n"
                       "| Name | Flag | Environment | Default | Allowed | Meaning |\n"
                       "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < config_row_count; i++) {
        if (strcmp(config_rows[i].section, section) == 0) {
            print_markdown_row(out, &config_rows[i]);
        }
    }
}

static bool is_first_of_section(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config_rows[i].section, config_rows[index].section) == 0) {
            return false;
        }
    }
    return true;
}

void config_print_markdown(FILE *out)
{
    (void)fprintf(
        out,
        "# Settings\n"
        "\n"
        "Made from `gateway/base/config.def`; not edited by hand: `UPDATE_DOCS=1 test_config` "
        "writes\n"
        "it anew.\n"
        "\n"
        "A flag wins over the environment, the environment over the file, the file over the\n"
        "default. The file is the one that `--config` or `COMFYGATE_CONFIG` names; without either\n"
        "none is read. In it a setting is a line `name = value` below its `[section]`; what "
        "stands\n"
        "behind ` ;` is a comment. A flag is written `--name value` or `--name=value`; `--listen`\n"
        "is short for `--server-listen`. A text can also be kept in a file of its own, whose path\n"
        "is given in the environment with `_FILE` behind the name: `COMFYGATE_DATABASE_URL_FILE`.\n"
        "Numbers of bytes may end in `k`, `M` or `G` (1024, 1024², 1024³). Any name that is not\n"
        "below is refused at the start.\n");
    /* First as in a file, where these lines must stand above all sections. */
    print_markdown_section(out, "");
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].section[0] != '\0' && is_first_of_section(i)) {
            print_markdown_section(out, config_rows[i].section);
        }
    }
}
