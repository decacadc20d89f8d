/* jobs_list.c - GET /v1/jobs (listJobs): one page of jobs.
 *
 * The rows are copied first: while the store visits them, it cannot be asked for
 * their outputs.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "core/job_json.h"
#include "http/handlers.h"
#include "http/job_query.h"
#include "http/reply.h"
#include "http/request.h"

#define PAGE_MAX (256U << 20)
/* A header that does not fit would cost the whole answer; the body has the cursor, too. */
#define LINK_MAX 6000

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

static enum MHD_Result send_page(struct request *r, const struct page *page, struct buf *text,
                                 const char *cursor)
{
    AUTO(buf_clear) struct buf link = BUF_INIT(LINK_MAX);
    AUTO(bytes_unref_ptr) struct bytes *bytes = bytes_from_buf(text);
    struct MHD_Response *response = reply_bytes(bytes, JSON_TYPE);

    if (page->has_more) {
        (void)buf_append_char(&link, '<');
        job_query_next(&r->uri, cursor, &link);
        (void)buf_append_str(&link, ">; rel=\"next\"");
        if (buf_ok(&link)) {
            reply_header(response, MHD_HTTP_HEADER_LINK, buf_str(&link));
        }
    }
    return reply_send(r, MHD_HTTP_OK, response);
}

static enum MHD_Result answer(struct request *r, struct page *page)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PAGE_MAX);
    struct json_out json = json_out_to(&text);
    char cursor[CURSOR_SIZE] = "";

    page->has_more = page->has_more && page->count > 0;
    if (page->has_more) {
        cursor_write(page->row[page->count - 1].id, cursor);
    }
    jo_obj(&json, NULL);
    jo_arr(&json, "data");
    write_rows(r, page, &json);
    jo_end(&json);
    jo_bool(&json, "has_more", page->has_more);
    jo_str(&json, "next_cursor", page->has_more ? cursor : NULL);
    jo_end(&json);
    if (!buf_ok(&text)) {
        return reply_error(r, ERR_INTERNAL_ERROR,
                           "The page would be too large; ask for fewer jobs.");
    }
    return send_page(r, page, &text, cursor);
}

enum MHD_Result jobs_list(struct request *r)
{
    AUTO(clear_page) struct page page = {.row = NULL};
    struct job_filter filter;
    struct err e;

    err_fresh(&e);
    if (job_query_parse(&r->uri, &filter, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (read_page(r, &filter, &page) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return answer(r, &page);
}
