/* problem.c - see problem.h.
 */
#include "wire/problem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "wire/read.h"
#include "wire/text.h"

#define FAULTS_MAX   3
#define PARTS_MAX    4 /* of a pointer */
#define DETAIL_CHARS 240
#define NAME_CHARS   60
#define SOON_MS      60000

/* A code that says enough by itself. */
static const struct {
    const char *code;
    const char *sentence;
} plain[] = {
    {"unauthorized",
     "The picture service does not accept this bot's key. Whoever runs the bot has to look at it."},
    {"insufficient_scope",
     "This bot's key may not do that. Whoever runs the bot has to look at it."},
    {"host_not_allowed", "The picture service does not answer under this address. Whoever runs the "
                         "bot has to look at it."},
    {"not_found", "The picture service does not have this any more."},
    {"job_active", "This job has not ended yet."},
    {"picture_unreadable", "This picture cannot be read."},
    {"rendition_impossible", "This picture cannot be made to fit."},
    {"content_too_large", "This file is larger than the picture service takes."},
    {"unsupported_media_type", "This kind of file cannot be used. PNG, JPEG, WebP and GIF can."},
    {"missing_asset", "The picture is not there any more. Please send it again."},
    {"unknown_template", "There is no such model any more. Please choose another."},
    {"idempotency_key_reuse",
     "This was sent before, with something else in it. Please start anew."},
    {"idempotency_in_progress", "This is being started already."},
    {"shutting_down", "The picture service is being restarted. Please try again in a minute."},
    {"store_unavailable",
     "The picture service cannot reach its store just now. Please try again in a minute."},
    {"insufficient_storage",
     "The picture service has no room left on its disk. Whoever runs it has to make some."},
};

/* A code whose detail is worth reading. */
static const struct {
    const char *code;
    const char *start;
} detailed[] = {
    {"template_unavailable", "This model cannot be used just now: "},
    {"invalid_workflow", "This model does not run here: "},
    {"quota_exceeded", "You have used up what you may: "},
    {"url_not_allowed", "This address cannot be used: "},
    {"url_fetch_failed", "This address cannot be fetched: "},
};

/* Codes that are about members of the request: what its `errors` tell is what was given wrong. */
static const char *const about_members[] = {"validation_error", "unknown_field",
                                            "invalid_parameter"};

/* ---- parts of sentences ---------------------------------------------------------------------- */

static void end_sentence(struct buf *out)
{
    char last = (char)(out->len > 0 ? out->data[out->len - 1] : '\0');

    if (last != '.' && last != '!' && last != '?') {
        (void)buf_append_char(out, '.');
    }
}

static void add_when(struct buf *out, int64_t retry_after_s)
{
    (void)buf_append_str(out, " Please try again in ");
    text_duration(out, retry_after_s > 0 ? retry_after_s * 1000 : SOON_MS);
    (void)buf_append_char(out, '.');
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) <= 6;
}

/* One part of a pointer, as people say it: "cfg_scale" is "cfg scale", and places are counted from 1. */
static void add_part(struct buf *out, const char *part)
{
    AUTO(buf_clear) struct buf name = BUF_INIT(1024);

    if (is_number(part)) {
        int place = 0;

        for (; *part != '\0'; part++) {
            place = place * 10 + (*part - '0');
        }
        (void)buf_appendf(out, "%d", place + 1);
        return;
    }
    for (; *part != '\0' && name.len < 256; part++) {
        (void)buf_append_char(&name, (char)(*part == '_' || *part == '~' ? ' ' : *part));
    }
    text_escape(out, buf_str(&name), NAME_CHARS);
}

/* "/input/loras/0/strength" is "Loras 1 strength". */
static void add_member(struct buf *out, const char *pointer)
{
    size_t before = out->len;

    if (strncmp(pointer, "/input/", 7) == 0) {
        pointer += 6;
    }
    for (int depth = 0; *pointer == '/' && depth < PARTS_MAX; depth++) {
        size_t len = strcspn(pointer + 1, "/");
        AUTO(free_ptr) char *part = xstrndup(pointer + 1, len);

        if (out->len > before) {
            (void)buf_append_char(out, ' ');
        }
        add_part(out, part);
        pointer += len + 1;
    }
    if (out->len > before) {
        out->data[before] = (char)toupper((unsigned char)out->data[before]);
    }
}

static void add_fault(struct buf *out, const cJSON *fault)
{
    const char *pointer = read_text(fault, "pointer");

    if (pointer[0] == '/') {
        add_member(out, pointer);
        (void)buf_append_char(out, ' ');
    } else if (read_text(fault, "parameter")[0] != '\0') {
        text_escape(out, read_text(fault, "parameter"), NAME_CHARS);
        (void)buf_append_char(out, ' ');
    }
    text_escape(out, read_text(fault, "detail"), DETAIL_CHARS);
    end_sentence(out);
}

static bool add_faults(struct buf *out, const cJSON *problem)
{
    const cJSON *faults = cJSON_GetObjectItemCaseSensitive(problem, "errors");
    const cJSON *fault = NULL;
    int count = 0;

    cJSON_ArrayForEach(fault, faults) {
        if (read_text(fault, "detail")[0] == '\0') {
            continue;
        }
        if (++count > FAULTS_MAX) {
            (void)buf_append_str(out, " There is more that does not fit.");
            break;
        }
        if (count > 1) {
            (void)buf_append_char(out, ' ');
        }
        add_fault(out, fault);
    }
    return count > 0;
}

/* The first fault, else the detail, else the title. */
static void add_detail(struct buf *out, const cJSON *problem)
{
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(problem, "errors"), 0);
    const char *text = read_text(first, "detail");

    if (text[0] == '\0') {
        text = read_text(problem, "detail");
    }
    if (text[0] == '\0') {
        text = read_text(problem, "title");
    }
    text_escape(out, text, DETAIL_CHARS);
    end_sentence(out);
}

/* ---- the sentence ---------------------------------------------------------------------------- */

static bool add_known(struct buf *out, const char *code, const cJSON *problem)
{
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (strcmp(plain[i].code, code) == 0) {
            (void)buf_append_str(out, plain[i].sentence);
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(detailed); i++) {
        if (strcmp(detailed[i].code, code) == 0) {
            (void)buf_append_str(out, detailed[i].start);
            add_detail(out, problem);
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(about_members); i++) {
        if (strcmp(about_members[i], code) == 0) {
            return add_faults(out, problem);
        }
    }
    return false;
}

static void add_unknown(struct buf *out, int status, const cJSON *problem)
{
    const char *request = read_text(problem, "request_id");

    if (status < 500 &&
        (read_text(problem, "detail")[0] != '\0' || read_text(problem, "title")[0] != '\0')) {
        (void)buf_append_str(out, "That does not work: ");
        add_detail(out, problem);
        return;
    }
    (void)buf_append_str(out, "Something went wrong in the picture service");
    if (request[0] != '\0') {
        (void)buf_append_str(out, " (request ");
        text_escape(out, request, NAME_CHARS);
        (void)buf_append_char(out, ')');
    } else {
        (void)buf_appendf(out, " (status %d)", status);
    }
    (void)buf_append_char(out, '.');
}

void problem_sentence(struct buf *out, int status, const cJSON *problem, int64_t retry_after_s)
{
    const char *code = read_text(problem, "code");

    if (strcmp(code, "queue_full") == 0) {
        (void)buf_append_str(out, "Too many pictures are waiting already.");
        add_when(out, retry_after_s);
        return;
    }
    if (strcmp(code, "rate_limited") == 0) {
        (void)buf_append_str(out, "That was too much at once.");
        add_when(out, retry_after_s);
        return;
    }
    if (!add_known(out, code, problem)) {
        add_unknown(out, status, problem);
    }
    if (strcmp(code, "quota_exceeded") == 0 && retry_after_s > 0) {
        add_when(out, retry_after_s);
    }
}

void problem_unanswered(struct buf *out, enum unanswered which)
{
    switch (which) {
    case UNANSWERED_READ:
        (void)buf_append_str(out,
                             "The picture service cannot be reached just now. Please try again "
                             "in a minute.");
        break;
    case UNANSWERED_NOTHING:
        (void)buf_append_str(out, "The picture service cannot be reached just now. Nothing was "
                                  "started; please try again in a minute.");
        break;
    case UNANSWERED_IN_DOUBT:
        (void)buf_append_str(out,
                             "The picture service has stopped answering. If it has started this, "
                             "the result will still come; /queue tells.");
        break;
    }
}
