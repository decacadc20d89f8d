/* template_live.h - whether a template can run now: what core/template_live.h finds, for each backend.
 *
 * Looks at what the hub holds of each ComfyUI's nodes. A ComfyUI that has told nothing yet, or whose
 * nodes cannot be read, is unknown: that is no reason to refuse a job. HTTP threads.
 */
#ifndef CG_HTTP_TEMPLATE_LIVE_H
#define CG_HTTP_TEMPLATE_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/node_info.h"
#include "core/template.h"
#include "core/template_live.h"

struct request;

enum template_can { TEMPLATE_CAN_UNKNOWN, TEMPLATE_CAN_RUN, TEMPLATE_CANNOT_RUN };

/* On one backend, by its index in the settings. With TEMPLATE_CANNOT_RUN, *reasons has the items of
 * template_check_live(); else it is as err_fresh() leaves it. */
enum template_can template_can_run_on(const struct request *r, const struct template *t,
                                      size_t backend, struct err *reasons) MUST_CHECK;
/* On any backend, or, when `wanted` is not NULL, on the one of that name. TEMPLATE_CAN_RUN when one
 * is known to have all; TEMPLATE_CANNOT_RUN when all that could be asked, and at least one, lack something: then
 * *reasons tells of the one that lacks least. */
enum template_can template_availability(const struct request *r, const struct template *t,
                                        const char *wanted, struct err *reasons) MUST_CHECK;

/* What the backends that a job may go to have, together: a name that one of them knows is good. */
struct live_catalog {
    struct node_info **info; /* of those that have told */
    size_t count;
    bool has_unknown; /* another one may have what these have not */
    struct node_catalog nodes;
};
/* *out borrows itself: it must stay where it is until live_catalog_clear. `wanted` as above. */
void live_catalog_init(struct live_catalog *out, const struct request *r, const char *wanted);
void live_catalog_clear(struct live_catalog *c); /* for AUTO */

/* For template_json: the models that the backends have, each name once, in order. `arg` is the
 * request, borrowed. */
struct template_options template_options_of(struct request *r);

#endif
