/* store_gallery.c - the outputs of all jobs, newest first: pages of a walk in the order of ids.
 *
 * A type has an index of its own; the other filters are tested on the way, so that a page of a rare
 * template or text walks further. Those of starred jobs, and of one owner, may be few among many: they are looked up by their
 * jobs, and sorted. The text of a statement is made from the filter and is the key of the
 * handle's cache; no value of a client is ever part of it.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

#define SQL_MAX    4096
#define VALUES_MAX 5

struct gallery_sql {
    const struct output_filter *filter;
    struct buf text;
    const char *value[VALUES_MAX]; /* of ?1, ?2, … */
    size_t value_count;
    char *lower_text;
};

static void gallery_sql_clear(struct gallery_sql *g)
{
    free(g->lower_text);
    buf_clear(&g->text);
}

/* Notes a value; gives the number of its parameter. */
static int value(struct gallery_sql *g, const char *text)
{
    bug_if(g->value_count == COUNT_OF(g->value));
    g->value[g->value_count++] = text;
    return (int)g->value_count;
}

static void where_text(struct gallery_sql *g)
{
    int text = 0;

    g->lower_text = lower_copy(g->filter->text);
    text = value(g, g->lower_text);

    (void)buf_appendf(&g->text,
                      " AND (instr(lower(j.title), ?%d) > 0"
                      " OR instr(lower(j.input_json), ?%d) > 0)",
                      text, text);
}

static void build_where(struct gallery_sql *g)
{
    const struct output_filter *f = g->filter;

    if (f->has_type) {
        (void)buf_appendf(&g->text, " AND o.type = ?%d", value(g, output_type_word(f->type)));
    }
    if (f->template_name != NULL) {
        (void)buf_appendf(&g->text, " AND j.template_name = ?%d", value(g, f->template_name));
    }
    if (f->owner != NULL) {
        (void)buf_appendf(&g->text, " AND j.owner = ?%d", value(g, f->owner));
    }
    if (f->text != NULL) {
        where_text(g);
    }
    if (f->is_starred_only) {
        (void)buf_append_str(&g->text, " AND j.is_starred = 1");
    }
    if (!id_is_none(f->after)) {
        (void)buf_appendf(&g->text, " AND o.id %c ?%d", f->sort == SORT_NEWEST ? '<' : '>',
                          value(g, f->after.text));
    }
}

static const char *source(const struct output_filter *f)
{
    if (f->is_starred_only) {
        return " FROM job AS j INDEXED BY job_starred"
               " CROSS JOIN output AS o INDEXED BY output_by_job ON o.job_id = j.id WHERE TRUE";
    }
    if (f->owner != NULL) {
        return " FROM job AS j INDEXED BY job_by_owner"
               " CROSS JOIN output AS o INDEXED BY output_by_job ON o.job_id = j.id WHERE TRUE";
    }
    return f->has_type ? " FROM output AS o INDEXED BY output_by_type"
                         " CROSS JOIN job AS j ON j.id = o.job_id WHERE TRUE"
                       : " FROM output AS o CROSS JOIN job AS j ON j.id = o.job_id WHERE TRUE";
}

static void build(struct gallery_sql *g)
{
    const struct output_filter *f = g->filter;

    (void)buf_append_str(&g->text, "SELECT " OUTPUT_COLUMNS_OF("o.") ", j.title, j.template_name,"
                                                                     " j.is_starred");
    (void)buf_append_str(&g->text, source(f));
    build_where(g);
    (void)buf_appendf(&g->text, " ORDER BY o.id %s LIMIT ?%zu",
                      f->sort == SORT_NEWEST ? "DESC" : "ASC", g->value_count + 1);
    bug_if(!buf_ok(&g->text));
}

static enum st visit_row(struct query *q,
                         void (*visit)(void *arg, const struct output_entry *entry), void *arg)
{
    struct output_entry entry = {.job_title = NULL};
    enum st st = job_output_get(q, &entry.output);

    if (st != ST_OK) {
        return st;
    }
    entry.job_title = get_str(q);
    entry.template_name = get_str(q);
    get_bool(q, &entry.is_starred);
    visit(arg, &entry);
    job_output_clear(&entry.output);
    return ST_OK;
}

enum st store_output_list(struct store_reader *r, const struct output_filter *filter,
                          void (*visit)(void *arg, const struct output_entry *entry), void *arg,
                          bool *has_more)
{
    AUTO(gallery_sql_clear)
    struct gallery_sql g = {.filter = filter, .text = BUF_INIT(SQL_MAX)};
    AUTO(query_end) struct query q = {.h = NULL};
    int one_more = filter->limit + 1;
    int count = 0;
    enum st st = ST_OK;

    bug_if(filter->limit < 1 || filter->limit == INT_MAX);
    build(&g);
    q = query_begin_list(r->h, buf_str(&g.text));
    for (size_t i = 0; i < g.value_count; i++) {
        put_str(&q, g.value[i]);
    }
    put_int(&q, &one_more);
    for (st = query_step(&q); st == ST_OK && count < filter->limit; st = query_step(&q)) {
        st = visit_row(&q, visit, arg);
        if (st != ST_OK) {
            return st;
        }
        count++;
    }
    if (st != ST_OK && st != ST_NONE) {
        return st;
    }
    *has_more = st == ST_OK;
    return ST_OK;
}
