#include "http/job_query.h"

#include <sodium/utils.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "http/header.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define TAG_MAX       64
#define TEXT_MAX      200
#define BACKEND_MAX   64
#define TEMPLATE_MAX  64
#define VALUE_MAX     1024

#define METADATA_PREFIX "metadata."

/* Names the version of the format, so that another one can be told apart. */
#define CURSOR_PREFIX "1."

/* ---- cursor --------------------------------------------------------------------------------------- */

void cursor_write(struct id last, char out[CURSOR_SIZE])
{
    char text[sizeof CURSOR_PREFIX + ID_LEN] = CURSOR_PREFIX;

    memcpy(text + sizeof CURSOR_PREFIX - 1, last.text, sizeof last.text);
    (void)sodium_bin2base64(out, CURSOR_SIZE, (const unsigned char *)text, strlen(text),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool cursor_parse(const char *text, struct id *out)
{
    char plain[sizeof CURSOR_PREFIX + ID_LEN];
    size_t len = 0;
    size_t prefix = sizeof CURSOR_PREFIX - 1;

    if (sodium_base642bin((unsigned char *)plain, sizeof plain, text, strlen(text), NULL, &len,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return false;
    }
    return len > prefix && memcmp(plain, CURSOR_PREFIX, prefix) == 0 &&
           id_parse((struct span){plain + prefix, len - prefix}, out);
}

/* ---- parameters ----------------------------------------------------------------------------------- */

static size_t count_characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* Gives the parameter's value, if there is one of min..max characters. */
static void read_text(const struct uri *uri, const char *name, size_t max, const char **out,
                      struct err *e)
{
    const char *value = uri_param(uri, name);

    if (value == NULL) {
        return;
    }
    if (value[0] == '\0' || count_characters(value) > max) {
        (void)err_param(e, name, "must be 1 to %zu characters", max);
        return;
    }
    *out = value;
}

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

static void read_sort(const struct uri *uri, struct job_filter *out, struct err *e)
{
    const char *value = uri_param(uri, "sort");

    if (value == NULL || strcmp(value, "-created_at") == 0) {
        out->sort = SORT_NEWEST;
    } else if (strcmp(value, "created_at") == 0) {
        out->sort = SORT_OLDEST;
    } else {
        (void)err_param(e, "sort", "must be created_at or -created_at");
    }
}

static void read_starred(const struct uri *uri, struct job_filter *out, struct err *e)
{
    const char *value = uri_param(uri, "starred");

    if (value == NULL) {
        return;
    }
    out->has_starred = true;
    out->is_starred = strcmp(value, "true") == 0;
    if (!out->is_starred && strcmp(value, "false") != 0) {
        (void)err_param(e, "starred", "must be true or false");
    }
}

static void read_place(const struct uri *uri, struct job_filter *out, struct err *e)
{
    const char *limit = uri_param(uri, "limit");
    const char *cursor = uri_param(uri, "cursor");
    const char *parent = uri_param(uri, "parent_id");

    out->limit = LIMIT_DEFAULT;
    if (limit != NULL && !decimal_parse(limit, 1, LIMIT_MAX, &out->limit)) {
        (void)err_param(e, "limit", "must be 1 to %d", LIMIT_MAX);
    }
    if (cursor != NULL && !cursor_parse(cursor, &out->after)) {
        (void)err_param(e, "cursor", "is none that this gateway gave out");
    }
    if (parent != NULL && !id_parse(span_of(parent), &out->parent_id)) {
        (void)err_param(e, "parent_id", "must be the id of a job");
    }
}

static void read_metadata(const struct uri *uri, struct job_filter *out, struct err *e)
{
    static const size_t PREFIX = sizeof METADATA_PREFIX - 1;

    for (size_t i = 0; i < uri->param_count; i++) {
        const struct uri_param *p = &uri->param[i];

        if (strncmp(p->name, METADATA_PREFIX, PREFIX) != 0) {
            continue;
        }
        if (p->name[PREFIX] == '\0' || count_characters(p->value) > VALUE_MAX) {
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
    read_text(uri, "tag", TAG_MAX, &filter.tag, e);
    read_text(uri, "q", TEXT_MAX, &filter.text, e);
    read_text(uri, "backend", BACKEND_MAX, &filter.backend, e);
    read_text(uri, "template", TEMPLATE_MAX, &filter.template_name, e);
    read_starred(uri, &filter, e);
    read_sort(uri, &filter, e);
    read_place(uri, &filter, e);
    read_metadata(uri, &filter, e);
    if (e->code == ERR_NONE) {
        *out = filter;
    }
    return e->code;
}

/* ---- the next page -------------------------------------------------------------------------------- */

void job_query_next(const struct uri *uri, const char *cursor, struct buf *out)
{
    (void)buf_append_str(out, "/v1/jobs?");
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->param[i].name, "cursor") != 0) {
            uri_encode(out, uri->param[i].name);
            (void)buf_append_char(out, '=');
            uri_encode(out, uri->param[i].value);
            (void)buf_append_char(out, '&');
        }
    }
    (void)buf_append_str(out, "cursor=");
    (void)buf_append_str(out, cursor);
}
