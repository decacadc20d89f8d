/* setting_print.c - a table of settings for people.
 */
#include "base/setting_table.h"

#include <string.h>

/* What a value may be, for people. */
static void print_allowed(FILE *out, const struct setting_row *row, const char *between)
{
    switch (row->kind) {
    case SETTING_STR:
        (void)fprintf(out, "text");
        break;
    case SETTING_CHOICE:
        for (const char *at = row->choices; *at != '\0'; at++) {
            if (*at == '|') {
                (void)fputs(between, out);
            } else {
                (void)fputc(*at, out);
            }
        }
        break;
    case SETTING_INT:
        (void)fprintf(out, "%lld to %lld %s", (long long)row->min, (long long)row->max, row->unit);
        break;
    }
}

static void print_default(FILE *out, const struct setting_row *row)
{
    if (row->kind == SETTING_INT) {
        (void)fprintf(out, "%lld", (long long)row->number);
    } else {
        (void)fputs(row->text, out);
    }
}

void setting_print_help(const struct setting_table *t, FILE *out)
{
    char name[SETTING_NAME_SIZE];

    (void)fprintf(out,
                  "  --config PATH  (%s)\n"
                  "      file with settings: [section] and name = value\n",
                  t->config_env);
    for (size_t i = 0; i < t->count; i++) {
        const struct setting_row *row = &t->row[i];

        (void)fprintf(out, "  %s", setting_flag_name(t, row, name));
        (void)fprintf(out, "  (%s)\n      %s\n      ", setting_env_name(row, name), row->doc);
        print_allowed(out, row, " or ");
        if (row->kind == SETTING_INT || row->text[0] != '\0') {
            (void)fprintf(out, "; default ");
            print_default(out, row);
        }
        (void)fputc('\n', out);
    }
}

static void print_markdown_row(const struct setting_table *t, FILE *out,
                               const struct setting_row *row)
{
    char name[SETTING_NAME_SIZE];

    (void)fprintf(out, "| `%s` | `%s` ", row->key, setting_flag_name(t, row, name));
    (void)fprintf(out, "| `%s` | ", setting_env_name(row, name));
    if (row->kind == SETTING_INT || row->text[0] != '\0') {
        (void)fputc('`', out);
        print_default(out, row);
        (void)fputc('`', out);
    }
    (void)fprintf(out, " | ");
    print_allowed(out, row, ", ");
    (void)fprintf(out, " | %s |\n", row->doc);
}

static void print_markdown_section(const struct setting_table *t, FILE *out, const char *section)
{
    if (section[0] != '\0') {
        (void)fprintf(out, "\n## [%s]\n", section);
    } else {
        (void)fprintf(out, "\n## Before the first section\n");
    }
    (void)fprintf(out, "\n"
                       "| Name | Flag | Environment | Default | Allowed | Meaning |\n"
                       "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->row[i].section, section) == 0) {
            print_markdown_row(t, out, &t->row[i]);
        }
    }
}

static bool is_first_of_section(const struct setting_table *t, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(t->row[i].section, t->row[index].section) == 0) {
            return false;
        }
    }
    return true;
}

void setting_print_markdown(const struct setting_table *t, FILE *out)
{
    /* First as in a file, where these lines must stand above all sections. */
    print_markdown_section(t, out, "");
    for (size_t i = 0; i < t->count; i++) {
        if (t->row[i].section[0] != '\0' && is_first_of_section(t, i)) {
            print_markdown_section(t, out, t->row[i].section);
        }
    }
}
