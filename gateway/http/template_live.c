/* template_live.c - see template_live.h.
 */
#include "http/template_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template_live.h"
#include "http/request.h"

/* What a backend has told of its nodes; false while it is not known. */
static bool nodes_of(const struct request *r, size_t backend, struct node_catalog *out)
{
    (void)r;
    (void)backend;
    (void)out;
    return false;
}

enum template_can template_can_run_on(const struct request *r, const struct template *t,
                                      size_t backend, struct err *reasons)
{
    struct node_catalog catalog;

    err_fresh(reasons);
    if (!nodes_of(r, backend, &catalog)) {
        return TEMPLATE_CAN_UNKNOWN;
    }
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

        if (wanted == NULL || strcmp(wanted, backends->item[i].name) == 0) {
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

static bool append_models(void *arg, const char *source, struct buf *out)
{
    (void)arg;
    (void)source;
    (void)out;
    return false;
}

struct template_options template_options_of(struct request *r)
{
    return (struct template_options){.arg = r, .append = append_models};
}
