/* gateway_client.c - a whole job by way of comfygate: submitted, waited for, its picture fetched.
 *
 *   bench-gateway-client URL BODY_FILE COUNT AT_ONCE
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "clients.h"

#define ANSWER_MAX (64 << 20)
#define TIMEOUT_MS 90000

static void on_content(void *arg, const struct http_result *result)
{
    if (result->end != HTTP_ANSWERED || result->status != 200) {
        clients_fail("GET /v1/outputs/{id}/content", result->reason);
    }
    clients_done(arg);
}

static char *first_output(struct span job)
{
    static const struct json_limits LIMITS = {.depth = 32, .nodes = 10000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    char *url = NULL;

    if (json_parse(job, JSON_STRICT, LIMITS, &doc, NULL) == ERR_NONE) {
        url = json_str_dup(doc, json_get(doc, json_at(doc, json_get(doc, 0, "outputs"), 0), "url"));
    }
    if (url == NULL) {
        clients_fail("POST /v1/jobs", "the job has no output");
    }
    return url;
}

static void on_job(void *arg, const struct http_result *result)
{
    struct place *place = arg;
    struct clients *c = place->clients;
    AUTO(free_ptr) char *path = NULL;
    AUTO(free_ptr) char *url = NULL;

    if (result->end != HTTP_ANSWERED || result->status != 200) {
        clients_fail("POST /v1/jobs", result->reason);
    }
    path = first_output(result->body);
    url = xasprintf("%s%s", c->url, path);
    (void)http_start(c->http, &(struct http_request){.method = "GET",
                                                     .url = url,
                                                     .timeout_ms = TIMEOUT_MS,
                                                     .max_bytes = ANSWER_MAX,
                                                     .done = on_content,
                                                     .arg = place});
}

static void begin(struct place *place)
{
    static const char *const HEADERS[] = {"Content-Type: application/json", "Prefer: wait=60",
                                          NULL};
    struct clients *c = place->clients;
    AUTO(buf_clear) struct buf body = clients_text(place);
    AUTO(free_ptr) char *url = xasprintf("%s/v1/jobs", c->url);

    (void)http_start(c->http, &(struct http_request){.method = "POST",
                                                     .url = url,
                                                     .header = HEADERS,
                                                     .body = buf_span(&body),
                                                     .timeout_ms = TIMEOUT_MS,
                                                     .max_bytes = ANSWER_MAX,
                                                     .done = on_job,
                                                     .arg = place});
}

int main(int argc, char **argv)
{
    struct clients c;

    clients_open(&c, argc, argv, begin);
    return clients_run(&c);
}
