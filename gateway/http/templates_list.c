/* templates_list.c - GET /v1/templates (listTemplates): all of them on one page.
 */
#include <string.h>

#include "base/mem.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/template_view.h"

#define PAGE_MAX ((size_t)64 << 20)

struct filter {
    const char *category; /* NULL = all */
    bool has_available;
    bool is_available;
};

/* As manifests may say (core/template_shape.c). */
static bool is_category(const char *word)
{
    static const char *const words[] = {"text-to-image", "image-edit", "upscale", "image-to-video",
                                        "other"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_filter(const struct request *r, struct filter *out, struct err *e)
{
    const char *available = uri_param(&r->uri, "available");

    *out = (struct filter){.category = uri_param(&r->uri, "category")};
    if (out->category != NULL && !is_category(out->category)) {
        (void)err_param(e, "category",
                        "must be text-to-image, image-edit, upscale, image-to-video or other");
        return false;
    }
    if (available != NULL) {
        out->has_available = true;
        out->is_available = strcmp(available, "true") == 0;
        if (!out->is_available && strcmp(available, "false") != 0) {
            (void)err_param(e, "available", "must be true or false");
            return false;
        }
    }
    return true;
}

static bool is_wanted(const struct filter *f, const struct template_item *item,
                      enum template_can can)
{
    enum template_can wanted = f->is_available ? TEMPLATE_CAN_RUN : TEMPLATE_CANNOT_RUN;

    if (f->category != NULL &&
        (item->t == NULL || strcmp(template_category(item->t), f->category) != 0)) {
        return false;
    }
    return !f->has_available || can == wanted;
}

static void write_rows(const struct request *r, const struct filter *f,
                       const struct template_list *list, struct json_out *o)
{
    for (size_t i = 0; i < template_list_count(list); i++) {
        const struct template_item *item = template_list_at(list, i);
        struct err reasons;
        enum template_can can = template_view_can(r, item, &reasons);

        if (is_wanted(f, item, can)) {
            template_view_row(o, item, can, &reasons);
        }
    }
}

enum MHD_Result templates_list(struct request *r)
{
    AUTO(template_list_unref_ptr) struct template_list *list = NULL;
    AUTO(buf_clear) struct buf body = BUF_INIT(PAGE_MAX);
    struct json_out o = json_out_to(&body);
    struct filter filter;
    struct err e;

    err_fresh(&e);
    if (!read_filter(r, &filter, &e)) {
        return reply_problem(r, &e);
    }
    list = template_set_list(r->parts->templates);
    jo_obj(&o, NULL);
    jo_arr(&o, "data");
    write_rows(r, &filter, list, &o);
    jo_end(&o);
    jo_bool(&o, "has_more", false);
    jo_null(&o, "next_cursor");
    jo_end(&o);
    return reply_json_tagged(r, &body);
}
