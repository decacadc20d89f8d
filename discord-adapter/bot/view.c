/* view.c - see view.h.
 */
#include "bot/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/read.h"
#include "wire/text.h"

#define COLOUR_WAITING  0x95A5A6U
#define COLOUR_RUNNING  0x5865F2U
#define COLOUR_DONE     0x57F287U
#define COLOUR_FAILED   0xED4245U
#define COLOUR_CANCELED 0x747F8DU

#define PROMPT_CHARS     300
#define TEXT_OUTPUT_MAX  1000
#define BAR_CELLS        16
#define PICTURES_PRESSED 5 /* a row has five buttons */
#define LINE_MAX         4000
#define GUESS_FROM       0.05 /* of the work must be done before the rest is guessed from it */

/* ---- parts ---------------------------------------------------------------------------------- */

static struct id job_id(const cJSON *job)
{
    struct id id = {.text = ""};

    (void)!id_parse(span_of(read_text(job, "id")), &id);
    return id;
}

static const char *title_of(const cJSON *job, const struct view_options *o)
{
    const char *name = read_text(job, "template");
    const struct template_entry *t = o->catalog != NULL ? catalog_find(o->catalog, name) : NULL;

    if (t != NULL) {
        return t->title;
    }
    return name[0] != '\0' ? name : "A workflow";
}

static const cJSON *input_of(const cJSON *job)
{
    return cJSON_GetObjectItemCaseSensitive(job, "input");
}

/* What was asked for, as a quotation: each line of it stays one. */
static void add_prompt(struct buf *out, const cJSON *job)
{
    const char *prompt = read_text(input_of(job), "prompt");
    AUTO(buf_clear) struct buf flat = BUF_INIT((size_t)LINE_MAX * 4);

    if (prompt[0] == '\0') {
        prompt = read_text(job, "title");
    }
    for (const char *c = prompt; *c != '\0'; c++) {
        (void)buf_append_char(&flat, (char)(*c == '\n' || *c == '\r' ? ' ' : *c));
    }
    if (flat.len > 0) {
        (void)buf_append_str(out, "> ");
        text_escape(out, buf_str(&flat), PROMPT_CHARS);
        (void)buf_append_char(out, '\n');
    }
}

static void add_button(struct message *m, const cJSON *job, enum press_action action,
                       enum button_style style, const char *label, const char *emoji)
{
    struct custom_id id = {.action = action, .job = job_id(job)};

    message_button(m, style, label, emoji, &id, false);
}

static void add_id(struct message *m, const cJSON *job)
{
    char text[64];

    (void)snprintf(text, sizeof text, "job %s", job_id(job).text);
    message_footer(m, text);
}

/* ---- open ----------------------------------------------------------------------------------- */

static void add_waiting(struct buf *out, const cJSON *job)
{
    int64_t place = read_int(job, "queue_position", 0);
    int64_t end = read_time_ms(job, "estimated_completion_at");

    if (place == 1) {
        (void)buf_append_str(out, "Next in the queue");
    } else if (place > 1) {
        (void)buf_appendf(out, "Place **%lld** in the queue", (long long)place);
    } else {
        (void)buf_append_str(out, "In the queue");
    }
    if (end > 0) {
        (void)buf_append_str(out, ", done about ");
        text_time(out, end, 'R');
    }
}

/* The node by its title, else by its class; then the step. */
static void add_node(struct buf *out, const cJSON *progress)
{
    const char *title = read_text(progress, "current_node_title");
    const char *name = title[0] != '\0' ? title : read_text(progress, "current_node_class");
    int64_t steps = read_int(progress, "steps", 0);

    if (name[0] != '\0') {
        (void)buf_append_char(out, '\n');
        text_escape(out, name, 80);
    }
    if (steps > 0) {
        (void)buf_appendf(out, "%sstep %lld of %lld", name[0] != '\0' ? ", " : "\n",
                          (long long)read_int(progress, "step", 0), (long long)steps);
    }
}

static void add_times(struct buf *out, const cJSON *job, double value, int64_t now_ms)
{
    int64_t start = read_time_ms(job, "started_at");
    int64_t end = read_time_ms(job, "estimated_completion_at");
    int64_t elapsed = start > 0 && now_ms > start ? now_ms - start : 0;
    int64_t left = end > now_ms ? end - now_ms : 0;

    if (start == 0) {
        return;
    }
    if (left == 0 && value >= GUESS_FROM && value < 1) {
        left = (int64_t)((double)elapsed * (1 - value) / value);
    }
    (void)buf_append_char(out, '\n');
    text_duration(out, elapsed);
    if (left > 0) {
        (void)buf_append_str(out, " so far, about ");
        text_duration(out, left);
        (void)buf_append_str(out, " to go");
    } else {
        (void)buf_append_str(out, " so far");
    }
}

static void add_running(struct buf *out, const cJSON *job, int64_t now_ms)
{
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(job, "progress");
    double value = read_number(progress, "value", 0);

    text_bar(out, value, BAR_CELLS);
    add_node(out, progress);
    add_times(out, job, value, now_ms);
}

static const char *open_title(const cJSON *job, bool is_running)
{
    if (strcmp(read_text(job, "status"), "canceling") == 0) {
        return "Being canceled";
    }
    if (is_running && strcmp(read_text(job, "phase"), "collecting") == 0) {
        return "Fetching the result";
    }
    return is_running ? "In the making" : "Waiting";
}

static void add_preview(struct message *m, const struct view_options *o)
{
    static const char *const ending[][2] = {{"image/png", "preview.png"},
                                            {"image/webp", "preview.webp"},
                                            {"image/jpeg", "preview.jpg"}};
    const char *type = o->preview_type != NULL ? o->preview_type : "image/jpeg";
    const char *name = "preview.jpg";

    if (o->preview == NULL || o->is_spoiler) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(ending); i++) {
        name = strcmp(type, ending[i][0]) == 0 ? ending[i][1] : name;
    }
    if (message_file(m, name, type, bytes_ref(o->preview), "As far as it is", false)) {
        message_image(m, name);
    }
}

struct message *view_open(const cJSON *job, const struct view_options *o)
{
    struct message *m = message_new();
    AUTO(buf_clear) struct buf text = BUF_INIT(LINE_MAX);
    bool is_running = strcmp(read_text(job, "status"), "queued") != 0;
    AUTO(free_ptr)
    char *title = xasprintf("%s: %.120s", open_title(job, is_running), title_of(job, o));

    add_prompt(&text, job);
    if (is_running) {
        add_running(&text, job, o->now_ms);
    } else {
        add_waiting(&text, job);
    }
    message_embed(m, title, buf_str(&text), is_running ? COLOUR_RUNNING : COLOUR_WAITING);
    add_id(m, job);
    add_preview(m, o);
    if (o->is_cancel_shown && strcmp(read_text(job, "status"), "canceling") != 0) {
        message_row(m);
        add_button(m, job, PRESS_CANCEL, BUTTON_SECONDARY, "Cancel", NULL);
    }
    return m;
}

/* ---- failed --------------------------------------------------------------------------------- */

const char *view_error_sentence(const char *code)
{
    static const char *const known[][2] = {
        {"invalid_workflow", "The picture server could not make sense of this workflow."},
        {"missing_node", "The picture server lacks a part that this workflow needs."},
        {"missing_model", "The picture server does not have a model that this needs."},
        {"node_execution_error", "Something went wrong while it was made."},
        {"out_of_memory", "The graphics card ran out of memory. A smaller size, or fewer pictures "
                          "at once, may help."},
        {"backend_lost", "The picture server stopped while it was made, more than once."},
        {"backend_unreachable", "The picture server could not be reached."},
        {"interrupted", "It was stopped at the picture server."},
        {"timeout", "It took longer than is allowed."},
        {"deadline_exceeded", "It waited longer than is allowed."},
        {"output_missing", "It was made, but the result could not be fetched."},
        {"no_outputs", "It ran, but made no picture."},
        {"storage_full", "There is no room left to store the result."},
    };

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(code, known[i][0]) == 0) {
            return known[i][1];
        }
    }
    return "Something went wrong.";
}

/* ComfyUI's own words help who knows the graph: the node, and one line of what it said. */
static void add_error(struct buf *out, const cJSON *job)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(job, "error");
    const char *title = read_text(error, "node_title");
    const char *node = title[0] != '\0' ? title : read_text(error, "class_type");
    const char *words = read_text(error, "message");

    (void)buf_append_str(out, view_error_sentence(read_text(error, "code")));
    if (node[0] != '\0') {
        (void)buf_append_str(out, "\nAt: ");
        text_escape(out, node, 100);
    }
    if (words[0] != '\0') {
        (void)buf_append_str(out, "\n");
        text_code(out, words, 400);
    }
}

struct message *view_failed(const cJSON *job, const struct view_options *o)
{
    struct message *m = message_new();
    AUTO(buf_clear) struct buf text = BUF_INIT(LINE_MAX);
    const char *status = read_text(job, "status");
    bool is_failed = strcmp(status, "failed") == 0;
    const char *word = is_failed                        ? "Failed"
                       : strcmp(status, "expired") == 0 ? "Expired"
                                                        : "Canceled";
    AUTO(free_ptr) char *title = xasprintf("%s: %.120s", word, title_of(job, o));

    add_prompt(&text, job);
    if (is_failed) {
        add_error(&text, job);
    } else if (strcmp(status, "expired") == 0) {
        (void)buf_append_str(&text, "It was not begun before its deadline.");
    } else {
        (void)buf_append_str(&text, "It was canceled.");
    }
    message_embed(m, title, buf_str(&text), is_failed ? COLOUR_FAILED : COLOUR_CANCELED);
    add_id(m, job);
    message_row(m);
    if (read_text(job, "template")[0] != '\0') {
        add_button(m, job, PRESS_AGAIN, BUTTON_SECONDARY, "Run again", "🔁");
        add_button(m, job, PRESS_CHANGE, BUTTON_SECONDARY, "Change and run", "✏️");
    }
    add_button(m, job, PRESS_DELETE, BUTTON_SECONDARY, "Delete", "🗑️");
    return m;
}

/* ---- done ----------------------------------------------------------------------------------- */

static bool is_picture(const cJSON *output)
{
    return strcmp(read_text(output, "type"), "image") == 0;
}

static void add_fact(struct buf *out, const char *text)
{
    if (text[0] != '\0') {
        (void)buf_appendf(out, "%s%s", out->len > 0 ? " · " : "", text);
    }
}

static void add_size(struct buf *out, const cJSON *outputs)
{
    const cJSON *first = cJSON_GetArrayItem(outputs, 0);
    int64_t width = read_int(first, "width", 0);
    int64_t height = read_int(first, "height", 0);
    char text[64];

    if (width > 0 && height > 0) {
        (void)snprintf(text, sizeof text, "%lld×%lld", (long long)width, (long long)height);
        add_fact(out, text);
    }
}

static void add_facts(struct message *m, const cJSON *job, const char *seed,
                      const struct view_options *o)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(LINE_MAX);
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(job, "metrics");
    AUTO(buf_clear) struct buf took = BUF_INIT(64);
    AUTO(free_ptr) char *seed_fact = seed[0] != '\0' ? xasprintf("seed %.20s", seed) : xstrdup("");
    int64_t execution = read_int(metrics, "execution_ms", -1);
    int64_t steps = read_int(input_of(job), "steps", 0);
    AUTO(free_ptr)
    char *steps_fact = steps > 0 ? xasprintf("%lld steps", (long long)steps) : xstrdup("");

    add_fact(&line, title_of(job, o));
    add_fact(&line, seed_fact);
    add_size(&line, cJSON_GetObjectItemCaseSensitive(job, "outputs"));
    add_fact(&line, steps_fact);
    if (execution >= 0) {
        text_duration(&took, execution);
        add_fact(&line, buf_str(&took));
    }
    message_footer(m, buf_str(&line));
}

static void add_picture_button(struct message *m, const cJSON *job, enum press_action action,
                               const cJSON *output, const char *label, const char *emoji)
{
    struct custom_id id = {
        .action = action, .job = job_id(job), .output = (int)read_int(output, "index", 0)};

    message_button(m, BUTTON_SECONDARY, label, emoji, &id, false);
}

/* One row for each thing that can be done with a picture; one button for each of the first five. */
static void add_picture_row(struct message *m, const cJSON *job, enum press_action action,
                            const char *word, const char *emoji)
{
    const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(job, "outputs");
    const cJSON *output = NULL;
    int pictures = 0;
    int shown = 0;
    char label[40];

    cJSON_ArrayForEach(output, outputs) {
        pictures += is_picture(output) ? 1 : 0;
    }
    if (pictures == 0) {
        return;
    }
    if (pictures > 1) {
        message_row(m);
    }
    cJSON_ArrayForEach(output, outputs) {
        if (is_picture(output) && shown < PICTURES_PRESSED) {
            shown++;
            (void)snprintf(label, sizeof label, "%s%s%.0d", word, pictures > 1 ? " " : "",
                           pictures > 1 ? shown : 0);
            add_picture_button(m, job, action, output, label, emoji);
        }
    }
}

static bool has_category(const struct view_options *o, const char *category)
{
    return o->catalog != NULL && catalog_default(o->catalog, category, NULL) != NULL;
}

static void add_result_buttons(struct message *m, const cJSON *job, const char *seed,
                               const struct view_options *o)
{
    message_row(m);
    if (has_category(o, "upscale")) {
        add_picture_row(m, job, PRESS_UPSCALE, "Upscale", "⬆️");
    }
    if (has_category(o, "image-edit")) {
        add_picture_row(m, job, PRESS_EDIT, "Edit", "🖋️");
    }
    if (has_category(o, "image-to-video")) {
        add_picture_row(m, job, PRESS_ANIMATE, "Animate", "🎬");
    }
    message_row(m);
    if (seed[0] != '\0') {
        add_button(m, job, PRESS_VARY, BUTTON_PRIMARY, "Vary", "🎲");
    }
    if (read_text(job, "template")[0] != '\0') {
        add_button(m, job, PRESS_AGAIN, BUTTON_SECONDARY, "Run again", "🔁");
        add_button(m, job, PRESS_CHANGE, BUTTON_SECONDARY, "Change and run", "✏️");
    }
    add_button(m, job, PRESS_SETTINGS_SHOW, BUTTON_SECONDARY, "Show settings", "ℹ️");
    add_button(m, job, PRESS_DELETE, BUTTON_SECONDARY, "Delete", "🗑️");
}

static void add_text_outputs(struct buf *out, const cJSON *job)
{
    const cJSON *output = NULL;

    cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(job, "outputs")) {
        const char *text = read_text(output, "text");

        if (text[0] != '\0') {
            text_code(out, text, TEXT_OUTPUT_MAX);
        }
    }
}

struct message *view_result(const cJSON *job, const char *seed, const struct view_options *o,
                            const char *links)
{
    struct message *m = message_new();
    AUTO(buf_clear) struct buf text = BUF_INIT(LINE_MAX);

    add_prompt(&text, job);
    add_text_outputs(&text, job);
    if (links != NULL) {
        (void)buf_append_str(&text, links);
    }
    message_embed(m, NULL, buf_str(&text), COLOUR_DONE);
    add_facts(m, job, seed, o);
    add_result_buttons(m, job, seed, o);
    return m;
}

/* ---- settings ------------------------------------------------------------------------------- */

static void add_setting(struct message *m, const cJSON *value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(LINE_MAX);
    AUTO(free_ptr) char *print = NULL;

    if (cJSON_IsString(value)) {
        text_code(&text, value->valuestring, 900);
        message_field(m, value->string, buf_str(&text), strlen(value->valuestring) < 40);
        return;
    }
    print = require_memory(cJSON_PrintUnformatted(value));
    text_code(&text, print, 900);
    message_field(m, value->string, buf_str(&text), strlen(print) < 40);
}

struct message *view_settings(const cJSON *job, const char *seed, const struct view_options *o)
{
    struct message *m = message_new();
    AUTO(free_ptr) char *title = xasprintf("Settings: %.120s", title_of(job, o));
    const cJSON *value = NULL;
    int fields = 0;

    message_embed(m, title, NULL, COLOUR_WAITING);
    if (seed[0] != '\0') {
        message_field(m, "seed", seed, true);
        fields++;
    }
    cJSON_ArrayForEach(value, input_of(job)) {
        if (strcmp(value->string, "seed") != 0 && fields++ < 25) {
            add_setting(m, value);
        }
    }
    add_id(m, job);
    return m;
}
