/* submit.c - a submission, member by member; and a job made from an earlier one.
 */
#include "core/submit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/graph.h"
#include "core/submit_read.h"
#include "core/webhook.h"

#define BACKEND_MAX  256
#define TEMPLATE_MAX 64
#define SECONDS_MAX  604800
#define ATTEMPTS_MAX 5

static void read_workflow(struct intake *in, json_ref value)
{
    struct submission *s = in->submission;
    struct span raw = json_raw(in->doc, value);
    size_t nodes = 0;

    if (graph_check(in->doc, value, "/workflow", in->limits->graph_nodes, &nodes, in->e) ==
        ERR_NONE) {
        s->row.nodes_total = (int)nodes;
        s->graph = BUF_INIT(raw.len);
        (void)buf_append_span(&s->graph, raw);
    }
}

static void read_template(struct intake *in, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);

    if (intake_text(in, value, 1, TEMPLATE_MAX, &text)) {
        in->submission->row.template_name = buf_take(&text);
    }
}

static void read_input(struct intake *in, json_ref value)
{
    if (json_type(in->doc, value) != JSON_OBJECT) {
        intake_fault(in, value, "wrong_type", "must be an object");
        return;
    }
    in->submission->input = value;
}

static void read_parent(struct intake *in, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);

    if (intake_text(in, value, 1, ID_LEN, &text) &&
        !id_parse(buf_span(&text), &in->submission->row.parent_id)) {
        intake_fault(in, value, "invalid", "must be the id of a job");
    }
}

static void read_title(struct intake *in, json_ref value)
{
    in->submission->row.title = intake_title(in, value);
}

/* Replaces *slot when there is a text to replace it by. */
static void take_text(char **slot, char *text)
{
    if (text != NULL) {
        free(*slot);
        *slot = text;
    }
}

static void read_tags(struct intake *in, json_ref value)
{
    take_text(&in->submission->row.tags_json, intake_tags_json(in, value));
}

static void read_metadata(struct intake *in, json_ref value)
{
    take_text(&in->submission->row.metadata_json, intake_metadata_json(in, value));
}

static void read_priority(struct intake *in, json_ref value)
{
    int64_t number = 0;

    if (intake_integer(in, value, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, &number)) {
        in->submission->row.priority = (int)number;
    }
}

static void read_deadline(struct intake *in, json_ref value)
{
    int64_t seconds = 0;

    if (intake_integer(in, value, 1, SECONDS_MAX, &seconds)) {
        in->submission->row.deadline_at = in->submission->row.created_at + seconds * 1000;
    }
}

static void read_timeout(struct intake *in, json_ref value)
{
    int64_t seconds = 0;

    if (intake_integer(in, value, 1, SECONDS_MAX, &seconds)) {
        in->submission->row.timeout_ms = seconds * 1000;
    }
}

static void read_max_attempts(struct intake *in, json_ref value)
{
    int64_t number = 0;

    if (intake_integer(in, value, 1, ATTEMPTS_MAX, &number)) {
        in->submission->row.max_attempts = (int)number;
        in->submission->has_max_attempts = true;
    }
}

static void read_backend(struct intake *in, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);

    if (intake_text(in, value, 1, BACKEND_MAX, &text)) {
        take_text(&in->submission->row.wanted_backend, buf_take(&text));
    }
}

static void read_webhook(struct intake *in, json_ref value)
{
    AUTO(webhook_clear) struct webhook webhook = {.url = NULL};

    if (webhook_read(in->doc, value, &webhook, in->e) == ERR_NONE) {
        webhook_move(&webhook, &in->submission->row);
    }
}

static void read_dry_run(struct intake *in, json_ref value)
{
    if (!json_bool(in->doc, value, &in->submission->is_dry_run)) {
        intake_fault(in, value, "wrong_type", "must be true or false");
    }
}

static const struct member submission_members[] = {
    {"workflow", read_workflow},
    {"template", read_template},
    {"input", read_input},
    {"parent_id", read_parent},
    {"title", read_title},
    {"tags", read_tags},
    {"metadata", read_metadata},
    {"priority", read_priority},
    {"deadline_seconds", read_deadline},
    {"timeout_seconds", read_timeout},
    {"max_attempts", read_max_attempts},
    {"backend", read_backend},
    {"webhook", read_webhook},
    {"dry_run", read_dry_run},
    {NULL, NULL},
};

/* What only all members together tell. */
static void check_kind(const struct intake *in)
{
    bool has_workflow = json_get(in->doc, 0, "workflow") != JSON_NONE;
    bool has_template = json_get(in->doc, 0, "template") != JSON_NONE;

    if (has_workflow && has_template) {
        (void)err_at(in->e, ERR_VALIDATION_ERROR, "/template", "conflict",
                     "a job is made from a template or from a workflow, not from both");
    } else if (!has_workflow && !has_template) {
        (void)err_at(in->e, ERR_VALIDATION_ERROR, "/workflow", "required",
                     "a workflow in ComfyUI's API format is needed, or the name of a template");
    } else if (has_workflow && json_get(in->doc, 0, "input") != JSON_NONE) {
        (void)err_at(in->e, ERR_VALIDATION_ERROR, "/input", "unexpected",
                     "is for templates; change the workflow itself");
    }
}

enum errc submission_parse(struct span body, const struct submit_limits *limits, int64_t now,
                           struct submission *out, struct err *e)
{
    struct err unseen = ERR_INIT;
    struct intake in = {.limits = limits, .submission = out, .e = e != NULL ? e : &unseen};

    *out = (struct submission){.graph = BUF_INIT(0), .input = JSON_NONE};
    job_row_init(&out->row);
    out->row.created_at = now;
    out->row.max_attempts = limits->default_max_attempts;
    *in.e = ERR_INIT;
    if (json_parse(body, JSON_STRICT, limits->json, &out->doc, in.e) != ERR_NONE) {
        return in.e->code;
    }
    in.doc = out->doc;
    intake_body(&in, submission_members);
    if (json_type(in.doc, 0) == JSON_OBJECT) {
        check_kind(&in);
    }
    if (out->row.template_name == NULL) {
        json_free_ptr(&out->doc); /* the workflow's bytes are all that is needed of it */
    }
    if (in.e->code == ERR_NONE) {
        out->row.id = id_new();
        out->row.version = 1;
    }
    return in.e->code;
}

void submission_clear(struct submission *s)
{
    job_row_clear(&s->row);
    buf_clear(&s->graph);
    json_free_ptr(&s->doc);
}

void job_retry_row(const struct job_row *from, int64_t now, struct job_row *out)
{
    job_row_init(out);
    out->id = id_new();
    out->version = 1;
    out->parent_id = from->id;
    out->priority = from->priority;
    out->max_attempts = from->max_attempts;
    out->timeout_ms = from->timeout_ms;
    out->nodes_total = from->nodes_total;
    out->created_at = now;
    if (from->deadline_at != 0) {
        out->deadline_at = now + (from->deadline_at - from->created_at);
    }
    xreplace(&out->title, from->title);
    xreplace(&out->owner, from->owner);
    xreplace(&out->wanted_backend, from->wanted_backend);
    xreplace(&out->tags_json, from->tags_json);
    xreplace(&out->metadata_json, from->metadata_json);
    xreplace(&out->template_name, from->template_name);
    xreplace(&out->input_json, from->input_json);
    xreplace(&out->seed, from->seed);
    xreplace(&out->primary_node, from->primary_node);
    xreplace(&out->webhook_url, from->webhook_url);
    xreplace(&out->webhook_events_json, from->webhook_events_json);
    xreplace(&out->webhook_secret, from->webhook_secret);
}
