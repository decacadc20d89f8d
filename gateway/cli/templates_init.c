/* templates_init.c - drafts a template's folder from an exported workflow. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "cli/problem.h"
#include "cli/templates.h"
#include "core/template_draft.h"

#define REPORT_MAX  ((size_t)16 << 20)
#define NAME_COLS   14
#define NODE_COLS   30
#define SURE_COLS   7
#define WHY_MIN     40
#define FOLDER_MODE 0755
#define FILE_MODE   0644

struct init {
    const char *graph; /* path */
    const char *name;
    const char *out;
    bool is_forced;
    struct templates_source source;
    char own_name[TEMPLATE_NAME_MAX + 1];
    struct span workflow;
    char *folder;
};

/* ---- the command line ------------------------------------------------------------------------- */

/* "exports/My SDXL.json" gives "my-sdxl". */
static bool name_by_file(struct init *i)
{
    const char *slash = strrchr(i->graph, '/');
    struct span stem = span_of(slash != NULL ? slash + 1 : i->graph);

    if (stem.len > 5 && memcmp(stem.ptr + stem.len - 5, ".json", 5) == 0) {
        stem.len -= 5;
    }
    i->name = i->own_name;
    return template_draft_name(stem, '-', i->own_name);
}

/* What --out says must end in the template's name: a gateway knows it by its folder. */
static int settle_names(const struct cli *cli, struct init *i)
{
    AUTO(free_ptr) char *out = i->out != NULL ? xstrdup(i->out) : NULL;
    size_t len = out != NULL ? strlen(out) : 0;
    const char *last;

    while (len > 1 && out[len - 1] == '/') {
        out[--len] = '\0';
    }
    last = out != NULL && strrchr(out, '/') != NULL ? strrchr(out, '/') + 1 : out;
    if (i->name == NULL && last != NULL && template_is_name(span_of(last))) {
        memcpy(i->own_name, last, strlen(last) + 1);
        i->name = i->own_name;
    }
    if (i->name == NULL && !name_by_file(i)) {
        return cli_usage(cli, "the file's name makes no name for a template: say --name");
    }
    if (!template_is_name(span_of(i->name))) {
        return cli_usage(cli,
                         "a template's name has 1 to 32 of a-z, 0-9, _ and -, and begins with a "
                         "letter; \"%.60s\" does not",
                         i->name);
    }
    if (last != NULL && strcmp(last, i->name) != 0) {
        return cli_usage(cli,
                         "the folder must have the template's name: --out .../%s, or --name with a "
                         "name that can be both",
                         i->name);
    }
    i->folder = out != NULL ? take_ptr(&out) : xstrdup(i->name);
    return EXIT_OK;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* Windows editors put a byte order mark in front, which is no part of the JSON text. */
static struct span without_mark(struct span text)
{
    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0) {
        return (struct span){text.ptr + 3, text.len - 3};
    }
    return text;
}

static bool write_all(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return true;
}

/* Beside its place first, so that a gateway that looks meanwhile never sees half of it. */
static int write_file(const struct cli *cli, const struct init *i, const char *name,
                      struct span text)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", i->folder, name);
    AUTO(free_ptr) char *part = xasprintf("%s/.%s.part", i->folder, name);
    AUTO(file_close) int fd = -1;
    int code;

    (void)unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0 || !write_all(fd, text) || fsync(fd) != 0 || rename(part, path) != 0) {
        code = cli_failed(cli, "cannot write %s: %m", path);
        (void)unlink(part);
        return code;
    }
    return EXIT_OK;
}

static bool is_there(const struct init *i, const char *name)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", i->folder, name);
    struct stat info;

    return lstat(path, &info) == 0;
}

static int write_folder(const struct cli *cli, const struct init *i, struct span manifest)
{
    int code;

    if (mkdir(i->folder, FOLDER_MODE) != 0 && errno != EEXIST) {
        return cli_failed(cli, "cannot make the folder %s: %m", i->folder);
    }
    code = write_file(cli, i, TEMPLATES_WORKFLOW, i->workflow);
    return code == EXIT_OK ? write_file(cli, i, TEMPLATES_MANIFEST, manifest) : code;
}

/* ---- the report -------------------------------------------------------------------------------- */

static enum tone tone_of(enum template_confidence confidence)
{
    static const enum tone tones[] = {TONE_DIM, TONE_BUSY, TONE_PLAIN, TONE_GOOD};

    return tones[confidence];
}

static void put_row(const struct terminal *t, const char *const cell[4], enum tone tone)
{
    int width = terminal_columns(t) - NAME_COLS - NODE_COLS - SURE_COLS - 6;
    AUTO(buf_clear) struct buf line = BUF_INIT(65536);

    terminal_pad(t, cell[0], NAME_COLS, &line);
    (void)buf_append_str(&line, "  ");
    terminal_pad(t, cell[1], NODE_COLS, &line);
    (void)buf_append_str(&line, "  ");
    terminal_pad(t, cell[2], SURE_COLS, &line);
    (void)buf_append_str(&line, "  ");
    /* The reason is what matters: it is cut only on a terminal that has room for the most of it. */
    (void)terminal_fit(t, cell[3], t->is_tty && width >= WHY_MIN ? width : 400, &line);
    (void)fprintf(t->file, "%s%s%s\n", terminal_tone(t, tone), buf_str(&line), terminal_reset(t));
}

static void print_table(const struct cli *cli, const struct template_draft *draft)
{
    static const char *const head[] = {"parameter", "node.input", "sure", "why"};

    put_row(&cli->out, head, TONE_BOLD);
    for (size_t i = 0; i < draft->finding_count; i++) {
        const struct template_finding *f = &draft->finding[i];
        AUTO(free_ptr)
        char *place = xasprintf("%s%s%s", f->node, f->input[0] != '\0' ? "." : "", f->input);
        const char *const cell[] = {f->parameter[0] != '\0' ? f->parameter : "-", place,
                                    template_confidence_name(f->confidence), f->why};

        put_row(&cli->out, cell, tone_of(f->confidence));
    }
}

static void print_next(const struct cli *cli, const struct init *i)
{
    FILE *out = cli->out.file;

    (void)fputs("\nwrote ", out);
    terminal_put(&cli->out, i->folder);
    (void)fputs("/" TEMPLATES_WORKFLOW " and " TEMPLATES_MANIFEST "\n\nNext:\n"
                "  1. edit manifest.json: its title, what people need not see, bounds that fit the "
                "model\n"
                "  2. comfygate templates check ",
                out);
    terminal_put(&cli->out, i->folder);
    (void)fputs("\n  3. put the folder into the gateway's templates folder, then: comfygate "
                "templates reload\n",
                out);
}

static void print_json(const struct cli *cli, const struct init *i,
                       const struct template_draft *draft)
{
    AUTO(buf_clear) struct buf report = BUF_INIT(REPORT_MAX);
    struct json_out o = json_out_to(&report);

    jo_obj(&o, NULL);
    jo_str(&o, "name", i->name);
    jo_str(&o, "path", i->folder);
    jo_arr(&o, "findings");
    for (size_t k = 0; k < draft->finding_count; k++) {
        const struct template_finding *f = &draft->finding[k];

        jo_obj(&o, NULL);
        jo_str(&o, "parameter", f->parameter[0] != '\0' ? f->parameter : NULL);
        jo_str(&o, "node", f->node);
        jo_str(&o, "input", f->input[0] != '\0' ? f->input : NULL);
        jo_str(&o, "confidence", template_confidence_name(f->confidence));
        jo_str(&o, "why", f->why);
        jo_end(&o);
    }
    jo_end(&o);
    jo_end(&o);
    (void)fprintf(cli->out.file, "%s\n", buf_str(&report));
}

static void report(const struct cli *cli, const struct init *i, const struct template_draft *draft)
{
    if (cli->is_json) {
        print_json(cli, i, draft);
    } else if (cli->is_quiet) {
        terminal_put(&cli->out, i->folder);
        (void)fputc('\n', cli->out.file);
    } else {
        print_table(cli, draft);
        print_next(cli, i);
    }
}

/* Faults of the graph have places in it; a text that is no JSON has a byte. */
static int say_no_draft(struct cli *cli, const struct init *i, const struct err *e)
{
    bool is_graph = e->code == ERR_INVALID_WORKFLOW || e->code == ERR_WORKFLOW_FORMAT_UI ||
                    e->code == ERR_VALIDATION_ERROR;

    if (is_graph) {
        problem_print_err(&cli->err, e);
        return EXIT_OTHER;
    }
    return cli_failed(cli, "cannot read %.200s as JSON: %s", i->graph,
                      e->item_count > 0 ? e->item[0].detail : e->detail);
}

/* ---- all of it -------------------------------------------------------------------------------- */

static int draft_and_write(struct cli *cli, struct init *i, const struct object_info *info)
{
    const struct template_draft_request request = {
        .name = i->name, .workflow = i->workflow, .info = info, .limits = &templates_limits};
    AUTO(template_draft_clear) struct template_draft draft = {0};
    struct err e = ERR_INIT;
    int code;

    if (template_draft(&request, &draft, &e) != ERR_NONE) {
        return say_no_draft(cli, i, &e);
    }
    code = write_folder(cli, i, buf_span(&draft.manifest));
    if (code == EXIT_OK) {
        report(cli, i, &draft);
    }
    return code;
}

static int init(struct cli *cli, struct init *i)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(TEMPLATES_WORKFLOW_MAX);
    AUTO(templates_info_clear) struct templates_info info = {0};
    struct err e = ERR_INIT;
    int code = settle_names(cli, i);

    if (code != EXIT_OK) {
        return code;
    }
    if (!i->is_forced && (is_there(i, TEMPLATES_MANIFEST) || is_there(i, TEMPLATES_WORKFLOW))) {
        return cli_failed(cli, "%.200s holds a template already; --force writes over it",
                          i->folder);
    }
    if (file_read(i->graph, TEMPLATES_WORKFLOW_MAX, &text, &e) != ERR_NONE) {
        return cli_failed(cli, "cannot read the workflow: %s", e.detail);
    }
    i->workflow = without_mark(buf_span(&text));
    if (!templates_info_read(cli, &i->source, &info, &code)) {
        return code;
    }
    return draft_and_write(cli, i, info.info);
}

static void init_clear(struct init *i)
{
    free(i->folder);
}

int templates_init(struct cli *cli, int argc, char **argv)
{
    AUTO(init_clear) struct init i = {0};
    AUTO(words_clear) struct words operands = {0};
    const struct option_row rows[] = {
        OPTION_TEXT_ROW("name", "NAME", &i.name, "the template's name (from the file's)"),
        OPTION_TEXT_ROW("out", "DIR", &i.out, "the folder to write (./NAME); its name is NAME"),
        OPTION_TEXT_ROW("object-info", "FILE", &i.source.file,
                        "a ComfyUI's answer to GET /object_info"),
        OPTION_TEXT_ROW("comfyui", "URL", &i.source.url, "ask this ComfyUI for kinds and bounds"),
        OPTION_FLAG_ROW("force", 0, &i.is_forced, "write over a template that is there"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 1, 1, &code)) {
        return code;
    }
    i.graph = operands.item[0];
    return init(cli, &i);
}
