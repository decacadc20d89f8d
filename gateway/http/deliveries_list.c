/* deliveries_list.c - GET /v1/jobs/{id}/deliveries, GET /v1/deliveries (listJobDeliveries, listDeliveries): what became of
 * the messages of webhooks.
 */
#include <stdio.h>

#include "base/mem.h"
#include "http/handlers.h"
#include "http/list_query.h"
#include "http/page.h"
#include "http/reply.h"
#include "http/request.h"

/* A page of 200 entries, with 20 tries each. */
#define PAGE_MAX (64U << 20)

static enum errc read_query(const struct uri *uri, struct delivery_filter *out, struct err *e)
{
    const char *state = uri_param(uri, "state");

    if (state != NULL) {
        out->has_state = true;
        if (!delivery_state_parse(span_of(state), &out->state)) {
            (void)err_param(e, "state", "must be pending, delivered, failed or gone");
        }
    }
    list_query_page(uri, &out->limit, &out->after, e);
    return e->code;
}

struct page {
    struct json_out json;
    struct id last;
};

static void write_entry(void *arg, const struct delivery *d)
{
    struct page *page = arg;

    delivery_json(&page->json, NULL, d);
    page->last = d->id;
}

static enum MHD_Result answer(struct request *r, const struct delivery_filter *filter,
                              const char *path)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PAGE_MAX);
    struct page page = {.json = json_out_to(&text)};
    struct store_reader *reader = reader_get(r->server);
    bool has_more = false;

    page_begin(&page.json);
    if (reader == NULL ||
        store_deliveries(reader, filter, write_entry, &page, &has_more) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return page_send(r, &page.json, &text, path, has_more ? &page.last : NULL, NULL);
}

static enum errc find_job(struct request *r, struct err *e)
{
    AUTO(job_row_clear) struct job_row row = {.version = 0};
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_job(reader, r->id, &row) : ST_FAIL;

    if (st == ST_NONE) {
        return err_set(e, ERR_NOT_FOUND, "There is no job of this id.");
    }
    return st == ST_OK ? ERR_NONE : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

enum MHD_Result deliveries_of_job(struct request *r)
{
    struct delivery_filter filter = {.job = r->id};
    char path[sizeof "/v1/jobs//deliveries" + ID_LEN];
    struct err e;

    err_fresh(&e);
    if (read_query(&r->uri, &filter, &e) != ERR_NONE || find_job(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    (void)snprintf(path, sizeof path, "/v1/jobs/%s/deliveries", r->id.text);
    return answer(r, &filter, path);
}

enum MHD_Result deliveries_of_all(struct request *r)
{
    struct delivery_filter filter = {.owner = r->cmd.owner};
    struct err e;

    err_fresh(&e);
    if (read_query(&r->uri, &filter, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    return answer(r, &filter, "/v1/deliveries");
}
