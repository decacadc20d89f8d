/* verb_submit.c - sends a template's name and its input, or a workflow, and with --wait stays.
 *
 * A workflow's bytes go into the body as they were read. Every submission has
 * an Idempotency-Key, made here when none was given: that is what makes it
 * safe to send it again when the answer was lost on the way. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "cli/await.h"
#include "cli/graph_set.h"
#include "cli/job_print.h"
#include "cli/problem.h"
#include "cli/template_input.h"
#include "cli/verbs.h"

#define WORKFLOW_MAX  ((size_t)128 << 20)
#define BODY_MAX      ((size_t)160 << 20)
#define SECRET_MAX    ((size_t)4096)
#define SEND_AGAIN_MS 30000 /* how long an answer that was lost is asked for again */
#define SEND_PAUSE_MS 500
#define DAYS_7        604800

struct submit {
    const char *template_name;
    struct words param;
    const char *workflow;
    struct words set;
    const char *title;
    struct words tag;
    struct words metadata;
    struct whole_number priority;
    struct whole_number deadline;
    struct whole_number timeout;
    struct whole_number max_attempts;
    const char *backend;
    const char *webhook;
    struct words webhook_event;
    const char *webhook_secret_file;
    const char *idempotency_key;
    bool is_dry_run;
    bool is_waiting;
    struct whole_number wait_limit;
    const char *download_dir;
};

static void submit_clear(struct submit *s)
{
    words_clear(&s->param);
    words_clear(&s->set);
    words_clear(&s->tag);
    words_clear(&s->metadata);
    words_clear(&s->webhook_event);
}

static bool read_standard_input(struct buf *out)
{
    char part[65536];
    size_t n;

    while ((n = fread(part, 1, sizeof part, stdin)) > 0) {
        if (!buf_append(out, part, n)) {
            return false;
        }
    }
    return ferror(stdin) == 0;
}

static bool read_workflow(struct cli *cli, const char *path, struct buf *out)
{
    struct err e = ERR_INIT;

    if (strcmp(path, "-") == 0) {
        if (!read_standard_input(out)) {
            (void)cli_failed(cli, "cannot read the workflow from standard input");
            return false;
        }
        return true;
    }
    if (file_read(path, WORKFLOW_MAX, out, &e) != ERR_NONE) {
        (void)cli_failed(cli, "cannot read the workflow: %s", e.detail);
        return false;
    }
    return true;
}

/* Windows editors put a byte order mark in front, which is no part of the JSON text. */
static struct span without_mark(struct span text)
{
    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0) {
        return (struct span){text.ptr + 3, text.len - 3};
    }
    return text;
}

static bool write_metadata(const struct cli *cli, const struct words *metadata, struct json_out *o)
{
    jo_obj(o, "metadata");
    for (size_t i = 0; i < metadata->count; i++) {
        const char *word = metadata->item[i];
        const char *equals = strchr(word, '=');
        AUTO(free_ptr) char *key = NULL;

        if (equals == NULL || equals == word) {
            (void)cli_usage(cli, "--metadata wants KEY=VALUE, not \"%.80s\"", word);
            return false;
        }
        key = xstrndup(word, (size_t)(equals - word));
        jo_str(o, key, equals + 1);
    }
    jo_end(o);
    return true;
}

static void write_number(const struct whole_number *number, const char *key, struct json_out *o)
{
    if (number->is_given) {
        jo_int(o, key, number->value);
    }
}

static void write_text(const char *text, const char *key, struct json_out *o)
{
    if (text != NULL) {
        jo_str(o, key, text);
    }
}

static void write_words(const struct words *words, const char *key, struct json_out *o)
{
    if (words->count > 0) {
        jo_arr(o, key);
        for (size_t i = 0; i < words->count; i++) {
            jo_str(o, NULL, words->item[i]);
        }
        jo_end(o);
    }
}

/* A file, because others see the words of a command line. */
static bool write_webhook(struct cli *cli, const struct submit *s, struct json_out *o)
{
    AUTO(buf_clear) struct buf secret = BUF_INIT(SECRET_MAX);
    struct err e = ERR_INIT;

    if (s->webhook == NULL) {
        return true;
    }
    if (s->webhook_secret_file != NULL &&
        file_read(s->webhook_secret_file, SECRET_MAX, &secret, &e) != ERR_NONE) {
        (void)cli_usage(cli, "--webhook-secret-file: %s", e.detail);
        return false;
    }
    jo_obj(o, "webhook");
    jo_str(o, "url", s->webhook);
    write_words(&s->webhook_event, "events", o);
    if (s->webhook_secret_file != NULL) {
        const char *text = buf_str(&secret);

        jo_span(o, "secret", (struct span){text, strcspn(text, "\r\n")});
    }
    jo_end(o);
    return true;
}

/* `graph` is the input when there is a template. */
static bool write_body(struct cli *cli, const struct submit *s, struct span graph, struct buf *out)
{
    struct json_out o = json_out_to(out);

    jo_obj(&o, NULL);
    write_text(s->title, "title", &o);
    write_words(&s->tag, "tags", &o);
    if (s->metadata.count > 0 && !write_metadata(cli, &s->metadata, &o)) {
        return false;
    }
    write_number(&s->priority, "priority", &o);
    write_number(&s->deadline, "deadline_seconds", &o);
    write_number(&s->timeout, "timeout_seconds", &o);
    write_number(&s->max_attempts, "max_attempts", &o);
    write_text(s->backend, "backend", &o);
    if (s->is_dry_run) {
        jo_bool(&o, "dry_run", true);
    }
    if (!write_webhook(cli, s, &o)) {
        return false;
    }
    write_text(s->template_name, "template", &o);
    jo_raw(&o, s->template_name != NULL ? "input" : "workflow", graph);
    jo_end(&o);
    return true;
}

static int make_template_body(struct cli *cli, const struct submit *s, struct buf *body)
{
    AUTO(buf_clear) struct buf input = BUF_INIT(BODY_MAX);
    int code = template_input_make(cli, s->template_name, &s->param, &input);

    if (code != EXIT_OK) {
        return code;
    }
    return write_body(cli, s, buf_span(&input), body) ? EXIT_OK : EXIT_USAGE;
}

/* The request's body, made of the file and the flags. */
static int make_workflow_body(struct cli *cli, const struct submit *s, struct buf *body)
{
    AUTO(buf_clear) struct buf file = BUF_INIT(WORKFLOW_MAX);
    AUTO(buf_clear) struct buf changed = BUF_INIT(BODY_MAX);
    struct err e = ERR_INIT;
    struct span graph;

    if (!read_workflow(cli, s->workflow, &file)) {
        return EXIT_OTHER;
    }
    graph = without_mark(buf_span(&file));
    if (s->set.count > 0) {
        enum errc code = graph_set_apply(graph, &s->set, &changed, &e);

        if (code != ERR_NONE) {
            problem_print_err(&cli->err, &e);
            return code == ERR_INVALID_PARAMETER ? EXIT_USAGE : EXIT_OTHER;
        }
        graph = buf_span(&changed);
    }
    if (graph.len == 0) {
        return cli_failed(cli, "the workflow is empty");
    }
    return write_body(cli, s, graph, body) ? EXIT_OK : EXIT_USAGE;
}

/* A lost answer may have been a 202; the same key gives that same job back. */
static bool may_send_again(const struct client_reply *reply, bool was_sent)
{
    if (reply->fault == CLIENT_ANSWERED) {
        return reply->status == 409 &&
               strstr(buf_str(&reply->body), "idempotency_in_progress") != NULL;
    }
    return reply->fault == CLIENT_LOST || (reply->fault == CLIENT_NO_CONTACT && was_sent);
}

static int send(struct cli *cli, const struct submit *s, struct span body,
                struct client_reply *reply)
{
    AUTO(free_ptr) char *key = NULL;
    struct id id = id_random();
    struct client_request request = {.method = "POST", .path = "/v1/jobs", .body = body};
    int64_t give_up = clock_mono_ms() + SEND_AGAIN_MS;
    int code = EXIT_OTHER;
    struct client *client = cli_client(cli, &code);
    bool was_sent = false;

    if (client == NULL) {
        return code;
    }
    key =
        xasprintf("Idempotency-Key: %s", s->idempotency_key != NULL ? s->idempotency_key : id.text);
    request.header[0] = key;
    (void)client_call(client, &request, reply);
    while (may_send_again(reply, was_sent) && clock_mono_ms() < give_up) {
        was_sent = true;
        (void)poll(NULL, 0, SEND_PAUSE_MS);
        (void)client_call(client, &request, reply);
    }
    if (reply->fault == CLIENT_ANSWERED && reply->status >= 200 && reply->status <= 299) {
        return EXIT_OK;
    }
    return cli_refused(cli, reply);
}

/* What was accepted, when nobody waits for it. */
static void print_accepted(struct cli *cli, const struct client_reply *reply,
                           const struct job_facts *job)
{
    if (cli->is_json) {
        cli_print_body(cli, reply);
    } else if (cli->is_quiet) {
        (void)printf("%s\n", job->id);
    } else {
        job_print_result(&cli->out, job, client_url(cli->client));
    }
}

/* EXIT_OTHER for a job that the gateway would refuse, or no ComfyUI could run. */
static int print_dry_run(struct cli *cli, const struct client_reply *reply, const cJSON *checked)
{
    const cJSON *problems = cJSON_GetObjectItemCaseSensitive(checked, "problems");
    int count = cJSON_GetArraySize(problems);

    if (cli->is_json) {
        cli_print_body(cli, reply);
    } else if (count > 0) {
        (void)cli_failed(cli, "%d problem%s", count, count > 1 ? "s" : "");
        problem_print_items(&cli->err, problems);
    } else if (!cli->is_quiet) {
        (void)printf("No problem was found; --json shows the workflow that ComfyUI would get.\n");
    }
    return count > 0 ? EXIT_OTHER : EXIT_OK;
}

static int submit(struct cli *cli, const struct submit *s)
{
    AUTO(buf_clear) struct buf body = BUF_INIT(BODY_MAX);
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    struct await_options options = {.limit_s = s->wait_limit.is_given ? s->wait_limit.value : -1,
                                    .download_dir = s->download_dir};
    struct job_facts job;
    int code = s->template_name != NULL ? make_template_body(cli, s, &body)
                                        : make_workflow_body(cli, s, &body);

    if (code == EXIT_OK) {
        code = send(cli, s, buf_span(&body), &reply);
    }
    if (code != EXIT_OK) {
        return code;
    }
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    job_facts_read(tree, &job);
    if (s->is_dry_run) {
        return print_dry_run(cli, &reply, tree);
    }
    if (!s->is_waiting) {
        print_accepted(cli, &reply, &job);
        return EXIT_OK;
    }
    return await_new_job(cli, job.id, &options);
}

/* --download and --for only make sense when waiting, so they imply it. */
static int check_and_submit(struct cli *cli, struct submit *s)
{
    if ((s->workflow == NULL) == (s->template_name == NULL)) {
        return cli_usage(cli, "submit needs either the name of a template or --workflow FILE");
    }
    if (s->template_name != NULL && s->set.count > 0) {
        return cli_usage(cli, "--set changes a workflow; a template takes -p NAME=VALUE");
    }
    if (s->template_name == NULL && s->param.count > 0) {
        return cli_usage(cli, "-p is for templates; a workflow takes --set NODE.input=VALUE");
    }
    if (s->webhook == NULL && (s->webhook_event.count > 0 || s->webhook_secret_file != NULL)) {
        return cli_usage(cli, "--webhook-event and --webhook-secret-file need --webhook URL");
    }
    if (s->idempotency_key != NULL && strpbrk(s->idempotency_key, "\r\n") != NULL) {
        return cli_usage(cli, "--idempotency-key holds a line end");
    }
    s->is_waiting = s->is_waiting || s->download_dir != NULL || s->wait_limit.is_given;
    return submit(cli, s);
}

int verb_submit(struct cli *cli, int argc, char **argv)
{
    AUTO(submit_clear) struct submit s = {0};
    AUTO(words_clear) struct words operands = {0};
    const struct option_row rows[] = {
        {.name = "param",
         .value = "NAME=VALUE",
         .letter = 'p',
         .kind = OPTION_LIST,
         .out.list = &s.param,
         .doc = "a parameter of the template; @FILE uploads a file; may be repeated"},
        OPTION_TEXT_ROW("workflow", "FILE", &s.workflow,
                        "a workflow instead of a template; - is standard input"),
        OPTION_LIST_ROW("set", "NODE.input=VALUE", &s.set, "change an input; may be repeated"),
        OPTION_TEXT_ROW("title", "TEXT", &s.title, "a name for people"),
        OPTION_LIST_ROW("tag", "TAG", &s.tag, "may be repeated"),
        OPTION_LIST_ROW("metadata", "KEY=VALUE", &s.metadata, "may be repeated"),
        OPTION_NUMBER_ROW("priority", "N", &s.priority, -100, 100,
                          "higher runs sooner; usual is 0"),
        OPTION_NUMBER_ROW("deadline", "SECONDS", &s.deadline, 1, DAYS_7,
                          "expire unless begun by then"),
        OPTION_NUMBER_ROW("timeout", "SECONDS", &s.timeout, 1, DAYS_7, "longest run"),
        OPTION_NUMBER_ROW("max-attempts", "N", &s.max_attempts, 1, 5,
                          "runs when a ComfyUI is lost"),
        OPTION_TEXT_ROW("backend", "NAME", &s.backend,
                        "this ComfyUI only, or those with a tag (tag:large)"),
        OPTION_TEXT_ROW("webhook", "URL", &s.webhook, "is told how it ends"),
        OPTION_LIST_ROW("webhook-event", "EVENT", &s.webhook_event,
                        "tell it this, as job.started; may be repeated"),
        OPTION_TEXT_ROW("webhook-secret-file", "FILE", &s.webhook_secret_file,
                        "what messages to it are signed with"),
        OPTION_TEXT_ROW("idempotency-key", "KEY", &s.idempotency_key,
                        "the same key gives the same job"),
        OPTION_FLAG_ROW("dry-run", 0, &s.is_dry_run,
                        "only check it; exits with 1 when it could not run"),
        OPTION_FLAG_ROW("wait", 'w', &s.is_waiting, "show progress until it has ended"),
        OPTION_NUMBER_ROW("for", "SECONDS", &s.wait_limit, 0, DAYS_7,
                          "wait at most; then exit with 5"),
        OPTION_TEXT_ROW("download", "DIR", &s.download_dir, "wait, then fetch its files into DIR"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 1, &code)) {
        return code;
    }
    s.template_name = operands.count > 0 ? operands.item[0] : NULL;
    return check_and_submit(cli, &s);
}
