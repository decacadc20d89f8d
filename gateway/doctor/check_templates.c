/* check_templates.c - templates that cannot be loaded, and those that no ComfyUI of the settings has all for. */
#include "base/mem.h"
#include "core/template_live.h"
#include "doctor/checks.h"
#include "library/template_set.h"

#define TOLD_MAX (2U << 10)
/* Of what one template lacks. */
#define ITEMS_TOLD 5

static void tell_broken(struct doctor *d, const struct template_report *report)
{
    for (size_t i = 0; i < report->broken_count; i++) {
        const struct template_broken *b = &report->broken[i];
        const struct err_item *first = b->faults.count > 0 ? &b->faults.item[0] : NULL;

        report_about(&d->report, "template", b->name != NULL ? b->name : b->folder);
        report_wrong(&d->report, "Correct it; comfygate templates check DIR tells all its faults.",
                     "it cannot be loaded: %s%s%s", first != NULL ? first->at : "",
                     first != NULL && first->at[0] != '\0' ? ": " : "",
                     first != NULL ? first->detail : "its files cannot be read");
    }
}

/* The reasons of the ComfyUI that lacks least. False when one can run it, or when nobody knows. */
static bool lacks_something(struct doctor *d, const struct template *t, struct err *least)
{
    bool is_asked = false;

    for (size_t i = 0; i < d->backends.count; i++) {
        struct node_catalog catalog = node_info_catalog(d->nodes[i]);
        struct err e = ERR_INIT;

        if (d->nodes[i] == NULL) {
            continue;
        }
        if (template_check_live(t, &catalog, &e) == ERR_NONE) {
            return false;
        }
        if (!is_asked || e.item_count < least->item_count) {
            *least = e;
        }
        is_asked = true;
    }
    return is_asked;
}

static void tell_lacking(struct doctor *d, const struct template_item *item, const struct err *e)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(TOLD_MAX);
    size_t told = e->item_count < ITEMS_TOLD ? e->item_count : ITEMS_TOLD;

    for (size_t i = 0; i < told; i++) {
        (void)buf_appendf(&text, "%s%s", i > 0 ? "; " : "", e->item[i].detail);
    }
    if (told < e->item_count) {
        (void)buf_appendf(&text, "; and %zu more", e->item_count - told);
    }
    report_about(&d->report, "template", item->name);
    report_warning(&d->report, "Put what is missing into ComfyUI, or do without this template.",
                   "no ComfyUI can run it: %s", buf_str(&text));
}

static bool is_anybody_known(const struct doctor *d)
{
    for (size_t i = 0; i < d->backends.count; i++) {
        if (d->nodes[i] != NULL) {
            return true;
        }
    }
    return false;
}

void check_templates(struct doctor *d)
{
    AUTO(template_report_clear) struct template_report report = {.loaded = 0};
    AUTO(template_list_unref_ptr) struct template_list *list = NULL;
    struct template_set *set = NULL;
    struct err e = ERR_INIT;
    size_t lacking = 0;

    report_about(&d->report, "templates", NULL);
    if (template_set_open(&d->config, &set, &report, &e) != ERR_NONE) {
        report_wrong(&d->report, "Correct templates_dir.", "%s", e.detail);
        return;
    }
    tell_broken(d, &report);
    list = template_set_list(set);
    for (size_t i = 0; i < template_list_count(list); i++) {
        const struct template_item *item = template_list_at(list, i);

        if (item->t != NULL && lacks_something(d, item->t, &e)) {
            tell_lacking(d, item, &e);
            lacking++;
        }
    }
    report_about(&d->report, "templates", NULL);
    if (is_anybody_known(d)) {
        report_ok(&d->report, "%zu are served, %zu of them lack something", report.loaded, lacking);
    } else {
        report_ok(&d->report, "%zu are served; no ComfyUI could be asked what it has for them",
                  report.loaded);
    }
    template_list_unref(take_ptr(&list));
    template_set_free(set);
}
