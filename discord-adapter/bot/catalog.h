/* catalog.h - the templates that comfygate has, as a chat needs them: by category, with their parameters.
 *
 * Read at the start, then regularly, and when asked; the last good one stays while comfygate is away. Options of commands, choices, modals
 * and follow-ups come from here, so that a new template appears without new code.
 */
#ifndef CGD_BOT_CATALOG_H
#define CGD_BOT_CATALOG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "link/comfygate.h"
#include "net/loop.h"

struct catalog;

enum param_kind {
    PARAM_TEXT,
    PARAM_INTEGER,
    PARAM_NUMBER,
    PARAM_BOOL,
    PARAM_CHOICE,
    PARAM_PICTURE,
    PARAM_LORAS
};

struct param {
    const char *name; /* the template's own: [a-z][a-z0-9_-]{0,31} */
    const char *
        role; /* x-ui.role: prompt negative seed steps guidance count width height shape loras image strength frames factor ...; "" = none */
    const char *title;
    const char *description;
    enum param_kind kind;
    bool is_required;
    bool is_advanced;
    int order;
    bool has_min, has_max;
    double min, max;       /* of numbers */
    int64_t max_length;    /* of text; 0 = none */
    const cJSON *choice;   /* array of PARAM_CHOICE's values; NULL otherwise */
    const cJSON *fallback; /* default; NULL = none */
};

struct template_entry {
    const char *name;
    const char *title;
    const char *description;
    const char *category; /* text-to-image image-edit upscale image-to-video other */
    bool is_available;
    const char *reason; /* why not; "" when it is */
    const struct param *param;
    size_t param_count; /* in their order */
};

/* `refresh_ms`: how often it is read. */
struct catalog *catalog_new(struct loop *loop, struct comfygate *gate, int64_t refresh_ms,
                            void (*changed)(void *arg), void *arg) MUST_CHECK;
void catalog_free(struct catalog *c);
void catalog_refresh(struct catalog *c);        /* now; changed() is told when something differs */
bool catalog_is_known(const struct catalog *c); /* it was read at least once */

size_t catalog_count(const struct catalog *c);
/* In the order of the API. Borrowed until the loop turns. */
const struct template_entry *catalog_at(const struct catalog *c, size_t index);
const struct template_entry *catalog_find(const struct catalog *c,
                                          const char *name); /* NULL = none */
/* Whether it belongs to the command of a category: its own, and "other" ones that need but a prompt to "text-to-image". */
bool catalog_is_of(const struct template_entry *t, const char *category);
/* The first of a category, those that can run now before those that cannot; NULL = none. `wanted` (NULL or "" = any) is taken when it is of that category. */
const struct template_entry *catalog_default(const struct catalog *c, const char *category,
                                             const char *wanted);
const struct param *param_by_role(const struct template_entry *t,
                                  const char *role); /* the first; NULL = none */
const struct param *param_by_name(const struct template_entry *t, const char *name);
/* The n-th picture (0 = the first); NULL = none. */
const struct param *param_picture(const struct template_entry *t, size_t n);

#endif
