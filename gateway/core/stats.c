/* stats.c - see stats.h.
 */
#include "core/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NO_TIME (-1)

/* One job; the numbers are those of its names. */
struct item {
    enum job_status status;
    size_t template_no;
    size_t backend_no;
    int64_t queue_ms; /* NO_TIME = does not count */
    int64_t run_ms;
};

/* Different names, in the order in which they came. A gateway has tens. */
struct names {
    char **item;
    size_t count;
};

struct stats {
    struct item *item;
    size_t count;
    size_t room;
    int64_t since;
    struct names templates;
    struct names backends;
    int64_t *scratch; /* room for all items */
};

struct stats *stats_new(void)
{
    return xcalloc(1, sizeof(struct stats));
}

static void clear_names(struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        free(n->item[i]);
    }
    free(n->item);
}

void stats_free(struct stats *s)
{
    if (s != NULL) {
        clear_names(&s->templates);
        clear_names(&s->backends);
        free(s->item);
        free(s->scratch);
        free(s);
    }
}

/* ---- collecting ------------------------------------------------------------------------------ */

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static size_t number_of(struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (is_same(n->item[i], name)) {
            return i;
        }
    }
    n->item = xrealloc(n->item, (n->count + 1) * sizeof *n->item);
    n->item[n->count] = xstrdup_or_null(name);
    return n->count++;
}

/* A clock that was set back in between makes no negative time. */
static int64_t between(int64_t from, int64_t to)
{
    return to > from ? to - from : 0;
}

void stats_add(struct stats *s, const struct ended_job *job)
{
    bool was_started = job->started_at > 0;
    bool has_run = was_started && job->status == JOB_SUCCEEDED;

    if (s->count == STATS_JOBS_MAX) {
        return;
    }
    if (s->count == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 64;
        s->item = xrealloc(s->item, s->room * sizeof *s->item);
    }
    s->item[s->count++] = (struct item){
        .status = job->status,
        .template_no = number_of(&s->templates, job->template_name),
        .backend_no = number_of(&s->backends, job->backend),
        .queue_ms = was_started ? between(job->created_at, job->started_at) : NO_TIME,
        .run_ms = has_run ? between(job->started_at, job->completed_at) : NO_TIME,
    };
    if (s->since == 0 || job->completed_at < s->since) {
        s->since = job->completed_at;
    }
}

int64_t stats_since(const struct stats *s)
{
    return s->since;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* Which jobs are meant. */
struct group {
    const struct names *of; /* NULL = all */
    size_t no;
};

static bool is_in(const struct stats *s, const struct group *g, const struct item *item)
{
    return g->of == NULL ||
           (g->of == &s->templates ? item->template_no : item->backend_no) == g->no;
}

static void write_counts(struct json_out *o, const struct stats *s, const struct group *g)
{
    int64_t count[JOB_STATUS_COUNT] = {0};

    for (size_t i = 0; i < s->count; i++) {
        count[s->item[i].status] += is_in(s, g, &s->item[i]) ? 1 : 0;
    }
    jo_obj(o, "ended");
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        if (job_has_ended((enum job_status)i)) {
            jo_int(o, job_status_word((enum job_status)i), count[i]);
        }
    }
    jo_end(o);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static void write_percentile(struct json_out *o, const char *key, const int64_t *times,
                             size_t count, size_t percent)
{
    if (count > 0) {
        jo_int(o, key, times[(count * percent + 99) / 100 - 1]);
    } else {
        jo_null(o, key);
    }
}

/* Of the first `count` times of the scratch. */
static void write_times(struct json_out *o, const char *key, struct stats *s, size_t count)
{
    if (count > 0) {
        qsort(s->scratch, count, sizeof *s->scratch, compare_times);
    }
    jo_obj(o, key);
    jo_int(o, "count", (int64_t)count);
    write_percentile(o, "p50", s->scratch, count, 50);
    write_percentile(o, "p95", s->scratch, count, 95);
    jo_end(o);
}

static size_t pick(struct stats *s, const struct group *g, bool is_run)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++) {
        int64_t ms = is_run ? s->item[i].run_ms : s->item[i].queue_ms;

        if (ms != NO_TIME && is_in(s, g, &s->item[i])) {
            s->scratch[count++] = ms;
        }
    }
    return count;
}

static void write_group(struct json_out *o, struct stats *s, const struct group *g)
{
    write_counts(o, s, g);
    write_times(o, "queue_ms", s, pick(s, g, false));
    write_times(o, "run_ms", s, pick(s, g, true));
}

/* What has no name comes last. */
static int compare_names(const void *a, const void *b)
{
    const char *const *x = *(const char *const *const *)a;
    const char *const *y = *(const char *const *const *)b;

    if (*x == NULL || *y == NULL) {
        return (*x == NULL) - (*y == NULL);
    }
    return strcmp(*x, *y);
}

static void write_groups(struct json_out *o, const char *list, const char *key, struct stats *s,
                         const struct names *n)
{
    AUTO(free_ptr) char ***order = xcalloc(n->count + 1, sizeof *order);

    for (size_t i = 0; i < n->count; i++) {
        order[i] = &n->item[i];
    }
    qsort(order, n->count, sizeof *order, compare_names);
    jo_arr(o, list);
    for (size_t i = 0; i < n->count; i++) {
        jo_obj(o, NULL);
        jo_str(o, key, *order[i]);
        write_group(o, s, &(struct group){.of = n, .no = (size_t)(order[i] - n->item)});
        jo_end(o);
    }
    jo_end(o);
}

void stats_json(struct json_out *o, struct stats *s)
{
    s->scratch = xrealloc(s->scratch, (s->count + 1) * sizeof *s->scratch);
    write_group(o, s, &(struct group){.of = NULL});
    write_groups(o, "templates", "template", s, &s->templates);
    write_groups(o, "backends", "backend", s, &s->backends);
}
