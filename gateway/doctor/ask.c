/* ask.c - see ask.h. */
#include "doctor/ask.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define ANSWER_MAX (64U << 20)
#define TURN_MS    100

/* Of a Date field: "Sun, 06 Nov 1994 08:49:37 GMT". */
static int64_t read_date(const char *text)
{
    struct tm tm = {.tm_sec = 0};
    const char *end = text != NULL ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;

    return end != NULL && *end == '\0' ? (int64_t)timegm(&tm) * 1000 : 0;
}

static void on_done(void *arg, const struct http_result *result)
{
    struct answer *a = arg;

    a->is_done = true;
    a->end = result->end;
    a->reason = xstrdup(result->reason);
    if (result->end == HTTP_ANSWERED) {
        a->status = result->status;
        (void)buf_append_span(&a->body, result->body);
        a->type = xstrdup_or_null(http_header(result, "Content-Type"));
        a->location = xstrdup_or_null(http_header(result, "Location"));
        a->date_ms = read_date(http_header(result, "Date"));
    }
}

void ask(struct loop *loop, struct http_client *http, const char *url, int64_t timeout_ms,
         struct answer *out)
{
    int64_t began = clock_mono_ms();

    *out = (struct answer){.body = BUF_INIT(ANSWER_MAX)};
    (void)http_start(http, &(struct http_request){.method = "GET",
                                                  .url = url,
                                                  .timeout_ms = timeout_ms,
                                                  .max_bytes = ANSWER_MAX,
                                                  .done = on_done,
                                                  .arg = out});
    while (!out->is_done) {
        loop_turn(loop, TURN_MS);
    }
    out->took_ms = clock_mono_ms() - began;
    out->asked_ms = clock_wall_ms() - out->took_ms / 2;
}

void answer_clear(struct answer *a)
{
    buf_clear(&a->body);
    free(a->type);
    free(a->location);
    free(a->reason);
}

bool answer_is_page(const struct answer *a)
{
    return a->type != NULL && strncasecmp(a->type, "text/html", strlen("text/html")) == 0;
}
