/* preferences.c - GET /v1/preferences (listPreferences), GET, PUT, DELETE /v1/preferences/{key}.
 *
 * A page of the list begins behind a key, so that keys that come or go between two pages neither repeat nor hide another.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "http/condition.h"
#include "http/handlers.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/request.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define ENTRY_FRAME   512 /* of an entry of the list, beside its value */

static enum errc check_key(const struct request *r, struct err *e)
{
    return preference_key_ok(r->name)
               ? ERR_NONE
               : err_set(e, ERR_INVALID_PARAMETER,
                         "A preference's key is 1 to %d of A-Z a-z 0-9 . _ : -",
                         PREFERENCE_KEY_MAX);
}

static enum errc store_error(enum st st, struct err *e)
{
    switch (st) {
    case ST_OK:
        return ERR_NONE;
    case ST_NONE:
        return err_set(e, ERR_NOT_FOUND, "There is no preference of this key.");
    case ST_CONFLICT:
    case ST_RETRY:
    case ST_FULL:
    case ST_FAIL:
        break;
    }
    return err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

/* ---- one ------------------------------------------------------------------------------------- */

enum MHD_Result preferences_get(struct request *r)
{
    AUTO(buf_clear) struct buf value = BUF_INIT(PREFERENCE_VALUE_MAX + 1);
    struct store_reader *reader = reader_get(r->server);
    struct err e;

    err_fresh(&e);
    if (check_key(r, &e) != ERR_NONE ||
        store_error(reader != NULL ? store_preference(reader, r->cmd.actor, r->name, &value)
                                   : ST_FAIL,
                    &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    return reply_json_tagged(r, &value);
}

static enum MHD_Result put_committed(struct request *r)
{
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;
    struct MHD_Response *response;
    char etag[PREFERENCE_ETAG_SIZE];
    struct err e;

    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    preference_etag(buf_span(&r->body), etag);
    bytes = bytes_from_buf(&r->body);
    response = reply_bytes(bytes, JSON_TYPE);
    reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    return reply_send(r, r->cmd.is_new ? MHD_HTTP_CREATED : MHD_HTTP_OK, response);
}

/* If-Match may list several tags; the engine compares one. Gives it the one that holds now. */
static enum errc choose_tag(struct request *r, struct err *e)
{
    AUTO(buf_clear) struct buf value = BUF_INIT(PREFERENCE_VALUE_MAX + 1);
    struct store_reader *reader = reader_get(r->server);
    const char *field = request_header(r, MHD_HTTP_HEADER_IF_MATCH);
    char etag[PREFERENCE_ETAG_SIZE];
    enum st st = ST_OK;

    if (field == NULL) {
        return ERR_NONE;
    }
    if (etag_is_any(field)) {
        r->cmd.if_there = true;
        return ERR_NONE;
    }
    st = reader != NULL ? store_preference(reader, r->cmd.actor, r->name, &value) : ST_FAIL;
    if (st != ST_OK && st != ST_NONE) {
        return store_error(st, e);
    }
    if (st == ST_NONE && r->cmd.kind == CMD_PREFERENCE_DELETE) {
        return ERR_NONE; /* the engine finds that out */
    }
    if (st == ST_OK) {
        preference_etag(buf_span(&value), etag);
    }
    if (st == ST_NONE || !etag_listed(field, etag, false)) {
        return err_set(e, ERR_PRECONDITION_FAILED,
                       "The preference has changed since this ETag was read.");
    }
    r->op = xstrdup(etag);
    r->op_free = free;
    r->cmd.if_match = r->op;
    return ERR_NONE;
}

static enum errc check_value(const struct request *r, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    int64_t max = r->parts->config->preferences_max_bytes;
    enum errc rc = ERR_NONE;

    if ((int64_t)r->body.len > max) {
        return err_set(e, ERR_CONTENT_TOO_LARGE, "A preference has at most %lld bytes.",
                       (long long)max);
    }
    rc = json_parse(buf_span(&r->body), JSON_STRICT, request_json_limits(r), &doc, e);
    if (rc == ERR_NONE && json_type(doc, 0) != JSON_OBJECT) {
        rc = err_at(e, ERR_VALIDATION_ERROR, "", "wrong_type", "must be an object");
    }
    return rc;
}

enum MHD_Result preferences_put(struct request *r)
{
    const char *is_new = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    struct err e;

    err_fresh(&e);
    r->cmd.kind = CMD_PREFERENCE_PUT;
    if (check_key(r, &e) != ERR_NONE || check_value(r, &e) != ERR_NONE ||
        choose_tag(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->cmd.if_new = is_new != NULL && etag_is_any(is_new);
    r->cmd.preference = (struct preference){
        .key = r->name, .value = buf_span(&r->body), .updated_at = clock_wall_ms()};
    return request_push(r, put_committed);
}

static enum MHD_Result delete_committed(struct request *r)
{
    struct err e;

    if (r->cmd.result == ERR_NONE) {
        return reply_no_content(r);
    }
    request_cmd_error(r, &e);
    return reply_problem(r, &e);
}

enum MHD_Result preferences_delete(struct request *r)
{
    struct err e;

    err_fresh(&e);
    r->cmd.kind = CMD_PREFERENCE_DELETE;
    if (check_key(r, &e) != ERR_NONE || choose_tag(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->cmd.preference = (struct preference){.key = r->name};
    return request_push(r, delete_committed);
}

/* ---- all ------------------------------------------------------------------------------------- */

struct page {
    struct json_out o;
    char last[PREFERENCE_KEY_MAX + 1];
};

static void add_entry(void *arg, const struct preference *p)
{
    struct page *page = arg;

    jo_obj(&page->o, NULL);
    jo_str(&page->o, "key", p->key);
    jo_raw(&page->o, "value", p->value);
    jo_time(&page->o, "updated_at", p->updated_at);
    jo_end(&page->o);
    (void)snprintf(page->last, sizeof page->last, "%s", p->key);
}

static enum errc read_filter(const struct request *r, struct preference_filter *f, struct err *e)
{
    const char *prefix = uri_param(&r->uri, "prefix");
    const char *cursor = uri_param(&r->uri, "cursor");
    const char *limit = uri_param(&r->uri, "limit");

    *f = (struct preference_filter){
        .owner = r->cmd.actor, .prefix = "", .after = "", .limit = LIMIT_DEFAULT};
    if (prefix != NULL && !preference_key_ok(prefix)) {
        (void)err_param(e, "prefix", "must be 1 to %d of A-Z a-z 0-9 . _ : -", PREFERENCE_KEY_MAX);
    } else if (prefix != NULL) {
        f->prefix = prefix;
    }
    if (cursor != NULL && !preference_key_ok(cursor)) {
        (void)err_param(e, "cursor", "is none that this gateway gave out");
    } else if (cursor != NULL) {
        f->after = cursor;
    }
    if (limit != NULL && !decimal_parse(limit, 1, LIMIT_MAX, &f->limit)) {
        (void)err_param(e, "limit", "must be 1 to %d", LIMIT_MAX);
    }
    return e->code;
}

enum MHD_Result preferences_list(struct request *r)
{
    int64_t max = r->parts->config->preferences_max_bytes;
    AUTO(buf_clear) struct buf text = BUF_INIT((size_t)(max * 64 + ENTRY_FRAME) * LIMIT_MAX);
    struct page page = {.o = json_out_to(&text)};
    struct store_reader *reader = reader_get(r->server);
    struct preference_filter filter;
    bool has_more = false;
    struct err e;

    err_fresh(&e);
    if (read_filter(r, &filter, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    jo_obj(&page.o, NULL);
    jo_arr(&page.o, "data");
    if (store_error(reader != NULL ? store_preferences(reader, &filter, add_entry, &page, &has_more)
                                   : ST_FAIL,
                    &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    jo_end(&page.o);
    jo_bool(&page.o, "has_more", has_more);
    jo_str(&page.o, "next_cursor", has_more ? page.last : NULL);
    jo_end(&page.o);
    return reply_json_tagged(r, &text);
}
