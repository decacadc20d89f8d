/* templates_reload.c - POST /v1/templates/reload (reloadTemplates): read all folders anew.
 *
 * The folders are read on a helper thread. Then each ComfyUI is asked anew what it has: who adds a
 * template has often added what it needs, too. That is not waited for.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "http/body.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/template_view.h"

#define ANSWER_MAX ((size_t)64 << 20)

static void free_report(void *op)
{
    template_report_clear(op);
    free(op);
}

static void write_names(struct json_out *o, const char *key, const struct template_names *names)
{
    jo_arr(o, key);
    for (size_t i = 0; i < names->count; i++) {
        jo_str(o, NULL, names->item[i]);
    }
    jo_end(o);
}

static void write_broken(struct json_out *o, const struct template_report *report)
{
    jo_arr(o, "broken");
    for (size_t i = 0; i < report->broken_count; i++) {
        const struct template_broken *b = &report->broken[i];

        jo_obj(o, NULL);
        jo_str(o, "name", b->name);
        jo_str(o, "folder", b->folder);
        template_view_faults(o, "faults", b->faults.item, b->faults.count);
        jo_str(o, "serving", b->is_served ? "previous" : "none");
        jo_end(o);
    }
    jo_end(o);
}

/* Whether the engine took the command is no part of the answer: the templates are read. */
static enum MHD_Result answer(struct request *r)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(ANSWER_MAX);
    const struct template_report *report = r->op;
    struct json_out o = json_out_to(&body);

    jo_obj(&o, NULL);
    jo_int(&o, "loaded", (int64_t)report->loaded);
    write_broken(&o, report);
    write_names(&o, "added", &report->added);
    write_names(&o, "changed", &report->changed);
    write_names(&o, "removed", &report->removed);
    jo_end(&o);
    return reply_json(r, MHD_HTTP_OK, &body);
}

void templates_reload_names(const struct http_parts *parts)
{
    AUTO(template_list_unref_ptr)
    struct template_list *list = template_set_list(parts->templates);

    for (size_t i = 0; i < template_list_count(list); i++) {
        const struct template_item *item = template_list_at(list, i);

        if (item->t != NULL) {
            metrics_name_template(parts->metrics, item->name);
        }
    }
}

static void read_anew(struct request *r)
{
    struct template_report *report = r->op;

    template_set_reload(r->parts->templates, report);
    templates_reload_names(r->parts);
    template_report_log(report);
}

static enum MHD_Result refresh_nodes(struct request *r)
{
    r->cmd.kind = CMD_REFRESH_NODES;
    return request_push(r, answer);
}

enum MHD_Result templates_reload(struct request *r)
{
    struct err e;

    err_fresh(&e);
    if (body_must_be_empty(r, &e) != ERR_NONE) {
        return reply_problem(r, &e);
    }
    r->op = xcalloc(1, sizeof(struct template_report));
    r->op_free = free_report;
    return request_offload(r, read_anew, refresh_nodes);
}
