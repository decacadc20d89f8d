/* session.c - GET, POST and DELETE /v1/session (getSession, startSession, endSession): who asks, and the cookie by which a browser
 * says so.
 *
 * Nothing is kept of a session here: the cookie tells all, to who has the secret (credentials.h). So ending one makes the browser
 * forget it; who has copied it out of there is stopped by revoking its key.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"

#define SESSION_S   43200 /* twelve hours */
#define COOKIE_SIZE 320
#define ANSWER_MAX  4096

static struct MHD_Response *answer_of(struct request *r)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(ANSWER_MAX);
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;
    struct json_out o = json_out_to(&text);
    const struct caller *c = &r->caller;

    jo_obj(&o, NULL);
    jo_str(&o, "auth_mode", r->parts->config->auth_mode);
    jo_str(&o, "name", c->is_known ? c->key.name : NULL);
    jo_str(&o, "role", c->is_known ? role_word(c->key.role) : NULL);
    scopes_json(&o, "scopes", c->scopes);
    jo_time(&o, "key_expires_at", c->key.expires_at);
    jo_time(&o, "session_expires_at", c->until_s * 1000);
    jo_end(&o);
    bytes = bytes_from_buf(&text);
    return reply_bytes(bytes, JSON_TYPE);
}

enum MHD_Result session_get(struct request *r)
{
    return reply_send(r, MHD_HTTP_OK, answer_of(r));
}

/* Whether the browser came by TLS: it says so itself, in the origin of its page. A client that lies harms its own cookie only. */
static bool is_secure(const struct request *r)
{
    const char *origin = request_header(r, MHD_HTTP_HEADER_ORIGIN);

    return origin != NULL && strncasecmp(origin, "https://", strlen("https://")) == 0;
}

static void set_cookie(struct request *r, struct MHD_Response *response, const char *value,
                       int seconds)
{
    char text[COOKIE_SIZE];

    (void)snprintf(text, sizeof text,
                   SESSION_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", value,
                   seconds, is_secure(r) ? "; Secure" : "");
    reply_header(response, MHD_HTTP_HEADER_SET_COOKIE, text);
}

/* The one member of the body. */
static enum errc read_key(struct request *r, struct api_key *key, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(buf_clear) struct buf text = BUF_INIT(API_KEY_LEN);
    enum errc rc = json_parse(buf_span(&r->body), JSON_STRICT, request_json_limits(r), &doc, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        return err_at(e, ERR_VALIDATION_ERROR, "", "wrong_type", "must be an object");
    }
    for (json_ref m = json_first(doc, 0); m != JSON_NONE; m = json_next(doc, m)) {
        char pointer[sizeof e->item[0].at];

        if (!json_key_is(doc, m, "key")) {
            json_pointer(doc, m, pointer, sizeof pointer);
            return err_at(e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
        }
    }
    if (json_type(doc, json_get(doc, 0, "key")) != JSON_STRING) {
        return err_at(e, ERR_VALIDATION_ERROR, "/key", "required", "must be a key");
    }
    /* One that does not fit is none. */
    return json_str(doc, json_get(doc, 0, "key"), &text)
               ? admission_try_key(r, buf_span(&text), key, e)
               : admission_refuse(e);
}

enum MHD_Result session_post(struct request *r)
{
    struct MHD_Response *response = NULL;
    struct api_key key;
    char sealed[SESSION_TEXT_SIZE];
    int64_t now_s = clock_wall_ms() / 1000;
    struct err e;

    err_fresh(&e);
    if (!r->server->asks_keys) {
        return session_get(r);
    }
    if (read_key(r, &key, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->caller = (struct caller){.is_known = true,
                                .by_session = true,
                                .key = key,
                                .scopes = api_key_scopes(&key),
                                .until_s = now_s + SESSION_S};
    response = answer_of(r);
    set_cookie(r, response,
               session_seal(r->server->session_secret, key.sha256, r->caller.until_s, sealed),
               SESSION_S);
    return reply_send(r, MHD_HTTP_OK, response);
}

enum MHD_Result session_delete(struct request *r)
{
    struct MHD_Response *response =
        require_memory(MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));

    set_cookie(r, response, "", 0);
    return reply_send(r, MHD_HTTP_NO_CONTENT, response);
}
