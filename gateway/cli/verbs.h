/* verbs.h - what the verbs of the command line share.
 */
#ifndef CG_CLI_VERBS_H
#define CG_CLI_VERBS_H

#include <stdbool.h>

#include "base/attr.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/terminal.h"

struct completion;
struct verb;

/* One run of the command line: what the global flags and the environment said. */
struct cli {
    const char *url;
    bool is_json;
    bool is_quiet;
    bool no_color;
    bool wants_help;
    struct terminal out;
    struct terminal err;
    struct client *client; /* made by cli_client on first use */
    const struct verb *verb;
    struct completion *completion; /* not NULL: --help adds to this instead of printing */
};

struct verb {
    const char *name;
    const char *operands; /* as --help shows them */
    const char *summary;
    const char *text;                                   /* paragraphs and an example for --help */
    int (*run)(struct cli *cli, int argc, char **argv); /* NULL: main.c runs it */
};

int verb_submit(struct cli *cli, int argc, char **argv);
int verb_wait(struct cli *cli, int argc, char **argv);
int verb_watch(struct cli *cli, int argc, char **argv);
int verb_list(struct cli *cli, int argc, char **argv);
int verb_show(struct cli *cli, int argc, char **argv);
int verb_cancel(struct cli *cli, int argc, char **argv);
int verb_retry(struct cli *cli, int argc, char **argv);
int verb_download(struct cli *cli, int argc, char **argv);
int verb_priority(struct cli *cli, int argc, char **argv);
int verb_backends(struct cli *cli, int argc, char **argv);
int verb_drain(struct cli *cli, int argc, char **argv);
int verb_pause(struct cli *cli, int argc, char **argv);
int verb_resume(struct cli *cli, int argc, char **argv);
int verb_templates(struct cli *cli, int argc, char **argv);
int verb_health(struct cli *cli, int argc, char **argv);
int verb_completion(struct cli *cli, int argc, char **argv);
int verb_version(struct cli *cli, int argc, char **argv);

/* Says what is wrong with the command line and where help is; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Says what went wrong; returns EXIT_OTHER. */
int cli_failed(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Reads a verb's own flags and the global ones. True: go on. False: *code is the exit code (help
 * was shown, or the line is wrong). Operands must number min..max. */
bool cli_options(struct cli *cli, const struct option_row *rows, int argc, char **argv,
                 struct words *operands, int *code) MUST_CHECK;
bool cli_operands(const struct cli *cli, const struct words *operands, size_t min, size_t max,
                  int *code) MUST_CHECK;

/* True when text is an id; else it has been said. */
bool cli_is_id(const struct cli *cli, const char *text) MUST_CHECK;

/* Calls the gateway once. True: a 2xx answer. False: what went wrong was said, *code is the exit
 * code. */
bool cli_call(struct cli *cli, const struct client_request *request, struct client_reply *reply,
              int *code) MUST_CHECK;
/* Says what an exchange that did not end in 2xx means; returns the exit code. */
int cli_refused(struct cli *cli, const struct client_reply *reply);
/* The client, or NULL with *code after the settings were found wrong. */
struct client *cli_client(struct cli *cli, int *code) MUST_CHECK;
/* Prints the answer as it came, for --json. */
void cli_print_body(const struct cli *cli, const struct client_reply *reply);

#endif
