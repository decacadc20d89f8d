/* options.c - see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define HELP_COLUMN 30

void words_add(struct words *w, const char *word)
{
    w->item = xrealloc(w->item, (w->count + 1) * sizeof *w->item);
    w->item[w->count] = word;
    w->count++;
}

void words_clear(struct words *w)
{
    free(w->item);
    *w = (struct words){0};
}

static const struct option_row *find_in(const struct option_row *rows, const char *word, size_t len)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strlen(rows->name) == len && memcmp(rows->name, word, len) == 0) {
            return rows;
        }
    }
    return NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->letter == letter) {
            return rows;
        }
    }
    return NULL;
}

static bool set_number(const struct option_row *row, const char *value, struct err *e)
{
    char *end = NULL;
    intmax_t number;

    errno = 0;
    number = strtoimax(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 || number < row->min || number > row->max) {
        err_set(e, ERR_INVALID_PARAMETER,
                "--%s takes a whole number from %" PRId64 " to %" PRId64 ", not \"%.40s\"",
                row->name, row->min, row->max, value);
        return false;
    }
    *row->out.number = (struct whole_number){.is_given = true, .value = number};
    return true;
}

static bool set_value(const struct option_row *row, const char *value, struct err *e)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *row->out.flag = true;
        return true;
    case OPTION_TEXT:
        *row->out.text = value;
        return true;
    case OPTION_LIST:
        words_add(row->out.list, value);
        return true;
    case OPTION_NUMBER:
        return set_number(row, value, e);
    }
    return false;
}

static const struct option_row *find_row(const struct option_row *own,
                                         const struct option_row *global, const char *word)
{
    const struct option_row *row;

    if (word[1] != '-') {
        if (word[2] != '\0') {
            return NULL;
        }
        row = find_letter(own, word[1]);
        return row != NULL ? row : find_letter(global, word[1]);
    }
    row = find_in(own, word + 2, strcspn(word + 2, "="));
    return row != NULL ? row : find_in(global, word + 2, strcspn(word + 2, "="));
}

/* One flag at argv[0]; returns the words it took, -1 on failure. */
static int parse_flag(const struct option_row *own, const struct option_row *global, int argc,
                      char **argv, struct err *e)
{
    const struct option_row *row = find_row(own, global, argv[0]);
    const char *equals = argv[0][1] == '-' ? strchr(argv[0], '=') : NULL;

    if (row == NULL) {
        err_set(e, ERR_INVALID_PARAMETER, "there is no flag \"%.*s\"",
                (int)strcspn(argv[0], "=") < 60 ? (int)strcspn(argv[0], "=") : 60, argv[0]);
        return -1;
    }
    if (row->kind == OPTION_FLAG && equals != NULL) {
        err_set(e, ERR_INVALID_PARAMETER, "--%s takes no value", row->name);
        return -1;
    }
    if (row->kind == OPTION_FLAG || equals != NULL) {
        return set_value(row, equals != NULL ? equals + 1 : "", e) ? 1 : -1;
    }
    if (argc < 2) {
        err_set(e, ERR_INVALID_PARAMETER, "--%s needs a value: %s", row->name, row->value);
        return -1;
    }
    return set_value(row, argv[1], e) ? 2 : -1;
}

int options_parse(const struct option_row *own, const struct option_row *global, int argc,
                  char **argv, struct words *operands, struct err *e)
{
    bool is_flags_over = false;
    int at = 0;

    while (at < argc) {
        /* A single "-" is an operand by custom; no flag is a number. */
        bool is_operand = is_flags_over || argv[at][0] != '-' || argv[at][1] == '\0' ||
                          (argv[at][1] >= '0' && argv[at][1] <= '9');
        int taken = 1;

        if (is_operand && operands == NULL) {
            return at;
        }
        if (is_operand) {
            words_add(operands, argv[at]);
        } else if (strcmp(argv[at], "--") == 0) {
            is_flags_over = true;
        } else {
            taken = parse_flag(own, global, argc - at, argv + at, e);
        }
        if (taken < 0) {
            return -1;
        }
        at += taken;
    }
    return at;
}

void options_print(FILE *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        AUTO(buf_clear) struct buf left = BUF_INIT(256);

        if (rows->letter != 0) {
            buf_appendf(&left, "-%c, ", rows->letter);
        }
        buf_appendf(&left, "--%s", rows->name);
        if (rows->value != NULL) {
            buf_appendf(&left, " %s", rows->value);
        }
        (void)fprintf(out, "  %-*s%s%s\n", HELP_COLUMN - 2, buf_str(&left),
                      left.len >= HELP_COLUMN - 2 ? "  " : "", rows->doc);
    }
}

/* ---- settings beside them -------------------------------------------------------------------- */

/* The row that a word such as --role or --role=user is of; NULL = none. */
static const struct option_row *row_of(const struct option_row *rows, const char *word)
{
    for (; rows->name != NULL; rows++) {
        size_t len = strlen(rows->name);

        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, rows->name, len) == 0 &&
            (word[2 + len] == '\0' || word[2 + len] == '=')) {
            return rows;
        }
    }
    return NULL;
}

/* Takes the word, and the one behind it when that is its value. Gives how many. */
static int part_word(struct options_parted *p, const struct option_row *rows, int left, char **word)
{
    const struct option_row *row = row_of(rows, *word);
    bool is_setting = row == NULL && strncmp(*word, "--", 2) == 0;
    bool has_value =
        strchr(*word, '=') == NULL && (is_setting || (row != NULL && row->kind != OPTION_FLAG));
    int count = has_value && left > 1 ? 2 : 1;

    for (int i = 0; i < count; i++) {
        if (is_setting) {
            p->settings[p->settings_count++] = word[i];
        } else {
            p->own[p->own_count++] = word[i];
        }
    }
    return count;
}

void options_part(struct options_parted *out, const struct option_row *rows, int argc, char **argv)
{
    *out = (struct options_parted){.own = xcalloc((size_t)argc + 1, sizeof *out->own),
                                   .settings = xcalloc((size_t)argc + 1, sizeof *out->settings)};
    for (int i = 0; i < argc;) {
        i += part_word(out, rows, argc - i, argv + i);
    }
}

void options_parted_clear(struct options_parted *p)
{
    free((void *)p->own);
    free((void *)p->settings);
    *p = (struct options_parted){.own = NULL};
}
