/* verb_job.c - the verbs that ask one thing of one job: show, cancel, retry, download. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/await.h"
#include "cli/download.h"
#include "cli/job_print.h"
#include "cli/verbs.h"

static const struct option_row no_rows[] = {{.name = NULL}};

/* Asks METHOD /v1/jobs/{id}{action}; the job is in *tree. */
static bool ask(struct cli *cli, const char *method, const char *id, const char *action,
                struct client_reply *reply, cJSON **tree, int *code)
{
    AUTO(buf_clear)
    struct buf path = BUF_INIT(256);
    struct client_request request = {.method = method};

    buf_appendf(&path, "/v1/jobs/%s%s", id, action);
    request.path = buf_str(&path);
    if (!cli_call(cli, &request, reply, code)) {
        return false;
    }
    *tree = cJSON_ParseWithLength(buf_str(&reply->body), reply->body.len);
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
    AUTO(words_clear)
    struct words ids = {0};
    AUTO(client_reply_clear)
    struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr)
    cJSON *tree = NULL;
    struct job_facts job;
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &ids, &code) ||
        !cli_operands(cli, &ids, 1, 1, &code) || !read_ids(cli, &ids, 1, &code) ||
        !ask(cli, "GET", ids.item[0], "", &reply, &tree, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
        return EXIT_OK;
    }
    job_facts_read(tree, &job);
    job_print_all(&cli->out, &job, client_url(cli->client));
    return EXIT_OK;
}

static int cancel_one(struct cli *cli, const char *id)
{
    AUTO(client_reply_clear)
    struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr)
    cJSON *tree = NULL;
    struct job_facts job;
    int code = EXIT_OK;

    if (!ask(cli, "POST", id, "/cancel", &reply, &tree, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
        return EXIT_OK;
    }
    job_facts_read(tree, &job);
    if (!cli->is_quiet) {
        terminal_put(&cli->out, job.id);
        (void)putchar(' ');
        terminal_put(&cli->out, job.status);
        (void)putchar('\n');
    }
    return EXIT_OK;
}

int verb_cancel(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear)
    struct words ids = {0};
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

int verb_retry(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear)
    struct words ids = {0};
    AUTO(client_reply_clear)
    struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr)
    cJSON *tree = NULL;
    struct await_options options = {.limit_s = -1};
    struct whole_number limit = {0};
    bool is_waiting = false;
    const struct option_row rows[] = {
        OPTION_FLAG_ROW("wait", 'w', &is_waiting, "show progress until the new job has ended"),
        OPTION_NUMBER_ROW("for", "SECONDS", &limit, 0, 604800, "wait at most; then exit with 5"),
        OPTION_TEXT_ROW("download", "DIR", &options.download_dir, "wait, then fetch its files"),
        {.name = NULL},
    };
    struct job_facts job;
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &ids, &code) || !cli_operands(cli, &ids, 1, 1, &code) ||
        !read_ids(cli, &ids, 1, &code) ||
        !ask(cli, "POST", ids.item[0], "/retry", &reply, &tree, &code)) {
        return code;
    }
    job_facts_read(tree, &job);
    if (is_waiting || limit.is_given || options.download_dir != NULL) {
        options.limit_s = limit.is_given ? limit.value : -1;
        return cli_is_id(cli, job.id) ? await_job(cli, job.id, &options) : EXIT_OTHER;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
    } else if (cli->is_quiet) {
        (void)printf("%s\n", job.id);
    } else {
        job_print_result(&cli->out, &job, client_url(cli->client));
    }
    return EXIT_OK;
}

static int download(struct cli *cli, const char *id, const char *dir)
{
    AUTO(client_reply_clear)
    struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr)
    cJSON *tree = NULL;
    struct job_facts job;
    int code = EXIT_OK;

    if (!ask(cli, "GET", id, "", &reply, &tree, &code)) {
        return code;
    }
    job_facts_read(tree, &job);
    if (cJSON_GetArraySize(job.outputs) > 0) {
        return download_outputs(cli, &job, dir, &cli->out);
    }
    if (!job_facts_ended(&job)) {
        return cli_failed(cli, "the job is %.20s; its files come when it has succeeded",
                          job.status);
    }
    return cli_failed(cli, "the job has %.20s and has no files", job.status);
}

int verb_download(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear)
    struct words words = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, no_rows, argc, argv, &words, &code) ||
        !cli_operands(cli, &words, 1, 2, &code) || !read_ids(cli, &words, 1, &code)) {
        return code;
    }
    return download(cli, words.item[0], words.count > 1 ? words.item[1] : ".");
}
