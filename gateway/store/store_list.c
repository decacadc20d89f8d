/* store_list.c - lists of jobs with filters.
 *
 * A list walks one index in the order of ids, from the cursor on, and stops when
 * the page is full; the other filters are tested on the way. Which index: the
 * first of these that the filter has, from few jobs to many:
 *
 *   parent_id   job_by_parent
 *   metadata    job_metadata_by_value (the first pair)
 *   starred     job_starred
 *   tag         job_tag_by_tag
 *   template    job_by_template
 *   status      job_by_owner_status or job_by_status
 *   owner       job_by_owner
 *   backend     job_by_backend
 *   nothing     the primary key
 *
 * Several states are several walks that SQLite merges: UNION ALL with an ORDER BY
 * runs each arm only as far as the page needs. So a page costs about its length,
 * whatever is stored; the exception is a filter that few of the walked jobs meet
 * (a title text, or a rare state under a tag that every job has), which
 * walks until the page is full or the index ends.
 *
 * The text of a statement is made from the filter and is the key of the
 * handle's cache; no value of a client is ever part of it.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

#define SQL_MAX    ((size_t)32 * 1024)
#define VALUES_MAX (13 + 2 * FILTER_METADATA_MAX)

/* An id tells when it was made, but for what the clock was set back meanwhile; that is not believed to be more. */
#define CLOCK_SLACK_MS (INT64_C(24) * 3600 * 1000)
#define ID_TIME_MAX    ((INT64_C(1) << 48) - 1)

enum driver {
    BY_ID,
    BY_TEMPLATE,
    BY_STARRED,
    BY_BACKEND,
    BY_OWNER,
    BY_STATUS,
    BY_OWNER_STATUS,
    BY_TAG,
    BY_METADATA,
    BY_PARENT
};

/* What comes after SELECT … and names the job's id, which is `id`: the walk is ordered by it. */
static const struct {
    const char *id;
    const char *from;
} drivers[] = {
    [BY_ID] = {"j.id", " FROM job AS j WHERE TRUE"},
    [BY_TEMPLATE] = {"j.id", " FROM job AS j INDEXED BY job_by_template WHERE TRUE"},
    [BY_STARRED] = {"j.id", " FROM job AS j INDEXED BY job_starred WHERE TRUE"},
    [BY_BACKEND] = {"j.id", " FROM job AS j INDEXED BY job_by_backend WHERE TRUE"},
    [BY_OWNER] = {"j.id", " FROM job AS j INDEXED BY job_by_owner WHERE TRUE"},
    [BY_STATUS] = {"j.id", " FROM job AS j INDEXED BY job_by_status WHERE TRUE"},
    [BY_OWNER_STATUS] = {"j.id", " FROM job AS j INDEXED BY job_by_owner_status WHERE TRUE"},
    [BY_TAG] = {"t.job_id", " FROM job_tag AS t INDEXED BY job_tag_by_tag"
                            " CROSS JOIN job AS j ON j.id = t.job_id WHERE TRUE"},
    [BY_METADATA] = {"m.job_id", " FROM job_metadata AS m INDEXED BY job_metadata_by_value"
                                 " CROSS JOIN job AS j ON j.id = m.job_id WHERE TRUE"},
    [BY_PARENT] = {"j.id", " FROM job AS j INDEXED BY job_by_parent WHERE TRUE"},
};

struct list_sql {
    const struct job_filter *filter;
    enum driver driver;
    unsigned statuses; /* mask; 0 = all */
    struct buf where;  /* the conditions that all arms share */
    struct buf text;
    const char *value[VALUES_MAX]; /* of ?1, ?2, … */
    size_t value_count;
    char *lower_text;
    char created_from[24];
    char created_before[24];
    struct id
        first; /* that can have been created_from, and that can not have been created_before */
    struct id beyond;
};

static void list_sql_clear(struct list_sql *l)
{
    free(l->lower_text);
    buf_clear(&l->where);
    buf_clear(&l->text);
}

static unsigned status_bit(size_t status)
{
    return 1u << status;
}

static enum driver choose_driver(const struct job_filter *f, unsigned statuses)
{
    if (!id_is_none(f->parent_id)) {
        return BY_PARENT;
    }
    if (f->metadata_count > 0) {
        return BY_METADATA;
    }
    if (f->has_starred && f->is_starred) {
        return BY_STARRED;
    }
    if (f->tag != NULL) {
        return BY_TAG;
    }
    if (f->template_name != NULL) {
        return BY_TEMPLATE;
    }
    if (statuses != 0) {
        return f->owner != NULL ? BY_OWNER_STATUS : BY_STATUS;
    }
    if (f->owner != NULL) {
        return BY_OWNER;
    }
    return f->backend != NULL ? BY_BACKEND : BY_ID;
}

/* Notes a value; gives the number of its parameter. */
static int value(struct list_sql *l, const char *text)
{
    bug_if(l->value_count == COUNT_OF(l->value));
    l->value[l->value_count++] = text;
    return (int)l->value_count;
}

static void where_tag(struct list_sql *l)
{
    int tag = value(l, l->filter->tag);

    (void)buf_appendf(&l->where,
                      l->driver == BY_TAG ? " AND t.tag = ?%d"
                                          : " AND EXISTS (SELECT 1 FROM job_tag AS x"
                                            " WHERE x.job_id = j.id AND x.tag = ?%d)",
                      tag);
}

static void where_metadata(struct list_sql *l, size_t i)
{
    int key = value(l, l->filter->metadata[i].key);
    int text = value(l, l->filter->metadata[i].value);

    (void)buf_appendf(&l->where,
                      i == 0 && l->driver == BY_METADATA
                          ? " AND m.key = ?%d AND m.value = ?%d"
                          : " AND EXISTS (SELECT 1 FROM job_metadata AS x"
                            " WHERE x.job_id = j.id AND x.key = ?%d AND x.value = ?%d)",
                      key, text);
}

/* Below all ids of this moment. */
static struct id id_at(int64_t ms)
{
    struct id id;
    int64_t time = ms < 0 ? 0 : ms;

    time = time > ID_TIME_MAX ? ID_TIME_MAX : time;
    (void)snprintf(id.text, sizeof id.text, "%08" PRIx64 "-%04" PRIx64 "-0000-0000-000000000000",
                   (uint64_t)time >> 16, (uint64_t)time & 0xffff);
    return id;
}

/* The column decides; the id keeps the walk short. On the side of the cursor that has already been seen to, and two
 * bounds of one side would leave it open which of them the walk begins at. */
static void where_created(struct list_sql *l)
{
    const struct job_filter *f = l->filter;
    const char *id = drivers[l->driver].id;
    bool has_cursor = !id_is_none(f->after);

    if (f->created_from > 0) {
        (void)snprintf(l->created_from, sizeof l->created_from, "%" PRId64, f->created_from);
        (void)buf_appendf(&l->where, " AND j.created_at >= ?%d", value(l, l->created_from));
        l->first = id_at(f->created_from - CLOCK_SLACK_MS);
        if (!has_cursor || f->sort == SORT_NEWEST) {
            (void)buf_appendf(&l->where, " AND %s >= ?%d", id, value(l, l->first.text));
        }
    }
    if (f->created_before > 0) {
        (void)snprintf(l->created_before, sizeof l->created_before, "%" PRId64, f->created_before);
        (void)buf_appendf(&l->where, " AND j.created_at < ?%d", value(l, l->created_before));
        l->beyond = id_at(f->created_before + CLOCK_SLACK_MS);
        if (!has_cursor || f->sort == SORT_OLDEST) {
            (void)buf_appendf(&l->where, " AND %s < ?%d", id, value(l, l->beyond.text));
        }
    }
}

/* The conditions that all arms share. */
static void build_where(struct list_sql *l)
{
    const struct job_filter *f = l->filter;

    if (!id_is_none(f->parent_id)) {
        (void)buf_appendf(&l->where, " AND j.parent_id = ?%d", value(l, f->parent_id.text));
    }
    for (size_t i = 0; i < f->metadata_count; i++) {
        where_metadata(l, i);
    }
    if (f->tag != NULL) {
        where_tag(l);
    }
    if (f->owner != NULL) {
        (void)buf_appendf(&l->where, " AND j.owner = ?%d", value(l, f->owner));
    }
    if (f->backend != NULL) {
        (void)buf_appendf(&l->where, " AND j.backend = ?%d", value(l, f->backend));
    }
    if (f->template_name != NULL) {
        (void)buf_appendf(&l->where, " AND j.template_name = ?%d", value(l, f->template_name));
    }
    if (f->has_starred) {
        (void)buf_appendf(&l->where, " AND j.is_starred = %d", f->is_starred ? 1 : 0);
    }
    if (f->text != NULL) {
        l->lower_text = lower_copy(f->text);
        (void)buf_appendf(&l->where, " AND instr(lower(j.title), ?%d) > 0",
                          value(l, l->lower_text));
    }
    where_created(l);
    if (!id_is_none(f->after)) {
        (void)buf_appendf(&l->where, " AND %s %c ?%d", drivers[l->driver].id,
                          f->sort == SORT_NEWEST ? '<' : '>', value(l, f->after.text));
    }
}

/* One SELECT; `status` is JOB_STATUS_COUNT when the arm is not about one state. */
static void build_arm(struct list_sql *l, size_t status)
{
    (void)buf_appendf(&l->text, "%sSELECT %s AS id" JOB_SELECTED "%s",
                      l->text.len > 0 ? " UNION ALL " : "", drivers[l->driver].id,
                      drivers[l->driver].from);
    if (status < JOB_STATUS_COUNT) {
        (void)buf_appendf(&l->text, " AND j.status = '%s'",
                          job_status_word((enum job_status)status));
    }
    (void)buf_append_span(&l->text, buf_span(&l->where));
}

/* For an index that is not ordered by state: the state is one more condition. */
static void where_status(struct list_sql *l)
{
    char before = '(';

    (void)buf_append_str(&l->where, " AND j.status IN ");
    for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
        if ((l->statuses & status_bit(i)) != 0) {
            (void)buf_appendf(&l->where, "%c'%s'", before, job_status_word((enum job_status)i));
            before = ',';
        }
    }
    (void)buf_append_char(&l->where, ')');
}

static void build(struct list_sql *l)
{
    build_where(l);
    if (l->driver == BY_STATUS || l->driver == BY_OWNER_STATUS) {
        for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
            if ((l->statuses & status_bit(i)) != 0) {
                build_arm(l, i);
            }
        }
    } else {
        if (l->statuses != 0) {
            where_status(l);
        }
        build_arm(l, JOB_STATUS_COUNT);
    }
    (void)buf_appendf(&l->text, " ORDER BY 1 %s LIMIT ?%zu",
                      l->filter->sort == SORT_NEWEST ? "DESC" : "ASC", l->value_count + 1);
    bug_if(!buf_ok(&l->where) || !buf_ok(&l->text));
}

static enum st list(struct handle *h, const struct list_sql *l,
                    void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more)
{
    AUTO(query_end) struct query q = query_begin_list(h, buf_str(&l->text));
    int one_more = l->filter->limit + 1;
    int count = 0;
    enum st st = ST_OK;

    for (size_t i = 0; i < l->value_count; i++) {
        put_str(&q, l->value[i]);
    }
    put_int(&q, &one_more);
    for (st = query_step(&q); st == ST_OK && count < l->filter->limit; st = query_step(&q)) {
        AUTO(job_row_clear) struct job_row row = {0};

        st = job_row_get(&q, &row);
        if (st != ST_OK) {
            return st;
        }
        visit(arg, &row);
        count++;
    }
    if (st != ST_OK && st != ST_NONE) {
        return st;
    }
    *has_more = st == ST_OK;
    return ST_OK;
}

enum st store_jobs(struct store_reader *r, const struct job_filter *filter,
                   void (*visit)(void *arg, const struct job_row *row), void *arg, bool *has_more)
{
    unsigned all = status_bit(JOB_STATUS_COUNT) - 1;
    unsigned statuses = (filter->status_mask & all) == all ? 0 : filter->status_mask & all;
    AUTO(list_sql_clear)
    struct list_sql l = {
        .filter = filter,
        .driver = choose_driver(filter, statuses),
        .statuses = statuses,
        .where = BUF_INIT(SQL_MAX),
        .text = BUF_INIT(SQL_MAX),
    };

    bug_if(filter->limit < 1 || filter->limit == INT_MAX ||
           filter->metadata_count > FILTER_METADATA_MAX);
    build(&l);
    return list(r->h, &l, visit, arg, has_more);
}
