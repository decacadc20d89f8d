/* job_facts.h - what the command line shows of a Job, read from the gateway's answer.
 *
 * Read leniently: a member that is missing or of another type is "" or 0. All
 * texts are borrowed from the cJSON tree.
 */
#ifndef CG_CLI_JOB_FACTS_H
#define CG_CLI_JOB_FACTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/terminal.h"

struct job_facts {
    const char *id;
    const char *status;
    const char *phase;
    const char *title;
    const char *template_name; /* "" = a workflow was sent */
    const char *backend;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    const char *parent_id;
    int priority;
    int attempt;
    int max_attempts;
    int queue_position; /* 0 = not in the queue */
    int64_t total_ms;
    int64_t execution_ms;
    bool has_progress;
    double value;
    int nodes_done;
    int nodes_total;
    int nodes_cached;
    const char *node; /* title, or class, or id of the node at work */
    int step;
    int steps;
    const cJSON *outputs;
    const cJSON *error; /* NULL when null */
    const cJSON *warnings;
    const cJSON *tags;
    const cJSON *metadata;
};

/* For AUTO. */
void cjson_delete_ptr(cJSON **tree);
/* The text of a member, "" when it has none. */
const char *member_text(const cJSON *object, const char *name);
int64_t member_int(const cJSON *object, const char *name);

void job_facts_read(const cJSON *job, struct job_facts *out);
bool job_facts_ended(const struct job_facts *job);
/* The exit code that says how an ended job ended. */
int job_facts_exit(const struct job_facts *job);
enum tone job_facts_tone(const struct job_facts *job);
/* How long ago an RFC 3339 time was, by this machine's clock; 0 when that cannot be told. */
int64_t age_ms(const char *time);
/* "2.4 s", "3 min 20 s", "2 h 5 min". */
void duration_text(struct buf *out, int64_t ms);
/* "640 B", "1.4 MB". */
void size_text(struct buf *out, int64_t bytes);

#endif
