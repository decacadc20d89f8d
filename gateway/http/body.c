#include "http/body.h"

#include "base/json.h"
#include "http/request.h"

enum errc body_must_be_empty(const struct request *r, struct err *e)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    enum errc rc;

    if (r->body.len == 0) {
        return ERR_NONE;
    }
    rc = json_parse(buf_span(&r->body), JSON_STRICT, request_json_limits(r), &doc, e);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (json_type(doc, 0) != JSON_OBJECT) {
        return err_at(e, ERR_VALIDATION_ERROR, "", "type", "must be an object");
    }
    for (json_ref m = json_first(doc, 0); m != JSON_NONE; m = json_next(doc, m)) {
        char pointer[sizeof e->item[0].at];

        json_pointer(doc, m, pointer, sizeof pointer);
        rc = err_at(e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
    }
    return rc;
}
