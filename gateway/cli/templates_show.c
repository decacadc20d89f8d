/* templates_show.c - templates show: what a template does, whether it can run, and how it is called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/templates.h"
#include "cli/templates_remote.h"

#define TEXT_MAX      ((size_t)1 << 20)
#define NAME_COLUMNS  20
#define VALUE_COLUMNS 44

struct show {
    const struct terminal *t;
    const struct json_doc *doc;
    json_ref schema;
};

/* ---- facts ----------------------------------------------------------------------------------- */

static void put_fact(const struct show *s, const char *name, const char *value)
{
    if (value[0] != '\0') {
        (void)fprintf(s->t->file, "%s%-11s%s ", terminal_tone(s->t, TONE_DIM), name,
                      terminal_reset(s->t));
        terminal_put(s->t, value);
        (void)fputc('\n', s->t->file);
    }
}

static void put_member(const struct show *s, const char *member)
{
    AUTO(free_ptr) char *value = templates_text(s->doc, 0, member);

    put_fact(s, member, value);
}

/* Texts of an array, with a comma between them. */
static void join(const struct json_doc *doc, json_ref list, const char *member, struct buf *out)
{
    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr)
        char *text = member != NULL ? templates_text(doc, n, member) : json_str_dup(doc, n);

        (void)buf_appendf(out, "%s%s", out->len > 0 ? ", " : "", text != NULL ? text : "");
    }
}

static void put_list(const struct show *s, const char *name, json_ref list, const char *member)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(TEXT_MAX);

    join(s->doc, list, member, &text);
    put_fact(s, name, buf_str(&text));
}

/* ---- whether it can run ---------------------------------------------------------------------- */

static void put_broken(const struct show *s)
{
    json_ref broken = json_get(s->doc, 0, "broken");
    bool is_served = json_str_is(s->doc, json_get(s->doc, broken, "serving"), "previous");

    if (json_type(s->doc, broken) != JSON_OBJECT) {
        return;
    }
    (void)fprintf(s->t->file, "%sbroken%s: its files cannot be loaded; %s\n",
                  terminal_tone(s->t, TONE_BAD), terminal_reset(s->t),
                  is_served ? "what is told here is the template as it was before, which is served"
                            : "nothing is served under this name");
    templates_put_faults(s->t, s->doc, json_get(s->doc, broken, "faults"));
}

static void put_can(const struct show *s, json_ref object, const char *name, const char *reasons)
{
    enum tone tone = TONE_PLAIN;
    const char *word = templates_can_word(s->doc, object, &tone);

    (void)fprintf(s->t->file, "%s%-11s%s %s%s%s\n", terminal_tone(s->t, TONE_DIM), name,
                  terminal_reset(s->t), terminal_tone(s->t, tone), word, terminal_reset(s->t));
    templates_put_faults(s->t, s->doc, json_get(s->doc, object, reasons));
}

/* With several ComfyUIs, each by itself. */
static void put_availability(const struct show *s)
{
    json_ref backends = json_get(s->doc, 0, "backends");

    if (json_size(s->doc, backends) < 2) {
        if (json_type(s->doc, s->schema) == JSON_OBJECT) {
            put_can(s, 0, "can run", "unavailable_reasons");
        }
        return;
    }
    for (json_ref n = json_first(s->doc, backends); n != JSON_NONE; n = json_next(s->doc, n)) {
        AUTO(free_ptr) char *backend = templates_text(s->doc, n, "name");
        AUTO(buf_clear) struct buf name = BUF_INIT(200);

        (void)buf_appendf(&name, "can run on %s:", backend);
        put_can(s, n, buf_str(&name), "reasons");
    }
}

static void put_models(const struct show *s)
{
    json_ref models = json_get(s->doc, json_get(s->doc, 0, "requires"), "models");

    for (json_ref n = json_first(s->doc, models); n != JSON_NONE; n = json_next(s->doc, n)) {
        AUTO(free_ptr) char *folder = templates_text(s->doc, n, "folder");
        AUTO(free_ptr) char *name = templates_text(s->doc, n, "name");
        AUTO(free_ptr) char *url = templates_text(s->doc, n, "url");
        AUTO(buf_clear) struct buf text = BUF_INIT(TEXT_MAX);

        (void)buf_appendf(&text, "models/%s/%s%s%s", folder, name, url[0] != '\0' ? "  " : "", url);
        put_fact(s, "needs", buf_str(&text));
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Numbers as they are written: some are larger than any C type. */
static void add_range(const struct json_doc *doc, json_ref schema, const char *least,
                      const char *most, struct buf *out)
{
    struct span low = json_raw(doc, json_get(doc, schema, least));
    struct span high = json_raw(doc, json_get(doc, schema, most));

    if (low.len > 0 && high.len > 0) {
        (void)buf_appendf(out, ", %.*s to %.*s", (int)low.len, low.ptr, (int)high.len, high.ptr);
    } else if (low.len > 0) {
        (void)buf_appendf(out, ", at least %.*s", (int)low.len, low.ptr);
    } else if (high.len > 0) {
        (void)buf_appendf(out, ", at most %.*s", (int)high.len, high.ptr);
    }
}

static void add_step(const struct json_doc *doc, json_ref schema, struct buf *out)
{
    struct span step = json_raw(doc, json_get(doc, schema, "multipleOf"));

    if (step.len > 0) {
        (void)buf_appendf(out, ", a multiple of %.*s", (int)step.len, step.ptr);
    }
}

static char *key_of(const struct json_doc *doc, json_ref member)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(TEXT_MAX);

    (void)json_key(doc, member, &key);
    return buf_take(&key);
}

static void add_list(const struct json_doc *doc, json_ref schema, struct buf *out)
{
    json_ref items = json_get(doc, schema, "items");
    json_ref members = json_get(doc, items, "properties");
    size_t count = 0;

    (void)buf_append_str(out, "list of ");
    /* More than two cannot be said in the short form of -p. */
    for (json_ref n = json_first(doc, members); n != JSON_NONE && count < 2;
         n = json_next(doc, n)) {
        AUTO(free_ptr) char *name = key_of(doc, n);

        (void)buf_appendf(out, "%s%s", count++ > 0 ? ":" : "", name);
    }
    if (count == 0) {
        AUTO(free_ptr) char *type = templates_text(doc, items, "type");

        (void)buf_append_str(out, type);
    }
    add_range(doc, schema, "minItems", "maxItems", out);
}

/* "integer, 1 to 60", "one of: square, portrait", "text, at most 4000 characters". */
static void values_text(const struct json_doc *doc, json_ref schema, struct buf *out)
{
    AUTO(free_ptr) char *type = templates_text(doc, schema, "type");
    json_ref choices = json_get(doc, schema, "enum");
    bool is_file = false;

    (void)json_bool(doc, json_get(doc, schema, "x-file"), &is_file);
    if (choices != JSON_NONE) {
        join(doc, choices, NULL, out);
    } else if (is_file) {
        (void)buf_append_str(out, "@FILE, or asset:ID, output:ID");
    } else if (strcmp(type, "array") == 0) {
        add_list(doc, schema, out);
    } else if (strcmp(type, "string") == 0) {
        (void)buf_append_str(out, "text");
        add_range(doc, schema, "minLength", "maxLength", out);
        if (json_get(doc, schema, "maxLength") != JSON_NONE) {
            (void)buf_append_str(out, " characters");
        }
    } else if (strcmp(type, "boolean") == 0) {
        (void)buf_append_str(out, "true or false");
    } else {
        (void)buf_append_str(out, type);
        add_range(doc, schema, "minimum", "maximum", out);
        add_step(doc, schema, out);
    }
}

static bool is_required(const struct show *s, const char *name)
{
    json_ref list = json_get(s->doc, s->schema, "required");

    for (json_ref n = json_first(s->doc, list); n != JSON_NONE; n = json_next(s->doc, n)) {
        if (json_str_is(s->doc, n, name)) {
            return true;
        }
    }
    return false;
}

static void put_param(const struct show *s, json_ref schema)
{
    AUTO(free_ptr) char *name = key_of(s->doc, schema);
    AUTO(free_ptr) char *about = templates_text(s->doc, schema, "description");
    json_ref fallback = json_get(s->doc, schema, "default");
    AUTO(free_ptr) char *text = json_str_dup(s->doc, fallback);
    struct span raw = json_raw(s->doc, fallback);
    AUTO(free_ptr)
    char *shown = text == NULL ? xstrndup(raw.ptr != NULL ? raw.ptr : "", raw.len)
                               : xstrdup(text[0] != '\0' ? text : "\"\"");
    AUTO(buf_clear) struct buf values = BUF_INIT(TEXT_MAX);
    AUTO(buf_clear) struct buf line = BUF_INIT(TEXT_MAX);

    values_text(s->doc, schema, &values);
    (void)buf_append_str(&line, terminal_tone(s->t, TONE_BOLD));
    terminal_pad(s->t, name, (int)strlen(name), &line);
    (void)buf_append_str(&line, terminal_reset(s->t));
    terminal_pad(s->t, is_required(s, name) ? "*" : "", NAME_COLUMNS - (int)strlen(name), &line);
    /* Choices are not cut: they are what has to be typed. */
    if (shown[0] == '\0' || values.len > VALUE_COLUMNS) {
        (void)terminal_fit(s->t, buf_str(&values), (int)values.len, &line);
    } else {
        terminal_pad(s->t, buf_str(&values), VALUE_COLUMNS, &line);
    }
    (void)fprintf(s->t->file, "  %s%s", buf_str(&line), shown[0] != '\0' ? "  " : "");
    if (shown[0] != '\0') {
        terminal_put(s->t, shown);
    }
    (void)fputc('\n', s->t->file);
    if (about[0] != '\0') {
        (void)fprintf(s->t->file, "  %*s", NAME_COLUMNS, "");
        terminal_put(s->t, about);
        (void)fputc('\n', s->t->file);
    }
}

/* ---- in the order of forms ------------------------------------------------------------------- */

struct place {
    json_ref schema;
    double order;
    size_t index;
};

static int by_order(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;

    if (x->order < y->order || x->order > y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return x->index < y->index ? -1 : 1;
}

/* The properties as `x-ui` orders them, those without an order last; *count of them. */
static struct place *sorted(const struct show *s, size_t *count)
{
    json_ref properties = json_get(s->doc, s->schema, "properties");
    struct place *places = xcalloc(json_size(s->doc, properties) + 1, sizeof *places);
    size_t n = 0;

    for (json_ref p = json_first(s->doc, properties); p != JSON_NONE; p = json_next(s->doc, p)) {
        places[n] = (struct place){.schema = p, .order = 1e308, .index = n};
        (void)json_double(s->doc, json_get(s->doc, json_get(s->doc, p, "x-ui"), "order"),
                          &places[n].order);
        n++;
    }
    qsort(places, n, sizeof *places, by_order);
    *count = n;
    return places;
}

/* ---- an example ------------------------------------------------------------------------------ */

/* As a shell reads it back. */
static void quote(const char *text, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-.:@,/";

    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        (void)buf_append_str(out, text);
        return;
    }
    (void)buf_append_char(out, '\'');
    for (; *text != '\0'; text++) {
        (void)buf_append_str(out, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    }
    (void)buf_append_char(out, '\'');
}

/* What an example has for a parameter, else what stands for it. */
static void add_value(const struct show *s, json_ref schema, const char *name, struct buf *out)
{
    json_ref example = json_first(s->doc, json_get(s->doc, 0, "examples"));
    json_ref value = json_get(s->doc, json_get(s->doc, example, "input"), name);
    AUTO(free_ptr) char *text = json_str_dup(s->doc, value);
    struct span raw = json_raw(s->doc, value);
    bool is_file = false;

    (void)json_bool(s->doc, json_get(s->doc, schema, "x-file"), &is_file);
    if (is_file) {
        (void)buf_append_str(out, "@FILE");
    } else if (text != NULL) {
        quote(text, out);
    } else if (raw.len > 0) {
        AUTO(free_ptr) char *written = xstrndup(raw.ptr, raw.len);

        quote(written, out);
    } else {
        (void)buf_append_str(out, "VALUE");
    }
}

static void put_example(const struct show *s, const struct place *places, size_t count,
                        const char *name)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(TEXT_MAX);

    (void)buf_appendf(&line, "comfygate submit %s", name);
    for (size_t i = 0; i < count; i++) {
        AUTO(free_ptr) char *param = key_of(s->doc, places[i].schema);

        if (is_required(s, param)) {
            (void)buf_appendf(&line, " -p %s=", param);
            add_value(s, places[i].schema, param, &line);
        }
    }
    (void)fputs("\nExample:\n  ", s->t->file);
    terminal_put(s->t, buf_str(&line));
    (void)fputs(" --wait\n", s->t->file);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void print_template(const struct show *s, const char *name)
{
    size_t count = 0;
    AUTO(free_ptr) struct place *places = sorted(s, &count);

    put_member(s, "name");
    put_member(s, "title");
    put_member(s, "description");
    put_member(s, "category");
    put_list(s, "tags", json_get(s->doc, 0, "tags"), NULL);
    put_member(s, "source");
    put_list(s, "makes", json_get(s->doc, 0, "outputs"), "type");
    put_broken(s);
    put_availability(s);
    put_models(s);
    if (json_type(s->doc, s->schema) != JSON_OBJECT) {
        return;
    }
    if (count > 0) {
        (void)fprintf(s->t->file, "\n%s  %-*s%-*s  %s%s\n", terminal_tone(s->t, TONE_DIM),
                      NAME_COLUMNS, "PARAMETER", VALUE_COLUMNS, "VALUES", "DEFAULT",
                      terminal_reset(s->t));
    }
    for (size_t i = 0; i < count; i++) {
        put_param(s, places[i].schema);
    }
    if (json_size(s->doc, json_get(s->doc, s->schema, "required")) > 0) {
        (void)fputs("  * must be given\n", s->t->file);
    }
    put_example(s, places, count, name);
}

int verb_templates_show(struct cli *cli, int argc, char **argv)
{
    const struct option_row rows[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    AUTO(templates_answer_clear) struct templates_answer answer = TEMPLATES_ANSWER_INIT;
    AUTO(buf_clear) struct buf path = BUF_INIT(65536);
    struct show s = {.t = &cli->out};
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 1, 1, &code)) {
        return code;
    }
    (void)buf_append_str(&path, "/v1/templates/");
    client_escape(&path, operands.item[0]);
    if (!templates_ask(cli, "GET", buf_str(&path), &answer, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &answer.reply);
        return EXIT_OK;
    }
    s.doc = answer.doc;
    s.schema = json_get(s.doc, 0, "input_schema");
    print_template(&s, operands.item[0]);
    return EXIT_OK;
}
