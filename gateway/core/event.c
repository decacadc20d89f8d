/* event.c - see event.h.
 */
#include "core/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/job_json.h"

/* A job has thousands of outputs at most, of some 250 bytes each. */
#define EVENT_MAX (64U << 20)
/* A summary is flat, but for tags, metadata and outputs. */
#define DATA_LIMITS ((struct json_limits){.depth = 8, .nodes = 1000000})

/* ---- words ----------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    bool is_durable;
} TYPE[EVENT_TYPE_COUNT] = {
#define EVENT(name, word, is_durable) [EVENT_##name] = {word, is_durable},
#include "core/event.def"
};

const char *event_type_word(enum event_type type)
{
    return TYPE[type].word;
}

bool event_type_parse(struct span word, enum event_type *out)
{
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (span_is(word, TYPE[i].word)) {
            *out = (enum event_type)i;
            return true;
        }
    }
    return false;
}

bool event_is_durable(enum event_type type)
{
    return TYPE[type].is_durable;
}

bool event_is_update(enum event_type type)
{
    return type == EVENT_JOB_UPDATED || type == EVENT_BACKEND_UPDATED ||
           type == EVENT_QUEUE_UPDATED;
}

bool event_is_end(enum event_type type)
{
    return type == EVENT_JOB_SUCCEEDED || type == EVENT_JOB_FAILED || type == EVENT_JOB_CANCELED ||
           type == EVENT_JOB_EXPIRED || type == EVENT_JOB_DELETED;
}

/* ---- from a change to its events ------------------------------------------------------------- */

static size_t end_of(const struct job_row *now, size_t outputs, enum event_type *out)
{
    size_t count = 0;

    switch (now->status) {
    case JOB_SUCCEEDED:
        if (outputs > 0) {
            out[count++] = EVENT_JOB_OUTPUT;
        }
        out[count++] = EVENT_JOB_SUCCEEDED;
        break;
    case JOB_FAILED:
        out[count++] = EVENT_JOB_FAILED;
        break;
    case JOB_CANCELED:
        out[count++] = EVENT_JOB_CANCELED;
        break;
    case JOB_EXPIRED:
        out[count++] = EVENT_JOB_EXPIRED;
        break;
    case JOB_QUEUED:
    case JOB_RUNNING:
    case JOB_CANCELING:
    case JOB_STATUS_COUNT:
        break;
    }
    return count;
}

/* An attempt that never reached its ComfyUI does not count, and nobody needs to hear of it. */
static bool is_requeued(const struct job_row *old, const struct job_row *now)
{
    return now->phase == PHASE_WAITING && old->phase != PHASE_WAITING &&
           now->attempt >= old->attempt;
}

static bool differs(const char *a, const char *b)
{
    return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

/* By a PATCH: nothing else changes these. */
static size_t update_of(const struct job_row *old, const struct job_row *now, enum event_type *out)
{
    out[0] = EVENT_JOB_UPDATED;
    return old->priority != now->priority || old->is_starred != now->is_starred ||
                   differs(old->title, now->title) || differs(old->tags_json, now->tags_json) ||
                   differs(old->metadata_json, now->metadata_json)
               ? 1
               : 0;
}

size_t event_of_change(const struct job_row *old, const struct job_row *now, size_t outputs,
                       enum event_type out[EVENT_CHANGES_MAX])
{
    size_t count = 0;

    if (old == NULL || now == NULL) {
        out[0] = old == NULL ? EVENT_JOB_QUEUED : EVENT_JOB_DELETED;
        return 1;
    }
    if (job_has_ended(old->status)) {
        return update_of(old, now, out);
    }
    if (job_has_ended(now->status)) {
        return end_of(now, outputs, out);
    }
    if (is_requeued(old, now)) {
        out[count++] = EVENT_JOB_REQUEUED;
    } else if (now->started_at != 0 && now->started_at != old->started_at) {
        out[count++] = EVENT_JOB_STARTED;
    }
    if (now->status == JOB_CANCELING && old->status != JOB_CANCELING) {
        out[count++] = EVENT_JOB_CANCELING;
    }
    /* The others tell the new title, too. */
    return count > 0 ? count : update_of(old, now, out);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* What may have been private goes with the job; who follows it by its metadata still learns of it. */
static void write_deleted(struct json_out *o, const struct job_row *row)
{
    struct job_row rest = *row; /* borrows */

    rest.title = NULL;
    rest.error = (struct job_error){.code = row->error.code};
    job_summary_json(o, NULL, &rest, NULL);
}

/* Only what it can have changed: put over what a listener knows, it takes nothing away. */
static void write_updated(struct json_out *o, const struct job_row *row)
{
    jo_obj(o, NULL);
    jo_int(o, "version", row->version);
    jo_str(o, "title", row->title);
    jo_raw(o, "tags", span_of(row->tags_json));
    jo_raw(o, "metadata", span_of(row->metadata_json));
    jo_int(o, "priority", row->priority);
    jo_bool(o, "starred", row->is_starred);
    jo_end(o);
}

void event_job_data(struct json_out *o, enum event_type type, const struct job_row *row,
                    const struct job_outputs *outputs)
{
    if (type == EVENT_JOB_DELETED) {
        write_deleted(o, row);
    } else if (type == EVENT_JOB_UPDATED) {
        write_updated(o, row);
    } else {
        job_summary_json(o, NULL, row, outputs);
    }
}

void event_backend_data(struct json_out *o, const char *name, const struct backend_state *state)
{
    jo_obj(o, NULL);
    jo_str(o, "name", name);
    backend_state_json(o, state);
    jo_end(o);
}

void event_queue_data(struct json_out *o, int64_t paused_since)
{
    jo_obj(o, NULL);
    jo_time(o, "paused_since", paused_since);
    jo_end(o);
}

void event_progress_data(struct json_out *o, const struct job_progress *progress)
{
    jo_obj(o, NULL);
    job_progress_json(o, progress);
    jo_end(o);
}

void event_preview_data(struct json_out *o, struct id job, int64_t seq)
{
    char url[sizeof "/v1/jobs//preview" + ID_LEN];

    (void)snprintf(url, sizeof url, "/v1/jobs/%s/preview", job.text);
    jo_obj(o, NULL);
    jo_int(o, "preview_seq", seq);
    jo_str(o, "url", url);
    jo_end(o);
}

void event_position_data(struct json_out *o, int64_t position)
{
    jo_obj(o, NULL);
    jo_int(o, "queue_position", position);
    jo_end(o);
}

/* ---- as it is told --------------------------------------------------------------------------- */

/* A line break would end the data of the stream's event. In JSON it can only be white space, which came with
 * something that is forwarded as it was written. */
static void keep_one_line(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r') {
            out->data[i] = ' ';
        }
    }
}

/* Where in the object its data begins is told, too. */
static void write_object(struct buf *out, const char *type, const struct event_row *row,
                         size_t *data_at)
{
    struct json_out o = json_out_to(out);
    size_t at = out->len;
    char id[24];

    (void)snprintf(id, sizeof id, "%" PRId64, row->seq);
    jo_obj(&o, NULL);
    jo_str(&o, "id", row->seq > 0 ? id : NULL);
    jo_str(&o, "type", type);
    jo_time(&o, "timestamp", row->at);
    jo_str(&o, "job_id", id_is_none(row->job) ? NULL : row->job.text);
    jo_raw(&o, "data", row->data);
    *data_at = out->len - row->data.len;
    jo_end(&o);
    keep_one_line(out, at);
}

static struct bytes *bytes_or_null(const char *text)
{
    return text != NULL ? bytes_new(span_of(text)) : NULL;
}

void event_render(const struct event_row *row, struct event *out)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(EVENT_MAX);
    struct event event = {.seq = row->seq, .type = row->type, .job = row->job};
    const char *word = event_type_word(row->type);

    if (row->seq > 0) {
        (void)buf_appendf(&text, "id: %" PRId64 "\n", row->seq);
    }
    (void)buf_appendf(&text, "event: %s\ndata: ", word);
    event.json_at = text.len;
    write_object(&text, word, row, &event.data_at);
    event.json_len = text.len - event.json_at;
    event.data_len = row->data.len;
    (void)buf_append_str(&text, "\n\n");
    bug_if(!buf_ok(&text));
    event.text = bytes_from_buf(&text);
    event.owner = bytes_or_null(row->owner);
    event.metadata = row->metadata.ptr != NULL ? bytes_new(row->metadata) : NULL;
    *out = event;
}

struct event event_ref(const struct event *event)
{
    struct event copy = *event;

    copy.text = bytes_ref(event->text);
    copy.owner = bytes_ref(event->owner);
    copy.metadata = bytes_ref(event->metadata);
    return copy;
}

void event_clear(struct event *event)
{
    bytes_unref_ptr(&event->text);
    bytes_unref_ptr(&event->owner);
    bytes_unref_ptr(&event->metadata);
}

struct span event_json(const struct event *event)
{
    return (struct span){bytes_span(event->text).ptr + event->json_at, event->json_len};
}

void event_append_object(struct buf *out, const char *type, struct id job, int64_t at,
                         struct span data)
{
    struct event_row row = {.job = job, .at = at, .data = data};
    size_t data_at = 0;

    write_object(out, type, &row, &data_at);
}

void event_append(struct buf *out, const char *type, int64_t id, struct id job, int64_t at,
                  struct span data)
{
    if (id >= 0) {
        (void)buf_appendf(out, "id: %" PRId64 "\n", id);
    }
    (void)buf_appendf(out, "event: %s\ndata: ", type);
    event_append_object(out, type, job, at, data);
    (void)buf_append_str(out, "\n\n");
}

/* ---- who hears what -------------------------------------------------------------------------- */

bool event_filter_takes_type(const struct event_filter *filter, enum event_type type)
{
    return filter->types == 0 || (filter->types & (1U << type)) != 0;
}

static bool takes_members(const struct event_filter *filter, const struct json_doc *doc,
                          json_ref metadata)
{
    for (size_t i = 0; i < filter->metadata_count; i++) {
        json_ref member = json_get(doc, metadata, filter->metadata[i].key);

        if (!json_str_is(doc, member, filter->metadata[i].value)) {
            return false;
        }
    }
    return true;
}

/* `member` NULL: the metadata is the whole text. */
static bool takes_in(const struct event_filter *filter, struct span text, const char *member)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(free_ptr) struct err *e = xcalloc(1, sizeof *e);

    if (json_parse(text, JSON_LENIENT, DATA_LIMITS, &doc, e) != ERR_NONE) {
        return false;
    }
    return takes_members(filter, doc, member != NULL ? json_get(doc, 0, member) : 0);
}

bool event_filter_takes_metadata(const struct event_filter *filter, struct span metadata)
{
    return filter->metadata_count == 0 || takes_in(filter, metadata, NULL);
}

bool event_filter_takes(const struct event_filter *filter, const struct event *event)
{
    if (!event_filter_takes_type(filter, event->type)) {
        return false;
    }
    if (id_is_none(event->job)) {
        return !filter->hides_backends;
    }
    if (filter->owner != NULL && !span_is(bytes_span(event->owner), filter->owner)) {
        return false;
    }
    if (filter->metadata_count == 0) {
        return true;
    }
    return event->metadata != NULL
               ? takes_in(filter, bytes_span(event->metadata), NULL)
               : takes_in(
                     filter,
                     (struct span){bytes_span(event->text).ptr + event->data_at, event->data_len},
                     "metadata");
}
