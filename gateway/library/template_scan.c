/* template_scan.c - which names of templates are where.
 *
 * A folder is a template when it has a manifest.json; what its two files hold is asked later, and only of the
 * place that wins.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/embed.h"
#include "base/mem.h"
#include "library/template_set_parts.h"

/* More names than this, of whatever kind, are no folder of templates. */
#define NAMES_MAX 100000

/* Made by the build: "<name>/manifest.json" and "<name>/workflow.json". */
extern const struct embedded_file shipped_templates[];

/* ---- candidates ------------------------------------------------------------------------------ */

static void candidate_clear(struct template_candidate *c)
{
    free(c->name);
    free(c->folder);
    template_held_unref(c->kept);
}

void template_candidates_clear(struct template_candidates *c)
{
    for (size_t i = 0; i < c->count; i++) {
        candidate_clear(&c->item[i]);
    }
    free(c->item);
    *c = (struct template_candidates){.item = NULL};
}

/* Puts a candidate, whose contents are taken, to its place in the order. */
static void put(struct template_candidates *out, struct template_candidate c)
{
    size_t at = 0;

    while (at < out->count && strcmp(out->item[at].name, c.name) < 0) {
        at++;
    }
    if (at < out->count && strcmp(out->item[at].name, c.name) == 0) {
        candidate_clear(&out->item[at]);
        out->item[at] = c;
        return;
    }
    out->item = xrealloc(out->item, (out->count + 1) * sizeof *out->item);
    memmove(out->item + at + 1, out->item + at, (out->count - at) * sizeof *out->item);
    out->item[at] = c;
    out->count++;
}

static void scan_shipped(struct template_candidates *out)
{
    for (const struct embedded_file *f = shipped_templates; f->name != NULL; f++) {
        const char *slash = strchr(f->name, '/');

        if (slash != NULL && strcmp(slash, "/manifest.json") == 0) {
            put(out,
                (struct template_candidate){.name = xstrndup(f->name, (size_t)(slash - f->name))});
        }
    }
}

/* ---- a folder -------------------------------------------------------------------------------- */

struct scan {
    const struct template_place *place;
    const struct template_list *before;
    struct template_candidates *out;
    struct template_report *report;
    struct template_names names; /* what the folder holds, sorted */
};

static bool is_inside(const char *folder, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(folder, dir, len) == 0 && folder[len] == '/' &&
           strchr(folder + len + 1, '/') == NULL;
}

/* The place cannot be read, which is no reason to take away what it had. */
static void keep_place(const struct scan *s, const char *code, const char *detail)
{
    size_t kept = 0;

    for (size_t i = 0; s->before != NULL && i < s->before->count; i++) {
        struct template_held *held = s->before->entry[i].held;

        if (held != NULL && held->folder != NULL && is_inside(held->folder, s->place->dir)) {
            put(s->out, (struct template_candidate){.name = xstrdup(s->before->entry[i].name),
                                                    .folder = xstrdup(held->folder),
                                                    .kept = template_held_ref(held)});
            kept++;
        }
    }
    template_report_fault(s->report, NULL, s->place->dir, kept > 0, code, detail);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Hidden ones are passed over. False when there are too many. */
static bool read_names(struct scan *s, DIR *dir)
{
    const struct dirent *row;

    while ((row = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (row->d_name[0] == '.') {
            continue;
        }
        if (s->names.count == NAMES_MAX) {
            return false;
        }
        template_report_name(&s->names, row->d_name);
    }
    if (s->names.count > 0) {
        qsort(s->names.item, s->names.count, sizeof *s->names.item, by_name);
    }
    return true;
}

static bool has_file(const char *folder, const char *name)
{
    AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);
    struct stat info;

    return lstat(path, &info) == 0;
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* One name of the folder. True when it is a template, whatever it is worth. */
static bool look_at(const struct scan *s, const char *name)
{
    AUTO(free_ptr) char *folder = xasprintf("%s/%s", s->place->dir, name);

    if (!is_folder(folder)) {
        return false;
    }
    if (!has_file(folder, "manifest.json")) {
        if (has_file(folder, "workflow.json")) {
            template_report_fault(s->report, name, folder, false, "missing_file",
                                  "there is no manifest.json beside workflow.json");
        }
        return false;
    }
    if (!template_is_name(span_of(name))) {
        template_report_fault(s->report, name, folder, false, "invalid_name",
                              "the folder's name, which is the template's, must have 1 to 32 of "
                              "a-z, 0-9, _ and -, and begin with a letter");
        return true;
    }
    if (strcmp(name, "reload") == 0) {
        template_report_fault(s->report, name, folder, false, "invalid_name",
                              "\"reload\" is no name for a template: /v1/templates/reload is "
                              "an address of the API");
        return true;
    }
    put(s->out, (struct template_candidate){.name = xstrdup(name), .folder = take_ptr(&folder)});
    return true;
}

static void look_at_all(const struct scan *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->names.count; i++) {
        if (count == TEMPLATE_SET_PER_FOLDER) {
            char detail[160];

            (void)snprintf(detail, sizeof detail,
                           "has more than %d templates: from \"%.60s\" on, none was read",
                           TEMPLATE_SET_PER_FOLDER, s->names.item[i]);
            template_report_fault(s->report, NULL, s->place->dir, false, "too_many", detail);
            return;
        }
        count += look_at(s, s->names.item[i]) ? 1 : 0;
    }
}

static void scan_folder(struct scan *s)
{
    DIR *dir = opendir(s->place->dir);
    char detail[160];

    if (dir == NULL && errno == ENOENT) {
        if (!s->place->may_be_missing) {
            template_report_fault(s->report, NULL, s->place->dir, false, "missing_folder",
                                  "there is no such folder; templates_dir names it");
        }
        return;
    }
    if (dir == NULL) {
        (void)snprintf(detail, sizeof detail, "the folder cannot be read: %m");
        keep_place(s, "unreadable", detail);
        return;
    }
    if (read_names(s, dir)) {
        look_at_all(s);
    } else {
        (void)snprintf(detail, sizeof detail, "holds more than %d names: no folder of templates",
                       NAMES_MAX);
        keep_place(s, "too_many", detail);
    }
    (void)closedir(dir);
}

void template_scan(const struct template_place *place, const struct template_list *before,
                   struct template_candidates *out, struct template_report *report)
{
    struct scan s = {.place = place, .before = before, .out = out, .report = report};

    if (place->dir == NULL) {
        scan_shipped(out);
        return;
    }
    scan_folder(&s);
    for (size_t i = 0; i < s.names.count; i++) {
        free(s.names.item[i]);
    }
    free(s.names.item);
}
