/* template_live.h - whether a template can run now: what core/template_live.h finds, for each backend.
 *
 * Looks at what the hub holds of each ComfyUI's nodes. A ComfyUI that has told nothing yet, or whose
 * nodes cannot be read, is unknown: that is no reason to refuse a job. HTTP threads.
 */
#ifndef CG_HTTP_TEMPLATE_LIVE_H
#define CG_HTTP_TEMPLATE_LIVE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/template.h"

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

/* For template_json: the models that the backends have, each name once, in order. `arg` is the
 * request, borrowed. */
struct template_options template_options_of(struct request *r);

#endif
