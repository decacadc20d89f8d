/* job.h - what a job is.
 *
 * struct job_row is the persistent part, column by column what the store
 * keeps: what is not in it does not survive a crash. struct job_progress is
 * the live part of a job that runs; it is never stored.
 *
 * Plain data: whoever holds a row owns its strings and ends with job_row_clear.
 * To add a column: the row here, job_row_copy/_clear, a migration, the store's
 * one column list, job_json.c, schema/openapi.yaml.
 */
#ifndef CG_CORE_JOB_H
#define CG_CORE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/span.h"

enum job_status {
#define JOB_STATUS(name, word, ended) JOB_##name,
#include "core/job.def"
    JOB_STATUS_COUNT
};

enum job_phase {
    PHASE_NONE, /* ended */
#define JOB_PHASE(name, word) PHASE_##name,
#include "core/job.def"
};

enum job_errc {
    JOB_ERR_NONE,
#define JOB_ERROR(name, word, retryable) JOB_ERR_##name,
#include "core/job.def"
    JOB_ERR_COUNT
};

/* Why the gateway wants a prompt out of its ComfyUI. */
enum job_stop { STOP_NONE, STOP_CANCEL, STOP_TIMEOUT, STOP_DEADLINE };

struct job_error {
    enum job_errc code;
    char *message; /* a sentence, with ComfyUI's own words; NULL when code is NONE */
    char *node_id; /* NULL when no node is to blame */
    char *class_type;
    char *node_title;
};

#define JOB_PRIORITY_MIN (-100)
#define JOB_PRIORITY_MAX 100

struct job_row {
    struct id id;
    enum job_status status;
    enum job_phase phase;
    int64_t version; /* grows with every visible change */
    int priority;

    char *title;          /* NULL = none, like all texts below unless it says otherwise */
    char *owner;          /* key that submitted it */
    char *wanted_backend; /* the submission's choice */
    char *tags_json;      /* never NULL: a JSON array of strings */
    char *metadata_json;  /* never NULL: a JSON object of strings */
    char *warnings_json;  /* never NULL: a JSON array of {code, detail} */
    struct id parent_id;
    char *template_name; /* that it was made from; NULL = the client's own workflow */
    char *input_json;    /* never NULL: a JSON object, the template's input with its defaults */
    char *seed;          /* decimal, up to 2^64 - 1: the one that was used */
    char *primary_node;  /* whose outputs are shown first */
    bool is_starred;     /* never removed because of its age */
    char *trace_id;      /* of the trace that its submission belonged to (base/trace.h) */
    int trace_flags;
    char *
        webhook_url; /* where its events are posted; NULL = nowhere, and then the next two are NULL */
    char *webhook_events_json; /* which: an array of words of event.def */
    char *
        webhook_secret; /* what they are signed with, as the client wrote it; NULL = the gateway's. Never shown */

    int64_t created_at; /* wall clock, ms; 0 = not yet, like all times below */
    int64_t started_at; /* of the attempt that ran last */
    int64_t completed_at;
    int64_t deadline_at;   /* must have begun by then */
    int64_t not_before_at; /* pause before another attempt */
    int64_t timeout_ms;    /* longest run; 0 = the gateway's default */

    int attempt; /* 0 until it is first given to a ComfyUI */
    int max_attempts;
    int deaths; /* ComfyUIs that died while they ran it */

    char *backend;       /* that holds, or last held, the prompt */
    struct id prompt_id; /* of this attempt; written before the POST */
    bool is_delivered;   /* ComfyUI has answered that it has the prompt, or was seen to have it */
    int64_t submitted_at;
    enum job_stop stop;
    int64_t stop_at;

    int nodes_total; /* nodes of the graph */
    struct job_error error;
};

/* The truth about the whole graph while an attempt runs. Plain data without ownership. */
#define JOB_NODE_TEXT 96
struct job_progress {
    double value; /* 0..1, never falls within an attempt */
    int nodes_done;
    int nodes_total;
    int nodes_cached;
    char node[JOB_NODE_TEXT]; /* "" = none; these three are cut to fit */
    char node_class[JOB_NODE_TEXT];
    char node_title[JOB_NODE_TEXT];
    int step; /* steps == 0: the node reports none */
    int steps;
    int64_t preview_seq; /* 0 = no preview yet */
    int64_t updated_at;
};

enum output_type { OUTPUT_IMAGE, OUTPUT_VIDEO, OUTPUT_AUDIO, OUTPUT_TEXT, OUTPUT_FILE };

struct job_output {
    struct id id;
    struct id job_id;
    int index;
    char *node_id;
    char *name; /* file name that ComfyUI gave, without folders */
    enum output_type type;
    char *content_type;
    int64_t size_bytes;
    char sha256[65];
    int width; /* 0 = unknown, like the next two */
    int height;
    int64_t duration_ms; /* of what plays */
    char *text;          /* for OUTPUT_TEXT up to 64 KiB, else NULL */
    bool is_primary;
    int64_t created_at;
};

struct job_outputs {
    struct job_output *item;
    size_t count;
};

const char *job_status_word(enum job_status status);
bool job_status_parse(struct span word, enum job_status *out) MUST_CHECK;
bool job_has_ended(enum job_status status);
const char *job_phase_word(enum job_phase phase); /* NULL for PHASE_NONE */
bool job_phase_parse(struct span word, enum job_phase *out) MUST_CHECK;
const char *job_errc_word(enum job_errc code);  /* NULL for JOB_ERR_NONE */
enum job_errc job_errc_parse(struct span word); /* JOB_ERR_NONE for an unknown word */
bool job_errc_is_retryable(enum job_errc code);
const char *output_type_word(enum output_type type);
enum output_type output_type_parse(struct span word);

/* A row with empty JSON texts, JOB_QUEUED, PHASE_WAITING, version 1, attempt 0. */
void job_row_init(struct job_row *row);
/* Names the folder of this attempt's output files inside ComfyUI (graph_own_prefix): the job's id, and
 * from the second attempt on the prompt's, so that a cached answer of an earlier attempt is not
 * taken for this one's. */
struct id job_prefix(const struct job_row *row);
void job_row_clear(struct job_row *row);
void job_row_copy(struct job_row *dst,
                  const struct job_row *src); /* dst is overwritten, not cleared */
/* Replaces the error; the texts are copied, NULL is fine. */
void job_error_set(struct job_error *error, enum job_errc code, const char *message,
                   const char *node_id, const char *class_type, const char *node_title);
void job_error_clear(struct job_error *error);

/* Appends room for one output, all zero; borrowed until the next add or clear. */
struct job_output *job_outputs_add(struct job_outputs *outputs);
void job_output_clear(struct job_output *output);
void job_outputs_clear(struct job_outputs *outputs);

#endif
