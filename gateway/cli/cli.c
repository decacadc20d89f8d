/* cli.c - finds the verb, reads the global flags, prints help, and says what every verb says alike.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/completion.h"
#include "base/config.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/version.h"
#include "cli/doctor_options.h"
#include "cli/key_options.h"
#include "cli/migrate_options.h"
#include "cli/problem.h"
#include "cli/verbs.h"

#define DEFAULT_URL "http://127.0.0.1:8090"
#define KEY_MAX     4096

static const struct verb verbs[] = {
    {"serve", "[FLAG...]", "run the gateway", NULL, NULL},
    {"migrate", "[FLAG...]", "bring the store to this version's form, or copy it into another",
     NULL, NULL},
    {"keys", KEY_PARTS " [NAME] [FLAG...]", "make, list and revoke keys of the API", NULL, NULL},
    {"doctor", "[FLAG...]", "say what is wrong with a set-up, and what to do", NULL, NULL},
    {"submit", "TEMPLATE [FLAG...]", "send a job, and with --wait see it through",
     "TEMPLATE is the name of a named workflow (see: comfygate templates list); -p fills in its\n"
     "parameters. Texts need no quotes; @FILE uploads a picture, a video or a sound; LoRAs are\n"
     "-p loras=NAME:STRENGTH, once for each.\n\n"
     "With --workflow, FILE is sent instead: a workflow in ComfyUI's API format (menu: Workflow >\n"
     "Export (API)); - reads it from standard input. --set changes inputs and leaves every other\n"
     "byte as it is: NODE is a node's id, or its title when only one node has it. A value that is\n"
     "valid JSON is put as it is, anything else as a string.\n\n"
     "Example:\n"
     "  comfygate submit flux -p prompt='a red fox' -p steps=20 --wait --download pictures\n"
     "  comfygate submit test-edit -p image=@photo.png --wait\n"
     "  comfygate submit --workflow graph.json --set 3.seed=42 --set 'Prompt.text=a red fox' \\\n"
     "      --wait --download pictures\n",
     verb_submit},
    {"wait", "ID...", "wait until jobs have ended",
     "Exits with the worst end: 3 when one failed, 4 when one was canceled or expired.\n\n"
     "Example:\n"
     "  comfygate wait --for 600 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e\n",
     verb_wait},
    {"watch", "[ID]", "look on: one job until it ends, or the list until Ctrl-C",
     "Example:\n"
     "  comfygate watch\n",
     verb_watch},
    {"list", "", "list jobs, newest first",
     "Example:\n"
     "  comfygate list --status running --status queued --tag nightly\n"
     "  comfygate list --template flux --search fox\n",
     verb_list},
    {"show", "ID", "show all about one job",
     "Example:\n"
     "  comfygate show 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e --json\n",
     verb_show},
    {"cancel", "ID...", "cancel jobs; one that has ended stays as it is",
     "Example:\n"
     "  comfygate cancel 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e\n",
     verb_cancel},
    {"retry", "ID", "submit a job again, as a new job, or a variation of it",
     "A job of a template can be varied: by another seed, or other parameters. What is not named\n"
     "stays as it was, the seed too.\n\n"
     "Example:\n"
     "  comfygate retry 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e --wait\n"
     "  comfygate retry 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e --seed random -p steps=40 --wait\n",
     verb_retry},
    {"download", "ID [DIR]", "fetch a job's files into DIR (here, when it is left out)",
     "Every file is compared with its sha256. A file that exists is never replaced: the new one\n"
     "gets -1, -2, ... before its extension. Prints the paths.\n\n"
     "Example:\n"
     "  comfygate download 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e pictures\n",
     verb_download},
    {"priority", "ID NUMBER", "move a job that waits in the queue: higher runs sooner",
     "NUMBER is -100 to 100; among equals, the older job is first.\n\n"
     "Example:\n"
     "  comfygate priority 0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e 50\n",
     verb_priority},
    {"templates", "PART", "write and check templates", NULL, verb_templates},
    {"health", "", "tell whether the gateway is ready, and why not",
     "Exits 0 when it serves (ready, or degraded), 1 when not, 69 when it cannot be reached.\n\n"
     "Example:\n"
     "  comfygate health --url http://gateway.local:8090\n",
     verb_health},
    {"backends", "", "list the ComfyUI servers and how they are",
     "Example:\n"
     "  comfygate backends\n",
     verb_backends},
    {"drain", "NAME", "let one ComfyUI finish what it has, and give it nothing new",
     "It stays so until it is resumed, also when the gateway is started again.\n\n"
     "Example:\n"
     "  comfygate drain gpu0\n",
     verb_drain},
    {"pause", "", "let nothing more begin, on any ComfyUI",
     "What runs goes on. Jobs are accepted, and wait until the queue is resumed.\n\n"
     "Example:\n"
     "  comfygate pause\n",
     verb_pause},
    {"resume", "[NAME]", "end a drain of this ComfyUI, or, without a name, the pause",
     "Example:\n"
     "  comfygate resume gpu0\n",
     verb_resume},
    {"completion", "bash|zsh|fish", "print what a shell completes our words by",
     "Prints a script. The Debian package brings all three along; else put it where your shell\n"
     "looks for such.\n\n"
     "Example:\n"
     "  comfygate completion bash >~/.local/share/bash-completion/completions/comfygate\n",
     verb_completion},
    {"version", "", "print the version",
     "Example:\n"
     "  comfygate version\n",
     verb_version},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

#define GLOBAL_ROW_COUNT 6

static void global_rows(struct cli *cli, struct option_row out[GLOBAL_ROW_COUNT])
{
    const struct option_row rows[GLOBAL_ROW_COUNT] = {
        OPTION_TEXT_ROW("url", "URL", &cli->url, "the gateway (COMFYGATE_URL; " DEFAULT_URL ")"),
        OPTION_FLAG_ROW("json", 0, &cli->is_json, "print the gateway's answer as it came"),
        OPTION_FLAG_ROW("quiet", 'q', &cli->is_quiet, "print results only: ids and paths"),
        OPTION_FLAG_ROW("no-color", 0, &cli->no_color, "no colour (also NO_COLOR)"),
        OPTION_FLAG_ROW("help", 'h', &cli->wants_help, "show this"),
        {.name = NULL},
    };

    memcpy(out, rows, sizeof rows);
}

static void print_overview(FILE *out)
{
    (void)fprintf(out, "comfygate %s", comfygate_version());
    (void)fputs(" - a REST gateway in front of ComfyUI\n\n"
                "Usage: comfygate VERB [FLAG...]\n\n",
                out);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        (void)fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs(
        "\nAll but serve, migrate, keys, doctor, and templates init and check speak to a running "
        "gateway: --url URL\n"
        "or COMFYGATE_URL (default " DEFAULT_URL "), with the key in COMFYGATE_API_KEY\n"
        "or in the file that COMFYGATE_API_KEY_FILE names.\n\n"
        "Exit codes: 0 succeeded, 3 failed, 4 canceled or expired, 5 the wait ran out,\n"
        "2 usage, 69 gateway unreachable, 1 anything else.\n\n"
        "comfygate help VERB tells more of each.\n",
        out);
}

static void complete_rows(struct completion *c, const struct option_row *rows)
{
    for (; rows->name != NULL; rows++) {
        completion_flag(c, rows->name, rows->letter, rows->value, rows->doc);
    }
}

static void print_help(struct cli *cli, const struct option_row *rows)
{
    struct option_row global[GLOBAL_ROW_COUNT];
    const struct verb *v = cli->verb;

    global_rows(cli, global);
    if (cli->completion != NULL) {
        completion_verb(cli->completion, v->name, v->operands, v->summary);
        complete_rows(cli->completion, rows);
        complete_rows(cli->completion, global);
        return;
    }
    (void)printf("comfygate %s%s%s - %s\n\n", v->name, *v->operands != '\0' ? " " : "", v->operands,
                 v->summary);
    if (v->text != NULL) {
        (void)printf("%s\n", v->text);
    }
    (void)puts("Flags:");
    options_print(stdout, rows);
    options_print(stdout, global);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fputs("comfygate: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\nTry: comfygate %s%s\n", cli->verb != NULL ? "help " : "--help",
                  cli->verb != NULL ? cli->verb->name : "");
    return EXIT_USAGE;
}

int cli_failed(const struct cli *cli, const char *fmt, ...)
{
    int cause = errno;
    va_list args;

    (void)fprintf(stderr, "%scomfygate:%s ", terminal_tone(&cli->err, TONE_BAD),
                  terminal_reset(&cli->err));
    errno = cause; /* for %m */
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return EXIT_OTHER;
}

bool cli_options(struct cli *cli, const struct option_row *rows, int argc, char **argv,
                 struct words *operands, int *code)
{
    struct option_row global[GLOBAL_ROW_COUNT];
    struct err e = ERR_INIT;

    global_rows(cli, global);
    if (options_parse(rows, global, argc, argv, operands, &e) < 0) {
        *code = cli_usage(cli, "%s", e.detail);
        return false;
    }
    if (cli->wants_help) {
        print_help(cli, rows);
        *code = EXIT_OK;
        return false;
    }
    terminal_init(&cli->out, stdout, cli->no_color);
    terminal_init(&cli->err, stderr, cli->no_color);
    return true;
}

bool cli_operands(const struct cli *cli, const struct words *operands, size_t min, size_t max,
                  int *code)
{
    if (operands->count < min) {
        *code = cli_usage(cli, "%s needs %s", cli->verb->name, cli->verb->operands);
        return false;
    }
    if (operands->count > max) {
        *code = cli_usage(cli, "\"%.80s\" is one word too many", operands->item[max]);
        return false;
    }
    return true;
}

bool cli_is_id(const struct cli *cli, const char *text)
{
    struct id id;

    if (id_parse(span_of(text), &id)) {
        return true;
    }
    (void)cli_usage(cli, "\"%.80s\" is no job id", text);
    return false;
}

/* A file's text without blanks at its end; NULL after having said why. */
static char *read_key_file(const struct cli *cli, const char *path)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(KEY_MAX);
    struct err e = ERR_INIT;

    if (file_read(path, KEY_MAX, &text, &e) != ERR_NONE) {
        (void)cli_failed(cli, "cannot read the API key: %s", e.detail);
        return NULL;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    return xstrndup(buf_str(&text), text.len);
}

static const char *environment(const char *name)
{
    const char *value =
        getenv(name); // NOLINT(concurrency-mt-unsafe): the command line has one thread

    return value != NULL && *value != '\0' ? value : NULL;
}

struct client *cli_client(struct cli *cli, int *code)
{
    AUTO(free_ptr) char *key = xstrdup_or_null(environment("COMFYGATE_API_KEY"));
    const char *key_file = environment("COMFYGATE_API_KEY_FILE");
    const char *url = cli->url != NULL ? cli->url : environment("COMFYGATE_URL");
    struct err e = ERR_INIT;

    if (cli->client != NULL) {
        return cli->client;
    }
    if (key == NULL && key_file != NULL) {
        key = read_key_file(cli, key_file);
        if (key == NULL) {
            *code = EXIT_OTHER;
            return NULL;
        }
    }
    if (client_new(url != NULL ? url : DEFAULT_URL, key, &cli->client, &e) != ERR_NONE) {
        *code = cli_usage(cli, "%s", e.detail);
        return NULL;
    }
    return cli->client;
}

int cli_refused(struct cli *cli, const struct client_reply *reply)
{
    const char *url = client_url(cli->client);

    switch (reply->fault) {
    case CLIENT_ANSWERED:
        if (cli->is_json) {
            cli_print_body(cli, reply);
        }
        problem_print(&cli->err, url, reply);
        return EXIT_OTHER;
    case CLIENT_NO_CONTACT:
        (void)cli_failed(cli, "no gateway answers at %s: %s", url, reply->why);
        return EXIT_UNREACHABLE;
    case CLIENT_LOST:
        (void)cli_failed(cli, "the gateway at %s did not finish its answer: %s", url, reply->why);
        return EXIT_UNREACHABLE;
    case CLIENT_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case CLIENT_SINK_FULL:
        break;
    }
    return EXIT_OTHER;
}

bool cli_call(struct cli *cli, const struct client_request *request, struct client_reply *reply,
              int *code)
{
    struct client *client = cli_client(cli, code);

    if (client == NULL) {
        return false;
    }
    if (client_call(client, request, reply) && reply->status >= 200 && reply->status <= 299) {
        return true;
    }
    *code = cli_refused(cli, reply);
    return false;
}

void cli_print_body(const struct cli *cli, const struct client_reply *reply)
{
    size_t len = reply->body.len;
    const char *data = buf_str(&reply->body);

    (void)fwrite(data, 1, len, cli->out.file);
    if (len == 0 || data[len - 1] != '\n') {
        (void)fputc('\n', cli->out.file);
    }
}

/* Each verb shows its help to the completion, so that the two cannot differ. */
static void complete_verbs(struct cli *cli, struct buf *names)
{
    struct option_row global[GLOBAL_ROW_COUNT];

    global_rows(cli, global);
    complete_rows(cli->completion, global);
    completion_flag(cli->completion, "version", 0, NULL, "print the version");
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        (void)buf_appendf(names, "%s%s", i > 0 ? "|" : "", verbs[i].name);
        cli->verb = &verbs[i];
        if (verbs[i].run == NULL) {
            bool is_keys = strcmp(verbs[i].name, "keys") == 0;

            completion_verb(cli->completion, verbs[i].name, is_keys ? KEY_PARTS : "",
                            verbs[i].summary);
            if (is_keys) {
                key_options_complete(cli->completion);
            } else if (strcmp(verbs[i].name, "migrate") == 0) {
                migrate_options_complete(cli->completion);
            } else if (strcmp(verbs[i].name, "doctor") == 0) {
                doctor_options_complete(cli->completion);
            }
            completion_settings(cli->completion, config_table());
        } else {
            cli->wants_help = true;
            (void)verbs[i].run(cli, 0, NULL);
        }
    }
    completion_verb(cli->completion, "help", buf_str(names), "tell more of a verb");
}

int verb_completion(struct cli *cli, int argc, char **argv)
{
    const struct option_row rows[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    AUTO(buf_clear) struct buf names = BUF_INIT(4096);
    struct cli all = {.completion = NULL};
    bool is_known = false;
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 1, 1, &code)) {
        return code;
    }
    all.completion = completion_new("comfygate");
    complete_verbs(&all, &names);
    is_known = completion_print(all.completion, operands.item[0], stdout);
    completion_free(all.completion);
    return is_known ? EXIT_OK
                    : cli_usage(cli, "completion takes " COMPLETION_SHELLS ", not \"%.40s\"",
                                operands.item[0]);
}

static int run_verb(struct cli *cli, int argc, char **argv)
{
    if (strcmp(cli->verb->name, "keys") == 0) {
        key_options_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(cli->verb->name, "doctor") == 0) {
        doctor_options_help(stdout);
        return EXIT_OK;
    }
    if (cli->verb->run == NULL) {
        /* Only `help serve` comes here; main.c runs these, and knows their flags. */
        (void)printf("comfygate %s %s - %s\n\nTry: comfygate %s --help\n", cli->verb->name,
                     cli->verb->operands, cli->verb->summary, cli->verb->name);
        return EXIT_OK;
    }
    return cli->verb->run(cli, argc, argv);
}

static int run_help(struct cli *cli, int argc, char **argv)
{
    if (argc == 0) {
        print_overview(stdout);
        return EXIT_OK;
    }
    cli->verb = find_verb(argv[0]);
    if (cli->verb == NULL) {
        return cli_usage(cli, "there is no verb \"%.40s\"", argv[0]);
    }
    cli->wants_help = true;
    return run_verb(cli, argc - 1, argv + 1); /* templates has parts with a help of their own */
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct option_row global[GLOBAL_ROW_COUNT];
    struct err e = ERR_INIT;
    int at;

    global_rows(cli, global);
    at = options_parse(NULL, global, argc, argv, NULL, &e);
    if (at < 0) {
        /* `comfygate --version` is what many try first. */
        if (argc == 1 && strcmp(argv[0], "--version") == 0) {
            return verb_version(cli, 0, argv);
        }
        return cli_usage(cli, "%s", e.detail);
    }
    if (cli->wants_help && at == argc) {
        print_overview(stdout);
        return EXIT_OK;
    }
    if (at == argc) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[at], "help") == 0) {
        return run_help(cli, argc - at - 1, argv + at + 1);
    }
    cli->verb = find_verb(argv[at]);
    if (cli->verb == NULL) {
        return cli_usage(cli, "there is no verb \"%.40s\"", argv[at]);
    }
    return run_verb(cli, argc - at - 1, argv + at + 1);
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    int code = argc > 0 ? run(&cli, argc - 1, argv + 1) : EXIT_USAGE;

    client_free(cli.client);
    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 && code == EXIT_OK) {
        code = EXIT_OTHER;
    }
    return code;
}
