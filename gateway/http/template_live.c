/* template_live.c - see template_live.h.
 */
#include "http/template_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "core/node_info.h"
#include "core/template_live.h"
#include "http/request.h"

/* Where a list of models is: "models:<folder>". */
#define MODELS "models:"

enum template_can template_can_run_on(const struct request *r, const struct template *t,
                                      size_t backend, struct err *reasons)
{
    AUTO(node_info_unref_ptr) struct node_info *nodes = hub_nodes(r->parts->hub, backend);
    struct node_catalog catalog;

    err_fresh(reasons);
    if (nodes == NULL) {
        return TEMPLATE_CAN_UNKNOWN;
    }
    catalog = node_info_catalog(nodes);
    return template_check_live(t, &catalog, reasons) == ERR_NONE ? TEMPLATE_CAN_RUN
                                                                 : TEMPLATE_CANNOT_RUN;
}

enum template_can template_availability(const struct request *r, const struct template *t,
                                        const char *wanted, struct err *reasons)
{
    const struct backend_list *backends = r->parts->backends;
    enum template_can can = TEMPLATE_CAN_UNKNOWN;

    err_fresh(reasons);
    for (size_t i = 0; i < backends->count && can != TEMPLATE_CAN_RUN; i++) {
        struct err found;
        enum template_can here = TEMPLATE_CAN_UNKNOWN;

        if (backend_is_wanted(&backends->item[i], wanted)) {
            here = template_can_run_on(r, t, i, &found);
        }
        if (here == TEMPLATE_CAN_RUN) {
            err_fresh(reasons);
            can = here;
        } else if (here == TEMPLATE_CANNOT_RUN &&
                   (can == TEMPLATE_CAN_UNKNOWN || found.item_count < reasons->item_count)) {
            *reasons = found;
            can = here;
        }
    }
    return can;
}

/* ---- all of them together ---------------------------------------------------------------------- */

static bool any_has_class(void *arg, const char *class_type)
{
    const struct live_catalog *c = arg;
    bool has = c->has_unknown;

    for (size_t i = 0; i < c->count && !has; i++) {
        has = node_info_has_class(c->info[i], class_type);
    }
    return has;
}

static bool any_has_choice(void *arg, const char *class_type, const char *input, const char *value)
{
    const struct live_catalog *c = arg;
    bool has = c->has_unknown;

    for (size_t i = 0; i < c->count && !has; i++) {
        struct node_catalog one = node_info_catalog(c->info[i]);

        has = one.has_choice(one.arg, class_type, input, value);
    }
    return has;
}

void live_catalog_init(struct live_catalog *out, const struct request *r, const char *wanted)
{
    const struct backend_list *backends = r->parts->backends;

    *out = (struct live_catalog){.info = xcalloc(backends->count + 1, sizeof(struct node_info *))};
    out->nodes =
        (struct node_catalog){.arg = out, .has_class = any_has_class, .has_choice = any_has_choice};
    for (size_t i = 0; i < backends->count; i++) {
        struct node_info *info = NULL;

        if (!backend_is_wanted(&backends->item[i], wanted)) {
            continue;
        }
        info = hub_nodes(r->parts->hub, i);
        if (info != NULL) {
            out->info[out->count++] = info;
        } else {
            out->has_unknown = true;
        }
    }
}

void live_catalog_clear(struct live_catalog *c)
{
    for (size_t i = 0; i < c->count; i++) {
        node_info_unref(c->info[i]);
    }
    free(c->info);
    *c = (struct live_catalog){.info = NULL};
}

/* ---- choices --------------------------------------------------------------------------------- */

/* Borrowed from the snapshots. */
struct names {
    const char **item;
    size_t count;
    size_t cap;
};

static void add_name(void *arg, const char *name)
{
    struct names *names = arg;

    if (names->count == names->cap) {
        names->cap = names->cap > 0 ? names->cap * 2 : 64;
        names->item = xrealloc(names->item, names->cap * sizeof *names->item);
    }
    names->item[names->count++] = name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All of them in order, each once. */
static void write_names(struct names *names, struct buf *out)
{
    struct json_out o = json_out_to(out);

    if (names->count > 0) {
        qsort(names->item, names->count, sizeof *names->item, by_name);
    }
    jo_arr(&o, NULL);
    for (size_t i = 0; i < names->count; i++) {
        if (i == 0 || strcmp(names->item[i - 1], names->item[i]) != 0) {
            jo_str(&o, NULL, names->item[i]);
        }
    }
    jo_end(&o);
}

static bool append_models(void *arg, const char *source, struct buf *out)
{
    const struct request *r = arg;
    const char *folder = source + strlen(MODELS);
    struct node_info *nodes[BACKENDS_MAX];
    struct names names = {.item = NULL};
    size_t known = 0;

    if (strncmp(source, MODELS, strlen(MODELS)) != 0 || !node_info_folder_known(folder)) {
        return false;
    }
    for (size_t i = 0; i < r->parts->backends->count; i++) {
        nodes[known] = hub_nodes(r->parts->hub, i);
        if (nodes[known] != NULL) {
            node_info_models(nodes[known], folder, add_name, &names);
            known++;
        }
    }
    if (known > 0) {
        write_names(&names, out);
    }
    for (size_t i = 0; i < known; i++) {
        node_info_unref(nodes[i]);
    }
    free(names.item);
    return known > 0;
}

struct template_options template_options_of(struct request *r)
{
    return (struct template_options){.arg = r, .append = append_models};
}
