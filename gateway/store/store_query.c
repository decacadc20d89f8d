/* store_query.c - statements in use: values in, values out, the words of states.
 */
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

/* ---- the statement --------------------------------------------------------------------------- */

struct query query_begin(struct handle *h, enum sql which)
{
    struct query q = {.h = h};

    h->driver->prepare(&q, which);
    return q;
}

struct query query_begin_list(struct handle *h, const char *sql)
{
    struct query q = {.h = h};

    h->driver->prepare_text(&q, sql);
    return q;
}

void query_end(struct query *q)
{
    if (q->stmt != NULL) {
        q->h->driver->finish(q);
        q->stmt = NULL;
    }
}

enum st query_step(struct query *q)
{
    if (q->is_bad) {
        store_reason_set("a row holds a value that this program does not know");
        return ST_FAIL;
    }
    q->read = 0;
    return q->h->driver->step(q);
}

enum st query_run(struct query *q)
{
    return q->h->driver->run(q);
}

enum st run_plain(struct handle *h, enum sql which)
{
    AUTO(query_end) struct query q = query_begin(h, which);

    return query_run(&q);
}

enum st run_by_job(struct handle *h, enum sql which, const struct id *job)
{
    AUTO(query_end) struct query q = query_begin(h, which);

    put_id(&q, job);
    return query_run(&q);
}

char *lower_copy(const char *text)
{
    char *copy = xstrdup(text);

    for (char *p = copy; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    return copy;
}

/* ---- values in ------------------------------------------------------------------------------- */

void put_span(struct query *q, struct span text)
{
    if (q->stmt != NULL) {
        q->h->driver->bind_bytes(q, ++q->bound, text, false);
    }
}

void put_blob(struct query *q, struct span bytes)
{
    if (q->stmt != NULL) {
        q->h->driver->bind_bytes(q, ++q->bound, bytes, true);
    }
}

void put_str(struct query *q, const char *text)
{
    if (q->stmt != NULL) {
        q->h->driver->bind_str(q, ++q->bound, text);
    }
}

void put_text(struct query *q, char *const *text)
{
    put_str(q, *text);
}

void put_int64(struct query *q, const int64_t *number)
{
    if (q->stmt != NULL) {
        q->h->driver->bind_int64(q, ++q->bound, *number);
    }
}

void put_id(struct query *q, const struct id *id)
{
    put_str(q, id_is_none(*id) ? NULL : id->text);
}

void put_int(struct query *q, const int *number)
{
    int64_t wide = *number;

    put_int64(q, &wide);
}

void put_bool(struct query *q, const bool *flag)
{
    int64_t wide = *flag ? 1 : 0;

    put_int64(q, &wide);
}

void put_time(struct query *q, const int64_t *ms)
{
    if (*ms == 0) {
        put_str(q, NULL);
    } else {
        put_int64(q, ms);
    }
}

/* ---- values out ------------------------------------------------------------------------------ */

struct span get_span(struct query *q)
{
    return q->h->driver->column_span(q, q->read++);
}

const char *get_str(struct query *q)
{
    int column = q->read++;

    return q->h->driver->is_null(q, column) ? NULL : q->h->driver->column_span(q, column).ptr;
}

void get_text(struct query *q, char **out)
{
    *out = xstrdup_or_null(get_str(q));
}

void get_id(struct query *q, struct id *out)
{
    const char *text = get_str(q);

    *out = ID_NONE;
    if (text != NULL && !id_parse(span_of(text), out)) {
        q->is_bad = true;
    }
}

void get_int64(struct query *q, int64_t *out)
{
    *out = q->h->driver->column_int64(q, q->read++);
}

void get_int(struct query *q, int *out)
{
    *out = (int)q->h->driver->column_int64(q, q->read++);
}

void get_bool(struct query *q, bool *out)
{
    *out = q->h->driver->column_int64(q, q->read++) != 0;
}

void get_time(struct query *q, int64_t *out)
{
    get_int64(q, out); /* NULL reads as 0 */
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The words of a stop are not part of the public contract: they live here. */
static const char *const stop_words[] = {
    [STOP_NONE] = NULL,
    [STOP_CANCEL] = "cancel",
    [STOP_TIMEOUT] = "timeout",
    [STOP_DEADLINE] = "deadline",
};

void put_status(struct query *q, const enum job_status *status)
{
    put_str(q, job_status_word(*status));
}

void put_phase(struct query *q, const enum job_phase *phase)
{
    put_str(q, job_phase_word(*phase));
}

void put_errc(struct query *q, const enum job_errc *code)
{
    put_str(q, job_errc_word(*code));
}

void put_stop(struct query *q, const enum job_stop *stop)
{
    put_str(q, stop_words[*stop]);
}

void get_status(struct query *q, enum job_status *out)
{
    if (!job_status_parse(span_of(get_str(q)), out)) {
        q->is_bad = true;
    }
}

void get_phase(struct query *q, enum job_phase *out)
{
    const char *word = get_str(q);

    *out = PHASE_NONE;
    if (word != NULL && !job_phase_parse(span_of(word), out)) {
        q->is_bad = true;
    }
}

void get_errc(struct query *q, enum job_errc *out)
{
    const char *word = get_str(q);

    *out = JOB_ERR_NONE;
    if (word != NULL) {
        *out = job_errc_parse(span_of(word));
        /* A code that this program does not know is still an error. */
        if (*out == JOB_ERR_NONE) {
            *out = JOB_ERR_INTERNAL_ERROR;
        }
    }
}

void get_stop(struct query *q, enum job_stop *out)
{
    const char *word = get_str(q);

    *out = STOP_NONE;
    for (size_t i = STOP_CANCEL; word != NULL && i < COUNT_OF(stop_words); i++) {
        if (strcmp(word, stop_words[i]) == 0) {
            *out = (enum job_stop)i;
        }
    }
    if (word != NULL && *out == STOP_NONE) {
        q->is_bad = true;
    }
}
