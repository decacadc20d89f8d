/* outputs_link.c - POST /v1/outputs/{id}/link (linkOutput).
 */
#include "base/clock.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/signed_link.h"

#define ANSWER_MAX 1024

static void read_member(const struct json_doc *doc, json_ref member, int64_t *seconds, int64_t max,
                        struct err *e)
{
    char pointer[sizeof e->item[0].at];

    if (!json_key_is(doc, member, "expires_seconds")) {
        json_pointer(doc, member, pointer, sizeof pointer);
        (void)err_at(e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
    } else if (!json_int(doc, member, seconds) || *seconds < 1 || *seconds > max) {
        (void)err_at(e, ERR_VALIDATION_ERROR, "/expires_seconds", "out_of_range",
                     "must be a whole number from 1 to links_max_seconds of the settings");
    }
}

/* How long it shall live; the setting's longest when the body does not say. */
static enum errc read_seconds(struct request *r, int64_t *seconds, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    int64_t max = r->parts->config->links_max_seconds;
    enum errc rc = ERR_NONE;

    *seconds = max;
    if (r->body.len == 0) {
        return ERR_NONE;
    }
    rc = json_parse(buf_span(&r->body), JSON_STRICT, request_json_limits(r), &doc, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        return err_at(e, ERR_VALIDATION_ERROR, "", "wrong_type", "must be an object");
    }
    for (json_ref m = json_first(doc, 0); m != JSON_NONE; m = json_next(doc, m)) {
        read_member(doc, m, seconds, max, e);
    }
    return e->code;
}

static enum errc find_output(struct request *r, struct err *e)
{
    AUTO(job_output_clear) struct job_output output = {.name = NULL};
    struct store_reader *reader = reader_get(r->server);
    enum st st = reader != NULL ? store_output(reader, r->id, &output) : ST_FAIL;

    if (st == ST_OK) {
        return ERR_NONE;
    }
    return st == ST_NONE ? err_set(e, ERR_NOT_FOUND, "There is no output of this id.")
                         : err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
}

enum MHD_Result outputs_link(struct request *r)
{
    AUTO(buf_clear) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct json_out o = json_out_to(&answer);
    int64_t seconds = 0;
    int64_t until_s = 0;
    char url[SIGNED_LINK_SIZE];
    struct err e;

    err_fresh(&e);
    if (read_seconds(r, &seconds, &e) != ERR_NONE || find_output(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    until_s = clock_wall_ms() / 1000 + seconds;
    jo_obj(&o, NULL);
    jo_str(&o, "url", signed_link_write(r->parts->links, r->id, until_s, url));
    jo_time(&o, "expires_at", until_s * 1000);
    jo_end(&o);
    return reply_json(r, MHD_HTTP_OK, &answer);
}
