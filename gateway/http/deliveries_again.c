/* deliveries_again.c - POST /v1/jobs/{id}/deliveries/{delivery}/redeliver (redeliver): one message of a webhook once more,
 * now, whatever has become of it.
 */
#include "http/body.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

#define ANSWER_MAX (1U << 20)

struct found {
    struct json_out json;
    struct id wanted;
    bool is_there;
};

static void write_wanted(void *arg, const struct delivery *d)
{
    struct found *found = arg;

    if (!found->is_there && id_eq(d->id, found->wanted)) {
        found->is_there = true;
        delivery_json(&found->json, NULL, d);
    }
}

/* As it is now; it may be under way already. */
static enum MHD_Result committed(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(ANSWER_MAX);
    struct found found = {.json = json_out_to(&text), .wanted = r->cmd.delivery_id};
    struct delivery_filter filter = {.job = r->id, .limit = 100};
    struct store_reader *reader = reader_get(r->server);
    bool has_more = false;
    struct err e;

    err_fresh(&e);
    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    if (reader == NULL ||
        store_deliveries(reader, &filter, write_wanted, &found, &has_more) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    return found.is_there ? reply_json(r, MHD_HTTP_ACCEPTED, &text)
                          : reply_error(r, ERR_NOT_FOUND, "This job has no delivery of this id.");
}

enum MHD_Result deliveries_again(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (body_must_be_empty(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    if (!id_parse(span_of(r->name), &r->cmd.delivery_id)) {
        return reply_error(r, ERR_NOT_FOUND, "This job has no delivery of this id.");
    }
    r->cmd.kind = CMD_REDELIVER;
    r->cmd.job = r->id;
    return request_push(r, committed);
}
