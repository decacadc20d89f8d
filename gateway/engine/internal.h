/* internal.h - what the files of the engine share. All of it belongs to the engine thread.
 *
 *   engine.c    the turn; the thread
 *   jobs.c      live jobs: stepping, committing, letting go
 *   take_up.c   at start: what was under way, and what waits
 *   commands.c  what users ask for
 *   hold.c      which backend gets no new jobs, because an operator has said so
 *   dispatch.c  which waiting job goes next
 *   fit.c       to which backend: which have what it needs
 *   trouble.c   which backends fail by themselves, and so get fewer jobs, or none for a while
 *   backend.c   one ComfyUI: its socket, whether it can be trusted with work
 *   backend_view.c  how GET /v1/backends shows it
 *   nodes.c     what it has: nodes and models
 *   look.c      the truth about what is inside it: /queue, then /history
 *   upload.c    the files that a prompt needs, inside it before the prompt is
 *   prompt.c    giving a prompt to it, taking one out of it
 *   collect.c   fetching outputs
 *   retention.c what is past its time goes
 *   events.c    what those who listen are told
 *   deliveries.c  which of it is posted to webhooks
 *   measure.c   what is counted
 */
#ifndef CG_ENGINE_INTERNAL_H
#define CG_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "bridge/metrics.h"
#include "core/comfy_wire.h"
#include "core/fair_order.h"
#include "core/graph.h"
#include "core/job_fsm.h"
#include "core/progress.h"
#include "core/shares.h"
#include "engine/comfy_http.h"
#include "engine/comfy_ws.h"
#include "engine/engine.h"
#include "engine/worker.h"
#include "net/loop.h"

#define BACKEND_URL_MAX 2048

/* What a line of the log about a job begins with. */
#define LOG_JOB(row) LOG_S("job", (row)->id.text), LOG_OPT("trace_id", (row)->trace_id)

/* ---- one job that is inside a ComfyUI, or that this turn touches ---------------------------- */

struct live_job {
    struct list in_engine; /* engine.live */
    struct list in_dirty;  /* engine.dirty, while `next` waits for its commit */

    struct job_row row;    /* as committed; only version may be ahead of the store */
    int64_t saved_version; /* what the store has */
    bool has_next;
    struct job_row next; /* row plus this turn's events */
    unsigned effects;    /* of this turn's events */
    bool is_deleted;     /* by this turn: it has no row to save any more */

    struct backend *backend; /* that holds it; NULL when none does */
    struct buf graph;        /* as it is sent */
    struct graph_index *index;
    struct progress *progress;
    bool is_progress_new;         /* published at the end of the turn */
    int64_t shown_position;       /* as last published */
    bool is_progress_untold;      /* to those who listen */
    int64_t progress_due_mono_ms; /* they are not told more before */
    int64_t told_preview;
    char client_id[ID_LEN + 1]; /* of the socket that hears of this attempt; "" = none does */

    struct job_file *file; /* that the prompt needs */
    size_t file_count;
    bool has_files_loaded;
    bool has_uploaded_again;        /* after ComfyUI had said that it does not have them */
    int upload_tries;               /* that failed in a row */
    const struct job_file *sending; /* by the upload that `post` is; NULL = it is none */
    int64_t sending_to;             /* connections_opened of the backend when that began */
    struct file_fetch *fetch;       /* of the file that is sent next; NULL = it is here */

    struct http_call *post;      /* POST /prompt under way, or an upload before it */
    int64_t posted_mono_ms;      /* when it was begun; in doubt, when that arose */
    int64_t delivered_mono_ms;   /* when delivery became known */
    int64_t doubt_until_mono_ms; /* 0 = no doubt */
    int resends;                 /* of this attempt's prompt */
    struct job_error post_error; /* of a 5xx answer, in case the prompt turns out not to be there */
    struct job_error rejection;  /* of an accepting answer that names bad nodes; told until it is
                                    committed, for nothing tells it again */
    struct http_call *history;   /* GET /history/{id} under way */
    bool is_absent_in_queue;     /* by a look that began after delivery */
    bool is_history_proof;       /* the request began after that: an empty answer means lost */
    int history_tries;           /* without finding it, since the last sign of an end */
    int64_t history_due_mono_ms; /* 0 = none planned */
    int history_failures;        /* answers in a row that told nothing; */
    int64_t history_bad_mono_ms; /* since when */
    struct comfy_history heard;  /* outputs of `executed` messages, for when history is gone */
    int64_t started_mono_ms;     /* for the timeout */
    bool is_unseen; /* taken up at start, and nothing has told yet that it is still there */
    int64_t last_sign_mono_ms; /* last message about this prompt */
    int64_t stop_sent_mono_ms; /* last time ComfyUI was asked to let go; 0 = not yet */
    int64_t stop_began_mono_ms;
    struct http_call *stop_call;
    struct collection *collection; /* outputs being fetched; NULL */
    struct job_outputs outputs;    /* of the collection that finished, for the commit */
};

/* ---- one ComfyUI ----------------------------------------------------------------------------- */

enum backend_status { BACKEND_DOWN, BACKEND_UP, BACKEND_STALLED };
enum backend_told { TOLD_NOTHING, TOLD_DOWN, TOLD_UP };

struct nodes_reading;

struct backend {
    struct engine *engine;
    const struct backend_address *address;

    enum backend_status status;
    int64_t since; /* wall clock */
    int64_t since_mono_ms;
    char reason[200];

    struct ws *ws;
    bool is_ws_open;
    bool has_ws_tried; /* the first attempt has come to an end, well or not */
    bool is_ws_closing_as_deaf;
    char client_id[ID_LEN + 1];
    int64_t connections_opened;
    int64_t last_message_at; /* wall clock */
    int failures;            /* in a row: drives the pause before the next connection */
    int deaf_in_a_row;
    int64_t connect_due_mono_ms; /* 0 = none planned */
    int64_t status_due_mono_ms;  /* a status broadcast must have come by then; 0 = none expected */
    int64_t last_status_mono_ms;
    struct id last_prompt; /* named last on this connection: owner of nameless previews */

    struct http_call *look;
    int64_t look_began_mono_ms;
    int64_t look_due_mono_ms;
    bool is_look_wanted;            /* again, as soon as the one under way ends */
    bool is_known;                  /* a look has succeeded since the last loss of HTTP */
    int look_failures;              /* in a row */
    int64_t unworked_since_mono_ms; /* prompts wait and none runs; 0 = not so */
    bool is_worker_dead;            /* until it is seen to run something, or was restarted */
    int holds;                      /* refused POSTs in a row */
    int faults;                     /* of its own, since a prompt ran as it should */
    struct http_call *freeing;      /* POST /free */
    int64_t hold_until_mono_ms;     /* gets no work before */
    struct http_call *system;
    int64_t system_due_mono_ms;
    struct comfy_system info;
    struct http_call *nodes;
    struct nodes_reading *nodes_reading; /* of the answer, with the worker */
    int64_t nodes_due_mono_ms;           /* 0 = none planned */
    int64_t nodes_refused_mono_ms;       /* when a refusal has brought it forward last */
    int nodes_failures;                  /* in a row */
    bool has_no_cancel; /* POST /api/jobs/{id}/cancel is not there, whatever its version says */
    int64_t queue_remaining; /* -1 = unknown */

    struct map *uploaded;  /* sha256 -> name inside, an own text; NULL = nothing yet */
    struct list abandoned; /* struct abandoned: prompts that must still be taken out */
    int live_count;        /* slots in use */
    int claimed;           /* slots that this turn's claims will use */
    uint64_t model;        /* that its last prompt was about (core/graph_fit.h); 0 = unknown */
    bool is_view_stale;
    int64_t draining_since;    /* wall clock; 0 = an operator has not stopped it */
    bool is_update_untold;     /* to those who listen: the line above has changed */
    enum backend_told told;    /* to those who listen */
    enum backend_told telling; /* by the open transaction */
};

/* ---- the engine ------------------------------------------------------------------------------ */

/* Rows that one turn removes because of their age, at most. */
#define RETENTION_BATCH 200

struct retention {
    int64_t due_mono_ms;
    /* Of this turn, for after its commit. */
    int jobs;
    int stripped_jobs; /* that have lost their outputs */
    int assets;
    int events;
    int deliveries;
    size_t touched_count;
    struct id touched[RETENTION_BATCH];
};

/* Events of the open transaction, and behind it, until the turn publishes them. */
struct told {
    struct event *item;
    size_t count;
    size_t capacity;
    size_t committed;     /* of them */
    int deliveries;       /* that the open transaction has made due */
    bool is_delivery_due; /* and a committed one */
    struct buf data;      /* of the one that is being written */
};

struct engine {
    const struct config *config;
    struct blobs *blobs;
    struct rendition_cache *renditions;
    struct key_uses *key_uses;
    struct hub *hub;
    struct event_feed *feed;
    struct pace_of_queue *pace;
    struct metrics *metrics;
    void (*deliveries_due)(void *arg);
    void *deliveries_arg;
    struct estimate *estimate; /* NULL before the start */
    struct inbox *inbox;
    struct store *store;
    struct store_writer *writer;

    struct loop *loop;
    struct http_client *http;
    struct worker *worker;

    struct backend *backend;
    size_t backend_count;

    struct list live;      /* struct live_job.in_engine */
    struct map *by_id;     /* job id -> struct live_job */
    struct map *by_prompt; /* prompt id -> struct live_job */
    struct list dirty;
    struct list commands; /* of this turn, until the commit */
    struct list answered; /* of this turn, until done() */
    struct map *pinned;   /* waiting job id -> struct pin: it asks for some */
    struct map *fits;     /* waiting job id -> struct fit */
    struct map *avoided;  /* waiting job id -> struct backend of the attempt before */
    int fit_looks;        /* graphs that this turn may still look into */
    struct map *delayed;  /* waiting job id -> struct delay */
    struct fair_order *fair;
    struct shares *shares;
    size_t scanned;        /* of those that wait, by dispatch; 0 = all, or all that it had to */
    int64_t next_deadline; /* wall clock; 0 = no waiting job has one */
    bool has_more_work;    /* the next turn shall not wait: a job or a slot has become free */
    int64_t housekeeping_due_mono_ms;
    struct retention retention;
    int64_t backends_view_due_mono_ms;
    struct told told;
    int64_t told_due_mono_ms; /* a change of a backend is not told before: the store has failed */
    bool has_queue_moved;     /* and those who listen do not know */
    int64_t moves_due_mono_ms;
    int64_t paused_since; /* wall clock; 0 = the queue is not paused */
    bool is_pause_untold; /* the line above has changed */
    int64_t levels_due_mono_ms;

    pthread_t thread;
    bool is_running;
    atomic_bool is_stopping;
    int64_t stop_by_mono_ms;
};

/* forecast.c */
void forecast_open(struct engine *e) ON_ENGINE;
/* A job has succeeded. */
void forecast_learn(struct engine *e, const struct job_row *row) ON_ENGINE;
/* Tells others how fast the queue moves; again when a backend has come or gone. */
void forecast_pace(struct engine *e) ON_ENGINE;
/* How long it will run, in ms; 0 = nobody knows. */
int64_t forecast_run_ms(struct engine *e, const struct job_row *row) ON_ENGINE;
/* When the job will be done, wall clock; 0 = nobody knows. `progress` NULL = none yet; position 0 = not in the queue. */
int64_t forecast_end(struct engine *e, const struct job_row *row,
                     const struct job_progress *progress, int64_t position) ON_ENGINE;

/* jobs.c */
struct live_job *jobs_find(struct engine *e, struct id job) ON_ENGINE;
struct live_job *jobs_by_prompt(struct engine *e, struct id prompt_id) ON_ENGINE;
/* Live, or read from the store for this turn. NULL with *st when there is none. */
struct live_job *jobs_load(struct engine *e, struct id job, enum st *st) ON_ENGINE;
/* Takes the row. */
struct live_job *jobs_adopt(struct engine *e, struct job_row *row) ON_ENGINE;
/* The row as this turn's events have made it so far. */
const struct job_row *jobs_row(const struct live_job *j) ON_ENGINE;
/* Not even this turn's events have taken it out of its ComfyUI. */
bool jobs_is_inside(const struct live_job *j) ON_ENGINE;
/* For changes that are not events of the state machine (a PATCH): a row to change. */
struct job_row *jobs_edit(struct engine *e, struct live_job *j) ON_ENGINE;
/* Its row goes with this turn's commit, and with it what else the turn would have changed. */
void jobs_mark_deleted(struct live_job *j) ON_ENGINE;
/* Applies an event to the copy that this turn will commit. */
unsigned jobs_event(struct engine *e, struct live_job *j, struct job_event event) ON_ENGINE;
unsigned jobs_event_error(struct engine *e, struct live_job *j, enum job_event_kind kind,
                          const struct job_error *error) ON_ENGINE;
unsigned jobs_event_trouble(struct engine *e, struct live_job *j, enum job_event_kind kind,
                            enum job_errc code, const char *fmt, ...) PRINTF_LIKE(5, 6) ON_ENGINE;
/* Reads the graph from the store, as it will be sent. */
bool jobs_load_graph(struct engine *e, struct live_job *j) ON_ENGINE;
/* The turn's last steps for the jobs that it touched. */
enum st jobs_write(struct engine *e) ON_ENGINE;
void jobs_forget_change(struct live_job *j) ON_ENGINE; /* this turn's, of one job */
void jobs_forget_changes(struct engine *e) ON_ENGINE;  /* of all: the commit failed */
void jobs_settle(struct engine *e) ON_ENGINE;          /* swap, publish, act, let go */
void jobs_tick(struct engine *e, int64_t mono) ON_ENGINE;
void jobs_free_all(struct engine *e) ON_ENGINE;
/* Ties a job to the backend that has, or is about to get, its prompt. */
void jobs_begin_attempt(struct engine *e, struct live_job *j) ON_ENGINE;
/* Gives the committed row its place in the queue and in the hub. */
void jobs_show(struct engine *e, struct live_job *j) ON_ENGINE;

/* take_up.c */
enum errc jobs_take_up(struct engine *e, struct err *err) ON_ENGINE;

/* commands.c */
void commands_collect(struct engine *e) ON_ENGINE;
enum st commands_write(struct engine *e) ON_ENGINE;
/* What commands_write has noted in them goes: it is called again. */
void commands_unwrite(struct engine *e) ON_ENGINE;
void commands_answer(struct engine *e, enum st committed) ON_ENGINE;
/* Gives them back to their requests, after everything that they may look at is published. */
void commands_release(struct engine *e) ON_ENGINE;

/* hold.c */
/* At start: what was stopped before. */
enum st holds_open(struct engine *e) ON_ENGINE;
/* In the turn's transaction, and after it has been committed. */
enum st hold_write(struct engine *e, const struct cmd *c) ON_ENGINE;
void hold_settle(struct engine *e, const struct cmd *c) ON_ENGINE;

/* ---- keys.c: keys of the API, and when they were used -------------------------------------------- */

/* In the transaction: makes or revokes a key, or refuses the command. */
enum st keys_write(struct engine *e, struct cmd *c) ON_ENGINE;
void keys_settle(const struct cmd *c) ON_ENGINE; /* any other command is passed over */
/* In the transaction of the housekeeping: when keys were used. */
enum st keys_write_uses(struct engine *e) ON_ENGINE;

/* dispatch.c */
void dispatch_waiting(struct engine *e) ON_ENGINE;
/* The job is in the store, waiting: gives it its place, unless it has one. */
void dispatch_put(struct engine *e, const struct job_row *row) ON_ENGINE;
/* The same at the start, of a job of which not more is read. */
void dispatch_put_waiting(struct engine *e, const struct waiting_job *job) ON_ENGINE;
void dispatch_remove(struct engine *e, struct id job) ON_ENGINE;
void dispatch_overdue(struct engine *e) ON_ENGINE;
void dispatch_free(struct engine *e) ON_ENGINE;
/* Prompts that it may still be given in this turn. */
int dispatch_free_slots(const struct backend *b) ON_ENGINE;

/* fit.c */
void fits_begin_turn(struct engine *e) ON_ENGINE;
#define FIT_ANY UINT64_MAX
/* A bit for each backend that is wanted, as a submission's `backend` says it; NULL = FIT_ANY. */
uint64_t fit_wanted(const struct engine *e, const char *wanted) ON_ENGINE;
/* The backend that the job goes to now, of those that are wanted and have a free slot; NULL = it waits. */
struct backend *fit_choose(struct engine *e, struct id job, uint64_t wanted) ON_ENGINE;
/* Another attempt of the job goes to another backend, if one that is up has what it needs. */
void fit_avoid(struct engine *e, struct id job, struct backend *b) ON_ENGINE;
/* Whether there is one for the job that is inside its backend. */
bool fit_has_other(struct engine *e, const struct live_job *j) ON_ENGINE;
/* The backend will be given the job. */
void fit_given(struct engine *e, struct id job, struct backend *b) ON_ENGINE;
void fit_forget(struct engine *e, struct id job) ON_ENGINE;
void fits_free(struct engine *e) ON_ENGINE;

/* backend.c */
void backend_init(struct backend *b, struct engine *e, const struct backend_address *address)
    ON_ENGINE;
void backend_clear(struct backend *b) ON_ENGINE;
void backend_tick(struct backend *b, int64_t mono) ON_ENGINE;
void backend_close(struct backend *b) ON_ENGINE; /* begins the closing handshake */
bool backend_is_open(const struct backend *b) ON_ENGINE;
/* Messages about the job's prompt come to the socket that is open. Its silence means something only
 * then. */
bool backend_hears(const struct live_job *j) ON_ENGINE;
bool backend_takes_work(const struct backend *b) ON_ENGINE;
/* It has been away for so long that its jobs are better run elsewhere. */
bool backend_is_lost(const struct backend *b) ON_ENGINE;
struct backend *backend_named(struct engine *e, const char *name) ON_ENGINE;
void backend_set(struct backend *b, enum backend_status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4) ON_ENGINE;
/* HTTP does not answer: nothing is known about it any more. */
void backend_lost(struct backend *b, const char *reason) ON_ENGINE;
/* A prompt was put into its queue by a POST that began then: the status broadcast must follow. */
void backend_expect_status(struct backend *b, int64_t since_mono_ms) ON_ENGINE;
/* It answers, but takes no prompts (a login proxy, a foreign Origin): gets no work for a while. */
void backend_hold(struct backend *b, const char *reason) ON_ENGINE;
/* It gets no work for so long; then a look may find it up. */
void backend_rest(struct backend *b, int64_t pause_ms, const char *reason) ON_ENGINE;
/* The url of a path on this backend, into out. */
const char *backend_url(const struct backend *b, const char *path, struct buf *out) ON_ENGINE;
/* How long to wait after so many failures in a row: doubles, within the settings, and is half chance. */
int64_t backend_pause(const struct backend *b, int failures) ON_ENGINE;
/* Something counts as stalled: opens the circuit and gives its jobs back. */
void backend_stall(struct backend *b, const char *reason) ON_ENGINE;

/* trouble.c */
/* A failure that is not the job's: after backend_max_faults of them in a row it rests, longer each time. */
void trouble_fault(struct backend *b, const char *reason) ON_ENGINE;
/* What history tells of a prompt's end. `effects` are what followed for the job; call it for each end that is heard. */
void trouble_heard_end(struct live_job *j, const struct comfy_history *end, unsigned effects)
    ON_ENGINE;
/* It has failed lately, and nothing has shown yet that it is well: one job at a time tries it. */
bool trouble_is_suspect(const struct backend *b) ON_ENGINE;

/* backend_view.c */
struct backend_state backend_state_of(const struct backend *b) ON_ENGINE;
void backends_publish(struct engine *e, int64_t mono) ON_ENGINE;

/* nodes.c */
void nodes_soon(struct backend *b) ON_ENGINE;
/* Behind a new socket there may be another ComfyUI. */
void nodes_opened(struct backend *b) ON_ENGINE;
/* A prompt was refused for what it does not have: perhaps it has changed. */
void nodes_refused(struct backend *b) ON_ENGINE;
void nodes_tick(struct backend *b, int64_t mono) ON_ENGINE;

/* look.c */
void look_soon(struct backend *b, int64_t in_ms) ON_ENGINE;
void look_tick(struct backend *b, int64_t mono) ON_ENGINE;
/* A sign that this prompt has ended: reads its history. */
void look_at_history(struct live_job *j) ON_ENGINE;
void look_tick_job(struct live_job *j, int64_t mono) ON_ENGINE;

/* upload.c */
/* Sends the next file of the job that its backend does not have; prompt_post is called again when it
 * is there. False when all are there. */
bool upload_begin(struct live_job *j) ON_ENGINE;
/* Lets go of a file that is being fetched; when it comes, nothing follows. */
void upload_drop_fetch(struct live_job *j) ON_ENGINE;
/* ComfyUI refuses the prompt: sends all files once more, if there are any and that was not tried. */
bool upload_again(struct live_job *j) ON_ENGINE;
/* Ends an upload that is under way, and gives the job back; false when none is. */
bool upload_stop(struct live_job *j) ON_ENGINE;
/* The graph with the names that the files have inside; in `renamed` when they are others. */
struct span upload_graph(const struct live_job *j, struct buf *renamed) ON_ENGINE;
/* What comes back under this name may not have them any more. */
void upload_forget(struct backend *b) ON_ENGINE;

/* prompt.c */
void prompt_post(struct live_job *j) ON_ENGINE;
/* Asks ComfyUI to put down its models and results, which it does between two prompts. */
void prompt_free_memory(struct backend *b) ON_ENGINE;
/* Asks ComfyUI to let go; harmless when repeated. */
void prompt_stop(struct live_job *j) ON_ENGINE;
/* A prompt nobody waits for any more: asked out at every look until it is gone. */
void prompt_abandon(struct backend *b, struct id prompt_id) ON_ENGINE;
void prompt_abandoned_tick(struct backend *b, const struct comfy_queue *queue) ON_ENGINE;
void prompt_abandoned_clear(struct backend *b) ON_ENGINE;
/* Removes one of two copies of a prompt from the queue. */
void prompt_drop_copy(struct backend *b, struct id prompt_id) ON_ENGINE;

/* collect.c */
/* Takes what history told about the outputs. */
void collect_begin(struct live_job *j, struct comfy_history *history) ON_ENGINE;
void collect_tick(struct live_job *j, int64_t mono) ON_ENGINE;
void collect_drop(struct live_job *j) ON_ENGINE;

/* events.c */
enum st events_begin(struct engine *e) ON_ENGINE;
void events_free(struct engine *e) ON_ENGINE;
/* In the transaction that inserts the job. */
enum st events_write_arrival(struct engine *e, const struct arrival *n) ON_ENGINE;
/* In the transaction that changes the job; `now` NULL = it goes. */
enum st events_write_job(struct engine *e, const struct job_row *old, const struct job_row *now,
                         const struct job_outputs *outputs) ON_ENGINE;
/* In the turn's transaction: which ComfyUI has come or gone. */
enum st events_write_backends(struct engine *e) ON_ENGINE;
/* What was written since the last commit is told to nobody: it is written again. */
void events_unwrite(struct engine *e) ON_ENGINE;
/* A ComfyUI has come or gone, so that there is something to commit. */
bool events_are_due(const struct engine *e, int64_t mono) ON_ENGINE;
/* What became of the transaction. */
void events_settle(struct engine *e, enum st committed, int64_t mono) ON_ENGINE;
/* Tells what was committed; then what passes. After all else that the turn publishes: who begins to listen
 * takes first its place among the events, then a look. */
void events_publish(struct engine *e, int64_t mono) ON_ENGINE;

/* deliveries.c */
/* In the transaction of the event, which has been inserted. */
enum st deliveries_write(struct engine *e, const struct job_row *job, const struct event_row *row)
    ON_ENGINE;
/* In the turn's transaction: how a try has ended, or that one is asked for. ST_NONE = there is no such delivery. */
enum st delivery_write(struct engine *e, const struct cmd *c) ON_ENGINE;
void delivery_settle(const struct cmd *c) ON_ENGINE; /* any other command is passed over */
/* What became of the transaction, and behind it: wakes who sends. */
void deliveries_settle(struct engine *e, enum st committed) ON_ENGINE;
void deliveries_publish(struct engine *e) ON_ENGINE;

/* measure.c */
/* Counts one; NULL is a backend that is not in the settings any more. */
void measure_backend(const struct backend *b, enum metric which) ON_ENGINE;
/* How a request to ComfyUI has ended. */
void measure_call(const struct backend *b, enum metrics_call kind, const struct http_result *result)
    ON_ENGINE;
void measure_accepted(struct engine *e, const struct job_row *row) ON_ENGINE;
/* The row as these effects have made it. */
void measure_moved(struct engine *e, const struct live_job *j, unsigned effects) ON_ENGINE;
void measure_estimate(struct engine *e, int64_t estimate_ms, int64_t run_ms) ON_ENGINE;
void measure_asset(struct engine *e, const struct asset *asset) ON_ENGINE;
/* Around a transaction. */
struct commit_measure {
    int64_t began_us;
    int64_t rows;
};
struct commit_measure measure_commit_begin(struct engine *e) ON_ENGINE;
void measure_commit(struct engine *e, const struct commit_measure *before, enum st st) ON_ENGINE;
void measure_levels(struct engine *e, int64_t mono) ON_ENGINE;

/* retention.c */
/* With the housekeeping, after the turn's commit and before what it has changed is let go of. */
void retention_run(struct engine *e, int64_t mono) ON_ENGINE;

#endif
