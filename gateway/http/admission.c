#include "http/admission.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/credentials.h"
#include "http/header.h"
#include "http/keyring.h"
#include "http/reply.h"
#include "http/request.h"

#define HOLD_MS 1000

/* ---- the caller ------------------------------------------------------------------------------ */

bool caller_has(const struct caller *c, enum scope scope)
{
    return (c->scopes & SCOPE_BIT(scope)) != 0;
}

const char *caller_sees(const struct caller *c)
{
    return caller_has(c, SCOPE_JOBS_ALL) ? NULL : c->key.name;
}

bool caller_may_see(const struct caller *c, const char *owner)
{
    const char *own = caller_sees(c);

    return own == NULL || (owner != NULL && strcmp(own, owner) == 0);
}

const char *caller_owner(const struct caller *c)
{
    return c->is_known ? c->key.name : NULL;
}

/* ---- who asks -------------------------------------------------------------------------------- */

static enum st look(void *server, const char *sha256, struct api_key *out)
{
    struct store_reader *reader = reader_get(server);

    return reader != NULL ? store_key_by_hash(reader, sha256, out) : ST_FAIL;
}

/* One sentence for all: whether a key exists is nobody's business. */
enum errc admission_refuse(struct err *e)
{
    return err_set(
        e, ERR_UNAUTHORIZED,
        "Send a key that is valid, as Authorization: Bearer cg_... What came is missing, "
        "mistyped, expired or revoked.");
}

static enum errc find(struct http_server *s, const char sha256[65], struct api_key *out,
                      struct err *e)
{
    enum errc rc = keyring_find(s->keyring, sha256, look, s, out);

    if (rc == ERR_UNAUTHORIZED) {
        return admission_refuse(e);
    }
    return rc == ERR_NONE ? rc : err_set(e, rc, "Try again later.");
}

enum errc admission_try_key(struct request *r, struct span key, struct api_key *out, struct err *e)
{
    char sha256[65];
    enum errc rc = ERR_NONE;

    if (!api_key_has_form(key)) {
        rc = admission_refuse(e);
    } else {
        api_key_hash(key, sha256);
        rc = find(r->server, sha256, out, e);
    }
    return rc == ERR_UNAUTHORIZED ? rates_wrong_key(r, e) : rc;
}

static enum errc admit(struct request *r, const struct api_key *key)
{
    r->caller = (struct caller){.is_known = true,
                                .key = *key,
                                .scopes = api_key_scopes(key),
                                .held_mono_ms = clock_mono_ms()};
    r->cmd.owner = caller_sees(&r->caller);
    r->cmd.actor = r->caller.key.name;
    return ERR_NONE;
}

static bool is_safe(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ||
           strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0;
}

/* A browser sends its cookie whoever makes it ask. What only reads is not shown to other pages; what changes something must
 * prove that it comes from ours. */
static bool is_from_here(const struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site");
    const char *origin = request_header(r, MHD_HTTP_HEADER_ORIGIN);
    bool is_ours = site != NULL && strcmp(site, "same-origin") == 0;

    if (is_safe(r->method)) {
        return site == NULL || is_ours || strcmp(site, "none") == 0;
    }
    return is_ours ||
           (site == NULL && origin != NULL &&
            origin_is_host(span_of(origin), span_of(request_header(r, MHD_HTTP_HEADER_HOST))));
}

static enum errc check_session(struct request *r, struct err *e)
{
    struct api_key key;
    struct span cookie;
    char sha256[65];
    int64_t until_s = 0;

    if (!cookie_find(request_header(r, MHD_HTTP_HEADER_COOKIE), SESSION_COOKIE, &cookie) ||
        !session_open(r->server->session_secret, cookie, clock_wall_ms() / 1000, sha256,
                      &until_s)) {
        return admission_refuse(e);
    }
    if (!is_from_here(r)) {
        return is_safe(r->method)
                   ? admission_refuse(e)
                   : err_set(e, ERR_HOST_NOT_ALLOWED,
                             "By a session, only the pages of this gateway may change anything.");
    }
    if (find(r->server, sha256, &key, e) != ERR_NONE) {
        return e->code;
    }
    (void)admit(r, &key);
    r->caller.by_session = true;
    r->caller.until_s = until_s;
    return ERR_NONE;
}

/* A link that is signed opens what it names, without a key; its handler judges the signature. */
static bool is_signed(const struct request *r)
{
    return r->route != NULL && strstr(r->route->query, "signature") != NULL &&
           uri_param(&r->uri, "signature") != NULL;
}

static bool is_open(const struct request *r)
{
    return r->route != NULL && (r->route->scope[0] == '\0' || is_signed(r));
}

enum errc admission_check_caller(struct request *r, struct err *e)
{
    struct api_key key;
    struct span token;

    if (!r->server->asks_keys) {
        r->caller.scopes = SCOPES_ALL;
        return ERR_NONE;
    }
    if (is_open(r)) {
        return ERR_NONE;
    }
    if (!bearer_parse(request_header(r, MHD_HTTP_HEADER_AUTHORIZATION), &token)) {
        return check_session(r, e);
    }
    return admission_try_key(r, token, &key, e) == ERR_NONE ? admit(r, &key) : e->code;
}

bool admission_holds(struct http_server *s, struct caller *c)
{
    int64_t mono = clock_mono_ms();
    struct api_key key;

    if (!c->is_known || mono - c->held_mono_ms < HOLD_MS) {
        return true;
    }
    if (c->until_s != 0 && clock_wall_ms() / 1000 >= c->until_s) {
        return false;
    }
    /* A store that does not answer takes nobody's right away. */
    if (keyring_find(s->keyring, c->key.sha256, look, s, &key) == ERR_UNAUTHORIZED) {
        return false;
    }
    c->held_mono_ms = mono;
    return true;
}

/* ---- what he may do -------------------------------------------------------------------------- */

enum errc admission_need(struct request *r, enum scope scope, struct err *e)
{
    if (caller_has(&r->caller, scope)) {
        return ERR_NONE;
    }
    r->missing_scope = scope_word(scope);
    return err_set(e, ERR_INSUFFICIENT_SCOPE,
                   "This needs the scope %s, which the key \"%s\" does not have.", r->missing_scope,
                   r->caller.key.name);
}

enum errc admission_check_scope(struct request *r, struct err *e)
{
    enum scope scope = SCOPE_COUNT;

    if (r->route == NULL || !r->server->asks_keys || is_open(r) ||
        strcmp(r->route->scope, SCOPE_ANY_KEY) == 0) {
        return ERR_NONE;
    }
    /* A word that is no scope closes the operation to all. */
    return scope_parse(span_of(r->route->scope), &scope)
               ? admission_need(r, scope, e)
               : err_set(e, ERR_INSUFFICIENT_SCOPE, "No key may do this.");
}

/* ---- whether it is his ----------------------------------------------------------------------- */

static const struct {
    const char *path; /* how the paths of such things begin */
    enum owned what;
    const char *refusal; /* as the handlers say it */
} THINGS[] = {
    {"/v1/jobs/{id}", OWNED_JOB, "There is no job of this id."},
    {"/v1/outputs/{id}", OWNED_OUTPUT, "There is no output of this id."},
    {"/v1/assets/{id}", OWNED_ASSET, "There is no asset of this id."},
};

static bool begins_with(const char *path, const char *begin)
{
    size_t len = strlen(begin);

    return strncmp(path, begin, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static enum errc check_thing(struct request *r, size_t thing, struct err *e)
{
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_owns(reader, THINGS[thing].what, r->id, r->caller.key.name)
                                : ST_FAIL;

    if (st == ST_OK) {
        return ERR_NONE;
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "%s", THINGS[thing].refusal)
                         : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

enum errc admission_check_owner(struct request *r, struct err *e)
{
    if (id_is_none(r->id) || caller_sees(&r->caller) == NULL || is_open(r)) {
        return ERR_NONE;
    }
    for (size_t i = 0; i < COUNT_OF(THINGS); i++) {
        if (begins_with(r->route->path, THINGS[i].path)) {
            return check_thing(r, i, e);
        }
    }
    /* Keys belong to nobody, and who may see one may see all. What else has an id is closed until it is said here whose it is. */
    return begins_with(r->route->path, "/v1/keys/{id}")
               ? ERR_NONE
               : err_set(e, ERR_NOT_FOUND, "There is no such thing.");
}
