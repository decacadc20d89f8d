/* jobs_list.c - GET /v1/jobs (listJobs): one page of jobs.
 *
 * The rows are copied first: while the store visits them, it cannot be asked for
 * their outputs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/job_json.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/job_query.h"
#include "http/page.h"
#include "http/reply.h"
#include "http/request.h"

#define PAGE_MAX (256U << 20)

struct page {
    struct job_row *row;
    size_t count;
    size_t cap;
    bool has_more;
};

static void clear_page(struct page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        job_row_clear(&p->row[i]);
    }
    free(p->row);
}

static void keep_row(void *arg, const struct job_row *row)
{
    struct page *p = arg;

    if (p->count < p->cap) {
        job_row_copy(&p->row[p->count++], row);
    }
}

static enum st read_page(struct request *r, const struct job_filter *filter, struct page *out)
{
    struct store_reader *reader = reader_get(r->server);

    out->cap = (size_t)filter->limit;
    out->row = xcalloc(out->cap, sizeof *out->row);
    return reader != NULL ? store_jobs(reader, filter, keep_row, out, &out->has_more) : ST_FAIL;
}

static void write_rows(struct request *r, const struct page *page, struct json_out *json)
{
    for (size_t i = 0; i < page->count; i++) {
        AUTO(job_look_clear) struct job_look look = {.json = NULL};

        if (job_look_row(r, &page->row[i], &look) == ERR_NONE) {
            jo_raw(json, NULL, bytes_span(look.json));
        }
    }
}

static enum MHD_Result answer(struct request *r, struct page *page, const char *etag)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PAGE_MAX);
    struct json_out json = json_out_to(&text);
    bool has_more = page->has_more && page->count > 0;

    page_begin(&json);
    write_rows(r, page, &json);
    return page_send(r, &json, &text, "/v1/jobs", has_more ? &page->row[page->count - 1].id : NULL,
                     etag);
}

/* Who asks for the jobs of another sees none: "" owns nothing. */
static void see_own_only(const struct caller *c, struct job_filter *filter)
{
    const char *own = caller_sees(c);

    if (own != NULL) {
        filter->owner = filter->owner == NULL || strcmp(filter->owner, own) == 0 ? own : "";
    }
}

enum MHD_Result jobs_list(struct request *r)
{
    AUTO(clear_page) struct page page = {.row = NULL};
    struct job_filter filter;
    char etag[PAGE_ETAG_SIZE];
    struct err e;

    err_fresh(&e);
    if (job_query_parse(&r->uri, &filter, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    see_own_only(&r->caller, &filter);
    page_etag(r, PAGE_OF_VIEWS, etag);
    if (etag_listed(request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), etag, true)) {
        return reply_not_modified(r, etag, CACHE_REVALIDATE);
    }
    if (read_page(r, &filter, &page) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return answer(r, &page, etag);
}
