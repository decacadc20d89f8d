/* templates_get.c - GET /v1/templates/{name} (getTemplate).
 */
#include <string.h>

#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/template_view.h"

#define ANSWER_MAX ((size_t)64 << 20)

enum MHD_Result templates_get(struct request *r)
{
    AUTO(template_list_unref_ptr)
    struct template_list *list = template_set_list(r->parts->templates);
    AUTO(buf_clear) struct buf body = BUF_INIT(ANSWER_MAX);
    const struct template_item *item = template_list_find(list, r->name);
    const struct template_options options = template_options_of(r);
    const char *expand = uri_param(&r->uri, "expand");
    struct json_out o = json_out_to(&body);

    if (expand != NULL && strcmp(expand, "options") != 0) {
        struct err e;

        err_fresh(&e);
        (void)err_param(&e, "expand", "must be options");
        return reply_problem(r, &e);
    }
    if (item == NULL) {
        return reply_error(r, ERR_NOT_FOUND, "There is no template of this name.");
    }
    template_view_whole(&o, r, item, expand != NULL ? &options : NULL);
    return reply_json_tagged(r, &body);
}
