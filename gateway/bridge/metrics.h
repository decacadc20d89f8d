/* metrics.h - what the gateway counts about itself, for GET /metrics.
 *
 * A row of metrics.def is a family of cells, one for each value that its labels can take. All label values are known
 * at the start, but for templates, of which there is room for METRICS_TEMPLATES_MAX; so nobody outside can
 * make the answer grow. Counts begin at 0 with the program.
 *
 * Not a history, and nothing is decided by it: a number may be one of before and the next one of after.
 *
 * Times are given in microseconds and told in seconds.
 *
 * Threads: any; a count is one relaxed atomic addition. Locks: one, over the names of templates while they grow;
 * nobody who counts or reads takes it.
 */
#ifndef CG_BRIDGE_METRICS_H
#define CG_BRIDGE_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/buf.h"

struct metrics;

enum metric {
#define METRIC(name, kind, text, label1, label2, measure, help) METRIC_##name,
#include "bridge/metrics.def"
    METRIC_COUNT
};

/* Values of the label `kind` of requests to ComfyUI. */
enum metrics_call {
    CALL_QUEUE,
    CALL_HISTORY,
    CALL_SYSTEM,
    CALL_NODES,
    CALL_PROMPT,
    CALL_UPLOAD,
    CALL_VIEW,
    CALL_STOP,
    CALL_FREE,
};
/* Values of their label `result`. */
enum metrics_result { RESULT_OK, RESULT_REFUSED, RESULT_FAILED };

/* Values of the label `limit` of requests that were one too many. */
enum metrics_limit { LIMIT_REQUESTS, LIMIT_SUBMISSIONS, LIMIT_WRONG_KEYS };

/* Of status codes; the index is the first digit less one. */
#define METRICS_CLASSES 5

#define METRICS_TEMPLATES_MAX 256
/* In the place of a template: a client's own workflow, or one that is not loaded. No template has such a name. */
#define METRICS_WORKFLOW "_workflow"
#define METRICS_OTHER    "_other"

struct metrics_route {
    const char *method;
    const char *path;
};

/* What labels can say. Copied. */
struct metrics_labels {
    const char *const *backend; /* in the order of the settings */
    size_t backend_count;
    const struct metrics_route *route;
    size_t route_count;
};

struct metrics *metrics_new(const struct metrics_labels *labels) MUST_CHECK;
void metrics_free(struct metrics *m); /* NULL is fine */

/* Gives a template cells of its own, unless it has them; they stay when it goes. */
void metrics_name_template(struct metrics *m, const char *name);
/* Its index as a label; NULL is a workflow. */
size_t metrics_template(const struct metrics *m, const char *name);
/* As an index of a route: what no route takes. */
size_t metrics_no_route(const struct metrics *m);

/* `a` and `b` are indices of the row's first and second label, 0 where it has none. A gauge is set; so is a counter of
 * which somebody else keeps the total. */
void metrics_add(struct metrics *m, enum metric which, size_t a, size_t b, int64_t by);
void metrics_set(struct metrics *m, enum metric which, size_t a, int64_t value);
/* Of a gauge: the value is left out until it is set again. So is one that was never set. */
void metrics_unset(struct metrics *m, enum metric which, size_t a);
/* Of a histogram with at most one label. */
void metrics_observe(struct metrics *m, enum metric which, size_t a, int64_t value);
/* What a counter or gauge holds, in its own unit (times in microseconds); 0 when it is not set. */
int64_t metrics_value(const struct metrics *m, enum metric which, size_t a, size_t b);

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Appends all of it in Prometheus' text format. A histogram that has seen nothing yet is left out. */
void metrics_write(const struct metrics *m, struct buf *out);
/* The rows as tables of docs/observability.md. */
void metrics_print_markdown(FILE *out);

#endif
