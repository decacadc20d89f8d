/* template_report.c - faults and names, kept as copies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "library/template_set_parts.h"

/* ---- faults ---------------------------------------------------------------------------------- */

/* What is wrong with a text that is no JSON is told with the file's name in front of the detail; the
 * item, which has the place, must say it too. Length of that name and its colon, else 0. */
static size_t file_prefix(const struct err *e)
{
    static const char *const names[] = {"manifest.json: ", "workflow.json: "};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strncmp(e->detail, names[i], strlen(names[i])) == 0) {
            return strlen(names[i]);
        }
    }
    return 0;
}

void template_faults_from(struct template_faults *out, const struct err *e)
{
    int prefix = (int)file_prefix(e);

    out->count = e->item_count > 0 ? e->item_count : 1;
    out->item = xcalloc(out->count, sizeof *out->item);
    for (size_t i = 0; i < e->item_count; i++) {
        out->item[i] = e->item[i];
        (void)snprintf(out->item[i].detail, sizeof out->item[i].detail, "%.*s%s", prefix, e->detail,
                       e->item[i].detail);
    }
    if (e->item_count == 0) {
        (void)snprintf(out->item[0].code, sizeof out->item[0].code, "%s", err_code(e->code));
        (void)snprintf(out->item[0].detail, sizeof out->item[0].detail, "%.*s",
                       (int)sizeof out->item[0].detail - 1, e->detail);
    }
}

void template_faults_copy(struct template_faults *out, const struct template_faults *from)
{
    out->count = from->count;
    out->item = xcalloc(from->count, sizeof *out->item);
    memcpy(out->item, from->item, from->count * sizeof *out->item);
}

void template_faults_clear(struct template_faults *f)
{
    free(f->item);
    *f = (struct template_faults){.item = NULL};
}

/* ---- report ---------------------------------------------------------------------------------- */

void template_report_broken(struct template_report *report, const char *name, const char *folder,
                            const struct template_faults *faults, bool is_served)
{
    struct template_broken *b;

    report->broken = xrealloc(report->broken, (report->broken_count + 1) * sizeof *report->broken);
    b = &report->broken[report->broken_count++];
    *b = (struct template_broken){
        .name = xstrdup_or_null(name), .folder = xstrdup_or_null(folder), .is_served = is_served};
    template_faults_copy(&b->faults, faults);
}

void template_report_fault(struct template_report *report, const char *name, const char *folder,
                           bool is_served, const char *code, const char *detail)
{
    struct err_item item = {.at = ""};
    const struct template_faults faults = {.item = &item, .count = 1};

    (void)snprintf(item.code, sizeof item.code, "%s", code);
    (void)snprintf(item.detail, sizeof item.detail, "%s", detail);
    template_report_broken(report, name, folder, &faults, is_served);
}

void template_report_name(struct template_names *names, const char *name)
{
    names->item = xrealloc(names->item, (names->count + 1) * sizeof *names->item);
    names->item[names->count++] = xstrdup(name);
}

void template_report_log(const struct template_report *report)
{
    for (size_t i = 0; i < report->broken_count; i++) {
        const struct template_broken *b = &report->broken[i];
        const struct err_item *first = &b->faults.item[0];

        log_warn(b->name != NULL ? "template_broken" : "template_folder_broken",
                 LOG_S("template", b->name),
                 LOG_S("folder", b->folder != NULL ? b->folder : "(built in)"),
                 LOG_S("at", first->at), LOG_S("reason", first->detail),
                 LOG_I("faults", b->faults.count),
                 LOG_S("serving", b->is_served ? "previous" : "none"));
    }
}

static void clear_names(struct template_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->item[i]);
    }
    free(names->item);
}

void template_report_clear(struct template_report *report)
{
    for (size_t i = 0; i < report->broken_count; i++) {
        free(report->broken[i].name);
        free(report->broken[i].folder);
        template_faults_clear(&report->broken[i].faults);
    }
    free(report->broken);
    clear_names(&report->added);
    clear_names(&report->removed);
    clear_names(&report->changed);
    *report = (struct template_report){.loaded = 0};
}
