/* verb_retry.c - the same job once more, or a variation of it: another seed, another value.
 */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "cli/await.h"
#include "cli/job_print.h"
#include "cli/template_input.h"
#include "cli/verbs.h"

#define BODY_MAX       ((size_t)16 << 20)
#define PATH_MAX_BYTES 128

struct retry {
    const char *id;
    const char *seed;
    struct words param;
};

static void words_of_retry_clear(struct retry *r)
{
    words_clear(&r->param);
}

/* The changes to a template's input. */
static int write_input(struct cli *cli, const struct retry *r, struct json_out *o)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    AUTO(buf_clear) struct buf input = BUF_INIT(BODY_MAX);
    const cJSON *name = NULL;
    char path[PATH_MAX_BYTES];
    int code = EXIT_OTHER;

    (void)snprintf(path, sizeof path, "/v1/jobs/%.40s", r->id);
    if (!cli_call(cli, &(struct client_request){.method = "GET", .path = path}, &reply, &code)) {
        return code;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    name = cJSON_GetObjectItemCaseSensitive(tree, "template");
    if (!cJSON_IsString(name)) {
        return cli_failed(cli,
                          "this job was submitted as a workflow: it has no parameters to change");
    }
    code = template_input_make(cli, name->valuestring, &r->param, &input);
    if (code == EXIT_OK) {
        jo_raw(o, "input", buf_span(&input));
    }
    return code;
}

static int write_body(struct cli *cli, const struct retry *r, struct buf *out)
{
    struct json_out o = json_out_to(out);
    int code = EXIT_OK;

    jo_obj(&o, NULL);
    if (r->seed != NULL && r->seed[0] >= '0' && r->seed[0] <= '9' &&
        strspn(r->seed, "0123456789") == strlen(r->seed)) {
        jo_raw(&o, "seed", span_of(r->seed));
    } else if (r->seed != NULL) {
        jo_str(&o, "seed", r->seed);
    }
    if (r->param.count > 0) {
        code = write_input(cli, r, &o);
    }
    jo_end(&o);
    return code;
}

static int send(struct cli *cli, const struct retry *r, struct client_reply *reply)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(BODY_MAX);
    struct client_request request = {.method = "POST"};
    char path[PATH_MAX_BYTES];
    int code = write_body(cli, r, &body);

    if (code != EXIT_OK) {
        return code;
    }
    (void)snprintf(path, sizeof path, "/v1/jobs/%.40s/retry", r->id);
    request.path = path;
    request.body = buf_span(&body);
    return cli_call(cli, &request, reply, &code) ? EXIT_OK : code;
}

static int print_accepted(struct cli *cli, const struct client_reply *reply,
                          const struct job_facts *job)
{
    if (cli->is_json) {
        cli_print_body(cli, reply);
    } else if (cli->is_quiet) {
        (void)printf("%s\n", job->id);
    } else {
        job_print_result(&cli->out, job, client_url(cli->client));
    }
    return EXIT_OK;
}

int verb_retry(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words ids = {0};
    AUTO(words_of_retry_clear) struct retry r = {.id = NULL};
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    struct await_options options = {.limit_s = -1};
    struct whole_number limit = {0};
    struct job_facts job;
    bool is_waiting = false;
    const struct option_row rows[] = {
        OPTION_TEXT_ROW("seed", "SEED", &r.seed, "same (usual), random, or a number"),
        {.name = "param",
         .value = "NAME=VALUE",
         .letter = 'p',
         .kind = OPTION_LIST,
         .out.list = &r.param,
         .doc = "another value of a template's parameter; may be repeated"},
        OPTION_FLAG_ROW("wait", 'w', &is_waiting, "show progress until the new job has ended"),
        OPTION_NUMBER_ROW("for", "SECONDS", &limit, 0, 604800, "wait at most; then exit with 5"),
        OPTION_TEXT_ROW("download", "DIR", &options.download_dir, "wait, then fetch its files"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &ids, &code) || !cli_operands(cli, &ids, 1, 1, &code)) {
        return code;
    }
    r.id = ids.item[0];
    if (!cli_is_id(cli, r.id)) {
        return EXIT_USAGE;
    }
    code = send(cli, &r, &reply);
    if (code != EXIT_OK) {
        return code;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    job_facts_read(tree, &job);
    if (!is_waiting && !limit.is_given && options.download_dir == NULL) {
        return print_accepted(cli, &reply, &job);
    }
    options.limit_s = limit.is_given ? limit.value : -1;
    return await_new_job(cli, job.id, &options);
}
