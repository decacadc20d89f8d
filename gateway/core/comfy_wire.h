/* comfy_wire.h - ComfyUI's bytes as values, and the bytes of what we send it.
 *
 * Pure: no socket, no clock. ComfyUI is read leniently (unknown members and
 * message types are ignored, NaN is accepted); nothing it says is trusted with
 * sizes or paths. Protocol facts: docs/comfyui-protocol.md.
 *
 * Values with pointers own their strings and end with their _clear; any thread.
 */
#ifndef CG_CORE_COMFY_WIRE_H
#define CG_CORE_COMFY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/span.h"
#include "core/job.h"

/* ---- WebSocket ---------------------------------------------------------------------------- */

enum comfy_message_kind {
    COMFY_IGNORED, /* unknown type, not JSON, or of no interest */
    COMFY_STATUS,  /* queue_remaining; sid in the first of a connection */
    COMFY_START,
    COMFY_CACHED,
    COMFY_EXECUTING, /* node; node == "" means the prompt has ended: history is complete */
    COMFY_PROGRESS,
    COMFY_PROGRESS_STATE,
    COMFY_EXECUTED,
    COMFY_SUCCESS,
    COMFY_ERROR, /* not of type ExecutionBlocked: that holds back one branch, the prompt goes on */
    COMFY_INTERRUPTED,
    COMFY_FEATURE_FLAGS,
    COMFY_PREVIEW,
};

/* One node in a progress_state message. */
struct comfy_node_state {
    char *node_id; /* as the user's graph knows it; of a node that it expanded to only what runs */
    bool is_finished;
    double value;
    double max;
};

struct comfy_message {
    enum comfy_message_kind kind;
    struct id prompt_id;     /* none when the message names none, or no UUID */
    char *node;              /* display node id; "" = null; NULL = no such member */
    int64_t queue_remaining; /* -1 = absent */
    double value;            /* of progress */
    double max;
    char **nodes; /* of execution_cached */
    size_t node_count;
    struct comfy_node_state *states; /* of progress_state */
    size_t state_count;
    struct span output_json; /* of executed: the `output` member; borrowed from the text */
    struct job_error error;  /* of execution_error and execution_interrupted */
    struct span image;       /* of a preview; borrowed from the frame */
    const char *mime; /* of a preview: constant string, told by the bytes; NULL = no picture */
};

/* Never fails: what cannot be understood is COMFY_IGNORED. */
void comfy_message_text(struct span text, struct comfy_message *out);
/* Binary events 1 and 4; all else is COMFY_IGNORED. Event 1 names no prompt. */
void comfy_message_binary(struct span frame, struct comfy_message *out);
void comfy_message_clear(struct comfy_message *m);

/* ---- HTTP answers -------------------------------------------------------------------------- */

/* What POST /prompt said. */
struct comfy_prompt_reply {
    bool is_accepted;       /* 200 with a prompt_id */
    char *prompt_id;        /* as answered (older servers choose their own); NULL */
    bool has_node_errors;   /* accepted, but some output nodes are skipped */
    bool lacks_something;   /* a class that it does not know, or a value that is not in its list, is
                               among the faults */
    struct job_error error; /* of a refusal, or of the first node error, in ComfyUI's own words,
                               naming node and class; INVALID_WORKFLOW, MISSING_NODE or MISSING_MODEL */
};
/* `graph` (the graph that was sent) gives node titles; may be empty. */
void comfy_prompt_reply_parse(int http_status, struct span body, struct span graph,
                              struct comfy_prompt_reply *out);
void comfy_prompt_reply_clear(struct comfy_prompt_reply *r);

enum comfy_place { COMFY_NOWHERE, COMFY_PENDING, COMFY_RUNNING };

/* GET /queue: which prompts are inside. */
struct comfy_queue_item {
    char *prompt_id; /* any text: foreign prompts need not be UUIDs */
    enum comfy_place place;
    double number;
};
struct comfy_queue {
    struct comfy_queue_item *item; /* running first, then pending by (number, prompt_id) */
    size_t count;
    size_t running;
};
bool comfy_queue_parse(struct span body, struct comfy_queue *out) MUST_CHECK;
enum comfy_place comfy_queue_find(const struct comfy_queue *q, struct id prompt_id);
/* How often the id stands in the queue (a resent POST can make it two). */
size_t comfy_queue_copies(const struct comfy_queue *q, struct id prompt_id);
void comfy_queue_clear(struct comfy_queue *q);

/* One file or text that a prompt produced. */
struct comfy_output {
    char *node_id;
    char *filename;  /* NULL for a text */
    char *subfolder; /* never NULL */
    char *type;      /* output, temp or input: as told */
    char *text;      /* NULL for a file */
};

enum comfy_end { COMFY_END_NONE, COMFY_END_SUCCESS, COMFY_END_ERROR, COMFY_END_INTERRUPTED };

/* GET /history/{id}. end == COMFY_END_NONE: there is no entry. */
struct comfy_history {
    enum comfy_end end;
    struct comfy_output *output; /* in the graph's node order as listed; texts included */
    size_t output_count;
    struct job_error
        error; /* for ERROR and INTERRUPTED: node, class, message; OUT_OF_MEMORY is told apart */
    int64_t started_at; /* ComfyUI's clock, ms; 0 = unknown */
    int64_t ended_at;
};
/* False when the body is not understood (then ask again). The end is decided by the last
 * entry of status.messages, then by status_str: a history that says success with an
 * execution_error inside is an error unless execution_success follows it. */
bool comfy_history_parse(struct span body, struct id prompt_id, struct span graph,
                         struct comfy_history *out) MUST_CHECK;
void comfy_history_clear(struct comfy_history *h);
/* Adds the files of one `executed` message's output member, for when history is gone. */
void comfy_history_add_output(struct comfy_history *h, const char *node_id,
                              struct span output_json);

/* GET /system_stats. */
struct comfy_device {
    char *name;
    char *type;
    int64_t vram_total;
    int64_t vram_free;
};
struct comfy_system {
    char *version; /* comfyui_version; NULL = not told */
    struct comfy_device *device;
    size_t device_count;
};
bool comfy_system_parse(struct span body, struct comfy_system *out) MUST_CHECK;
void comfy_system_clear(struct comfy_system *s);
/* True when `version` ("0.3.64") is at least major.minor.patch; an unknown version is taken as new. */
bool comfy_version_at_least(const char *version, int major, int minor, int patch);

/* {"name", "subfolder"} of POST /upload/image: appends the name by which a graph can use the file,
 * "subfolder/name". False when not understood. */
bool comfy_upload_reply_parse(struct span body, struct buf *out_name) MUST_CHECK;
/* {"cancelled": bool} of POST /api/jobs/{id}/cancel; false when not understood. */
bool comfy_cancel_reply_parse(struct span body, bool *out_cancelled) MUST_CHECK;

/* ---- what we send --------------------------------------------------------------------------- */

/* Body of POST /prompt. The graph's bytes are put in unchanged. */
void comfy_prompt_body(struct buf *out, struct span graph, struct id prompt_id,
                       const char *client_id, struct id job_id);
/* The first message of every connection: asks for previews that name their prompt. */
struct span comfy_feature_flags(void);
/* Body of POST /queue {"delete":[id]} and of POST /interrupt {"prompt_id":id}. */
void comfy_delete_body(struct buf *out, struct id prompt_id);
void comfy_interrupt_body(struct buf *out, struct id prompt_id);
/* Query of GET /view, percent-encoded, beginning with '?'. */
void comfy_view_query(struct buf *out, const struct comfy_output *output);

#endif
