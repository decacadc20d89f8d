/* template_live.h - whether the connected ComfyUI has what a template needs. Pure; any thread.
 */
#ifndef CG_CORE_TEMPLATE_LIVE_H
#define CG_CORE_TEMPLATE_LIVE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/template.h"

/* What is known of a ComfyUI from its /object_info; filled in by who keeps it. */
struct node_catalog {
    void *arg;
    bool (*has_class)(void *arg, const char *class_type);
    /* False only if the class is known, its input is a choice from a list, and value is not in it. */
    bool (*has_choice)(void *arg, const char *class_type, const char *input, const char *value);
    /* True only if the class is known and declares the input as required. May be NULL. */
    bool (*needs_input)(void *arg, const char *class_type, const char *input);
};

/* ERR_NONE when a job that gives only the required parameters could run. Otherwise e gets the
 * reasons as INVALID_WORKFLOW items: missing_node, missing_model, required_input; places in the
 * manifest, or in the workflow below "/workflow". Asks the catalog about once for each input. */
enum errc template_check_live(const struct template *t, const struct node_catalog *catalog,
                              struct err *e) MUST_CHECK;

#endif
