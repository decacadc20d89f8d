/* job_json.c - see job_json.h. The order of members is the order of schema/openapi.yaml.
 */
#include "core/job_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Warnings of one job, as JSON; more are dropped: a job that is tried a few times has a few. */
#define WARNINGS_MAX 16384

/* ---- Job ------------------------------------------------------------------------------------ */

void job_progress_json(struct json_out *o, const struct job_progress *p)
{
    if (p == NULL) {
        jo_null(o, "progress");
        return;
    }
    jo_obj(o, "progress");
    jo_num(o, "value", p->value, 4);
    jo_int(o, "nodes_done", p->nodes_done);
    jo_int(o, "nodes_total", p->nodes_total);
    jo_int(o, "nodes_cached", p->nodes_cached);
    jo_str(o, "current_node", p->node[0] != '\0' ? p->node : NULL);
    jo_str(o, "current_node_class", p->node_class[0] != '\0' ? p->node_class : NULL);
    jo_str(o, "current_node_title", p->node_title[0] != '\0' ? p->node_title : NULL);
    if (p->steps > 0) {
        jo_int(o, "step", p->step);
        jo_int(o, "steps", p->steps);
    } else {
        jo_null(o, "step");
        jo_null(o, "steps");
    }
    if (p->preview_seq > 0) {
        jo_int(o, "preview_seq", p->preview_seq);
    } else {
        jo_null(o, "preview_seq");
    }
    jo_time(o, "updated_at", p->updated_at);
    jo_end(o);
}

static void write_error(struct json_out *o, const struct job_row *row)
{
    const struct job_error *error = &row->error;
    const char *word = job_errc_word(error->code);

    /* What an earlier attempt stumbled over is no error of a job that made it. */
    if (word == NULL || row->status == JOB_SUCCEEDED) {
        jo_null(o, "error");
        return;
    }
    jo_obj(o, "error");
    jo_str(o, "code", word);
    jo_str(o, "message",
           error->message != NULL && error->message[0] != '\0' ? error->message : word);
    jo_str(o, "node_id", error->node_id);
    jo_str(o, "class_type", error->class_type);
    jo_str(o, "node_title", error->node_title);
    jo_bool(o, "retryable", job_errc_is_retryable(error->code));
    jo_end(o);
}

/* Null when one of the moments has not come. Clocks may be set back: never below 0. */
static void write_duration(struct json_out *o, const char *key, int64_t from, int64_t to)
{
    if (from == 0 || to == 0) {
        jo_null(o, key);
    } else {
        jo_int(o, key, to > from ? to - from : 0);
    }
}

static void write_metrics(struct json_out *o, const struct job_row *row)
{
    jo_obj(o, "metrics");
    write_duration(o, "queue_ms", row->created_at, row->started_at);
    write_duration(o, "execution_ms", row->started_at, row->completed_at);
    write_duration(o, "total_ms", row->created_at, row->completed_at);
    jo_end(o);
}

static void write_url(struct json_out *o, const char *key, struct id job, const char *rest)
{
    char url[sizeof "/v1/jobs/" + ID_LEN + 16];

    (void)snprintf(url, sizeof url, "/v1/jobs/%s%s", job.text, rest);
    jo_str(o, key, url);
}

static void write_urls(struct json_out *o, struct id job)
{
    jo_obj(o, "urls");
    write_url(o, "self", job, "");
    write_url(o, "events", job, "/events");
    write_url(o, "cancel", job, "/cancel");
    write_url(o, "retry", job, "/retry");
    jo_null(o, "outputs");
    write_url(o, "preview", job, "/preview");
    write_url(o, "workflow", job, "/workflow");
    jo_end(o);
}

static void write_webhook(struct json_out *o, const struct job_row *row)
{
    if (row->webhook_url == NULL) {
        jo_null(o, "webhook");
        return;
    }
    jo_obj(o, "webhook");
    jo_str(o, "url", row->webhook_url);
    jo_raw(o, "events", span_of(row->webhook_events_json));
    jo_end(o);
}

static void write_outputs(struct json_out *o, const struct job_outputs *outputs)
{
    jo_arr(o, "outputs");
    for (size_t i = 0; outputs != NULL && i < outputs->count; i++) {
        job_output_json(o, NULL, &outputs->item[i]);
    }
    jo_end(o);
}

static void write_identity(struct json_out *o, const struct job_row *row)
{
    jo_str(o, "id", row->id.text);
    jo_str(o, "status", job_status_word(row->status));
    jo_str(o, "phase", job_phase_word(row->phase));
    jo_int(o, "version", row->version);
    jo_str(o, "title", row->title);
    jo_str(o, "template", row->template_name);
    jo_raw(o, "input", span_of(row->input_json));
    jo_raw(o, "seed", row->seed != NULL ? span_of(row->seed) : SPAN_LIT("null"));
    jo_bool(o, "starred", row->is_starred);
    jo_int(o, "priority", row->priority);
    jo_raw(o, "tags", span_of(row->tags_json));
    jo_raw(o, "metadata", span_of(row->metadata_json));
    jo_str(o, "owner", row->owner);
    jo_str(o, "parent_id", id_is_none(row->parent_id) ? NULL : row->parent_id.text);
}

void job_json(struct json_out *o, const char *key, const struct job_view *view)
{
    const struct job_row *row = view->row;
    bool has_ended = job_has_ended(row->status);

    jo_obj(o, key);
    write_identity(o, row);
    jo_time(o, "created_at", row->created_at);
    jo_time(o, "started_at", row->started_at);
    jo_time(o, "completed_at", row->completed_at);
    if (view->queue_position > 0 && !has_ended) {
        jo_int(o, "queue_position", view->queue_position);
    } else {
        jo_null(o, "queue_position");
    }
    jo_time(o, "estimated_completion_at", has_ended ? 0 : view->estimated_completion_at);
    jo_str(o, "backend", row->backend);
    jo_int(o, "attempt", row->attempt);
    jo_int(o, "max_attempts", row->max_attempts);
    job_progress_json(o, row->status == JOB_SUCCEEDED ? NULL : view->progress);
    write_outputs(o, view->outputs);
    write_error(o, row);
    jo_raw(o, "warnings", span_of(row->warnings_json));
    write_webhook(o, row);
    write_metrics(o, row);
    write_urls(o, row->id);
    jo_end(o);
}

/* ---- Output --------------------------------------------------------------------------------- */

/* Of pixels or milliseconds; 0 is unknown. */
static void write_size(struct json_out *o, const char *key, int64_t size)
{
    if (size > 0) {
        jo_int(o, key, size);
    } else {
        jo_null(o, key);
    }
}

bool job_output_is_picture(const struct job_output *output)
{
    static const char *const TYPE[] = {"image/png", "image/jpeg", "image/webp", "image/gif"};

    for (size_t i = 0; i < COUNT_OF(TYPE) && output->content_type != NULL; i++) {
        if (strcmp(output->content_type, TYPE[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void write_thumbnail(struct json_out *o, const struct job_output *output)
{
    char url[sizeof "/v1/outputs//thumbnail" + ID_LEN];

    (void)snprintf(url, sizeof url, "/v1/outputs/%s/thumbnail", output->id.text);
    jo_str(o, "thumbnail_url", job_output_is_picture(output) ? url : NULL);
}

static void write_output(struct json_out *o, const struct job_output *output)
{
    char url[sizeof "/v1/outputs//content" + ID_LEN];

    (void)snprintf(url, sizeof url, "/v1/outputs/%s/content", output->id.text);
    jo_str(o, "id", output->id.text);
    jo_str(o, "job_id", output->job_id.text);
    jo_int(o, "index", output->index);
    jo_str(o, "node_id", output->node_id);
    jo_str(o, "name", output->name);
    jo_str(o, "type", output_type_word(output->type));
    jo_str(o, "content_type", output->content_type);
    jo_int(o, "size_bytes", output->size_bytes);
    jo_str(o, "sha256", output->sha256);
    write_size(o, "width", output->width);
    write_size(o, "height", output->height);
    write_size(o, "duration_ms", output->duration_ms);
    jo_str(o, "text", output->text);
    jo_bool(o, "primary", output->is_primary);
    jo_time(o, "created_at", output->created_at);
    jo_str(o, "url", url);
    write_thumbnail(o, output);
}

void job_output_json(struct json_out *o, const char *key, const struct job_output *output)
{
    jo_obj(o, key);
    write_output(o, output);
    jo_end(o);
}

void job_output_gallery_json(struct json_out *o, const struct job_output *output,
                             const char *job_title, const char *template_name, bool is_starred)
{
    jo_obj(o, NULL);
    write_output(o, output);
    jo_str(o, "job_title", job_title);
    jo_str(o, "template", template_name);
    jo_bool(o, "starred", is_starred);
    jo_end(o);
}

/* ---- summary -------------------------------------------------------------------------------- */

static void write_brief_output(struct json_out *o, const struct job_output *output)
{
    char url[sizeof "/v1/outputs//content" + ID_LEN];

    (void)snprintf(url, sizeof url, "/v1/outputs/%s/content", output->id.text);
    jo_obj(o, NULL);
    jo_str(o, "id", output->id.text);
    jo_str(o, "type", output_type_word(output->type));
    jo_str(o, "content_type", output->content_type);
    jo_int(o, "size_bytes", output->size_bytes);
    write_size(o, "width", output->width);
    write_size(o, "height", output->height);
    jo_bool(o, "primary", output->is_primary);
    jo_str(o, "url", url);
    jo_end(o);
}

void job_summary_json(struct json_out *o, const char *key, const struct job_row *row,
                      const struct job_outputs *outputs)
{
    jo_obj(o, key);
    jo_str(o, "id", row->id.text);
    jo_str(o, "status", job_status_word(row->status));
    jo_str(o, "phase", job_phase_word(row->phase));
    jo_int(o, "version", row->version);
    jo_str(o, "title", row->title);
    jo_str(o, "template", row->template_name);
    jo_str(o, "parent_id", id_is_none(row->parent_id) ? NULL : row->parent_id.text);
    jo_int(o, "priority", row->priority);
    jo_raw(o, "tags", span_of(row->tags_json));
    jo_raw(o, "metadata", span_of(row->metadata_json));
    jo_time(o, "created_at", row->created_at);
    jo_time(o, "started_at", row->started_at);
    jo_time(o, "completed_at", row->completed_at);
    jo_str(o, "backend", row->backend);
    jo_int(o, "attempt", row->attempt);
    jo_int(o, "max_attempts", row->max_attempts);
    jo_arr(o, "outputs");
    for (size_t i = 0; outputs != NULL && i < outputs->count; i++) {
        write_brief_output(o, &outputs->item[i]);
    }
    jo_end(o);
    write_error(o, row);
    if (job_has_ended(row->status)) {
        write_metrics(o, row);
    } else {
        jo_null(o, "metrics");
    }
    jo_end(o);
}

/* ---- problems ------------------------------------------------------------------------------- */

/* When nothing was said of the whole, the first place speaks for it. */
static void write_detail(struct json_out *o, const struct err *e, enum errc code)
{
    const struct err_item *first = &e->item[0];
    char text[sizeof e->detail + sizeof first->at + 64];
    char more[48] = "";

    if (e->detail[0] != '\0' || e->item_count == 0) {
        jo_str(o, "detail", e->detail[0] != '\0' ? e->detail : err_title(code));
        return;
    }
    if (e->item_count > 1) {
        (void)snprintf(more, sizeof more, " (and %zu more)", e->item_count - 1);
    }
    (void)snprintf(text, sizeof text, "%s%s%s%s", first->at, first->at[0] != '\0' ? ": " : "",
                   first->detail, more);
    jo_str(o, "detail", text);
}

static void write_items(struct json_out *o, const struct err *e)
{
    if (e->item_count == 0) {
        return;
    }
    jo_arr(o, "errors");
    for (size_t i = 0; i < e->item_count; i++) {
        const struct err_item *item = &e->item[i];

        jo_obj(o, NULL);
        jo_str(o, item->is_parameter ? "parameter" : "pointer", item->at);
        jo_str(o, "code", item->code);
        jo_str(o, "detail", item->detail);
        jo_end(o);
    }
    jo_end(o);
}

void problem_json(struct buf *out, const struct err *e, const char *request_id)
{
    struct json_out o = json_out_to(out);
    enum errc code = e->code != ERR_NONE ? e->code : ERR_INTERNAL_ERROR;
    char type[64];

    (void)snprintf(type, sizeof type, "/problems/%s", err_code(code));
    jo_obj(&o, NULL);
    jo_str(&o, "type", type);
    jo_str(&o, "title", err_title(code));
    jo_int(&o, "status", err_status(code));
    write_detail(&o, e, code);
    jo_str(&o, "code", err_code(code));
    jo_str(&o, "request_id", request_id != NULL ? request_id : "");
    write_items(&o, e);
    jo_end(&o);
}

/* ---- ETag and warnings ---------------------------------------------------------------------- */

void job_etag(int64_t version, int64_t queue_position, char out[JOB_ETAG_SIZE])
{
    (void)snprintf(out, JOB_ETAG_SIZE, "\"%" PRId64 ".%" PRId64 "\"", version, queue_position);
}

void job_warn(struct job_row *row, const char *code, const char *detail)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(WARNINGS_MAX);
    AUTO(buf_clear) struct buf warning = BUF_INIT(WARNINGS_MAX);
    struct json_out o = json_out_to(&warning);
    size_t len = strlen(row->warnings_json);

    bug_if(len < 2 || row->warnings_json[len - 1] != ']');
    jo_obj(&o, NULL);
    jo_str(&o, "code", code);
    jo_str(&o, "detail", detail);
    jo_end(&o);
    (void)buf_append(&text, row->warnings_json, len - 1);
    (void)buf_append_str(&text, len > 2 ? "," : "");
    (void)buf_append_span(&text, buf_span(&warning));
    (void)buf_append_char(&text, ']');
    if (buf_ok(&text) && buf_ok(&warning)) {
        free_ptr(&row->warnings_json);
        row->warnings_json = buf_take(&text);
    }
}
