/* templates_remote.c - templates list and templates reload. */
#include "cli/templates_remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/templates.h"

/* Reading slow disks, and asking every ComfyUI. */
#define RELOAD_WAIT_MS 120000
#define CELL_MAX       4096
#define NAME_COLUMNS   24
#define TITLE_COLUMNS  28
#define KIND_COLUMNS   14

static const struct json_limits answer_limits = {.depth = 128, .nodes = 10000000};

/* ---- shared ---------------------------------------------------------------------------------- */

bool templates_ask(struct cli *cli, const char *method, const char *path,
                   struct templates_answer *out, int *code)
{
    const struct client_request request = {
        .method = method, .path = path, .limit_ms = RELOAD_WAIT_MS};

    if (!cli_call(cli, &request, &out->reply, code)) {
        return false;
    }
    if (json_parse(buf_span(&out->reply.body), JSON_STRICT, answer_limits, &out->doc, NULL) !=
            ERR_NONE ||
        json_type(out->doc, 0) != JSON_OBJECT) {
        *code = cli_failed(cli, "the gateway's answer is not understood");
        return false;
    }
    return true;
}

void templates_answer_clear(struct templates_answer *a)
{
    json_free_ptr(&a->doc);
    client_reply_clear(&a->reply);
}

char *templates_text(const struct json_doc *doc, json_ref object, const char *name)
{
    char *text = json_str_dup(doc, json_get(doc, object, name));

    return text != NULL ? text : xstrdup("");
}

void templates_put_faults(const struct terminal *t, const struct json_doc *doc, json_ref faults)
{
    for (json_ref n = json_first(doc, faults); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *at = templates_text(doc, n, "pointer");
        AUTO(free_ptr) char *detail = templates_text(doc, n, "detail");

        (void)fputs("  ", t->file);
        if (at[0] != '\0') {
            (void)fputs(terminal_tone(t, TONE_BOLD), t->file);
            terminal_put(t, at);
            (void)fprintf(t->file, "%s: ", terminal_reset(t));
        }
        terminal_put(t, detail);
        (void)fputc('\n', t->file);
    }
}

const char *templates_can_word(const struct json_doc *doc, json_ref object, enum tone *tone)
{
    switch (json_type(doc, json_get(doc, object, "available"))) {
    case JSON_TRUE:
        *tone = TONE_GOOD;
        return "yes";
    case JSON_FALSE:
        *tone = TONE_BAD;
        return "no";
    case JSON_NULL:
    case JSON_NUMBER:
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    *tone = TONE_DIM;
    return "not known yet";
}

/* ---- list ------------------------------------------------------------------------------------ */

/* "3 nodes and 1 model are missing": names do not fit into a column, and templates show tells them. False
 * when something else is the reason, too. */
static bool missing_text(const struct json_doc *doc, json_ref reasons, struct buf *out)
{
    size_t nodes = 0;
    size_t models = 0;

    for (json_ref n = json_first(doc, reasons); n != JSON_NONE; n = json_next(doc, n)) {
        nodes += json_str_is(doc, json_get(doc, n, "code"), "missing_node") ? 1 : 0;
        models += json_str_is(doc, json_get(doc, n, "code"), "missing_model") ? 1 : 0;
    }
    if (nodes + models == 0 || nodes + models != json_size(doc, reasons)) {
        return false;
    }
    if (nodes > 0) {
        (void)buf_appendf(out, "%zu node%s", nodes, nodes > 1 ? "s" : "");
    }
    if (models > 0) {
        (void)buf_appendf(out, "%s%zu model%s", nodes > 0 ? " and " : "", models,
                          models > 1 ? "s" : "");
    }
    (void)buf_append_str(out, nodes + models > 1 ? " are missing" : " is missing");
    return true;
}

/* "no: ...": how much is missing, or the first of its reasons. */
static void can_text(const struct json_doc *doc, json_ref row, const char *word, struct buf *out)
{
    json_ref broken = json_get(doc, row, "broken");
    json_ref reasons = json_get(doc, row, "unavailable_reasons");
    bool is_broken = json_type(doc, broken) == JSON_OBJECT;
    AUTO(free_ptr) char *reason = NULL;
    size_t more;

    if (is_broken) {
        reasons = json_get(doc, broken, "faults");
    }
    more = json_size(doc, reasons);
    reason = templates_text(doc, json_first(doc, reasons), "detail");
    if (!is_broken) {
        (void)buf_append_str(out, word);
    } else if (json_str_is(doc, json_get(doc, broken, "serving"), "previous")) {
        (void)buf_appendf(out, "%s, as it was before its files broke", word);
    } else {
        (void)buf_append_str(out, "broken");
    }
    if (more > 0) {
        (void)buf_append_str(out, ": ");
        if (missing_text(doc, reasons, out)) {
            return;
        }
        (void)buf_appendf(out, "%.400s", reason);
    }
    if (more > 1) {
        (void)buf_appendf(out, " (and %zu more)", more - 1);
    }
}

static void put_cells(const struct terminal *t, const char *name, const char *title,
                      const char *kind, struct buf *line)
{
    terminal_pad(t, name, NAME_COLUMNS, line);
    (void)buf_append_str(line, "  ");
    terminal_pad(t, title, TITLE_COLUMNS, line);
    (void)buf_append_str(line, "  ");
    terminal_pad(t, kind, KIND_COLUMNS, line);
    (void)buf_append_str(line, "  ");
}

static void print_row(const struct terminal *t, const struct json_doc *doc, json_ref row)
{
    AUTO(free_ptr) char *name = templates_text(doc, row, "name");
    AUTO(free_ptr) char *title = templates_text(doc, row, "title");
    AUTO(free_ptr) char *kind = templates_text(doc, row, "category");
    AUTO(buf_clear) struct buf can = BUF_INIT(CELL_MAX);
    AUTO(buf_clear) struct buf line = BUF_INIT(CELL_MAX);
    int left = terminal_columns(t) - 1 - NAME_COLUMNS - TITLE_COLUMNS - KIND_COLUMNS - 6;
    enum tone tone = TONE_PLAIN;

    can_text(doc, row, templates_can_word(doc, row, &tone), &can);
    put_cells(t, name, title, kind[0] != '\0' ? kind : "-", &line);
    (void)buf_append_str(&line, terminal_tone(t, tone));
    /* Off a terminal nothing is cut; and a name is what the other parts need. */
    (void)terminal_fit(t, buf_str(&can), t->is_tty && left > 8 ? left : CELL_MAX / 4, &line);
    (void)buf_append_str(&line, terminal_reset(t));
    (void)fprintf(t->file, "%s\n", buf_str(&line));
}

static void print_list(const struct cli *cli, const struct json_doc *doc)
{
    const struct terminal *t = &cli->out;
    json_ref data = json_get(doc, 0, "data");
    AUTO(buf_clear) struct buf head = BUF_INIT(CELL_MAX);

    if (json_size(doc, data) == 0) {
        (void)fputs("There are no such templates.\n", stderr);
        return;
    }
    put_cells(t, "NAME", "TITLE", "CATEGORY", &head);
    if (!cli->is_quiet) {
        (void)fprintf(t->file, "%s%sCAN RUN%s\n", terminal_tone(t, TONE_BOLD), buf_str(&head),
                      terminal_reset(t));
    }
    for (json_ref n = json_first(doc, data); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *name = templates_text(doc, n, "name");

        if (cli->is_quiet) {
            terminal_put(t, name);
            (void)fputc('\n', t->file);
        } else {
            print_row(t, doc, n);
        }
    }
}

int verb_templates_list(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words operands = {0};
    AUTO(templates_answer_clear) struct templates_answer answer = TEMPLATES_ANSWER_INIT;
    AUTO(buf_clear) struct buf path = BUF_INIT(CELL_MAX);
    const char *category = NULL;
    const struct option_row rows[] = {
        OPTION_TEXT_ROW("category", "WORD", &category,
                        "text-to-image, image-edit, upscale, image-to-video or other"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    (void)buf_append_str(&path, "/v1/templates");
    if (category != NULL) {
        (void)buf_append_str(&path, "?category=");
        client_escape(&path, category);
    }
    if (!templates_ask(cli, "GET", buf_str(&path), &answer, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &answer.reply);
    } else {
        print_list(cli, answer.doc);
    }
    return EXIT_OK;
}

/* ---- reload ---------------------------------------------------------------------------------- */

static size_t put_names(const struct terminal *t, const struct json_doc *doc, const char *word)
{
    json_ref list = json_get(doc, 0, word);

    for (json_ref n = json_first(doc, list); n != JSON_NONE; n = json_next(doc, n)) {
        AUTO(free_ptr) char *name = json_str_dup(doc, n);

        (void)fprintf(t->file, "%s ", word);
        terminal_put(t, name);
        (void)fputc('\n', t->file);
    }
    return json_size(doc, list);
}

static void put_broken(const struct terminal *t, const struct json_doc *doc, json_ref row)
{
    AUTO(free_ptr) char *name = templates_text(doc, row, "name");
    AUTO(free_ptr) char *folder = templates_text(doc, row, "folder");
    bool is_served = json_str_is(doc, json_get(doc, row, "serving"), "previous");

    (void)fprintf(t->file, "%sbroken%s ", terminal_tone(t, TONE_BAD), terminal_reset(t));
    terminal_put(t, name[0] != '\0' ? name : folder);
    if (name[0] != '\0' && folder[0] != '\0') {
        (void)fputs(" (", t->file);
        terminal_put(t, folder);
        (void)fputc(')', t->file);
    }
    (void)fprintf(t->file, "%s\n", is_served ? ", what was served before still is" : "");
    templates_put_faults(t, doc, json_get(doc, row, "faults"));
}

static void print_reload(const struct cli *cli, const struct json_doc *doc)
{
    const struct terminal *t = &cli->out;
    json_ref broken = json_get(doc, 0, "broken");
    size_t news = 0;
    int64_t loaded = 0;

    if (!cli->is_quiet) {
        news += put_names(t, doc, "added");
        news += put_names(t, doc, "changed");
        news += put_names(t, doc, "removed");
    }
    for (json_ref n = json_first(doc, broken); n != JSON_NONE; n = json_next(doc, n)) {
        put_broken(t, doc, n);
    }
    if (!cli->is_quiet) {
        (void)json_int(doc, json_get(doc, 0, "loaded"), &loaded);
        (void)fprintf(t->file, "%s%lld template%s served\n", news == 0 ? "nothing new; " : "",
                      (long long)loaded, loaded == 1 ? " is" : "s are");
    }
}

int verb_templates_reload(struct cli *cli, int argc, char **argv)
{
    const struct option_row rows[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    AUTO(templates_answer_clear) struct templates_answer answer = TEMPLATES_ANSWER_INIT;
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code) ||
        !templates_ask(cli, "POST", "/v1/templates/reload", &answer, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &answer.reply);
    } else {
        print_reload(cli, answer.doc);
    }
    return json_size(answer.doc, json_get(answer.doc, 0, "broken")) == 0 ? EXIT_OK : EXIT_OTHER;
}
