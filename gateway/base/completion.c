/* completion.c - see completion.h. */
#include "base/completion.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct flag {
    char *name; /* with its dashes */
    char letter;
    const char *value; /* NULL = none */
    const char *doc;
};

struct verb {
    const char *name;
    const char *operands;
    const char *summary;
    struct flag *flag;
    size_t count;
};

struct completion {
    const char *program;
    struct verb *verb;
    size_t count;
};

/* What a value is completed by. */
enum value_kind { VALUE_ANY, VALUE_FILE, VALUE_DIR, VALUE_CHOICE };

struct completion *completion_new(const char *program)
{
    struct completion *c = xcalloc(1, sizeof *c);

    c->program = program;
    completion_verb(c, "", "", "");
    return c;
}

void completion_free(struct completion *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t v = 0; v < c->count; v++) {
        for (size_t f = 0; f < c->verb[v].count; f++) {
            free(c->verb[v].flag[f].name);
        }
        free(c->verb[v].flag);
    }
    free(c->verb);
    free(c);
}

void completion_verb(struct completion *c, const char *verb, const char *operands,
                     const char *summary)
{
    c->verb = xrealloc(c->verb, (c->count + 1) * sizeof *c->verb);
    c->verb[c->count] = (struct verb){.name = verb, .operands = operands, .summary = summary};
    c->count++;
}

static void add_flag(struct completion *c, struct flag flag)
{
    struct verb *v = NULL;

    v = &c->verb[c->count - 1];
    v->flag = xrealloc(v->flag, (v->count + 1) * sizeof *v->flag);
    v->flag[v->count] = flag;
    v->count++;
}

void completion_flag(struct completion *c, const char *flag, char letter, const char *value,
                     const char *doc)
{
    add_flag(c, (struct flag){
                    .name = xasprintf("--%s", flag), .letter = letter, .value = value, .doc = doc});
}

static const char *value_of_setting(const struct setting_row *row)
{
    size_t len = strlen(row->key);

    if (row->kind == SETTING_CHOICE) {
        return row->choices;
    }
    if (row->kind == SETTING_INT) {
        return "NUMBER";
    }
    if (len >= 5 && strcmp(row->key + len - 5, "_file") == 0) {
        return "FILE";
    }
    return strcmp(row->key, "dir") == 0 ? "DIR" : "TEXT";
}

void completion_settings(struct completion *c, const struct setting_table *t)
{
    char name[SETTING_NAME_SIZE];

    completion_flag(c, "config", 0, "FILE", "file with settings");
    completion_flag(c, "help", 'h', NULL, "show this");
    for (size_t i = 0; i < t->count; i++) {
        const struct setting_row *row = &t->row[i];
        struct flag flag = {.value = value_of_setting(row), .doc = row->doc};

        flag.name = xstrdup(setting_flag_name(t, row, name));
        add_flag(c, flag);
        if (t->short_flag != NULL && strcmp(name, t->long_flag) == 0) {
            flag.name = xstrdup(t->short_flag);
            add_flag(c, flag);
        }
    }
}

/* ---- what all shells have in common ---------------------------------------------------------- */

static enum value_kind kind_of(const char *value)
{
    if (value == NULL || *value == '\0') {
        return VALUE_ANY;
    }
    if (strncmp(value, "DIR", 3) == 0) {
        return VALUE_DIR;
    }
    if (strncmp(value, "FILE", 4) == 0 || strncmp(value, "GRAPH", 5) == 0) {
        return VALUE_FILE;
    }
    return strchr(value, '|') != NULL ? VALUE_CHOICE : VALUE_ANY;
}

/* In single quotes; every shell understands these. */
static void put_quoted(FILE *out, const char *text, bool is_fish)
{
    (void)fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs(is_fish ? "\\'" : "'\\''", out);
        } else if (is_fish && *text == '\\') {
            (void)fputs("\\\\", out);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('\'', out);
}

static void put_choices(FILE *out, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        (void)fputc(*choices == '|' ? ' ' : *choices, out);
    }
}

/* The program's name as part of a function's name. */
static void put_function(FILE *out, const char *program)
{
    (void)fputc('_', out);
    for (; *program != '\0'; program++) {
        (void)fputc(*program == '-' ? '_' : *program, out);
    }
}

/* The word behind `above` when `name` is directly below it, else NULL. "" is above all verbs. */
static const char *word_below(const char *above, const char *name)
{
    size_t len = strlen(above);

    if (len > 0 && (strncmp(name, above, len) != 0 || name[len] != ' ')) {
        return NULL;
    }
    name += len > 0 ? len + 1 : 0;
    if (*name == '\0') {
        return NULL;
    }
    return strchr(name, ' ') == NULL ? name : NULL;
}

static bool has_parts(const struct completion *c, const char *above)
{
    for (size_t v = 0; v < c->count; v++) {
        if (word_below(above, c->verb[v].name) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- bash and zsh: one function, which differs in how it offers words ------------------------ */

/* Sets `verb` to the one or two words that name it, of words_[1..at). Words behind a flag that takes a
 * value may look like a verb; the first word that follows no flag is it. */
static void put_find_verb(const struct completion *c, FILE *out, const char *words, const char *at)
{
    (void)fprintf(out,
                  "    local verb='' word='' before='' i\n"
                  "    for ((i = %s; i < %s; i++)); do\n"
                  "        word=${%s[i]}\n"
                  "        case $before in\n"
                  "        --url) before=''; continue ;;\n"
                  "        esac\n"
                  "        before=$word\n"
                  "        case $word in\n"
                  "        -*) continue ;;\n"
                  "        esac\n"
                  "        case $verb in\n"
                  "        '') verb=$word ;;\n",
                  words[0] == 'C' ? "1" : "2", at, words);
    for (size_t v = 0; v < c->count; v++) {
        if (c->verb[v].name[0] != '\0' && has_parts(c, c->verb[v].name)) {
            (void)fputs("        ", out);
            put_quoted(out, c->verb[v].name, false);
            (void)fputs(") verb+=\" $word\" ;;\n", out);
        }
    }
    (void)fputs("        esac\n"
                "    done\n",
                out);
}

static void put_value_action(FILE *out, const char *value, bool is_zsh)
{
    switch (kind_of(value)) {
    case VALUE_FILE:
        (void)fputs(
            is_zsh ? "_files" : "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))", out);
        break;
    case VALUE_DIR:
        (void)fputs(is_zsh ? "_files -/"
                           : "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))",
                    out);
        break;
    case VALUE_CHOICE:
        (void)fputs(is_zsh ? "compadd -- " : "COMPREPLY=($(compgen -W '", out);
        put_choices(out, value);
        (void)fputs(is_zsh ? "" : "' -- \"$cur\"))", out);
        break;
    case VALUE_ANY:
        (void)fputs(":", out);
        break;
    }
}

/* A flag that takes a value, before the word: the word is that value. */
static void put_values(const struct completion *c, FILE *out, bool is_zsh)
{
    (void)fputs("    case \"$verb $prev\" in\n", out);
    for (size_t v = 0; v < c->count; v++) {
        for (size_t f = 0; f < c->verb[v].count; f++) {
            const struct flag *flag = &c->verb[v].flag[f];

            if (flag->value == NULL) {
                continue;
            }
            (void)fprintf(out, "    '%s %s'", c->verb[v].name, flag->name);
            if (flag->letter != 0) {
                (void)fprintf(out, "|'%s -%c'", c->verb[v].name, flag->letter);
            }
            (void)fputs(") ", out);
            put_value_action(out, flag->value, is_zsh);
            (void)fputs("; return ;;\n", out);
        }
    }
    (void)fputs("    esac\n", out);
}

static void put_bash_words(const struct completion *c, FILE *out, const struct verb *v)
{
    (void)fputs("    ", out);
    put_quoted(out, v->name, false);
    (void)fputs(")\n"
                "        case $cur in\n"
                "        -*) COMPREPLY=($(compgen -W '",
                out);
    for (size_t f = 0; f < v->count; f++) {
        (void)fprintf(out, "%s%s", f > 0 ? " " : "", v->flag[f].name);
    }
    (void)fputs("' -- \"$cur\")) ;;\n        *) ", out);
    if (has_parts(c, v->name)) {
        (void)fputs("COMPREPLY=($(compgen -W '", out);
        for (size_t p = 0; p < c->count; p++) {
            const char *part = word_below(v->name, c->verb[p].name);

            (void)fprintf(out, "%s ", part != NULL ? part : "");
        }
        (void)fputs("' -- \"$cur\"))", out);
    } else {
        put_value_action(out, v->operands, false);
    }
    (void)fputs(" ;;\n        esac ;;\n", out);
}

static void print_bash(const struct completion *c, FILE *out)
{
    (void)fprintf(out, "# Completion of %s for bash.\n# shellcheck shell=bash disable=SC2207\n",
                  c->program);
    put_function(out, c->program);
    /* bash takes "=" for a word of its own. */
    (void)fputs("()\n"
                "{\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "    COMPREPLY=()\n"
                "    if [ \"$cur\" = = ]; then\n"
                "        cur=''\n"
                "    elif [ \"$prev\" = = ] && ((COMP_CWORD > 1)); then\n"
                "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                "    fi\n",
                out);
    put_find_verb(c, out, "COMP_WORDS", "COMP_CWORD");
    put_values(c, out, false);
    (void)fputs("    case $verb in\n", out);
    for (size_t v = 0; v < c->count; v++) {
        put_bash_words(c, out, &c->verb[v]);
    }
    (void)fputs("    esac\n}\ncomplete -F ", out);
    put_function(out, c->program);
    (void)fprintf(out, " %s\n", c->program);
}

/* 'name:meaning', where a colon in the name would end it. */
static void put_described(FILE *out, const char *name, const char *meaning)
{
    (void)fputs("            ", out);
    put_quoted(out, name, false);
    (void)fputs(":", out);
    put_quoted(out, meaning, false);
    (void)fputc('\n', out);
}

static void put_zsh_words(const struct completion *c, FILE *out, const struct verb *v)
{
    (void)fputs("    ", out);
    put_quoted(out, v->name, false);
    (void)fputs(")\n"
                "        offer=(\n",
                out);
    for (size_t f = 0; f < v->count; f++) {
        put_described(out, v->flag[f].name, v->flag[f].doc);
    }
    (void)fputs("        )\n"
                "        if [[ $cur == -* ]]; then\n"
                "            _describe -o flag offer\n"
                "            return\n"
                "        fi\n",
                out);
    if (has_parts(c, v->name)) {
        (void)fputs("        offer=(\n", out);
        for (size_t p = 0; p < c->count; p++) {
            const char *part = word_below(v->name, c->verb[p].name);

            if (part != NULL) {
                put_described(out, part, c->verb[p].summary);
            }
        }
        (void)fputs("        )\n        _describe verb offer ;;\n", out);
    } else {
        (void)fputs("        ", out);
        put_value_action(out, v->operands, true);
        (void)fputs(" ;;\n", out);
    }
}

static void print_zsh(const struct completion *c, FILE *out)
{
    (void)fprintf(out, "#compdef %s\n# Completion of %s for zsh.\n", c->program, c->program);
    put_function(out, c->program);
    (void)fputs("() {\n"
                "    local cur=${words[CURRENT]} prev=${words[CURRENT - 1]}\n"
                "    local -a offer\n"
                "    if [[ $cur == --*=* ]]; then\n"
                "        prev=${cur%%=*}\n"
                "        compset -P '*='\n"
                "    fi\n",
                out);
    put_find_verb(c, out, "words", "CURRENT");
    put_values(c, out, true);
    (void)fputs("    case $verb in\n", out);
    for (size_t v = 0; v < c->count; v++) {
        put_zsh_words(c, out, &c->verb[v]);
    }
    (void)fputs("    esac\n}\ncompdef ", out);
    put_function(out, c->program);
    (void)fprintf(out, " %s\n", c->program);
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void put_fish_value(FILE *out, const char *value)
{
    switch (kind_of(value)) {
    case VALUE_FILE:
        (void)fputs(" -r -F", out);
        break;
    case VALUE_DIR:
        (void)fputs(" -x -a '(__fish_complete_directories)'", out);
        break;
    case VALUE_CHOICE:
        (void)fputs(" -x -a '", out);
        put_choices(out, value);
        (void)fputc('\'', out);
        break;
    case VALUE_ANY:
        (void)fputs(" -x", out);
        break;
    }
}

/* The words of the line that are neither the program nor flags are, or begin with, these. */
static void put_fish_condition(const struct completion *c, FILE *out, const char *how,
                               const char *verb)
{
    (void)fprintf(out, "complete -c %s -n '_", c->program);
    put_function(out, c->program);
    (void)fprintf(out, "_%s %s'", how, verb);
}

static void put_fish_verb(const struct completion *c, FILE *out, const struct verb *v)
{
    const char *part = strrchr(v->name, ' ');
    char above[64];

    (void)snprintf(above, sizeof above, "%.*s", part != NULL ? (int)(part - v->name) : 0, v->name);
    if (v->name[0] != '\0') {
        put_fish_condition(c, out, "at", above);
        (void)fprintf(out, " -a %s -d ", part != NULL ? part + 1 : v->name);
        put_quoted(out, v->summary, true);
        (void)fputc('\n', out);
    }
    for (size_t f = 0; f < v->count; f++) {
        const struct flag *flag = &v->flag[f];

        put_fish_condition(c, out, v->name[0] != '\0' ? "in" : "at", v->name);
        (void)fprintf(out, " -l %s", flag->name + 2);
        if (flag->letter != 0) {
            (void)fprintf(out, " -s %c", flag->letter);
        }
        if (flag->value != NULL) {
            put_fish_value(out, flag->value);
        }
        (void)fputs(" -d ", out);
        put_quoted(out, flag->doc, true);
        (void)fputc('\n', out);
    }
    if (kind_of(v->operands) != VALUE_ANY) {
        put_fish_condition(c, out, "in", v->name);
        put_fish_value(out, v->operands);
        (void)fputc('\n', out);
    }
}

static void put_fish_test(const struct completion *c, FILE *out, const char *how, const char *last)
{
    (void)fputs("function _", out);
    put_function(out, c->program);
    (void)fprintf(out,
                  "_%s\n"
                  "    set -l words (commandline -opc)\n"
                  "    set -e words[1]\n"
                  "    set words (string match -rv '^-' -- $words)\n"
                  "    set -l count %s\n"
                  "    test \"$words[1..$count]\" = \"$argv\"\n"
                  "end\n",
                  how, last);
}

static void print_fish(const struct completion *c, FILE *out)
{
    (void)fprintf(out, "# Completion of %s for fish.\n", c->program);
    put_fish_test(c, out, "at", "-1");
    put_fish_test(c, out, "in", "(count $argv)");
    (void)fprintf(out, "complete -c %s -f\n", c->program);
    for (size_t v = 0; v < c->count; v++) {
        put_fish_verb(c, out, &c->verb[v]);
    }
}

bool completion_print(const struct completion *c, const char *shell, FILE *out)
{
    static const struct {
        const char *name;
        void (*print)(const struct completion *c, FILE *out);
    } SHELLS[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; i < COUNT_OF(SHELLS); i++) {
        if (strcmp(SHELLS[i].name, shell) == 0) {
            SHELLS[i].print(c, out);
            return true;
        }
    }
    return false;
}
