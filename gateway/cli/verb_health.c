/* verb_health.c - health and version. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/job_facts.h"
#include "cli/verbs.h"

static void print_check(const struct terminal *t, const cJSON *check)
{
    const char *status = cJSON_IsString(check) ? check->valuestring : member_text(check, "status");
    const char *detail = member_text(check, "detail");

    (void)fputs("  ", t->file);
    terminal_put(t, check->string);
    (void)fputs(": ", t->file);
    terminal_put(t, status);
    if (*detail != '\0') {
        (void)fputs(", ", t->file);
        terminal_put(t, detail);
    }
    (void)fputc('\n', t->file);
}

static void print_readiness(const struct terminal *t, const cJSON *readiness)
{
    const char *status = member_text(readiness, "status");
    const cJSON *check;
    enum tone tone = TONE_BUSY;

    if (strcmp(status, "ready") == 0) {
        tone = TONE_GOOD;
    } else if (strcmp(status, "not_ready") == 0) {
        tone = TONE_BAD;
    }
    (void)fputs(terminal_tone(t, tone), t->file);
    terminal_put(t, status);
    (void)fprintf(t->file, "%s\n", terminal_reset(t));
    cJSON_ArrayForEach(check, cJSON_GetObjectItemCaseSensitive(readiness, "checks")) {
        print_check(t, check);
    }
}

static int health(struct cli *cli)
{
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *tree = NULL;
    struct client_request request = {.method = "GET", .path = "/readyz"};
    int code = EXIT_OTHER;
    struct client *client = cli_client(cli, &code);

    if (client == NULL) {
        return code;
    }
    (void)client_call(client, &request, &reply);
    tree = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    if (reply.fault != CLIENT_ANSWERED || !cJSON_IsObject(cJSON_GetObjectItem(tree, "checks"))) {
        return cli_refused(cli, &reply);
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
    } else if (!cli->is_quiet) {
        print_readiness(&cli->out, tree);
    }
    return reply.status == 200 ? EXIT_OK : EXIT_OTHER;
}

int verb_health(struct cli *cli, int argc, char **argv)
{
    const struct option_row rows[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    return health(cli);
}

int verb_version(struct cli *cli, int argc, char **argv)
{
    const struct option_row rows[] = {{.name = NULL}};
    AUTO(words_clear) struct words operands = {0};
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    (void)printf(cli->is_json ? "{\"version\":\"%s\"}\n" : "comfygate %s\n", comfygate_version());
    return EXIT_OK;
}
