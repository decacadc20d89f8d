#include "core/job.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const status_words[JOB_STATUS_COUNT] = {
#define JOB_STATUS(name, word, ended) [JOB_##name] = (word),
#include "core/job.def"
};

static const bool status_has_ended[JOB_STATUS_COUNT] = {
#define JOB_STATUS(name, word, ended) [JOB_##name] = (ended),
#include "core/job.def"
};

static const char *const phase_words[] = {
    [PHASE_NONE] = NULL,
#define JOB_PHASE(name, word) [PHASE_##name] = (word),
#include "core/job.def"
};

static const char *const errc_words[JOB_ERR_COUNT] = {
    [JOB_ERR_NONE] = NULL,
#define JOB_ERROR(name, word, retryable) [JOB_ERR_##name] = (word),
#include "core/job.def"
};

static const bool errc_is_retryable[JOB_ERR_COUNT] = {
    [JOB_ERR_NONE] = false,
#define JOB_ERROR(name, word, retryable) [JOB_ERR_##name] = (retryable),
#include "core/job.def"
};

static const char *const output_type_words[] = {
    [OUTPUT_IMAGE] = "image", [OUTPUT_VIDEO] = "video", [OUTPUT_AUDIO] = "audio",
    [OUTPUT_TEXT] = "text",   [OUTPUT_FILE] = "file",
};

/* The place of word in words; `count` when it is not there. A NULL among the words matches nothing.
 */
static size_t find_word(const char *const *words, size_t count, struct span word)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] != NULL && span_is(word, words[i])) {
            return i;
        }
    }
    return count;
}

const char *job_status_word(enum job_status status)
{
    bug_if((size_t)status >= COUNT_OF(status_words));
    return status_words[status];
}

bool job_status_parse(struct span word, enum job_status *out)
{
    size_t found = find_word(status_words, COUNT_OF(status_words), word);

    if (found == COUNT_OF(status_words)) {
        return false;
    }
    *out = (enum job_status)found;
    return true;
}

bool job_has_ended(enum job_status status)
{
    bug_if((size_t)status >= COUNT_OF(status_has_ended));
    return status_has_ended[status];
}

const char *job_phase_word(enum job_phase phase)
{
    bug_if((size_t)phase >= COUNT_OF(phase_words));
    return phase_words[phase];
}

bool job_phase_parse(struct span word, enum job_phase *out)
{
    size_t found = find_word(phase_words, COUNT_OF(phase_words), word);

    if (found == COUNT_OF(phase_words)) {
        return false;
    }
    *out = (enum job_phase)found;
    return true;
}

const char *job_errc_word(enum job_errc code)
{
    bug_if((size_t)code >= COUNT_OF(errc_words));
    return errc_words[code];
}

enum job_errc job_errc_parse(struct span word)
{
    size_t found = find_word(errc_words, COUNT_OF(errc_words), word);

    return found == COUNT_OF(errc_words) ? JOB_ERR_NONE : (enum job_errc)found;
}

bool job_errc_is_retryable(enum job_errc code)
{
    bug_if((size_t)code >= COUNT_OF(errc_is_retryable));
    return errc_is_retryable[code];
}

const char *output_type_word(enum output_type type)
{
    bug_if((size_t)type >= COUNT_OF(output_type_words));
    return output_type_words[type];
}

enum output_type output_type_parse(struct span word)
{
    size_t found = find_word(output_type_words, COUNT_OF(output_type_words), word);

    return found == COUNT_OF(output_type_words) ? OUTPUT_FILE : (enum output_type)found;
}

/* ---- a row ----------------------------------------------------------------------------------- */

void job_row_init(struct job_row *row)
{
    *row = (struct job_row){
        .status = JOB_QUEUED,
        .phase = PHASE_WAITING,
        .version = 1,
        .tags_json = xstrdup("[]"),
        .metadata_json = xstrdup("{}"),
        .warnings_json = xstrdup("[]"),
        .input_json = xstrdup("{}"),
    };
}

void job_row_clear(struct job_row *row)
{
    free(row->title);
    free(row->owner);
    free(row->wanted_backend);
    free(row->tags_json);
    free(row->metadata_json);
    free(row->warnings_json);
    free(row->template_name);
    free(row->input_json);
    free(row->seed);
    free(row->primary_node);
    free(row->trace_id);
    free(row->webhook_url);
    free(row->webhook_events_json);
    free(row->webhook_secret);
    free(row->backend);
    job_error_clear(&row->error);
    *row = (struct job_row){0};
}

void job_row_copy(struct job_row *dst, const struct job_row *src)
{
    *dst = *src;
    dst->title = xstrdup_or_null(src->title);
    dst->owner = xstrdup_or_null(src->owner);
    dst->wanted_backend = xstrdup_or_null(src->wanted_backend);
    dst->tags_json = xstrdup_or_null(src->tags_json);
    dst->metadata_json = xstrdup_or_null(src->metadata_json);
    dst->warnings_json = xstrdup_or_null(src->warnings_json);
    dst->template_name = xstrdup_or_null(src->template_name);
    dst->input_json = xstrdup_or_null(src->input_json);
    dst->seed = xstrdup_or_null(src->seed);
    dst->primary_node = xstrdup_or_null(src->primary_node);
    dst->trace_id = xstrdup_or_null(src->trace_id);
    dst->webhook_url = xstrdup_or_null(src->webhook_url);
    dst->webhook_events_json = xstrdup_or_null(src->webhook_events_json);
    dst->webhook_secret = xstrdup_or_null(src->webhook_secret);
    dst->backend = xstrdup_or_null(src->backend);
    dst->error = (struct job_error){
        .code = src->error.code,
        .message = xstrdup_or_null(src->error.message),
        .node_id = xstrdup_or_null(src->error.node_id),
        .class_type = xstrdup_or_null(src->error.class_type),
        .node_title = xstrdup_or_null(src->error.node_title),
    };
}

struct id job_prefix(const struct job_row *row)
{
    return row->attempt > 1 && !id_is_none(row->prompt_id) ? row->prompt_id : row->id;
}

void job_error_set(struct job_error *error, enum job_errc code, const char *message,
                   const char *node_id, const char *class_type, const char *node_title)
{
    /* Copied before the old texts go: the new ones may be among them. */
    struct job_error fresh = {
        .code = code,
        .message = xstrdup_or_null(message),
        .node_id = xstrdup_or_null(node_id),
        .class_type = xstrdup_or_null(class_type),
        .node_title = xstrdup_or_null(node_title),
    };

    job_error_clear(error);
    *error = fresh;
}

void job_error_clear(struct job_error *error)
{
    free(error->message);
    free(error->node_id);
    free(error->class_type);
    free(error->node_title);
    *error = (struct job_error){0};
}

/* ---- outputs --------------------------------------------------------------------------------- */

struct job_output *job_outputs_add(struct job_outputs *outputs)
{
    size_t count = outputs->count;

    /* Room is always a power of two, so that a count which is one has just filled it. */
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : count * 2;

        outputs->item = xrealloc(outputs->item, room * sizeof *outputs->item);
    }
    outputs->item[count] = (struct job_output){0};
    outputs->count = count + 1;
    return &outputs->item[count];
}

void job_output_clear(struct job_output *output)
{
    free(output->node_id);
    free(output->name);
    free(output->content_type);
    free(output->text);
    *output = (struct job_output){0};
}

void job_outputs_clear(struct job_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        job_output_clear(&outputs->item[i]);
    }
    free(outputs->item);
    *outputs = (struct job_outputs){0};
}
