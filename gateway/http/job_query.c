#include "http/job_query.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/api_key.h"
#include "http/list_query.h"

#define TAG_MAX      64
#define TEXT_MAX     200
#define BACKEND_MAX  64
#define TEMPLATE_MAX 64
#define OWNER_MAX    API_KEY_NAME_MAX
#define VALUE_MAX    1024

#define METADATA_PREFIX "metadata."

/* ---- parameters ----------------------------------------------------------------------------------- */

static void read_status(const struct uri *uri, struct job_filter *out, struct err *e)
{
    const char *at = uri_param(uri, "status");

    while (at != NULL) {
        size_t len = strcspn(at, ",");
        enum job_status status;

        if (!job_status_parse((struct span){at, len}, &status)) {
            (void)err_param(e, "status", "must be states of a job, separated by commas");
            return;
        }
        out->status_mask |= 1U << status;
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
}

static void read_parent(const struct uri *uri, struct job_filter *out, struct err *e)
{
    const char *parent = uri_param(uri, "parent_id");

    if (parent != NULL && !id_parse(span_of(parent), &out->parent_id)) {
        (void)err_param(e, "parent_id", "must be the id of a job");
    }
}

static void read_time(const struct uri *uri, const char *name, int64_t *out, struct err *e)
{
    const char *text = uri_param(uri, name);

    if (text != NULL && (!clock_parse(text, out) || *out <= 0)) {
        (void)err_param(e, name,
                        "must be a time as 2026-11-22T23:07:00Z, or a date; the + of an offset is "
                        "written %%2B");
    }
}

void job_query_metadata(const struct uri *uri, struct job_filter *out, struct err *e)
{
    static const size_t PREFIX = sizeof METADATA_PREFIX - 1;

    for (size_t i = 0; i < uri->param_count; i++) {
        const struct uri_param *p = &uri->param[i];

        if (strncmp(p->name, METADATA_PREFIX, PREFIX) != 0) {
            continue;
        }
        if (p->name[PREFIX] == '\0' || list_query_characters(p->value) > VALUE_MAX) {
            (void)err_param(e, p->name, "must have a key, and a value of up to %d characters",
                            VALUE_MAX);
        } else if (out->metadata_count == FILTER_METADATA_MAX) {
            (void)err_param(e, p->name, "is one metadata filter too many; %d may be given",
                            FILTER_METADATA_MAX);
        } else {
            out->metadata[out->metadata_count].key = p->name + PREFIX;
            out->metadata[out->metadata_count].value = p->value;
            out->metadata_count++;
        }
    }
}

enum errc job_query_parse(const struct uri *uri, struct job_filter *out, struct err *e)
{
    struct job_filter filter = {.status_mask = 0};

    read_status(uri, &filter, e);
    list_query_text(uri, "tag", TAG_MAX, &filter.tag, e);
    list_query_text(uri, "q", TEXT_MAX, &filter.text, e);
    list_query_text(uri, "backend", BACKEND_MAX, &filter.backend, e);
    list_query_text(uri, "owner", OWNER_MAX, &filter.owner, e);
    list_query_text(uri, "template", TEMPLATE_MAX, &filter.template_name, e);
    filter.has_starred = list_query_starred(uri, &filter.is_starred, e);
    list_query_sort(uri, &filter.sort, e);
    list_query_page(uri, &filter.limit, &filter.after, e);
    read_parent(uri, &filter, e);
    read_time(uri, "created_after", &filter.created_from, e);
    read_time(uri, "created_before", &filter.created_before, e);
    job_query_metadata(uri, &filter, e);
    if (e->code == ERR_NONE) {
        *out = filter;
    }
    return e->code;
}
