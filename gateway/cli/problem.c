/* problem.c - see problem.h. */
#include "cli/problem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/job_facts.h"

#define HTTP_UNAUTHORIZED 401

static void put_title(const struct terminal *t, const char *title)
{
    (void)fprintf(t->file, "%scomfygate: ", terminal_tone(t, TONE_BAD));
    terminal_put(t, title);
    (void)fputs(terminal_reset(t), t->file);
}

static void put_item(const struct terminal *t, const char *place, const char *why)
{
    (void)fputs("  ", t->file);
    if (*place != '\0') {
        (void)fputs(terminal_tone(t, TONE_BOLD), t->file);
        terminal_put(t, place);
        (void)fprintf(t->file, "%s: ", terminal_reset(t));
    }
    terminal_put(t, why);
    (void)fputc('\n', t->file);
}

/* A member of the body, or a parameter of the address. */
static const char *place_of(const cJSON *item)
{
    const char *pointer = member_text(item, "pointer");

    return *pointer != '\0' ? pointer : member_text(item, "parameter");
}

void problem_print_items(const struct terminal *t, const cJSON *errors)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, errors) {
        put_item(t, place_of(item), member_text(item, "detail"));
    }
}

/* The detail of a document with errors is the first of them, as "place: why", and how many more there are:
 * they are all told below it. */
static bool is_first_item(const char *detail, const cJSON *errors)
{
    const cJSON *first = cJSON_GetArrayItem(errors, 0);
    const char *place = place_of(first);
    const char *why = member_text(first, "detail");
    size_t place_len = strlen(place);

    if (place_len > 0) {
        if (strncmp(detail, place, place_len) != 0 || strncmp(detail + place_len, ": ", 2) != 0) {
            return false;
        }
        detail += place_len + 2;
    }
    if (*why == '\0' || strncmp(detail, why, strlen(why)) != 0) {
        return false;
    }
    detail += strlen(why);
    return *detail == '\0' || strncmp(detail, " (and ", 6) == 0;
}

static void put_document(const struct terminal *t, const cJSON *problem,
                         const struct client_reply *reply)
{
    const char *detail = member_text(problem, "detail");
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(problem, "errors");

    put_title(t, member_text(problem, "title"));
    (void)fprintf(t->file, " (%d", reply->status);
    if (member_text(problem, "code")[0] != '\0') {
        (void)fputc(' ', t->file);
        terminal_put(t, member_text(problem, "code"));
    }
    (void)fputs(")\n", t->file);
    if (*detail != '\0' && !is_first_item(detail, errors)) {
        put_item(t, "", detail);
    }
    problem_print_items(t, errors);
    if (reply->status == HTTP_UNAUTHORIZED) {
        put_item(
            t, "",
            "Set COMFYGATE_API_KEY to a key, or COMFYGATE_API_KEY_FILE to a file that has one.");
    }
    if (reply->retry_after_s > 0) {
        (void)fprintf(t->file, "  Try again in %d s.\n", reply->retry_after_s);
    }
    if (reply->status >= 500 && member_text(problem, "request_id")[0] != '\0') {
        put_item(t, "request", member_text(problem, "request_id"));
    }
}

void problem_print(const struct terminal *t, const char *url, const struct client_reply *reply)
{
    AUTO(cjson_delete_ptr)
    cJSON *problem = cJSON_ParseWithLength(buf_str(&reply->body), reply->body.len);

    if (member_text(problem, "title")[0] != '\0') {
        put_document(t, problem, reply);
        return;
    }
    put_title(t, "an unexpected answer");
    (void)fprintf(t->file, " (%d)\n  Is it really a comfygate that serves ", reply->status);
    terminal_put(t, url);
    (void)fputs("?\n", t->file);
}

void problem_print_err(const struct terminal *t, const struct err *e)
{
    put_title(t, e->detail[0] != '\0' ? e->detail : err_title(e->code));
    (void)fputc('\n', t->file);
    for (size_t i = 0; i < e->item_count; i++) {
        put_item(t, e->item[i].at, e->item[i].detail);
    }
}
