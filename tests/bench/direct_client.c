/* direct_client.c - the floor of a whole job: what a program does that speaks to ComfyUI itself, and well.
 *
 *   bench-direct-client URL GRAPH_FILE COUNT AT_ONCE
 *
 * One WebSocket for all jobs; POST /prompt, its end heard, GET /history/{id}, GET /view of each file.
 */
#include <stdlib.h>

#include "base/id.h"
#include "base/mem.h"
#include "clients.h"
#include "core/comfy_wire.h"
#include "net/ws.h"

#define BODY_MAX   (1U << 20)
#define VIEW_MAX   (64 << 20)
#define TIMEOUT_MS 60000

struct prompt {
    struct id id;
    size_t files; /* not yet there */
    bool has_ended;
};

struct socket {
    struct ws *ws;
    struct id client_id;
    bool is_open;
};

static void on_view(void *arg, const struct http_result *result)
{
    struct place *place = arg;
    struct prompt *prompt = place->data;

    if (result->end != HTTP_ANSWERED || result->status != 200) {
        clients_fail("GET /view", result->reason);
    }
    if (--prompt->files == 0) {
        clients_done(place);
    }
}

static void on_history(void *arg, const struct http_result *result)
{
    struct place *place = arg;
    struct prompt *prompt = place->data;
    struct clients *c = place->clients;
    struct comfy_history history = {0};

    if (result->end != HTTP_ANSWERED ||
        !comfy_history_parse(result->body, prompt->id, SPAN_LIT("{}"), &history) ||
        history.end != COMFY_END_SUCCESS || history.output_count == 0) {
        clients_fail("GET /history", result->reason);
    }
    prompt->files = history.output_count;
    for (size_t i = 0; i < history.output_count; i++) {
        AUTO(buf_clear) struct buf query = BUF_INIT(4096);
        AUTO(free_ptr) char *url = NULL;

        comfy_view_query(&query, &history.output[i]);
        url = xasprintf("%s/view%s", c->url, buf_str(&query));
        (void)http_start(c->http, &(struct http_request){.method = "GET",
                                                         .url = url,
                                                         .timeout_ms = TIMEOUT_MS,
                                                         .max_bytes = VIEW_MAX,
                                                         .done = on_view,
                                                         .arg = place});
    }
    comfy_history_clear(&history);
}

static void ask_history(struct place *place)
{
    const struct prompt *prompt = place->data;
    AUTO(free_ptr) char *url = xasprintf("%s/history/%s", place->clients->url, prompt->id.text);

    (void)http_start(place->clients->http, &(struct http_request){.method = "GET",
                                                                  .url = url,
                                                                  .timeout_ms = TIMEOUT_MS,
                                                                  .max_bytes = VIEW_MAX,
                                                                  .done = on_history,
                                                                  .arg = place});
}

static void on_posted(void *arg, const struct http_result *result)
{
    (void)arg;
    if (result->end != HTTP_ANSWERED || result->status != 200) {
        clients_fail("POST /prompt", result->reason);
    }
}

static void begin(struct place *place)
{
    static const char *const JSON[] = {"Content-Type: application/json", NULL};
    struct clients *c = place->clients;
    const struct socket *socket = c->data;
    struct prompt *prompt = place->data != NULL ? place->data : xcalloc(1, sizeof *prompt);
    AUTO(buf_clear) struct buf graph = clients_text(place);
    AUTO(buf_clear) struct buf body = BUF_INIT(BODY_MAX);
    AUTO(free_ptr) char *url = xasprintf("%s/prompt", c->url);

    *prompt = (struct prompt){.id = id_random()};
    place->data = prompt;
    comfy_prompt_body(&body, buf_span(&graph), prompt->id, socket->client_id.text, prompt->id);
    /* On a connection of its own, as it must be: libcurl sends again by itself on a kept one that dies. */
    (void)http_start(c->http, &(struct http_request){.method = "POST",
                                                     .url = url,
                                                     .header = JSON,
                                                     .body = buf_span(&body),
                                                     .timeout_ms = TIMEOUT_MS,
                                                     .max_bytes = BODY_MAX,
                                                     .is_alone = true,
                                                     .done = on_posted,
                                                     .arg = place});
}

static void heard(struct clients *c, const struct comfy_message *m)
{
    if (m->kind != COMFY_EXECUTING || m->node == NULL || m->node[0] != '\0') {
        return;
    }
    for (size_t i = 0; i < c->at_once; i++) {
        struct prompt *prompt = c->place[i].data;

        if (prompt != NULL && id_eq(prompt->id, m->prompt_id) && !prompt->has_ended) {
            prompt->has_ended = true;
            ask_history(&c->place[i]);
        }
    }
}

static void on_text(void *arg, struct span text)
{
    struct comfy_message m;

    comfy_message_text(text, &m);
    heard(arg, &m);
    comfy_message_clear(&m);
}

static void on_binary(void *arg, struct span frame)
{
    (void)arg;
    (void)frame;
}

static void on_skipped(void *arg, int64_t bytes)
{
    (void)arg;
    (void)bytes;
}

static void on_open(void *arg)
{
    struct clients *c = arg;

    ((struct socket *)c->data)->is_open = true;
}

static void on_closed(void *arg, const struct ws_end *why)
{
    (void)arg;
    clients_fail("the WebSocket", why->reason);
}

int main(int argc, char **argv)
{
    static const struct ws_events EVENTS = {.opened = on_open,
                                            .text = on_text,
                                            .binary = on_binary,
                                            .skipped = on_skipped,
                                            .closed = on_closed};
    struct clients c;
    struct socket socket = {.client_id = id_random()};
    AUTO(free_ptr) char *url = NULL;

    clients_open(&c, argc, argv, begin);
    c.data = &socket;
    url = xasprintf("%s/ws?clientId=%s", c.url, socket.client_id.text);
    socket.ws = ws_new(c.loop,
                       &(struct ws_config){.url = url,
                                           .greeting = comfy_feature_flags(),
                                           .connect_ms = TIMEOUT_MS,
                                           .max_text = VIEW_MAX,
                                           .max_binary = VIEW_MAX},
                       &EVENTS, &c);
    while (!socket.is_open) {
        loop_turn(c.loop, 1000);
    }
    return clients_run(&c);
}
