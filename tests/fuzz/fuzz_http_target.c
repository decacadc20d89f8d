/* fuzz_http_target.c - any bytes as the target of a request: read, routed, and as a query of GET /v1/jobs and /v1/events.
 *
 * What was understood and is written again must be understood the same.
 */
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "http/event_query.h"
#include "http/job_query.h"
#include "http/list_query.h"
#include "http/route.h"
#include "http/uri.h"

#define NEXT_MAX (8U * URI_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct uri *uri)
{
    for (size_t i = 0; i < uri->segment_count && i < URI_SEGMENTS_MAX; i++) {
        bug_if(!utf8_valid(span_of(uri->segment[i])));
    }
    for (size_t i = 0; i < uri->param_count; i++) {
        bug_if(!utf8_valid(span_of(uri->param[i].name)));
        bug_if(!utf8_valid(span_of(uri->param[i].value)));
        bug_if(uri_param(uri, uri->param[i].name) == NULL);
    }
}

static void check_route(const struct uri *uri)
{
    static const char *const METHOD[] = {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "X"};

    for (size_t i = 0; i < COUNT_OF(METHOD); i++) {
        struct route_match match;

        route_find(METHOD[i], uri, &match);
        bug_if(match.route != NULL && strstr(match.allow, METHOD[i]) == NULL);
        bug_if(match.id != NULL && match.route == NULL);
    }
}

static bool is_kept(const struct uri_param *p)
{
    return strcmp(p->name, "cursor") != 0;
}

/* The address of the next page holds the same parameters, but for the cursor. */
static void check_next_page(const struct uri *uri)
{
    AUTO(buf_clear) struct buf next = BUF_INIT(NEXT_MAX);
    AUTO(uri_clear) struct uri again;
    struct err e = ERR_INIT;
    size_t at = 0;

    list_query_next(uri, "/v1/jobs", "x", &next);
    if (uri_parse(buf_span(&next), &again, &e) != ERR_NONE) {
        /* Escapes make it longer, and the cursor is one parameter more. */
        bug_if(next.len <= URI_MAX && uri->param_count < URI_PARAMS_MAX);
        return;
    }
    for (size_t i = 0; i < uri->param_count; i++) {
        if (is_kept(&uri->param[i])) {
            bug_if(strcmp(again.param[at].name, uri->param[i].name) != 0);
            bug_if(strcmp(again.param[at].value, uri->param[i].value) != 0);
            at++;
        }
    }
    bug_if(again.param_count != at + 1);
}

static void check_filter(const struct uri *uri)
{
    struct err e = ERR_INIT;
    struct job_filter filter;
    enum errc code = job_query_parse(uri, &filter, &e);

    bug_if(code != ERR_NONE && (code != ERR_INVALID_PARAMETER || e.item_count == 0));
    if (code == ERR_NONE) {
        bug_if(filter.limit < 1 || filter.limit > 200);
        bug_if(filter.metadata_count > FILTER_METADATA_MAX);
    }
    code = uri_check_params(uri, "status tag metadata.*", &e);
    bug_if(code != ERR_NONE && e.item_count == 0);
}

static void check_events(const struct uri *uri, enum event_form form)
{
    struct err e = ERR_INIT;
    struct event_query query;
    enum errc code = event_query_parse(uri, NULL, form, &query, &e);

    bug_if(code != ERR_NONE && (code != ERR_INVALID_PARAMETER || e.item_count == 0));
    if (code == ERR_NONE) {
        bug_if((query.types & ~EVENT_TYPES_ALL) != 0);
        bug_if((uri_param(uri, "types") != NULL) != (query.types != 0));
        bug_if(query.has_after != (uri_param(uri, "after") != NULL) ||
               (query.has_after && query.after < 0));
        bug_if(query.wait_s < 0 || query.wait_s > 60 || query.limit < 1 || query.limit > 500);
        bug_if(query.whose.metadata_count > EVENT_METADATA_MAX);
        /* A browser that comes back sends both. */
        bug_if(event_query_parse(uri, "7", form, &query, &e) != ERR_NONE || query.after != 7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(uri_clear) struct uri uri;
    struct err e = ERR_INIT;
    enum errc code = uri_parse((struct span){(const char *)data, size}, &uri, &e);

    bug_if(e.code != code);
    if (code != ERR_NONE) {
        return 0;
    }
    check_texts(&uri);
    check_route(&uri);
    check_filter(&uri);
    check_events(&uri, FORM_STREAM);
    check_events(&uri, FORM_POLL);
    check_next_page(&uri);
    return 0;
}
