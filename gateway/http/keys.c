/* keys.c - GET and POST /v1/keys (listKeys, createKey), DELETE /v1/keys/{id} (revokeKey).
 *
 * A key can give another no more than it has itself. It can be revoked by any that may revoke, also by itself.
 */
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/handlers.h"
#include "http/list_query.h"
#include "http/reply.h"
#include "http/request.h"

#define PAGE_MAX (1U << 20)

/* When it was used last may not be written yet. */
static void write_key(struct request *r, struct json_out *o, const struct api_key *row)
{
    struct api_key k = *row;
    int64_t used_at = key_uses_last(r->parts->key_uses, k.id);

    k.last_used_at = used_at > k.last_used_at ? used_at : k.last_used_at;
    api_key_json(o, NULL, &k, clock_wall_ms(), NULL);
}

/* ---- list ------------------------------------------------------------------------------------ */

struct page {
    struct request *r;
    struct json_out o;
    struct id last;
};

static void add_key(void *arg, const struct api_key *k)
{
    struct page *page = arg;

    write_key(page->r, &page->o, k);
    page->last = k->id;
}

enum MHD_Result keys_list(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(PAGE_MAX);
    struct page page = {.r = r, .o = json_out_to(&text)};
    struct store_reader *reader = reader_get(r->server);
    struct id after = ID_NONE;
    bool has_more = false;
    char cursor[CURSOR_SIZE] = "";
    int limit = 0;
    struct err e;

    err_fresh(&e);
    list_query_page(&r->uri, &limit, &after, &e);
    if (e.code != ERR_NONE) {
        return reply_problem(r, &e);
    }
    jo_obj(&page.o, NULL);
    jo_arr(&page.o, "data");
    if (reader == NULL || store_keys(reader, after, limit, add_key, &page, &has_more) != ST_OK) {
        return reply_error(r, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    jo_end(&page.o);
    jo_bool(&page.o, "has_more", has_more);
    if (has_more) {
        cursor_write(page.last, cursor);
    }
    jo_str(&page.o, "next_cursor", has_more ? cursor : NULL);
    jo_end(&page.o);
    return reply_json(r, MHD_HTTP_OK, &text);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* request.op of a POST. */
struct making {
    struct api_key key;
    char secret[API_KEY_SIZE];
};

static void free_making(void *op)
{
    struct making *n = op;

    sodium_memzero(n->secret, sizeof n->secret);
    free(n);
}

static enum errc read_name(const struct json_doc *doc, json_ref member, struct api_key *k,
                           struct err *e)
{
    AUTO(free_ptr) char *name = json_str_dup(doc, member);

    if (name == NULL || !api_key_name_ok(span_of(name))) {
        return err_at(e, ERR_VALIDATION_ERROR, "/name",
                      member == JSON_NONE ? "required" : "pattern",
                      "must be 1 to %d of a-z 0-9 . _ - and begin with a letter or a digit",
                      API_KEY_NAME_MAX);
    }
    (void)snprintf(k->name, sizeof k->name, "%s", name);
    return ERR_NONE;
}

static void read_role(const struct json_doc *doc, json_ref member, struct api_key *k, struct err *e)
{
    AUTO(free_ptr) char *role = json_str_dup(doc, member);

    if (json_type(doc, member) != JSON_NULL &&
        (role == NULL || !role_parse(span_of(role), &k->role))) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/role", "unknown",
                     "must be viewer, user, operator or admin");
    }
}

static void read_scopes(const struct json_doc *doc, json_ref member, struct api_key *k,
                        struct err *e)
{
    if (json_type(doc, member) != JSON_NULL && json_type(doc, member) != JSON_ARRAY) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/scopes", "wrong_type",
                     "must be an array of scopes");
        return;
    }
    for (json_ref m = json_first(doc, member); m != JSON_NONE; m = json_next(doc, m)) {
        AUTO(free_ptr) char *word = json_str_dup(doc, m);
        enum scope scope = SCOPE_COUNT;
        char pointer[sizeof e->item[0].at];

        if (word != NULL && scope_parse(span_of(word), &scope)) {
            k->extra_scopes |= SCOPE_BIT(scope);
            continue;
        }
        json_pointer(doc, m, pointer, sizeof pointer);
        (void)err_at(e, ERR_VALIDATION_ERROR, pointer, "unknown", "is no scope");
    }
}

static void read_expiry(const struct json_doc *doc, json_ref member, int64_t now, struct api_key *k,
                        struct err *e)
{
    AUTO(free_ptr) char *text = json_str_dup(doc, member);

    if (json_type(doc, member) == JSON_NULL) {
        return;
    }
    if (text == NULL || !clock_parse(text, &k->expires_at) || k->expires_at <= now) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/expires_at", "invalid",
                     "must be a time that is to come, as 2027-01-31T12:00:00Z, or a date");
    }
}

static void refuse_unknown(const struct json_doc *doc, struct err *e)
{
    static const char *const KNOWN[] = {"name", "role", "scopes", "expires_at"};

    for (json_ref m = json_first(doc, 0); m != JSON_NONE; m = json_next(doc, m)) {
        char pointer[sizeof e->item[0].at];
        bool is_known = false;

        for (size_t i = 0; i < COUNT_OF(KNOWN); i++) {
            is_known |= json_key_is(doc, m, KNOWN[i]);
        }
        if (!is_known) {
            json_pointer(doc, m, pointer, sizeof pointer);
            (void)err_at(e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
        }
    }
}

static enum errc read_new(struct request *r, int64_t now, struct api_key *k, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    enum errc rc = json_parse(buf_span(&r->body), JSON_STRICT, request_json_limits(r), &doc, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        return err_at(e, ERR_VALIDATION_ERROR, "", "wrong_type", "must be an object");
    }
    refuse_unknown(doc, e);
    (void)read_name(doc, json_get(doc, 0, "name"), k, e);
    read_role(doc, json_get(doc, 0, "role"), k, e);
    read_scopes(doc, json_get(doc, 0, "scopes"), k, e);
    read_expiry(doc, json_get(doc, 0, "expires_at"), now, k, e);
    if (e->code == ERR_NONE && api_key_scopes(k) == 0) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/role", "required",
                     "say what the key may do, by a role or by scopes");
    }
    return e->code;
}

/* Nobody gives what he has not: neither a scope, nor a longer life. */
static enum errc check_gift(struct request *r, const struct api_key *k, struct err *e)
{
    unsigned missing = api_key_scopes(k) & ~r->caller.scopes;
    int64_t end = r->caller.key.expires_at;

    for (int i = 0; i < SCOPE_COUNT; i++) {
        if ((missing & SCOPE_BIT(i)) != 0) {
            return admission_need(r, (enum scope)i, e);
        }
    }
    if (end != 0 && (k->expires_at == 0 || k->expires_at > end)) {
        char at[CLOCK_TEXT_SIZE];

        (void)err_at(e, ERR_VALIDATION_ERROR, "/expires_at", "out_of_range",
                     "must not be after the end of the key that makes it, %s",
                     clock_format(end, at));
    }
    return e->code;
}

static enum MHD_Result made(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(API_KEY_JSON_MAX);
    struct json_out o = json_out_to(&text);
    const struct making *n = r->op;
    struct err e;

    err_fresh(&e);
    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    keyring_forget(r->server->keyring);
    api_key_json(&o, NULL, &n->key, n->key.created_at, n->secret);
    return reply_json(r, MHD_HTTP_CREATED, &text);
}

enum MHD_Result keys_post(struct request *r)
{
    struct making *n = xcalloc(1, sizeof *n);
    const char *actor = caller_owner(&r->caller);
    int64_t now = clock_wall_ms();
    struct err e;

    r->op = n;
    r->op_free = free_making;
    err_fresh(&e);
    if (read_new(r, now, &n->key, &e) != ERR_NONE || check_gift(r, &n->key, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    (void)snprintf(n->key.created_by, sizeof n->key.created_by, "%s", actor != NULL ? actor : "");
    api_key_make(&n->key, now, n->secret);
    r->cmd.kind = CMD_KEY_PUT;
    r->cmd.key = &n->key;
    return request_push(r, made);
}

/* ---- revoke ---------------------------------------------------------------------------------- */

static enum MHD_Result revoked(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (r->cmd.result != ERR_NONE) {
        request_cmd_error(r, &e);
        return reply_problem(r, &e);
    }
    keyring_forget(r->server->keyring);
    return reply_no_content(r);
}

enum MHD_Result keys_delete(struct request *r)
{
    r->cmd.kind = CMD_KEY_REVOKE;
    r->cmd.key_id = r->id;
    r->cmd.hold_since = clock_wall_ms();
    return request_push(r, revoked);
}
