/* retry.c - see retry.h.
 *
 * The input of a template is one level deep but for lists, and a merge patch replaces lists as a
 * whole; so to merge is to choose, member by member, whose bytes to keep.
 */
#include "core/retry.h"

#include <string.h>

#include "base/mem.h"

#define SEED_DIGITS_MAX 20 /* of 2^64 - 1 */

static void unknown(const struct json_doc *doc, json_ref member, struct err *e)
{
    char pointer[sizeof e->item[0].at];

    json_pointer(doc, member, pointer, sizeof pointer);
    (void)err_at(e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
}

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

static void read_seed(struct retry *r, json_ref value, struct err *e)
{
    struct span raw = json_raw(r->doc, value);

    if (json_str_is(r->doc, value, "same")) {
        r->seed = RETRY_SEED_SAME;
    } else if (json_str_is(r->doc, value, "random")) {
        r->seed = RETRY_SEED_RANDOM;
    } else if (json_type(r->doc, value) == JSON_NUMBER && is_digits(raw) &&
               raw.len <= SEED_DIGITS_MAX) {
        r->seed = RETRY_SEED_GIVEN;
        memcpy(r->seed_text, raw.ptr, raw.len);
        r->seed_text[raw.len] = '\0';
    } else {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/seed", "wrong_type",
                     "must be \"same\", \"random\" or a whole number from 0");
    }
}

static void read_input(struct retry *r, json_ref value, struct err *e)
{
    if (json_type(r->doc, value) != JSON_OBJECT) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/input", "wrong_type", "must be an object");
        return;
    }
    r->input = value;
}

static void read_webhook(struct retry *r, json_ref value, struct err *e)
{
    r->has_webhook = true;
    if (json_type(r->doc, value) != JSON_NULL &&
        webhook_read(r->doc, value, &r->webhook, e) != ERR_NONE) {
        r->has_webhook = false; /* and nothing is made of it */
    }
}

enum errc retry_parse(struct span body, struct json_limits limits, struct retry *out, struct err *e)
{
    enum errc rc = ERR_NONE;

    *out = (struct retry){.input = JSON_NONE};
    if (body.len == 0) {
        return ERR_NONE;
    }
    rc = json_parse(body, JSON_STRICT, limits, &out->doc, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (json_type(out->doc, 0) != JSON_OBJECT) {
        return err_at(e, ERR_VALIDATION_ERROR, "", "wrong_type", "must be an object");
    }
    for (json_ref m = json_first(out->doc, 0); m != JSON_NONE; m = json_next(out->doc, m)) {
        if (json_key_is(out->doc, m, "seed")) {
            read_seed(out, m, e);
        } else if (json_key_is(out->doc, m, "input")) {
            read_input(out, m, e);
        } else if (json_key_is(out->doc, m, "webhook")) {
            read_webhook(out, m, e);
        } else {
            unknown(out->doc, m, e);
        }
    }
    return e->code;
}

void retry_clear(struct retry *r)
{
    json_free_ptr(&r->doc);
    webhook_clear(&r->webhook);
}

bool retry_is_change(const struct retry *r)
{
    return r->seed != RETRY_SEED_SAME || json_size(r->doc, r->input) > 0;
}

/* ---- the new input ----------------------------------------------------------------------------- */

static void put_member(struct buf *out, struct span key, struct span value)
{
    (void)buf_append_str(out, out->len > 1 ? "," : "");
    (void)buf_append_span(out, key);
    (void)buf_append_char(out, ':');
    (void)buf_append_span(out, value);
}

/* A member of that name, whatever its escapes. */
static bool has_member(const struct json_doc *doc, json_ref object, const struct json_doc *of,
                       json_ref member)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(of, member).len + 1);

    return json_key(of, member, &key) && json_get(doc, object, buf_str(&key)) != JSON_NONE;
}

/* What the parent had and the patch leaves alone. */
static void keep_old(const struct retry *r, const struct json_doc *parent, const char *seed_param,
                     struct buf *out)
{
    for (json_ref m = json_first(parent, 0); m != JSON_NONE; m = json_next(parent, m)) {
        bool is_seed = seed_param != NULL && json_key_is(parent, m, seed_param);

        if (!is_seed && !(r->input != JSON_NONE && has_member(r->doc, r->input, parent, m))) {
            put_member(out, json_key_raw(parent, m), json_raw(parent, m));
        }
    }
}

static bool put_patch(const struct retry *r, const char *seed_param, struct buf *out)
{
    bool has_seed = false;

    for (json_ref m = json_first(r->doc, r->input); m != JSON_NONE; m = json_next(r->doc, m)) {
        has_seed |= seed_param != NULL && json_key_is(r->doc, m, seed_param);
        if (json_type(r->doc, m) != JSON_NULL) {
            put_member(out, json_key_raw(r->doc, m), json_raw(r->doc, m));
        }
    }
    return has_seed;
}

static void put_seed(const char *seed_param, const char *seed, struct buf *out)
{
    (void)buf_appendf(out, "%s\"%s\":%s", out->len > 1 ? "," : "", seed_param, seed);
}

enum errc retry_input(const struct retry *r, const struct job_row *parent, const char *seed_param,
                      struct buf *out, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *old = NULL;
    struct json_limits ours = {.depth = 512, .nodes = UINT32_MAX};
    enum errc rc = json_parse(span_of(parent->input_json), JSON_STRICT, ours, &old, e);
    bool is_seed_put = false;

    if (rc != ERR_NONE) {
        return rc;
    }
    if (r->seed == RETRY_SEED_GIVEN && seed_param == NULL) {
        return err_at(e, ERR_VALIDATION_ERROR, "/seed", "unexpected",
                      "the template has no seed to set");
    }
    (void)buf_append_char(out, '{');
    keep_old(r, old, seed_param, out);
    is_seed_put = r->input != JSON_NONE && put_patch(r, seed_param, out);
    if (is_seed_put && r->seed == RETRY_SEED_GIVEN) {
        return err_at(e, ERR_VALIDATION_ERROR, "/seed", "conflict",
                      "the seed is given twice, here and in the input");
    }
    if (!is_seed_put && seed_param != NULL && r->seed == RETRY_SEED_GIVEN) {
        put_seed(seed_param, r->seed_text, out);
    } else if (!is_seed_put && seed_param != NULL && r->seed == RETRY_SEED_SAME &&
               parent->seed != NULL) {
        put_seed(seed_param, parent->seed, out);
    }
    (void)buf_append_char(out, '}');
    return buf_ok(out) ? ERR_NONE
                       : err_set(e, ERR_CONTENT_TOO_LARGE, "The input would become too large.");
}
