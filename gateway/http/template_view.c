/* template_view.c - see template_view.h.
 */
#include "http/template_view.h"

#include "http/request.h"

void template_view_faults(struct json_out *o, const char *key, const struct err_item *item,
                          size_t count)
{
    jo_arr(o, key);
    for (size_t i = 0; i < count; i++) {
        jo_obj(o, NULL);
        jo_str(o, "pointer", item[i].at);
        jo_str(o, "code", item[i].code);
        jo_str(o, "detail", item[i].detail);
        jo_end(o);
    }
    jo_end(o);
}

enum template_can template_view_can(const struct request *r, const struct template_item *item,
                                    struct err *reasons)
{
    if (item->t != NULL) {
        return template_availability(r, item->t, NULL, reasons);
    }
    err_fresh(reasons);
    (void)err_at(reasons, ERR_INVALID_WORKFLOW, "", "broken", "its files cannot be loaded");
    return TEMPLATE_CANNOT_RUN;
}

static void write_available(struct json_out *o, enum template_can can)
{
    if (can == TEMPLATE_CAN_UNKNOWN) {
        jo_null(o, "available");
    } else {
        jo_bool(o, "available", can == TEMPLATE_CAN_RUN);
    }
}

static void write_broken(struct json_out *o, const struct template_item *item)
{
    if (item->faults == NULL) {
        jo_null(o, "broken");
        return;
    }
    jo_obj(o, "broken");
    template_view_faults(o, "faults", item->faults->item, item->faults->count);
    jo_str(o, "serving", item->t != NULL ? "previous" : "none");
    jo_end(o);
}

/* Of one that is not there, what can be said without it. */
static void write_nothing(struct json_out *o, const struct template_item *item, bool is_whole)
{
    jo_str(o, "name", item->name);
    jo_str(o, "title", item->name);
    jo_null(o, "description");
    jo_null(o, "category");
    jo_raw(o, "tags", SPAN_LIT("[]"));
    if (is_whole) {
        jo_null(o, "input_schema");
        jo_raw(o, "outputs", SPAN_LIT("[]"));
        jo_raw(o, "limits", SPAN_LIT("{\"timeout_seconds\":null,\"max_attempts\":null}"));
        jo_raw(o, "requires", SPAN_LIT("{\"nodes\":[],\"models\":[]}"));
        jo_raw(o, "examples", SPAN_LIT("[]"));
    }
}

static void write_common(struct json_out *o, const struct template_item *item,
                         enum template_can can, const struct err *reasons)
{
    jo_str(o, "source", item->folder != NULL ? "folder" : "shipped");
    write_available(o, can);
    template_view_faults(o, "unavailable_reasons", reasons->item,
                         can == TEMPLATE_CANNOT_RUN ? reasons->item_count : 0);
    write_broken(o, item);
}

void template_view_row(struct json_out *o, const struct template_item *item, enum template_can can,
                       const struct err *reasons)
{
    jo_obj(o, NULL);
    if (item->t != NULL) {
        template_json(o, item->t, false, NULL);
    } else {
        write_nothing(o, item, false);
    }
    write_common(o, item, can, reasons);
    jo_end(o);
}

static void write_backends(struct json_out *o, const struct request *r,
                           const struct template_item *item)
{
    const struct backend_list *backends = r->parts->backends;

    jo_arr(o, "backends");
    for (size_t i = 0; item->t != NULL && i < backends->count; i++) {
        struct err reasons;
        enum template_can can = template_can_run_on(r, item->t, i, &reasons);

        jo_obj(o, NULL);
        jo_str(o, "name", backends->item[i].name);
        write_available(o, can);
        template_view_faults(o, "reasons", reasons.item,
                             can == TEMPLATE_CANNOT_RUN ? reasons.item_count : 0);
        jo_end(o);
    }
    jo_end(o);
}

void template_view_whole(struct json_out *o, const struct request *r,
                         const struct template_item *item, const struct template_options *options)
{
    struct err reasons;
    enum template_can can = template_view_can(r, item, &reasons);

    jo_obj(o, NULL);
    if (item->t != NULL) {
        template_json(o, item->t, true, options);
    } else {
        write_nothing(o, item, true);
    }
    write_common(o, item, can, &reasons);
    write_backends(o, r, item);
    jo_end(o);
}
