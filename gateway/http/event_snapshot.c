#include "http/event_snapshot.h"

#include "base/mem.h"
#include "core/job_json.h"
#include "http/request.h"

/* Jobs of 64 MiB are not told; of summaries there are a few hundred. */
#define SNAPSHOT_MAX (80U << 20)

void snapshot_clear(struct snapshot *s)
{
    buf_clear(&s->data);
}

static enum errc look_at_job(struct request *r, struct snapshot *out, struct err *e)
{
    AUTO(job_look_clear) struct job_look look = {.json = NULL};

    if (job_look(r, r->id, &look, e) != ERR_NONE) {
        return e->code;
    }
    (void)buf_append_span(&out->data, bytes_span(look.json));
    out->has_ended = look.has_ended;
    if (!look.has_ended) {
        out->job[out->job_count++] = r->id;
    }
    return ERR_NONE;
}

struct writing {
    struct json_out json;
    struct snapshot *snapshot;
};

static void write_job(void *arg, const struct job_row *row)
{
    struct writing *w = arg;

    job_summary_json(&w->json, NULL, row, NULL);
    w->snapshot->job[w->snapshot->job_count++] = row->id;
}

static void write_backends(struct request *r, struct json_out *json)
{
    struct backend_counts counts;
    AUTO(bytes_unref_ptr) struct bytes *backends = hub_backends(r->parts->hub, &counts);

    if (backends != NULL && caller_has(&r->caller, SCOPE_BACKENDS_READ)) {
        jo_raw(json, "backends", bytes_span(backends));
    } else {
        jo_null(json, "backends");
    }
}

static enum errc look_at_all(struct request *r, const struct event_filter *whose,
                             struct snapshot *out, struct err *e)
{
    struct writing w = {.json = json_out_to(&out->data), .snapshot = out};
    struct store_reader *reader = reader_get(r->server);
    struct job_filter filter = {
        .status_mask = 1U << JOB_QUEUED | 1U << JOB_RUNNING | 1U << JOB_CANCELING,
        .sort = SORT_OLDEST,
        .owner = whose->owner,
        .metadata_count = whose->metadata_count,
        .limit = SNAPSHOT_JOBS_MAX,
    };
    bool has_more = false;

    for (size_t i = 0; i < whose->metadata_count; i++) {
        filter.metadata[i].key = whose->metadata[i].key;
        filter.metadata[i].value = whose->metadata[i].value;
    }
    jo_obj(&w.json, NULL);
    jo_arr(&w.json, "jobs");
    if (reader == NULL || store_jobs(reader, &filter, write_job, &w, &has_more) != ST_OK) {
        return err_set(e, ERR_STORE_UNAVAILABLE, "Try again later.");
    }
    jo_end(&w.json);
    jo_bool(&w.json, "jobs_cut", has_more);
    write_backends(r, &w.json);
    jo_end(&w.json);
    return ERR_NONE;
}

enum errc snapshot_make(struct request *r, const struct event_filter *whose, struct snapshot *out,
                        struct err *e)
{
    out->data = BUF_INIT(SNAPSHOT_MAX);
    out->has_ended = false;
    out->job_count = 0;
    return id_is_none(r->id) ? look_at_all(r, whose, out, e) : look_at_job(r, out, e);
}
