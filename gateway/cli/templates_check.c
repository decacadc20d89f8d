/* templates_check.c - loads template folders as a gateway would, and tells every fault of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "cli/templates.h"

#define REPORT_MAX ((size_t)64 << 20)

/* What was found of one folder. */
struct verdict {
    const char *path; /* as it was given */
    char *folder;     /* its name */
    bool is_valid;
    bool was_asked; /* of a ComfyUI */
    struct err faults;
};

static void verdict_clear(struct verdict *v)
{
    free(v->folder);
}

/* "." and "templates/mine/" have names too. */
static char *folder_name(const char *path)
{
    AUTO(free_ptr) char *real = realpath(path, NULL);
    const char *slash = real != NULL ? strrchr(real, '/') : NULL;

    return xstrdup(slash != NULL ? slash + 1 : path);
}

/* At most as much as out may hold. */
static bool read_file(const char *folder, const char *name, struct buf *out, struct err *e)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);

    return file_read(path, out->max, out, e) == ERR_NONE;
}

static void judge(const char *path, struct object_info *info, struct verdict *v)
{
    AUTO(buf_clear) struct buf manifest = BUF_INIT(TEMPLATES_MANIFEST_MAX);
    AUTO(buf_clear) struct buf workflow = BUF_INIT(TEMPLATES_WORKFLOW_MAX);
    AUTO(template_free_ptr) struct template *t = NULL;

    *v = (struct verdict){.path = path, .folder = folder_name(path), .faults = ERR_INIT};
    if (!read_file(path, TEMPLATES_MANIFEST, &manifest, &v->faults) ||
        !read_file(path, TEMPLATES_WORKFLOW, &workflow, &v->faults) ||
        template_load(v->folder, buf_span(&manifest), buf_span(&workflow), &templates_limits, &t,
                      &v->faults) != ERR_NONE) {
        return;
    }
    v->is_valid = true;
    if (info != NULL) {
        struct node_catalog catalog = object_info_catalog(info);

        v->was_asked = true;
        (void)!template_check_live(t, &catalog, &v->faults);
    }
}

static bool is_good(const struct verdict *v)
{
    return v->is_valid && v->faults.code == ERR_NONE;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void put_fault(const struct terminal *t, const struct err_item *item)
{
    (void)fprintf(t->file, "  %s", terminal_tone(t, TONE_BOLD));
    terminal_put(t, item->at[0] != '\0' ? item->at : "/");
    (void)fprintf(t->file, "%s: ", terminal_reset(t));
    terminal_put(t, item->detail);
    (void)fputc('\n', t->file);
}

/* A text that is no JSON is told as "file: why" and, in an item, as place and why: "file: place: why". */
static bool put_unreadable(const struct terminal *t, const struct err *e)
{
    const char *colon = strstr(e->detail, ": ");

    if (e->item_count != 1 || colon == NULL || strcmp(colon + 2, e->item[0].detail) != 0) {
        return false;
    }
    (void)fprintf(t->file, "  %s%.*s: ", terminal_tone(t, TONE_BOLD), (int)(colon - e->detail),
                  e->detail);
    if (e->item[0].at[0] != '\0') {
        terminal_put(t, e->item[0].at);
        (void)fputs(": ", t->file);
    }
    (void)fputs(terminal_reset(t), t->file);
    terminal_put(t, e->item[0].detail);
    (void)fputc('\n', t->file);
    return true;
}

static void print_verdict(const struct cli *cli, const struct verdict *v)
{
    const struct terminal *t = &cli->out;
    const char *word = "can be loaded";

    if (is_good(v) && cli->is_quiet) {
        return;
    }
    if (!v->is_valid) {
        word = "cannot be loaded";
    } else if (v->was_asked) {
        word = is_good(v) ? "can run" : "cannot run on this ComfyUI";
    }
    terminal_put(t, v->path);
    (void)fprintf(t->file, ": %s%s%s\n", terminal_tone(t, is_good(v) ? TONE_GOOD : TONE_BAD), word,
                  terminal_reset(t));
    if (put_unreadable(t, &v->faults)) {
        return;
    }
    if (v->faults.detail[0] != '\0') {
        (void)fputs("  ", t->file);
        terminal_put(t, v->faults.detail);
        (void)fputc('\n', t->file);
    }
    for (size_t i = 0; i < v->faults.item_count; i++) {
        put_fault(t, &v->faults.item[i]);
    }
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void write_verdict(struct json_out *o, const struct verdict *v)
{
    jo_obj(o, NULL);
    jo_str(o, "path", v->path);
    jo_str(o, "name", v->folder);
    jo_bool(o, "valid", v->is_valid);
    if (v->was_asked) {
        jo_bool(o, "available", is_good(v));
    } else {
        jo_null(o, "available");
    }
    jo_str(o, "detail", v->faults.detail[0] != '\0' ? v->faults.detail : NULL);
    jo_arr(o, "errors");
    for (size_t i = 0; i < v->faults.item_count; i++) {
        jo_obj(o, NULL);
        jo_str(o, "pointer", v->faults.item[i].at);
        jo_str(o, "code", v->faults.item[i].code);
        jo_str(o, "detail", v->faults.item[i].detail);
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
}

static int check_all(struct cli *cli, const struct words *folders, struct object_info *info)
{
    AUTO(buf_clear) struct buf report = BUF_INIT(REPORT_MAX);
    struct json_out o = json_out_to(&report);
    int code = EXIT_OK;

    jo_obj(&o, NULL);
    jo_arr(&o, "data");
    for (size_t i = 0; i < folders->count; i++) {
        AUTO(verdict_clear) struct verdict v;

        judge(folders->item[i], info, &v);
        if (!is_good(&v)) {
            code = EXIT_OTHER;
        }
        if (cli->is_json) {
            write_verdict(&o, &v);
        } else {
            print_verdict(cli, &v);
        }
    }
    jo_end(&o);
    jo_end(&o);
    if (cli->is_json) {
        (void)fprintf(cli->out.file, "%s\n", buf_str(&report));
    }
    return code;
}

int templates_check(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words folders = {0};
    AUTO(templates_info_clear) struct templates_info info = {0};
    struct templates_source source = {0};
    const struct option_row rows[] = {
        OPTION_TEXT_ROW("object-info", "FILE", &source.file,
                        "a ComfyUI's answer to GET /object_info"),
        OPTION_TEXT_ROW("comfyui", "URL", &source.url, "ask this ComfyUI whether it could run"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &folders, &code) ||
        !cli_operands(cli, &folders, 1, SIZE_MAX, &code) ||
        !templates_info_read(cli, &source, &info, &code)) {
        return code;
    }
    return check_all(cli, &folders, info.info);
}
