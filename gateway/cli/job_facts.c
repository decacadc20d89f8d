/* job_facts.c - see job_facts.h. */
#include "cli/job_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

void cjson_delete_ptr(cJSON **tree)
{
    cJSON_Delete(*tree);
    *tree = NULL;
}

const char *member_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text != NULL ? text : "";
}

int64_t member_int(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    /* 2^53 is where a double stops counting; nothing that is shown comes near. */
    if (!cJSON_IsNumber(member) || !(member->valuedouble > -9e15 && member->valuedouble < 9e15)) {
        return 0;
    }
    return (int64_t)member->valuedouble;
}

static int small_int(const cJSON *object, const char *name)
{
    int64_t value = member_int(object, name);

    return value > INT32_MAX || value < INT32_MIN ? 0 : (int)value;
}

static const cJSON *member_unless_null(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return member == NULL || cJSON_IsNull(member) ? NULL : member;
}

static const char *first_text(const char *a, const char *b, const char *c)
{
    if (*a != '\0') {
        return a;
    }
    return *b != '\0' ? b : c;
}

static void read_progress(const cJSON *progress, struct job_facts *out)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(progress, "value");

    out->node = "";
    if (progress == NULL) {
        return;
    }
    out->has_progress = true;
    out->value = cJSON_IsNumber(value) ? value->valuedouble : 0;
    out->value = out->value >= 0 && out->value <= 1 ? out->value : 0;
    out->nodes_done = small_int(progress, "nodes_done");
    out->nodes_total = small_int(progress, "nodes_total");
    out->nodes_cached = small_int(progress, "nodes_cached");
    out->step = small_int(progress, "step");
    out->steps = small_int(progress, "steps");
    out->node = first_text(member_text(progress, "current_node_title"),
                           member_text(progress, "current_node_class"),
                           member_text(progress, "current_node"));
}

void job_facts_read(const cJSON *job, struct job_facts *out)
{
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(job, "metrics");

    *out = (struct job_facts){
        .id = member_text(job, "id"),
        .status = member_text(job, "status"),
        .phase = member_text(job, "phase"),
        .title = member_text(job, "title"),
        .template_name = member_text(job, "template"),
        .backend = member_text(job, "backend"),
        .created_at = member_text(job, "created_at"),
        .started_at = member_text(job, "started_at"),
        .completed_at = member_text(job, "completed_at"),
        .parent_id = member_text(job, "parent_id"),
        .priority = small_int(job, "priority"),
        .attempt = small_int(job, "attempt"),
        .max_attempts = small_int(job, "max_attempts"),
        .queue_position = small_int(job, "queue_position"),
        .total_ms = member_int(metrics, "total_ms"),
        .execution_ms = member_int(metrics, "execution_ms"),
        .outputs = member_unless_null(job, "outputs"),
        .error = member_unless_null(job, "error"),
        .warnings = member_unless_null(job, "warnings"),
        .tags = member_unless_null(job, "tags"),
        .metadata = member_unless_null(job, "metadata"),
    };
    read_progress(member_unless_null(job, "progress"), out);
}

/* How each end shows; a status that is not here is still open. */
static const struct job_end {
    const char *status;
    int exit_code;
    enum tone tone;
} job_ends[] = {
    {"succeeded", EXIT_OK, TONE_GOOD},
    {"failed", EXIT_JOB_FAILED, TONE_BAD},
    {"canceled", EXIT_JOB_STOPPED, TONE_DIM},
    {"expired", EXIT_JOB_STOPPED, TONE_DIM},
};

static const struct job_end *find_end(const struct job_facts *job)
{
    for (size_t i = 0; i < COUNT_OF(job_ends); i++) {
        if (strcmp(job->status, job_ends[i].status) == 0) {
            return &job_ends[i];
        }
    }
    return NULL;
}

bool job_facts_ended(const struct job_facts *job)
{
    return find_end(job) != NULL;
}

int job_facts_exit(const struct job_facts *job)
{
    const struct job_end *end = find_end(job);

    return end != NULL ? end->exit_code : EXIT_OTHER;
}

enum tone job_facts_tone(const struct job_facts *job)
{
    const struct job_end *end = find_end(job);

    if (end != NULL) {
        return end->tone;
    }
    return strcmp(job->status, "queued") == 0 ? TONE_PLAIN : TONE_BUSY;
}

int64_t age_ms(const char *time)
{
    struct tm tm = {0};
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t age;

    if (rest == NULL) {
        return 0;
    }
    age = clock_wall_ms() - (int64_t)timegm(&tm) * 1000;
    if (*rest == '.') {
        age -= strtol(rest + 1, NULL, 10); /* three digits, milliseconds */
    }
    return age > 0 ? age : 0; /* the clocks of two machines differ */
}

void duration_text(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000;

    if (seconds < 60) {
        buf_appendf(out, "%" PRId64 ".%" PRId64 " s", seconds, ms % 1000 / 100);
    } else if (seconds < 3600) {
        buf_appendf(out, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        buf_appendf(out, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds % 3600 / 60);
    } else {
        buf_appendf(out, "%" PRId64 " d %" PRId64 " h", seconds / 86400, seconds % 86400 / 3600);
    }
}

void size_text(struct buf *out, int64_t bytes)
{
    static const char *const unit[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t i = 0;

    if (bytes < 1000) {
        buf_appendf(out, "%" PRId64 " B", bytes);
        return;
    }
    size /= 1000;
    while (size >= 999.95 && i + 1 < COUNT_OF(unit)) {
        size /= 1000;
        i++;
    }
    buf_appendf(out, "%.1f %s", size, unit[i]);
}
