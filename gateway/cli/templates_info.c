/* templates_info.c - /object_info from a file or from a ComfyUI itself. */
#include <string.h>

#include "base/file.h"
#include "cli/templates.h"

#define INFO_WAIT_MS 60000 /* a ComfyUI with many custom nodes takes its time */

const struct template_limits templates_limits = {
    .json = {.depth = 64, .nodes = 400000},
    .graph_nodes = 2000,
};

static const struct json_limits info_limits = {.depth = 64, .nodes = 20000000};

void templates_info_clear(struct templates_info *i)
{
    object_info_free_ptr(&i->info);
    buf_clear(&i->text);
}

static void free_client(struct client **c)
{
    client_free(*c);
}

static int say_no_answer(struct cli *cli, const struct templates_source *source,
                         const struct client_reply *reply)
{
    if (reply->fault == CLIENT_INTERRUPTED) {
        return EXIT_INTERRUPTED;
    }
    if (reply->fault == CLIENT_ANSWERED) {
        return cli_failed(cli, "%.200s answered /object_info with status %d: is it a ComfyUI?",
                          source->url, reply->status);
    }
    (void)cli_failed(cli, "no ComfyUI answers at %.200s: %s", source->url, reply->why);
    return EXIT_UNREACHABLE;
}

static int fetch(struct cli *cli, const struct templates_source *source, struct buf *out)
{
    const struct client_request request = {
        .method = "GET", .path = "/object_info", .limit_ms = INFO_WAIT_MS};
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(free_client) struct client *client = NULL;

    if (client_new(source->url, NULL, &client, NULL) != ERR_NONE) {
        return cli_usage(cli,
                         "--comfyui wants an address such as http://127.0.0.1:8188, not "
                         "\"%.80s\"",
                         source->url);
    }
    if (!client_call(client, &request, &reply) || reply.status != 200) {
        return say_no_answer(cli, source, &reply);
    }
    *out = reply.body;
    reply.body = BUF_INIT(0);
    return EXIT_OK;
}

static int read_text(struct cli *cli, const struct templates_source *source, struct buf *out)
{
    struct err e = ERR_INIT;

    if (source->url != NULL) {
        return fetch(cli, source, out);
    }
    if (file_read(source->file, TEMPLATES_INFO_MAX, out, &e) != ERR_NONE) {
        return cli_failed(cli, "cannot read the object info: %s", e.detail);
    }
    return EXIT_OK;
}

bool templates_info_read(struct cli *cli, const struct templates_source *source,
                         struct templates_info *out, int *code)
{
    const char *name = source->url != NULL ? source->url : source->file;
    struct err e = ERR_INIT;

    *out = (struct templates_info){.text = BUF_INIT(TEMPLATES_INFO_MAX)};
    if (source->url != NULL && source->file != NULL) {
        *code = cli_usage(cli, "--object-info and --comfyui tell the same: give one of them");
        return false;
    }
    if (name == NULL) {
        return true;
    }
    *code = read_text(cli, source, &out->text);
    if (*code != EXIT_OK) {
        return false;
    }
    if (object_info_new(buf_span(&out->text), info_limits, &out->info, &e) != ERR_NONE) {
        *code =
            cli_failed(cli, "%.200s: %s", name, e.detail[0] != '\0' ? e.detail : err_title(e.code));
        return false;
    }
    return true;
}
