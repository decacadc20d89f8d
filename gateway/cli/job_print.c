/* job_print.c - see job_print.h. */
#include "cli/job_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/progress_bar.h"

#define STATUS_COLUMNS   10
#define PROGRESS_COLUMNS 16
#define AGE_COLUMNS      8
#define BACKEND_COLUMNS  10
#define TITLE_MIN        6
#define GAP              2
#define INPUT_MAX        ((size_t)1 << 20)

static const struct json_limits answer_limits = {.depth = 128, .nodes = 10000000};

static void put_error(const struct terminal *t, const cJSON *error)
{
    const char *node = member_text(error, "node_id");

    (void)fprintf(t->file, "  %s", terminal_tone(t, TONE_BAD));
    terminal_put(t, member_text(error, "code"));
    (void)fprintf(t->file, "%s: ", terminal_reset(t));
    terminal_put(t, member_text(error, "message"));
    (void)fputc('\n', t->file);
    if (*node != '\0') {
        (void)fputs("  at node ", t->file);
        terminal_put(t, node);
        (void)fputs(", ", t->file);
        terminal_put(t, member_text(error, "class_type"));
        if (member_text(error, "node_title")[0] != '\0') {
            (void)fputs(", \"", t->file);
            terminal_put(t, member_text(error, "node_title"));
            (void)fputc('"', t->file);
        }
        (void)fputc('\n', t->file);
    }
}

static void put_output(const struct terminal *t, const cJSON *output, const char *url)
{
    AUTO(buf_clear) struct buf facts = BUF_INIT(256);
    struct id id;

    if (member_int(output, "width") > 0) {
        buf_appendf(&facts, "%" PRId64 "x%" PRId64 ", ", member_int(output, "width"),
                    member_int(output, "height"));
    }
    size_text(&facts, member_int(output, "size_bytes"));
    (void)fputs("  ", t->file);
    terminal_put(t, member_text(output, "name"));
    (void)fprintf(t->file, "  %s%s%s\n", terminal_tone(t, TONE_DIM), buf_str(&facts),
                  terminal_reset(t));
    if (id_parse(span_of(member_text(output, "id")), &id)) {
        (void)fprintf(t->file, "    %s/v1/outputs/%s/content\n", url, id.text);
    }
}

static void put_outputs(const struct terminal *t, const struct job_facts *job, const char *url)
{
    const cJSON *output;

    cJSON_ArrayForEach(output, job->outputs) {
        put_output(t, output, url);
    }
}

static void put_warnings(const struct terminal *t, const struct job_facts *job)
{
    const cJSON *warning;

    cJSON_ArrayForEach(warning, job->warnings) {
        (void)fputs("  warning: ", t->file);
        terminal_put(t, member_text(warning, "detail"));
        (void)fputc('\n', t->file);
    }
}

static void put_status(const struct terminal *t, const struct job_facts *job)
{
    (void)fputs(terminal_tone(t, job_facts_tone(job)), t->file);
    terminal_put(t, job->status);
    (void)fputs(terminal_reset(t), t->file);
}

void job_print_result(const struct terminal *t, const struct job_facts *job, const char *url)
{
    AUTO(buf_clear) struct buf took = BUF_INIT(64);

    put_status(t, job);
    (void)fputc(' ', t->file);
    terminal_put(t, job->id);
    if (job_facts_ended(job)) {
        duration_text(&took, job->total_ms);
        (void)fprintf(t->file, " after %s", buf_str(&took));
    } else if (job->queue_position > 0) {
        (void)fprintf(t->file, ", place %d in the queue", job->queue_position);
    }
    (void)fputc('\n', t->file);
    if (job->error != NULL) {
        put_error(t, job->error);
    }
    put_warnings(t, job);
    put_outputs(t, job, url);
}

static void put_fact(const struct terminal *t, const char *name, const char *value)
{
    if (*value == '\0') {
        return;
    }
    (void)fprintf(t->file, "%s%-10s%s ", terminal_tone(t, TONE_DIM), name, terminal_reset(t));
    terminal_put(t, value);
    (void)fputc('\n', t->file);
}

static void put_factf(const struct terminal *t, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void put_factf(const struct terminal *t, const char *name, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_fact(t, name, text);
}

static void put_tags(const struct terminal *t, const struct job_facts *job)
{
    AUTO(buf_clear) struct buf tags = BUF_INIT(65536);
    const cJSON *item;

    cJSON_ArrayForEach(item, job->tags) {
        const char *tag = cJSON_GetStringValue(item);

        buf_appendf(&tags, "%s%s", tags.len > 0 ? ", " : "", tag != NULL ? tag : "");
    }
    put_fact(t, "tags", buf_str(&tags));
    cJSON_ArrayForEach(item, job->metadata) {
        const char *value = cJSON_GetStringValue(item);
        AUTO(buf_clear) struct buf line = BUF_INIT(65536);

        buf_appendf(&line, "%s = %s", item->string, value != NULL ? value : "");
        put_fact(t, "metadata", buf_str(&line));
    }
}

static void put_progress(const struct terminal *t, const struct job_facts *job)
{
    put_factf(t, "progress", "%d %%, %d of %d nodes, %d of them cached", (int)(job->value * 100),
              job->nodes_done, job->nodes_total, job->nodes_cached);
    put_fact(t, "node", job->node);
    if (job->steps > 0) {
        put_factf(t, "step", "%d of %d", job->step, job->steps);
    }
}

static void put_value(const struct terminal *t, const struct json_doc *doc, json_ref member)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(INPUT_MAX);
    AUTO(free_ptr) char *text = json_str_dup(doc, member);

    (void)json_key(doc, member, &line);
    (void)buf_append_str(&line, " = ");
    if (text != NULL) {
        (void)buf_append_str(&line, text);
    } else {
        (void)buf_append_span(&line, json_raw(doc, member));
    }
    put_fact(t, "input", buf_str(&line));
}

/* From the answer's own digits: a seed does not fit into a double. */
static void put_input(const struct terminal *t, struct span answer)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    json_ref input = JSON_NONE;
    json_ref seed = JSON_NONE;

    if (json_parse(answer, JSON_STRICT, answer_limits, &doc, NULL) != ERR_NONE) {
        return;
    }
    seed = json_get(doc, 0, "seed");
    if (json_type(doc, seed) == JSON_NUMBER) {
        struct span digits = json_raw(doc, seed);

        put_factf(t, "seed", "%.*s", (int)digits.len, digits.ptr);
    }
    input = json_get(doc, 0, "input");
    for (json_ref n = json_first(doc, input); n != JSON_NONE; n = json_next(doc, n)) {
        put_value(t, doc, n);
    }
}

void job_print_all(const struct terminal *t, const struct job_facts *job, struct span answer,
                   const char *url)
{
    put_fact(t, "id", job->id);
    (void)fprintf(t->file, "%s%-10s%s ", terminal_tone(t, TONE_DIM), "status", terminal_reset(t));
    put_status(t, job);
    (void)fprintf(t->file, "%s%.20s\n", *job->phase != '\0' ? ", " : "", job->phase);
    put_fact(t, "title", job->title);
    put_fact(t, "template", job->template_name);
    put_input(t, answer);
    put_fact(t, "backend", job->backend);
    put_fact(t, "created", job->created_at);
    put_fact(t, "started", job->started_at);
    put_fact(t, "ended", job->completed_at);
    put_fact(t, "parent", job->parent_id);
    put_factf(t, "attempt", "%d of %d", job->attempt, job->max_attempts);
    if (job->priority != 0) {
        put_factf(t, "priority", "%d", job->priority);
    }
    if (job->queue_position > 0) {
        put_factf(t, "queue", "place %d", job->queue_position);
    }
    put_tags(t, job);
    if (job->has_progress) {
        put_progress(t, job);
    }
    if (job->error != NULL) {
        put_error(t, job->error);
    }
    put_warnings(t, job);
    put_outputs(t, job, url);
}

/* "45 s", "3 min", "2 h", "5 d". */
static void age_text(const char *created_at, struct buf *out)
{
    int64_t age = age_ms(created_at) / 1000;

    if (age < 60) {
        buf_appendf(out, "%" PRId64 " s", age);
    } else if (age < 3600) {
        buf_appendf(out, "%" PRId64 " min", age / 60);
    } else if (age < 86400) {
        buf_appendf(out, "%" PRId64 " h", age / 3600);
    } else {
        buf_appendf(out, "%" PRId64 " d", age / 86400);
    }
}

/* What fits beside the id, which is never cut: it is what the other verbs need. */
struct columns {
    bool has_progress;
    bool has_backend;
    int title; /* 0 = none */
};

static struct columns fit_columns(int width)
{
    struct columns c = {0};
    int left = width - ID_LEN - GAP - STATUS_COLUMNS - GAP - AGE_COLUMNS;

    c.has_progress = left >= PROGRESS_COLUMNS + GAP;
    left -= c.has_progress ? PROGRESS_COLUMNS + GAP : 0;
    c.has_backend = left >= BACKEND_COLUMNS + GAP + TITLE_MIN + GAP;
    left -= c.has_backend ? BACKEND_COLUMNS + GAP : 0;
    c.title = left >= TITLE_MIN + GAP ? left - GAP : 0;
    return c;
}

static void gap(struct buf *line)
{
    buf_append_str(line, "  ");
}

static void progress_cell(const struct terminal *t, const struct job_facts *job, struct buf *line)
{
    char place[32] = "";

    if (job->has_progress) {
        buf_append_str(line, terminal_tone(t, TONE_BUSY));
        progress_bar_text(t, job->value, PROGRESS_COLUMNS, line);
        buf_append_str(line, terminal_reset(t));
        return;
    }
    if (job->queue_position > 0) {
        (void)snprintf(place, sizeof place, "place %d", job->queue_position);
    }
    terminal_pad(t, place, PROGRESS_COLUMNS, line);
}

static void table_head(const struct terminal *t, const struct columns *c, struct buf *line)
{
    buf_append_str(line, terminal_tone(t, TONE_BOLD));
    terminal_pad(t, "ID", ID_LEN, line);
    gap(line);
    terminal_pad(t, "STATUS", STATUS_COLUMNS, line);
    gap(line);
    terminal_pad(t, "AGE", AGE_COLUMNS, line);
    if (c->has_progress) {
        gap(line);
        terminal_pad(t, "PROGRESS", PROGRESS_COLUMNS, line);
    }
    if (c->has_backend) {
        gap(line);
        terminal_pad(t, "BACKEND", BACKEND_COLUMNS, line);
    }
    if (c->title > 0) {
        gap(line);
        (void)terminal_fit(t, "TITLE", c->title, line);
    }
    buf_append_str(line, terminal_reset(t));
}

static void table_row(const struct terminal *t, const struct columns *c,
                      const struct job_facts *job, struct buf *line)
{
    AUTO(buf_clear) struct buf age = BUF_INIT(64);

    age_text(job->created_at, &age);
    terminal_pad(t, job->id, ID_LEN, line);
    gap(line);
    buf_append_str(line, terminal_tone(t, job_facts_tone(job)));
    terminal_pad(t, job->status, STATUS_COLUMNS, line);
    buf_append_str(line, terminal_reset(t));
    gap(line);
    terminal_pad(t, buf_str(&age), AGE_COLUMNS, line);
    if (c->has_progress) {
        gap(line);
        progress_cell(t, job, line);
    }
    if (c->has_backend) {
        gap(line);
        terminal_pad(t, job->backend, BACKEND_COLUMNS, line);
    }
    if (c->title > 0) {
        gap(line);
        (void)terminal_fit(t, job->title[0] != '\0' ? job->title : job->template_name, c->title,
                           line);
    }
}

static void put_line(const struct terminal *t, struct buf *line, const char *end)
{
    while (line->len > 0 && line->data[line->len - 1] == ' ') {
        line->len--;
        line->data[line->len] = '\0';
    }
    (void)fprintf(t->file, "%s%s", buf_str(line), end);
    buf_reset(line);
}

void job_print_table(const struct terminal *t, const cJSON *jobs, int rows, const char *end)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(65536);
    /* Off a terminal nothing is cut: it is read by programs, or later on a wider one. */
    struct columns c = fit_columns(t->is_tty ? terminal_columns(t) - 1 : 400);
    const cJSON *item;
    int row = 0;

    table_head(t, &c, &line);
    put_line(t, &line, end);
    cJSON_ArrayForEach(item, jobs) {
        struct job_facts job;

        if (row == rows) {
            break;
        }
        job_facts_read(item, &job);
        table_row(t, &c, &job, &line);
        put_line(t, &line, end);
        row++;
    }
}
