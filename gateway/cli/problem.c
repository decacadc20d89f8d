/* problem.c - see problem.h. */
#include "cli/problem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/job_facts.h"

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

static void put_items(const struct terminal *t, const cJSON *errors)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, errors) {
        const char *place = member_text(item, "pointer");

        put_item(t, *place != '\0' ? place : member_text(item, "parameter"),
                 member_text(item, "detail"));
    }
}

static void put_document(const struct terminal *t, const cJSON *problem,
                         const struct client_reply *reply)
{
    const char *detail = member_text(problem, "detail");

    put_title(t, member_text(problem, "title"));
    (void)fprintf(t->file, " (%d", reply->status);
    if (member_text(problem, "code")[0] != '\0') {
        (void)fputc(' ', t->file);
        terminal_put(t, member_text(problem, "code"));
    }
    (void)fputs(")\n", t->file);
    if (*detail != '\0') {
        put_item(t, "", detail);
    }
    put_items(t, cJSON_GetObjectItemCaseSensitive(problem, "errors"));
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
