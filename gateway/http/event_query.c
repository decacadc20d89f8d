#include "http/event_query.h"

#include <string.h>

#include "base/mem.h"
#include "http/header.h"
#include "http/job_query.h"

#define WAIT_MAX_S    60
#define LIMIT_DEFAULT 100
#define LIMIT_MAX     500

enum event_form event_form_of(const char *accept)
{
    int stream = accept_weight(accept, "text/event-stream");
    int poll = accept_weight(accept, "application/json");

    if (stream == 0 && poll == 0) {
        return FORM_NONE;
    }
    return poll > stream ? FORM_POLL : FORM_STREAM;
}

static bool is_prefix(const char *prefix, const char *text)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_meant(struct span word, enum event_type type)
{
    const char *name = event_type_word(type);

    return span_is(word, name) || (span_is(word, "durable") && event_is_durable(type)) ||
           (span_is(word, "passing") && !event_is_durable(type)) ||
           (span_is(word, "job.*") && is_prefix("job.", name)) ||
           (span_is(word, "backend.*") && is_prefix("backend.", name));
}

/* The types that a word stands for; 0 = it is none of ours. */
static unsigned types_of(struct span word)
{
    unsigned types = 0;

    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        types |= is_meant(word, (enum event_type)i) ? 1U << i : 0;
    }
    return types;
}

static void read_types(const struct uri *uri, struct event_query *out, struct err *e)
{
    const char *at = uri_param(uri, "types");

    while (at != NULL) {
        size_t len = strcspn(at, ",");
        unsigned types = types_of((struct span){at, len});

        if (types == 0) {
            (void)err_param(e, "types",
                            "must be types of events, or durable, passing, job.* or backend.*, "
                            "separated by commas");
            return;
        }
        out->types |= types;
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
}

/* Digits only, as many as an id can have; -1 for all else. */
static int64_t id_of(const char *text)
{
    int64_t value = 0;

    if (*text == '\0' || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text)) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        value = value * 10 + (*text - '0');
    }
    return value;
}

static void read_after(const struct uri *uri, const char *last_event_id, struct event_query *out,
                       struct err *e)
{
    const char *after = uri_param(uri, "after");

    out->has_after = true;
    if (last_event_id != NULL && *last_event_id != '\0') {
        out->after = id_of(last_event_id);
    } else if (after != NULL) {
        out->after = id_of(after);
        if (out->after < 0) {
            (void)err_param(e, "after", "must be the id of an event");
        }
    } else {
        out->has_after = false;
    }
}

static void read_number(const struct uri *uri, const char *name, int min, int max, int *out,
                        struct err *e)
{
    const char *text = uri_param(uri, name);

    if (text != NULL && !decimal_parse(text, min, max, out)) {
        (void)err_param(e, name, "must be %d to %d", min, max);
    }
}

static void refuse_in_stream(const struct uri *uri, const char *name, struct err *e)
{
    if (uri_param(uri, name) != NULL) {
        (void)err_param(e, name, "belongs to Accept: application/json; a stream waits by itself");
    }
}

enum errc event_query_parse(const struct uri *uri, const char *last_event_id, enum event_form form,
                            struct event_query *out, struct err *e)
{
    struct event_query query = {.limit = LIMIT_DEFAULT};
    struct job_filter jobs = {.metadata_count = 0};

    read_types(uri, &query, e);
    read_after(uri, last_event_id, &query, e);
    if (form == FORM_STREAM) {
        refuse_in_stream(uri, "wait", e);
        refuse_in_stream(uri, "limit", e);
    } else {
        read_number(uri, "wait", 0, WAIT_MAX_S, &query.wait_s, e);
        read_number(uri, "limit", 1, LIMIT_MAX, &query.limit, e);
    }
    job_query_metadata(uri, &jobs, e);
    for (size_t i = 0; i < jobs.metadata_count; i++) {
        query.whose.metadata[i].key = jobs.metadata[i].key;
        query.whose.metadata[i].value = jobs.metadata[i].value;
    }
    query.whose.metadata_count = jobs.metadata_count;
    if (e->code == ERR_NONE) {
        *out = query;
    }
    return e->code;
}
