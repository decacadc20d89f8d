/* metrics.c - see metrics.h.
 *
 * The cells of a family lie side by side: the second label counts fastest, and of a histogram each has one cell
 * for every bucket (not cumulative, the last without a bound) and one for the sum. How many it has seen is
 * the sum over its buckets, so that _count and the bucket of +Inf never disagree.
 */
#include "bridge/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/version.h"
#include "core/job.h"

#define UNSET       INT64_MIN
#define MILLION     INT64_C(1000000)
#define CLASSES     METRICS_CLASSES
#define TEMPLATES   (METRICS_TEMPLATES_MAX + 2)
#define BUCKETS_MAX 24
#define SUM_CELL    1

/* ---- measures -------------------------------------------------------------------------------- */

/* Bounds of buckets, in the unit of the cells, ended by 0. */
static const int64_t REQUEST_BOUNDS[] = {
    250,    500,    1000,    2500,    5000,        10000,        25000,        50000,        100000,
    250000, 500000, MILLION, 2500000, 5 * MILLION, 10 * MILLION, 30 * MILLION, 60 * MILLION, 0};
static const int64_t JOB_BOUNDS[] = {
    500000,         MILLION,         2500000,         5 * MILLION,
    10 * MILLION,   20 * MILLION,    30 * MILLION,    60 * MILLION,
    120 * MILLION,  300 * MILLION,   600 * MILLION,   1800 * MILLION,
    3600 * MILLION, 10800 * MILLION, 43200 * MILLION, 0};
static const int64_t COMMIT_BOUNDS[] = {250,   500,    1000,   2500,   5000,    10000,       25000,
                                        50000, 100000, 250000, 500000, MILLION, 5 * MILLION, 0};
static const int64_t ROWS_BOUNDS[] = {1,   2,   5,    10,   20,   50,    100,
                                      200, 500, 1000, 2000, 5000, 10000, 0};
static const int64_t RATIO_BOUNDS[] = {250000,  500000,  750000,  900000,  1100000,
                                       1250000, 1500000, 2000000, 4000000, 0};

struct measure {
    int64_t one; /* cell units in a unit that is told */
    const int64_t *bound;
};

enum measure_name {
    MEASURE_COUNT,
    MEASURE_BYTES,
    MEASURE_SECONDS,
    MEASURE_REQUEST,
    MEASURE_JOB,
    MEASURE_COMMIT,
    MEASURE_ROWS,
    MEASURE_RATIO,
};

static const struct measure MEASURE[] = {
    [MEASURE_COUNT] = {1, NULL},           [MEASURE_BYTES] = {1, NULL},
    [MEASURE_SECONDS] = {MILLION, NULL},   [MEASURE_REQUEST] = {MILLION, REQUEST_BOUNDS},
    [MEASURE_JOB] = {MILLION, JOB_BOUNDS}, [MEASURE_COMMIT] = {MILLION, COMMIT_BOUNDS},
    [MEASURE_ROWS] = {1, ROWS_BOUNDS},     [MEASURE_RATIO] = {MILLION, RATIO_BOUNDS},
};

/* ---- rows ------------------------------------------------------------------------------------ */

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

enum label {
    LABEL_NONE,
    LABEL_BACKEND,
    LABEL_TEMPLATE,
    LABEL_OPEN,
    LABEL_ENDED,
    LABEL_ERROR,
    LABEL_CALL,
    LABEL_RESULT,
    LABEL_ROUTE,
    LABEL_CLASS,
    LABEL_RATE,
    LABEL_VERSION,
    LABEL_COUNT
};

struct row {
    const char *name;
    enum kind kind;
    enum label label[2];
    enum measure_name measure;
    const char *help;
};

static const struct row ROW[] = {
#define METRIC(name, kind, text, label1, label2, measure, help)                                    \
    {text, KIND_##kind, {LABEL_##label1, LABEL_##label2}, MEASURE_##measure, help},
#include "bridge/metrics.def"
};

/* The name of a label; that of a route are two, which its words bring along. */
static const char *const LABEL_NAME[LABEL_COUNT] = {
    [LABEL_BACKEND] = "backend", [LABEL_TEMPLATE] = "template", [LABEL_OPEN] = "status",
    [LABEL_ENDED] = "status",    [LABEL_ERROR] = "code",        [LABEL_CALL] = "kind",
    [LABEL_RESULT] = "result",   [LABEL_ROUTE] = NULL,          [LABEL_CLASS] = "code",
    [LABEL_RATE] = "limit",      [LABEL_VERSION] = "version",
};

static const char *const CALL_WORD[] = {
    [CALL_QUEUE] = "queue", [CALL_HISTORY] = "history", [CALL_SYSTEM] = "system",
    [CALL_NODES] = "nodes", [CALL_PROMPT] = "prompt",   [CALL_UPLOAD] = "upload",
    [CALL_VIEW] = "view",   [CALL_STOP] = "stop",       [CALL_FREE] = "free",
};
static const char *const RESULT_WORD[] = {
    [RESULT_OK] = "ok", [RESULT_REFUSED] = "refused", [RESULT_FAILED] = "failed"};
static const char *const RATE_WORD[] = {[LIMIT_REQUESTS] = "requests",
                                        [LIMIT_SUBMISSIONS] = "submissions",
                                        [LIMIT_WRONG_KEYS] = "wrong_keys"};
/* The first are no answers yet. */
static const char *const CLASS_WORD[CLASSES] = {NULL, "2xx", "3xx", "4xx", "5xx"};

struct metrics {
    char **backend;
    size_t backend_count;
    char **route; /* both labels as they are told; the last is for what no route takes */
    size_t route_count;

    pthread_mutex_t lock; /* of who adds a template */
    char *template[TEMPLATES];
    atomic_size_t template_count; /* those before it never change */

    _Atomic int64_t *cell[METRIC_COUNT];
};

/* ---- labels ---------------------------------------------------------------------------------- */

/* How many cells there are for it. */
static size_t label_size(const struct metrics *m, enum label label)
{
    switch (label) {
    case LABEL_BACKEND:
        return m->backend_count;
    case LABEL_TEMPLATE:
        return TEMPLATES;
    case LABEL_OPEN:
    case LABEL_ENDED:
        return JOB_STATUS_COUNT;
    case LABEL_ERROR:
        return JOB_ERR_COUNT;
    case LABEL_CALL:
        return COUNT_OF(CALL_WORD);
    case LABEL_RESULT:
        return COUNT_OF(RESULT_WORD);
    case LABEL_ROUTE:
        return m->route_count;
    case LABEL_CLASS:
        return CLASSES;
    case LABEL_RATE:
        return COUNT_OF(RATE_WORD);
    case LABEL_NONE:
    case LABEL_VERSION:
    case LABEL_COUNT:
        break;
    }
    return 1;
}

static const char *status_word(size_t i, bool has_ended)
{
    enum job_status status = (enum job_status)i;

    return job_has_ended(status) == has_ended ? job_status_word(status) : NULL;
}

/* NULL for a cell that is not told. */
static const char *label_word(const struct metrics *m, enum label label, size_t i)
{
    switch (label) {
    case LABEL_BACKEND:
        return m->backend[i];
    case LABEL_TEMPLATE:
        return i < atomic_load_explicit(&m->template_count, memory_order_acquire) ? m->template[i]
                                                                                  : NULL;
    case LABEL_OPEN:
        return status_word(i, false);
    case LABEL_ENDED:
        return status_word(i, true);
    case LABEL_ERROR:
        return job_errc_word((enum job_errc)i);
    case LABEL_CALL:
        return CALL_WORD[i];
    case LABEL_RESULT:
        return RESULT_WORD[i];
    case LABEL_ROUTE:
        return m->route[i];
    case LABEL_CLASS:
        return CLASS_WORD[i];
    case LABEL_RATE:
        return RATE_WORD[i];
    case LABEL_VERSION:
        return comfygate_version();
    case LABEL_NONE:
    case LABEL_COUNT:
        break;
    }
    return "";
}

void metrics_name_template(struct metrics *m, const char *name)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&m->lock);
    count = atomic_load_explicit(&m->template_count, memory_order_relaxed);
    if (count < TEMPLATES && strcmp(m->template[metrics_template(m, name)], name) != 0) {
        m->template[count] = xstrdup(name);
        atomic_store_explicit(&m->template_count, count + 1, memory_order_release);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

enum { TEMPLATE_WORKFLOW, TEMPLATE_OTHER };

size_t metrics_template(const struct metrics *m, const char *name)
{
    size_t count = atomic_load_explicit(&m->template_count, memory_order_acquire);

    if (name == NULL) {
        return TEMPLATE_WORKFLOW;
    }
    for (size_t i = TEMPLATE_OTHER + 1; i < count; i++) {
        if (strcmp(m->template[i], name) == 0) {
            return i;
        }
    }
    return TEMPLATE_OTHER;
}

size_t metrics_no_route(const struct metrics *m)
{
    return m->route_count - 1;
}

/* ---- life ------------------------------------------------------------------------------------ */

static size_t bucket_count(const struct row *row)
{
    const int64_t *bound = MEASURE[row->measure].bound;
    size_t count = 1;

    while (bound[count - 1] != 0) {
        count++;
    }
    bug_if(count > BUCKETS_MAX);
    return count;
}

static size_t cells_each(const struct row *row)
{
    return row->kind == KIND_HISTOGRAM ? bucket_count(row) + SUM_CELL : 1;
}

static void make_cells(struct metrics *m, size_t which)
{
    const struct row *row = &ROW[which];
    size_t count = label_size(m, row->label[0]) * label_size(m, row->label[1]) * cells_each(row);

    m->cell[which] = xcalloc(count, sizeof *m->cell[which]);
    for (size_t i = 0; i < count; i++) {
        atomic_init(&m->cell[which][i], row->kind == KIND_GAUGE ? UNSET : 0);
    }
}

struct metrics *metrics_new(const struct metrics_labels *labels)
{
    struct metrics *m = xcalloc(1, sizeof *m);

    (void)pthread_mutex_init(&m->lock, NULL);
    m->backend_count = labels->backend_count;
    m->backend = xcalloc(m->backend_count + 1, sizeof *m->backend);
    for (size_t i = 0; i < m->backend_count; i++) {
        m->backend[i] = xstrdup(labels->backend[i]);
    }
    m->route_count = labels->route_count + 1;
    m->route = xcalloc(m->route_count, sizeof *m->route);
    for (size_t i = 0; i < labels->route_count; i++) {
        m->route[i] =
            xasprintf("method=\"%s\",route=\"%s\"", labels->route[i].method, labels->route[i].path);
    }
    m->route[labels->route_count] =
        xstrdup("method=\"" METRICS_OTHER "\",route=\"" METRICS_OTHER "\"");
    m->template[TEMPLATE_WORKFLOW] = xstrdup(METRICS_WORKFLOW);
    m->template[TEMPLATE_OTHER] = xstrdup(METRICS_OTHER);
    atomic_init(&m->template_count, TEMPLATE_OTHER + 1);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        make_cells(m, i);
    }
    metrics_set(m, METRIC_BUILD, 0, 1);
    return m;
}

static void free_texts(char **text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(text[i]);
    }
}

void metrics_free(struct metrics *m)
{
    if (m == NULL) {
        return;
    }
    free_texts(m->backend, m->backend_count);
    free_texts(m->route, m->route_count);
    free_texts(m->template, TEMPLATES);
    free(m->backend);
    free(m->route);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        free(m->cell[i]);
    }
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- counting -------------------------------------------------------------------------------- */

static _Atomic int64_t *cells_at(const struct metrics *m, enum metric which, size_t a, size_t b)
{
    const struct row *row = &ROW[which];
    size_t size_b = label_size(m, row->label[1]);

    bug_if(a >= label_size(m, row->label[0]) || b >= size_b);
    return &m->cell[which][(a * size_b + b) * cells_each(row)];
}

static void add(_Atomic int64_t *cell, int64_t by)
{
    (void)atomic_fetch_add_explicit(cell, by, memory_order_relaxed);
}

static int64_t load(_Atomic int64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

void metrics_add(struct metrics *m, enum metric which, size_t a, size_t b, int64_t by)
{
    bug_if(ROW[which].kind != KIND_COUNTER);
    add(cells_at(m, which, a, b), by);
}

void metrics_set(struct metrics *m, enum metric which, size_t a, int64_t value)
{
    bug_if(ROW[which].kind == KIND_HISTOGRAM);
    atomic_store_explicit(cells_at(m, which, a, 0), value, memory_order_relaxed);
}

void metrics_unset(struct metrics *m, enum metric which, size_t a)
{
    bug_if(ROW[which].kind != KIND_GAUGE);
    metrics_set(m, which, a, UNSET);
}

void metrics_observe(struct metrics *m, enum metric which, size_t a, int64_t value)
{
    _Atomic int64_t *cell = cells_at(m, which, a, 0);
    const int64_t *bound = MEASURE[ROW[which].measure].bound;
    size_t bucket = 0;

    value = value > 0 ? value : 0; /* a wall clock was set back */
    while (bound[bucket] != 0 && value > bound[bucket]) {
        bucket++;
    }
    add(&cell[bucket], 1);
    add(&cell[bucket_count(&ROW[which])], value);
}

int64_t metrics_value(const struct metrics *m, enum metric which, size_t a, size_t b)
{
    int64_t value = load(cells_at(m, which, a, b));

    return value == UNSET ? 0 : value;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* As a decimal without needless zeros: exact, which a double would not be. */
static void write_number(struct buf *out, int64_t value, int64_t one)
{
    int64_t digit = one / 10;

    (void)buf_appendf(out, "%" PRId64, value / one);
    value %= one;
    if (value > 0) {
        (void)buf_append_char(out, '.');
    }
    for (; value > 0; digit /= 10) {
        (void)buf_append_char(out, (char)('0' + value / digit));
        value %= digit;
    }
}

/* None of our words needs to be escaped: names of backends and templates are of a-z, 0-9, - and _. */
static void write_label(struct buf *out, const char *name, const char *word, bool *has_some)
{
    if (*word == '\0') {
        return;
    }
    (void)buf_append_char(out, *has_some ? ',' : '{');
    *has_some = true;
    if (name != NULL) {
        (void)buf_appendf(out, "%s=\"%s\"", name, word);
    } else {
        (void)buf_append_str(out, word);
    }
}

struct place {
    const struct row *row;
    const char *word[2];
};

/* The name, and all labels; `le` is NULL for what is no bucket. */
static void write_name(struct buf *out, const struct place *p, const char *suffix, const char *le)
{
    bool has_some = false;

    (void)buf_append_str(out, p->row->name);
    (void)buf_append_str(out, suffix);
    for (size_t i = 0; i < COUNT_OF(p->word); i++) {
        write_label(out, LABEL_NAME[p->row->label[i]], p->word[i], &has_some);
    }
    if (le != NULL) {
        write_label(out, "le", le, &has_some);
    }
    (void)buf_append_str(out, has_some ? "} " : " ");
}

static void write_value(struct buf *out, const struct place *p, int64_t value)
{
    if (value != UNSET) {
        write_name(out, p, "", NULL);
        write_number(out, value, MEASURE[p->row->measure].one);
        (void)buf_append_char(out, '\n');
    }
}

static void write_histogram(struct buf *out, const struct place *p, _Atomic int64_t *cell)
{
    const struct measure *measure = &MEASURE[p->row->measure];
    size_t buckets = bucket_count(p->row);
    int64_t seen[BUCKETS_MAX];
    int64_t total = 0;

    for (size_t i = 0; i < buckets; i++) {
        total += load(&cell[i]);
        seen[i] = total;
    }
    for (size_t i = 0; i < buckets && total > 0; i++) {
        AUTO(buf_clear) struct buf le = BUF_INIT(32);

        if (measure->bound[i] != 0) {
            write_number(&le, measure->bound[i], measure->one);
        } else {
            (void)buf_append_str(&le, "+Inf");
        }
        write_name(out, p, "_bucket", buf_str(&le));
        (void)buf_appendf(out, "%" PRId64 "\n", seen[i]);
    }
    if (total > 0) {
        write_name(out, p, "_sum", NULL);
        write_number(out, load(&cell[buckets]), measure->one);
        (void)buf_append_char(out, '\n');
        write_name(out, p, "_count", NULL);
        (void)buf_appendf(out, "%" PRId64 "\n", total);
    }
}

static void write_cells(const struct metrics *m, struct buf *out, enum metric which, size_t a)
{
    struct place p = {.row = &ROW[which]};

    p.word[0] = label_word(m, p.row->label[0], a);
    for (size_t b = 0; b < label_size(m, p.row->label[1]) && p.word[0] != NULL; b++) {
        _Atomic int64_t *cell = cells_at(m, which, a, b);

        p.word[1] = label_word(m, p.row->label[1], b);
        if (p.word[1] == NULL) {
            continue;
        }
        if (p.row->kind == KIND_HISTOGRAM) {
            write_histogram(out, &p, cell);
        } else {
            write_value(out, &p, load(cell));
        }
    }
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    static const char *const KIND_WORD[] = {"counter", "gauge", "histogram"};

    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &ROW[i];

        (void)buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                          KIND_WORD[row->kind]);
        for (size_t a = 0; a < label_size(m, row->label[0]); a++) {
            write_cells(m, out, (enum metric)i, a);
        }
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static void print_labels(FILE *out, const struct row *row)
{
    const char *between = "";

    for (size_t i = 0; i < COUNT_OF(row->label); i++) {
        const char *name = LABEL_NAME[row->label[i]];

        if (row->label[i] != LABEL_NONE) {
            (void)fprintf(out, "%s`%s`", between, name != NULL ? name : "method`, `route");
            between = ", ";
        }
    }
}

static void print_row(FILE *out, const struct row *row)
{
    static const char *const KIND_WORD[] = {"counter", "gauge", "histogram"};

    (void)fprintf(out, "| `%s` | %s | ", row->name, KIND_WORD[row->kind]);
    print_labels(out, row);
    (void)fprintf(out, " | %s |\n", row->help);
}

static void print_part(FILE *out, const char *title)
{
    (void)fprintf(out, "\n### %s\n\n| metric | type | labels | |\n|---|---|---|---|\n", title);
}

void metrics_print_markdown(FILE *out)
{
#define METRIC_PART(title)                                      print_part(out, title);
#define METRIC(name, kind, text, label1, label2, measure, help) print_row(out, &ROW[METRIC_##name]);
#include "bridge/metrics.def"
}
