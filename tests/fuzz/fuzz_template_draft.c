/* Any workflow, and behind a U+0000 any /object_info. A draft can be loaded, tells a reason for each
 * finding, and its defaults can be bound: only what is required may be missing. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_draft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits info_limits = {.depth = 64, .nodes = 20000};
static const struct template_limits limits = {
    .json = {.depth = 64, .nodes = 20000},
    .graph_nodes = 200,
};

static void check_defaults(const struct template *t)
{
    const struct template_request r = {
        .input = JSON_NONE, .pointer = "/input", .random = 1, .max_bytes = 8U << 20};
    AUTO(template_bound_clear) struct template_bound bound;
    struct err e = ERR_INIT;

    if (template_bind(t, &r, &bound, &e) != ERR_NONE) {
        bug_if(e.item_count == 0);
        for (size_t i = 0; i < e.item_count; i++) {
            bug_if(strcmp(e.item[i].code, "required") != 0);
        }
    }
}

static void check(const struct template_draft *d, struct span workflow)
{
    AUTO(template_free_ptr) struct template *t = NULL;
    struct err e = ERR_INIT;

    bug_if(template_load("fuzzed", buf_span(&d->manifest), workflow, &limits, &t, &e) != ERR_NONE);
    check_defaults(t);
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct template_finding *f = &d->finding[i];

        bug_if((f->confidence == TEMPLATE_LEFT) != (f->parameter[0] == '\0'));
        bug_if(f->why[0] == '\0');
        bug_if(f->parameter[0] != '\0' && !template_is_name(span_of(f->parameter)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct span workflow = {(const char *)data, end != NULL ? (size_t)(end - data) : size};
    AUTO(object_info_free_ptr) struct object_info *info = NULL;
    AUTO(template_draft_clear) struct template_draft d;
    struct template_draft_request r = {.name = "fuzzed", .workflow = workflow, .limits = &limits};
    struct err e = ERR_INIT;

    if (end != NULL) {
        struct span text = {(const char *)end + 1, size - workflow.len - 1};

        (void)!object_info_new(text, info_limits, &info, NULL);
        r.info = info;
    }
    if (template_draft(&r, &d, &e) == ERR_NONE) {
        check(&d, workflow);
    } else {
        bug_if(d.finding_count > 0 || (e.item_count == 0 && e.detail[0] == '\0'));
    }
    return 0;
}
