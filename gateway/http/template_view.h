/* template_view.h - a Template as the API shows it.
 */
#ifndef CG_HTTP_TEMPLATE_VIEW_H
#define CG_HTTP_TEMPLATE_VIEW_H

#include <stdbool.h>

#include "base/json_out.h"
#include "http/template_live.h"
#include "library/template_set.h"

struct request;

/* TEMPLATE_CANNOT_RUN also when nothing is served under the name; then reasons says so. */
enum template_can template_view_can(const struct request *r, const struct template_item *item,
                                    struct err *reasons) MUST_CHECK;
/* Writes one object. `can` and `reasons` come from above. */
void template_view_row(struct json_out *o, const struct template_item *item, enum template_can can,
                       const struct err *reasons);
/* The same with all that getTemplate tells. `options` may be NULL. */
void template_view_whole(struct json_out *o, const struct request *r,
                         const struct template_item *item, const struct template_options *options);

/* Array of faults: pointer, code, detail. */
void template_view_faults(struct json_out *o, const char *key, const struct err_item *item,
                          size_t count);

#endif
