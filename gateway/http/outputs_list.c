/* outputs_list.c - GET /v1/outputs (listOutputs): the gallery, one page of what all jobs have made.
 */
#include <string.h>

#include "core/job_json.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/list_query.h"
#include "http/page.h"
#include "http/reply.h"
#include "http/request.h"

#define PAGE_MAX     (64U << 20)
#define TEXT_MAX     200
#define TEMPLATE_MAX 64

static void read_type(const struct uri *uri, struct output_filter *out, struct err *e)
{
    const char *value = uri_param(uri, "type");

    if (value == NULL) {
        return;
    }
    out->has_type = true;
    out->type = output_type_parse(span_of(value));
    if (strcmp(output_type_word(out->type), value) != 0) {
        (void)err_param(e, "type", "must be image, video, audio, text or file");
    }
}

static enum errc read_query(const struct uri *uri, struct output_filter *out, struct err *e)
{
    bool is_starred = false;

    read_type(uri, out, e);
    list_query_text(uri, "template", TEMPLATE_MAX, &out->template_name, e);
    list_query_text(uri, "q", TEXT_MAX, &out->text, e);
    (void)list_query_starred(uri, &is_starred, e);
    out->is_starred_only = is_starred;
    list_query_sort(uri, &out->sort, e);
    list_query_page(uri, &out->limit, &out->after, e);
    return e->code;
}

struct gallery {
    struct json_out json;
    struct id last;
};

static void write_entry(void *arg, const struct output_entry *entry)
{
    struct gallery *g = arg;

    job_output_gallery_json(&g->json, &entry->output, entry->job_title, entry->template_name,
                            entry->is_starred);
    g->last = entry->output.id;
}

enum MHD_Result outputs_list(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PAGE_MAX);
    struct gallery gallery = {.json = json_out_to(&text)};
    struct output_filter filter = {.has_type = false};
    struct store_reader *reader = reader_get(r->server);
    bool has_more = false;
    char etag[PAGE_ETAG_SIZE];
    struct err e;

    err_fresh(&e);
    if (read_query(&r->uri, &filter, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    filter.owner = caller_sees(&r->caller);
    page_etag(r, PAGE_OF_ROWS, etag);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    page_begin(&gallery.json);
    if (reader == NULL ||
        store_output_list(reader, &filter, write_entry, &gallery, &has_more) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return page_send(r, &gallery.json, &text, "/v1/outputs", has_more ? &gallery.last : NULL, etag);
}
