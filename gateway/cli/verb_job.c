/* verb_job.c - the verbs that ask one thing of one job: show, cancel, download. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/download.h"
#include "cli/job_print.h"
#include "cli/verbs.h"

static const struct option_row no_rows[] = {{.name = NULL}};

/* A job as the gateway answered it. */
struct answer {
    struct client_reply reply;
    cJSON *tree;
    struct job_facts job; /* borrows from tree */
};

static void answer_clear(struct answer *a)
{
    client_reply_clear(&a->reply);
    cjson_delete_ptr(&a->tree);
}

/* Asks METHOD /v1/jobs/{id}{action}. */
static bool ask(struct cli *cli, const char *method, const char *id, const char *action,
                struct answer *out, int *code)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(256);
    struct client_request request = {.method = method};

    buf_appendf(&path, "/v1/jobs/%s%s", id, action);
    request.path = buf_str(&path);
    if (!cli_call(cli, &request, &out->reply, code)) {
        return false;
    }
    out->tree = cJSON_ParseWithLength(buf_str(&out->reply.body), out->reply.body.len);
    job_facts_read(out->tree, &out->job);
    return true;
}

static bool read_ids(struct cli *cli, const struct words *ids, size_t count, int *code)
{
    for (size_t i = 0; i < count && i < ids->count; i++) {
        if (!cli_is_id(cli, ids->item[i])) {
            *code = EXIT_USAGE;
            return false;
        }
    }
    return true;
}

int verb_show(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words ids = {0};
    AUTO(answer_clear) struct answer answer = {.reply = CLIENT_REPLY_INIT};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &ids, &code) ||
        !cli_operands(cli, &ids, 1, 1, &code) || !read_ids(cli, &ids, 1, &code) ||
        !ask(cli, "GET", ids.item[0], "", &answer, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &answer.reply);
        return EXIT_OK;
    }
    job_print_all(&cli->out, &answer.job, buf_span(&answer.reply.body), client_url(cli->client));
    return EXIT_OK;
}

static int cancel_one(struct cli *cli, const char *id)
{
    AUTO(answer_clear) struct answer answer = {.reply = CLIENT_REPLY_INIT};
    int code = EXIT_OK;

    if (!ask(cli, "POST", id, "/cancel", &answer, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &answer.reply);
        return EXIT_OK;
    }
    if (!cli->is_quiet) {
        terminal_put(&cli->out, answer.job.id);
        (void)putchar(' ');
        terminal_put(&cli->out, answer.job.status);
        (void)putchar('\n');
    }
    return EXIT_OK;
}

int verb_cancel(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words ids = {0};
    int code = EXIT_OK;
    int first_fault = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &ids, &code) ||
        !cli_operands(cli, &ids, 1, (size_t)-1, &code) || !read_ids(cli, &ids, ids.count, &code)) {
        return code;
    }
    for (size_t i = 0; i < ids.count; i++) {
        code = cancel_one(cli, ids.item[i]);
        first_fault = first_fault != EXIT_OK ? first_fault : code;
        if (code == EXIT_UNREACHABLE) {
            break;
        }
    }
    return first_fault;
}

static int download(struct cli *cli, const char *id, const char *dir)
{
    AUTO(answer_clear) struct answer answer = {.reply = CLIENT_REPLY_INIT};
    int code = EXIT_OK;

    if (!ask(cli, "GET", id, "", &answer, &code)) {
        return code;
    }
    if (cJSON_GetArraySize(answer.job.outputs) > 0) {
        return download_outputs(cli, &answer.job, dir, &cli->out);
    }
    if (!job_facts_ended(&answer.job)) {
        return cli_failed(cli, "the job is %.20s; its files come when it has succeeded",
                          answer.job.status);
    }
    return cli_failed(cli, "the job has %.20s and has no files", answer.job.status);
}

int verb_download(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words words = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &words, &code) ||
        !cli_operands(cli, &words, 1, 2, &code) || !read_ids(cli, &words, 1, &code)) {
        return code;
    }
    return download(cli, words.item[0], words.count > 1 ? words.item[1] : ".");
}
