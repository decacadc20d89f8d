/* await.c - see await.h. */
#include "cli/await.h"

#include <stdio.h>

#include "cli/download.h"
#include "cli/follow.h"
#include "cli/job_print.h"
#include "cli/progress_bar.h"

static void draw(void *arg, const struct job_facts *job, int64_t elapsed_ms)
{
    progress_bar_draw(arg, job, elapsed_ms);
}

static void say(void *arg, const char *text)
{
    progress_bar_say(arg, text);
}

static int end_of_job(struct cli *cli, const struct client_reply *last,
                      const struct await_options *options)
{
    AUTO(cjson_delete_ptr)
    cJSON *tree = cJSON_ParseWithLength(buf_str(&last->body), last->body.len);
    struct job_facts job;
    int code = EXIT_OK;

    job_facts_read(tree, &job);
    if (cli->is_json) {
        cli_print_body(cli, last);
    } else if (!cli->is_quiet) {
        job_print_result(&cli->out, &job, client_url(cli->client));
    } else if (job.error != NULL) {
        job_print_result(&cli->err, &job, client_url(cli->client));
    }
    if (options->download_dir != NULL && cJSON_GetArraySize(job.outputs) > 0) {
        code = download_outputs(cli, &job, options->download_dir,
                                cli->is_json ? &cli->err : &cli->out);
    }
    return code != EXIT_OK ? code : job_facts_exit(&job);
}

static int say_it_goes_on(const struct cli *cli, const char *id, int code)
{
    if (!cli->is_quiet) {
        (void)fprintf(stderr, "The job goes on. To wait again: comfygate wait %s\n", id);
    }
    return code;
}

int await_job(struct cli *cli, const char *id, const struct await_options *options)
{
    AUTO(client_reply_clear) struct client_reply last = CLIENT_REPLY_INIT;
    struct progress_bar bar;
    struct follower follower = {.show = draw, .say = say, .arg = &bar};
    int code = EXIT_OTHER;
    struct client *client = cli_client(cli, &code);
    enum follow_end end;

    if (client == NULL) {
        return code;
    }
    progress_bar_init(&bar, &cli->err, cli->is_quiet);
    end = follow_job(client, id, options->limit_s, &follower, &last);
    progress_bar_end(&bar);
    switch (end) {
    case FOLLOW_ENDED:
        return end_of_job(cli, &last, options);
    case FOLLOW_OVER:
        return say_it_goes_on(cli, id, EXIT_WAIT_OVER);
    case FOLLOW_INTERRUPTED:
        return say_it_goes_on(cli, id, EXIT_INTERRUPTED);
    case FOLLOW_REFUSED:
        break;
    }
    return cli_refused(cli, &last);
}

int await_new_job(struct cli *cli, const char *id, const struct await_options *options)
{
    if (!cli_is_id(cli, id)) {
        return EXIT_OTHER;
    }
    if (!cli->is_quiet) {
        (void)fprintf(stderr, "job %s\n", id);
    } else if (!cli->is_json && options->download_dir == NULL) {
        (void)printf("%s\n", id);
        (void)fflush(stdout);
    }
    return await_job(cli, id, options);
}
