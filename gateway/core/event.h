/* event.h - what happened: the words, what a change of a job is called, and how an event is written.
 *
 * An event is written once, as it goes over Server-Sent Events; the JSON object
 * inside is the same everywhere (streams, long-polls, webhooks). What is kept in
 * the store is struct event_row; what is told is made from it by event_render,
 * so that a replayed event has the bytes that it had when it was new.
 *
 * Pure; any thread. A struct event is plain data whose holder owns one reference to each of its bytes.
 */
#ifndef CG_CORE_EVENT_H
#define CG_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/json_out.h"
#include "base/span.h"
#include "core/backend_state.h"
#include "core/job.h"

enum event_type {
#define EVENT(name, word, is_durable) EVENT_##name,
#include "core/event.def"
    EVENT_TYPE_COUNT
};

/* A set of types: 1u << type. */
#define EVENT_TYPES_ALL ((1U << EVENT_TYPE_COUNT) - 1U)

const char *event_type_word(enum event_type type);
bool event_type_parse(struct span word, enum event_type *out) MUST_CHECK;
bool event_is_durable(enum event_type type);
/* Passing, of what somebody has changed by hand. */
bool event_is_update(enum event_type type);
/* The job's end, or its removal. */
bool event_is_end(enum event_type type);

#define EVENT_CHANGES_MAX 2
/* What the commit of a change is to those who listen, in the order in which it is told; returns how
 * many. `old` NULL: the job is new; `now` NULL: it was deleted. `outputs`: how many came with it. */
size_t event_of_change(const struct job_row *old, const struct job_row *now, size_t outputs,
                       enum event_type out[EVENT_CHANGES_MAX]);

/* As the store keeps it. Borrowed. */
struct event_row {
    int64_t seq; /* 0 = passing */
    enum event_type type;
    struct id job;     /* none for backends */
    const char *owner; /* of the job; NULL = there are no keys */
    int64_t at;
    struct span data;     /* a JSON object */
    struct span metadata; /* of the job, an object of strings; SPAN_NONE = as data tells it */
};

/* `data` of a durable event of this job: all that a listener needs to show it, and nothing of its input.
 * Of a deleted job only what tells which one it was, of JOB_UPDATED only what it may have changed.
 * `outputs` NULL = none. */
void event_job_data(struct json_out *o, enum event_type type, const struct job_row *row,
                    const struct job_outputs *outputs);
void event_backend_data(struct json_out *o, const char *name, const struct backend_state *state);
/* `data` of passing events. */
void event_progress_data(struct json_out *o, const struct job_progress *progress);
void event_preview_data(struct json_out *o, struct id job, int64_t seq);
void event_position_data(struct json_out *o, int64_t position);
void event_queue_data(struct json_out *o, int64_t paused_since);

struct event {
    int64_t seq; /* 0 = passing */
    enum event_type type;
    struct id job;
    struct bytes *text;     /* "id: ...\nevent: ...\ndata: {...}\n\n" */
    struct bytes *owner;    /* NULL = there are no keys */
    struct bytes *metadata; /* of the job; NULL = as data tells it */
    size_t json_at;         /* where the object is in text */
    size_t json_len;
    size_t data_at; /* where its data is */
    size_t data_len;
};

void event_render(const struct event_row *row, struct event *out);
struct event event_ref(const struct event *event);
void event_clear(struct event *event); /* for AUTO; harmless when repeated */
struct span event_json(const struct event *event);

/* Appends the object of an event that is about the stream itself (snapshot, reset, end): it has no id. */
void event_append_object(struct buf *out, const char *type, struct id job, int64_t at,
                         struct span data);
/* The same as a stream tells it. `id`, when it is not negative, is the place from which the stream goes on. */
void event_append(struct buf *out, const char *type, int64_t id, struct id job, int64_t at,
                  struct span data);

/* ---- who hears what -------------------------------------------------------------------------- */

#define EVENT_METADATA_MAX 4
struct event_filter {
    unsigned types;      /* set; 0 = all */
    const char *owner;   /* NULL = everybody's */
    bool hides_backends; /* what is of no job */
    size_t metadata_count;
    struct {
        const char *key;
        const char *value;
    } metadata[EVENT_METADATA_MAX];
};

/* Events of backends pass every filter of owner and metadata, for they belong to nobody, unless they are hidden. */
bool event_filter_takes(const struct event_filter *filter, const struct event *event);
bool event_filter_takes_type(const struct event_filter *filter, enum event_type type);
/* Of the metadata alone: an object of strings. */
bool event_filter_takes_metadata(const struct event_filter *filter, struct span metadata);

#endif
