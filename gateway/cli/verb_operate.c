/* verb_operate.c - what an operator does: backends, drain, resume, pause, priority. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/job_facts.h"
#include "cli/verbs.h"
#include "core/job.h"

static const struct option_row no_rows[] = {{.name = NULL}};

/* ---- backends -------------------------------------------------------------------------------- */

static void print_backend(const struct terminal *t, const cJSON *backend)
{
    const char *status = member_text(backend, "status");
    const char *reason = member_text(backend, "reason");
    enum tone tone = strcmp(status, "up") == 0 ? TONE_GOOD : TONE_BUSY;

    tone = strcmp(status, "down") == 0 ? TONE_BAD : tone;
    terminal_put(t, member_text(backend, "name"));
    (void)fprintf(t->file, " %s", terminal_tone(t, tone));
    terminal_put(t, status);
    (void)fputs(terminal_reset(t), t->file);
    if (strcmp(status, "down") == 0 &&
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(backend, "draining"))) {
        (void)fputs(", and drained", t->file);
    }
    (void)fprintf(t->file, ", %lld of %lld slots in use",
                  (long long)member_int(backend, "submitted"),
                  (long long)member_int(backend, "slots"));
    if (strcmp(status, "down") == 0) {
        (void)fputs(": ", t->file);
        terminal_put(t, reason);
    }
    (void)fputc('\n', t->file);
}

/* All, or the one of this name. */
static void print_backends(const struct terminal *t, const cJSON *page, const char *name)
{
    const char *paused_since = member_text(page, "paused_since");
    const cJSON *backend = NULL;

    cJSON_ArrayForEach(backend, cJSON_GetObjectItemCaseSensitive(page, "data")) {
        if (name == NULL || strcmp(member_text(backend, "name"), name) == 0) {
            print_backend(t, backend);
        }
    }
    if (*paused_since != '\0') {
        (void)fputs("the queue is paused since ", t->file);
        terminal_put(t, paused_since);
        (void)fputc('\n', t->file);
    }
}

/* Asks for something that is answered with the list of backends, and prints of it what `name` says. */
static int ask_backends(struct cli *cli, const char *method, const char *path, const char *name)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    const struct client_request request = {.method = method, .path = path};
    int code = EXIT_OK;

    if (!cli_call(cli, &request, &reply, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
        return EXIT_OK;
    }
    if (!cli->is_quiet) {
        tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
        print_backends(&cli->out, tree, name);
    }
    return EXIT_OK;
}

int verb_backends(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words operands = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    return ask_backends(cli, "GET", "/v1/backends", NULL);
}

/* ---- what is held ---------------------------------------------------------------------------- */

/* As the settings allow them; anything else is not put into a path. */
static bool is_name(const char *text)
{
    return *text != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(text);
}

/* The ComfyUI of this name, or, NULL, the queue. */
static int hold(struct cli *cli, const char *name, const char *verb)
{
    AUTO(free_ptr) char *path = NULL;

    if (name == NULL) {
        path = xasprintf("/v1/queue/%s", verb);
        return ask_backends(cli, "POST", path, NULL);
    }
    if (!is_name(name)) {
        return cli_usage(cli, "\"%.80s\" is no name of a backend", name);
    }
    path = xasprintf("/v1/backends/%s/%s", name, verb);
    return ask_backends(cli, "POST", path, name);
}

int verb_drain(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words names = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &names, &code) ||
        !cli_operands(cli, &names, 1, 1, &code)) {
        return code;
    }
    return hold(cli, names.item[0], "drain");
}

int verb_pause(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words operands = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    return hold(cli, NULL, "pause");
}

int verb_resume(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words names = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &names, &code) ||
        !cli_operands(cli, &names, 0, 1, &code)) {
        return code;
    }
    return hold(cli, names.count > 0 ? names.item[0] : NULL, "resume");
}

/* ---- priority -------------------------------------------------------------------------------- */

static bool read_priority(const struct cli *cli, const char *text, long *out)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < JOB_PRIORITY_MIN || number > JOB_PRIORITY_MAX) {
        (void)cli_usage(cli, "the priority must be %d to %d", JOB_PRIORITY_MIN, JOB_PRIORITY_MAX);
        return false;
    }
    *out = number;
    return true;
}

static int set_priority(struct cli *cli, const char *id, long priority)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    AUTO(free_ptr) char *path = xasprintf("/v1/jobs/%s", id);
    AUTO(free_ptr) char *body = xasprintf("{\"priority\":%ld}", priority);
    const struct client_request request = {.method = "PATCH", .path = path, .body = span_of(body)};
    int code = EXIT_OK;

    if (!cli_call(cli, &request, &reply, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
    } else if (!cli->is_quiet) {
        tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
        (void)printf("%s priority %ld", id, priority);
        if (member_int(tree, "queue_position") > 0) {
            (void)printf(", place %lld in the queue",
                         (long long)member_int(tree, "queue_position"));
        }
        (void)putchar('\n');
    }
    return EXIT_OK;
}

int verb_priority(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words words = {0};
    long priority = 0;
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &words, &code) ||
        !cli_operands(cli, &words, 2, 2, &code)) {
        return code;
    }
    if (!cli_is_id(cli, words.item[0]) || !read_priority(cli, words.item[1], &priority)) {
        return EXIT_USAGE;
    }
    return set_priority(cli, words.item[0], priority);
}
