/* setting_table.c - where each setting comes from. Every source ends in set_row(), which checks the
 * value.
 */
#include "base/setting_table.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define ENV_PREFIX      "COMFYGATE_"
#define FILE_SUFFIX     "_FILE"
#define FILE_MAX_BYTES  262144
#define VALUE_MAX_BYTES 65536 /* of a ..._FILE */
#define SHOWN_CHARS     60    /* of a refused value */
#define ROW_NONE        SIZE_MAX

typedef char *name_writer(const struct setting_table *t, const struct setting_row *row,
                          char out[SETTING_NAME_SIZE]);

/* One load: the rows, and what they fill. */
struct load {
    const struct setting_table *table;
    const struct setting_sources *from;
    void *target;
};

char *setting_flag_name(const struct setting_table *t, const struct setting_row *row,
                        char out[SETTING_NAME_SIZE])
{
    bool is_bare = row->section[0] == '\0' ||
                   (t->bare_section != NULL && strcmp(row->section, t->bare_section) == 0);

    (void)snprintf(out, SETTING_NAME_SIZE, "--%s%s%s", is_bare ? "" : row->section,
                   is_bare ? "" : "-", row->key);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)(*at == '_' ? '-' : *at);
    }
    return out;
}

char *setting_env_name(const struct setting_row *row, char out[SETTING_NAME_SIZE])
{
    (void)snprintf(out, SETTING_NAME_SIZE, ENV_PREFIX "%s%s%s", row->section,
                   row->section[0] != '\0' ? "_" : "", row->key);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    return out;
}

static char *env_name(const struct setting_table *t, const struct setting_row *row,
                      char out[SETTING_NAME_SIZE])
{
    (void)t;
    return setting_env_name(row, out);
}

static char *file_name(const struct setting_table *t, const struct setting_row *row,
                       char out[SETTING_NAME_SIZE])
{
    (void)t;
    if (row->section[0] == '\0') {
        (void)snprintf(out, SETTING_NAME_SIZE, "%s", row->key);
    } else {
        (void)snprintf(out, SETTING_NAME_SIZE, "[%s] %s", row->section, row->key);
    }
    return out;
}

static char **text_field(void *target, const struct setting_row *row)
{
    return (char **)(void *)((char *)target + row->offset);
}

static int64_t *int_field(void *target, const struct setting_row *row)
{
    return (int64_t *)(void *)((char *)target + row->offset);
}

static void set_defaults(const struct load *l)
{
    memset(l->target, 0, l->table->size);
    for (size_t i = 0; i < l->table->count; i++) {
        const struct setting_row *row = &l->table->row[i];

        if (row->kind == SETTING_INT) {
            *int_field(l->target, row) = row->number;
        } else {
            *text_field(l->target, row) = xstrdup(row->text);
        }
    }
}

void setting_clear(const struct setting_table *t, void *target)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->row[i].kind != SETTING_INT) {
            xreplace(text_field(target, &t->row[i]), NULL);
        }
    }
}

static bool is_bytes(const struct setting_row *row)
{
    return strcmp(row->unit, "bytes") == 0;
}

/* A whole number in decimal digits, with k, M or G after it where bytes are counted. */
static bool parse_int(const struct setting_row *row, const char *text, int64_t *out)
{
    static const char suffixes[] = "kMG";
    const char *at = text;
    const char *suffix;
    int64_t value = 0;

    while (*at >= '0' && *at <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value)) {
            return false;
        }
        at++;
    }
    if (at == text) {
        return false;
    }
    if (*at != '\0') {
        suffix = strchr(suffixes, *at);
        if (!is_bytes(row) || suffix == NULL || at[1] != '\0' ||
            __builtin_mul_overflow(value, INT64_C(1) << (10 * (suffix - suffixes + 1)), &value)) {
            return false;
        }
    }
    if (value < row->min || value > row->max) {
        return false;
    }
    *out = value;
    return true;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strcspn(value, "|");

    if (len == 0 || value[len] != '\0') {
        return false;
    }
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|' ? 1 : 0;
        if (strncmp(at, value, len) == 0 && (at[len] == '|' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* `where` names the setting as its source knows it. A refused text is not shown: it may be secret.
 */
static enum errc set_row(const struct load *l, const struct setting_row *row, const char *value,
                         const char *where, struct err *e)
{
    if (has_control(value)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%s: the value holds a line break or another control character", where);
    }
    if (row->kind == SETTING_INT) {
        if (parse_int(row, value, int_field(l->target, row))) {
            return ERR_NONE;
        }
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%s: \"%.*s\" is not a whole number from %lld to %lld%s", where, SHOWN_CHARS,
                       value, (long long)row->min, (long long)row->max,
                       is_bytes(row) ? " (k, M and G stand for 1024, 1024^2 and 1024^3)" : "");
    }
    if (row->kind == SETTING_CHOICE && !is_choice(row->choices, value)) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s: \"%.*s\" is not one of %s", where,
                       SHOWN_CHARS, value, row->choices);
    }
    xreplace(text_field(l->target, row), value);
    return ERR_NONE;
}

static size_t find_row(const struct setting_table *t, name_writer *write_name, const char *name)
{
    char candidate[SETTING_NAME_SIZE];

    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(write_name(t, &t->row[i], candidate), name) == 0) {
            return i;
        }
    }
    return ROW_NONE;
}

/* Levenshtein's distance; names longer than a row's are as far as can be. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[SETTING_NAME_SIZE];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (b_len >= SETTING_NAME_SIZE) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);

            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_len];
}

/* Refuses a name that is in no row, with the nearest one if it is near enough to be meant. */
static enum errc unknown(const struct setting_table *t, name_writer *write_name, const char *name,
                         struct err *e)
{
    char candidate[SETTING_NAME_SIZE];
    char nearest[SETTING_NAME_SIZE] = "";
    size_t nearest_distance = 4;

    for (size_t i = 0; i < t->count; i++) {
        size_t distance = edit_distance(name, write_name(t, &t->row[i], candidate));

        if (distance < nearest_distance) {
            nearest_distance = distance;
            (void)snprintf(nearest, sizeof nearest, "%s", candidate);
        }
    }
    return err_set(e, ERR_INVALID_PARAMETER, "%.*s: there is no such setting%s%s%s", SHOWN_CHARS,
                   name, nearest[0] != '\0' ? "; did you mean " : "", nearest,
                   nearest[0] != '\0' ? "?" : " (see --help)");
}

/* What the handler of inih needs. */
struct file_load {
    const struct load *of;
    struct err fault; /* without the place in the file, which inih tells afterwards */
    bool *seen;       /* by row */
};

static int file_line(void *arg, const char *section, const char *key, const char *value)
{
    struct file_load *load = arg;
    const struct load *l = load->of;
    char name[SETTING_NAME_SIZE * 2];
    size_t row;

    if (section[0] == '\0') {
        (void)snprintf(name, sizeof name, "%s", key);
    } else {
        (void)snprintf(name, sizeof name, "[%s] %s", section, key);
    }
    row = find_row(l->table, file_name, name);
    if (row == ROW_NONE) {
        (void)unknown(l->table, file_name, name, &load->fault);
        return 0;
    }
    if (load->seen[row]) {
        (void)err_set(&load->fault, ERR_INVALID_PARAMETER, "%s: set twice", name);
        return 0;
    }
    load->seen[row] = true;
    return set_row(l, &l->table->row[row], value, name, &load->fault) == ERR_NONE;
}

static enum errc load_file(const struct load *l, const char *path, struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(FILE_MAX_BYTES);
    AUTO(free_ptr) bool *seen = xcalloc(l->table->count, sizeof *seen);
    struct file_load load = {.of = l, .fault = ERR_INIT, .seen = seen};
    enum errc code = file_read(path, FILE_MAX_BYTES, &text, e);
    int line;

    if (code != ERR_NONE) {
        return code;
    }
    if (memchr(buf_str(&text), '\0', text.len) != NULL) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s is not a text file", path);
    }
    /* Debian's inih is tuned at run time: a line may be as long as the file, a continued line is a
     * fault, and the first fault ends it. */
    ini_allow_multiline = false;
    ini_stop_on_first_error = true;
    ini_use_stack = false;
    ini_allow_realloc = true;
    ini_max_line = FILE_MAX_BYTES + 3;
    line = ini_parse_string(buf_str(&text), file_line, &load);
    if (line == 0) {
        return ERR_NONE;
    }
    return err_set(e, ERR_INVALID_PARAMETER, "%s line %d: %s", path, line,
                   load.fault.code != ERR_NONE ? load.fault.detail
                                               : "neither \"name = value\" nor \"[section]\"");
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

bool setting_is_of_service(const char *name, const char *value)
{
    return ends_with(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") != NULL ||
           (strstr(name, "_PORT_") != NULL && strstr(name, "_TCP") != NULL) ||
           (ends_with(name, "_PORT") && starts_with(value, "tcp://"));
}

/* The name without _FILE when that is the name of a text setting, else ROW_NONE. */
static size_t find_file_variant(const struct load *l, const char *name)
{
    AUTO(free_ptr) char *plain = NULL;
    size_t row;

    if (!ends_with(name, FILE_SUFFIX)) {
        return ROW_NONE;
    }
    plain = xstrndup(name, strlen(name) - strlen(FILE_SUFFIX));
    row = find_row(l->table, env_name, plain);
    return row != ROW_NONE && l->table->row[row].kind != SETTING_INT ? row : ROW_NONE;
}

static enum errc set_from_file(const struct load *l, const struct setting_row *row,
                               const char *path, const char *where, struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(VALUE_MAX_BYTES);
    struct err fault = ERR_INIT;

    if (file_read(path, VALUE_MAX_BYTES, &text, &fault) != ERR_NONE) {
        return err_set(e, fault.code, "%s: %s", where, fault.detail);
    }
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.data[--text.len] = '\0';
    }
    if (text.len > 0 && text.data[text.len - 1] == '\r') {
        text.data[--text.len] = '\0';
    }
    if (strlen(buf_str(&text)) != text.len) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s: %s is not a text file", where, path);
    }
    return set_row(l, row, buf_str(&text), where, e);
}

static enum errc load_variable(const struct load *l, const char *name, const char *value,
                               bool *seen, struct err *e)
{
    size_t row = find_row(l->table, env_name, name);
    size_t from_file = row == ROW_NONE ? find_file_variant(l, name) : ROW_NONE;
    size_t either = row != ROW_NONE ? row : from_file;

    if (strcmp(name, l->table->config_env) == 0) {
        return ERR_NONE;
    }
    if (either == ROW_NONE) {
        return l->table->is_foreign(name, value) ? ERR_NONE : unknown(l->table, env_name, name, e);
    }
    if (seen[either]) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s: set twice (once with " FILE_SUFFIX ")", name);
    }
    seen[either] = true;
    if (row != ROW_NONE) {
        return set_row(l, &l->table->row[row], value, name, e);
    }
    return set_from_file(l, &l->table->row[from_file], value, name, e);
}

static enum errc load_environment(const struct load *l, struct err *e)
{
    AUTO(free_ptr) bool *seen = xcalloc(l->table->count, sizeof *seen);

    for (char **envp = l->from->envp; envp != NULL && *envp != NULL; envp++) {
        const char *equals = strchr(*envp, '=');
        AUTO(free_ptr) char *name = NULL;
        enum errc code;

        if (equals == NULL || !starts_with(*envp, ENV_PREFIX)) {
            continue;
        }
        name = xstrndup(*envp, (size_t)(equals - *envp));
        code = load_variable(l, name, equals + 1, seen, e);
        if (code != ERR_NONE) {
            return code;
        }
    }
    return ERR_NONE;
}

/* One flag of argv, taken apart. */
struct flag {
    char name[SETTING_NAME_SIZE];
    const char *value;
};

/* Reads the flag at *index and moves *index behind it and its value. */
static enum errc next_flag(const struct load *l, int *index, struct flag *out, struct err *e)
{
    char **argv = l->from->argv;
    const char *text = argv[*index];
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);

    if (!starts_with(text, "--") || len <= 2 || len >= sizeof out->name) {
        return err_set(e, ERR_INVALID_PARAMETER, "%.*s: not a flag (see --help)", SHOWN_CHARS,
                       text);
    }
    for (size_t i = 0; i < len; i++) {
        out->name[i] = (char)(text[i] == '_' ? '-' : text[i]);
    }
    out->name[len] = '\0';
    if (l->table->short_flag != NULL && strcmp(out->name, l->table->short_flag) == 0) {
        (void)snprintf(out->name, sizeof out->name, "%s", l->table->long_flag);
    }
    if (strcmp(out->name, "--config") != 0 &&
        find_row(l->table, setting_flag_name, out->name) == ROW_NONE) {
        return unknown(l->table, setting_flag_name, out->name, e);
    }
    if (equals == NULL && *index + 1 >= l->from->argc) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s: a value is missing", out->name);
    }
    out->value = equals != NULL ? equals + 1 : argv[*index + 1];
    *index += equals != NULL ? 1 : 2;
    return ERR_NONE;
}

static enum errc load_flags(const struct load *l, struct err *e)
{
    for (int i = 0; i < l->from->argc;) {
        struct flag flag = {.value = NULL};
        enum errc code = next_flag(l, &i, &flag, e);

        if (code == ERR_NONE && strcmp(flag.name, "--config") != 0) {
            code = set_row(l, &l->table->row[find_row(l->table, setting_flag_name, flag.name)],
                           flag.value, flag.name, e);
        }
        if (code != ERR_NONE) {
            return code;
        }
    }
    return ERR_NONE;
}

/* The file that --config or else the environment names; NULL for none. */
static enum errc find_file(const struct load *l, const char **out, struct err *e)
{
    size_t len = strlen(l->table->config_env);

    *out = NULL;
    for (char **envp = l->from->envp; envp != NULL && *envp != NULL; envp++) {
        if (starts_with(*envp, l->table->config_env) && (*envp)[len] == '=') {
            *out = *envp + len + 1;
        }
    }
    for (int i = 0; i < l->from->argc;) {
        struct flag flag = {.value = NULL};
        enum errc code = next_flag(l, &i, &flag, e);

        if (code != ERR_NONE) {
            return code;
        }
        if (strcmp(flag.name, "--config") == 0) {
            *out = flag.value;
        }
    }
    return ERR_NONE;
}

enum errc setting_load(const struct setting_table *t, void *target,
                       const struct setting_sources *from, struct err *e)
{
    struct load l = {.table = t, .from = from, .target = target};
    const char *path;
    enum errc code;

    set_defaults(&l);
    code = find_file(&l, &path, e);
    if (code == ERR_NONE && path != NULL && path[0] != '\0') {
        code = load_file(&l, path, e);
    }
    if (code == ERR_NONE) {
        code = load_environment(&l, e);
    }
    if (code == ERR_NONE) {
        code = load_flags(&l, e);
    }
    if (code == ERR_NONE) {
        code = t->check_together(target, e);
    }
    if (code != ERR_NONE) {
        setting_clear(t, target);
    }
    return code;
}
