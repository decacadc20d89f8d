/* keys.c - keys of the API: made, revoked, and when they were used last.
 *
 * Who may use what is decided on the HTTP threads, by what the store says; nothing here looks at it.
 */
#include <stdio.h>

#include "base/log.h"
#include "engine/internal.h"

/* Of one transaction; what is left is written with the next. */
#define USES_BATCH 1000

static void refuse(struct cmd *c, enum errc code, const char *detail)
{
    c->result = code;
    (void)snprintf(c->detail, sizeof c->detail, "%s", detail);
}

static enum st make(struct engine *e, struct cmd *c) ON_ENGINE;
static enum st make(struct engine *e, struct cmd *c)
{
    int64_t active = 0;
    enum st st = store_keys_active(e->writer, c->key->created_at, &active);

    if (st == ST_OK && active >= e->config->keys_max) {
        refuse(c, ERR_QUOTA_EXCEEDED,
               "There are as many keys that are neither revoked nor expired as keys_max allows.");
        return ST_OK;
    }
    if (st == ST_OK) {
        st = store_key_insert(e->writer, c->key);
    }
    if (st == ST_CONFLICT) {
        refuse(c, ERR_KEY_EXISTS,
               "There is a key of this name already, or was: a name is never given again.");
        return ST_OK;
    }
    return st;
}

enum st keys_write(struct engine *e, struct cmd *c)
{
    enum st st = ST_OK;

    if (c->kind == CMD_KEY_PUT) {
        return make(e, c);
    }
    st = store_key_revoke(e->writer, c->key_id, c->hold_since);
    if (st == ST_NONE) {
        refuse(c, ERR_NOT_FOUND, "There is no key of this id.");
        return ST_OK;
    }
    return st;
}

void keys_settle(const struct cmd *c)
{
    if (c->kind == CMD_KEY_PUT) {
        log_info("key_created", LOG_S("key", c->key->id.text), LOG_S("key_name", c->key->name),
                 LOG_OPT("key_role", role_word(c->key->role)), LOG_S("request_id", c->request_id));
    } else if (c->kind == CMD_KEY_REVOKE) {
        log_info("key_revoked", LOG_S("key", c->key_id.text), LOG_S("request_id", c->request_id));
    }
}

enum st keys_write_uses(struct engine *e)
{
    struct key_use use[USES_BATCH];
    size_t count = key_uses_take(e->key_uses, use, USES_BATCH);
    enum st st = ST_OK;

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = store_key_used(e->writer, use[i].key, use[i].at);
    }
    return st;
}
