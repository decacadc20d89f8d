/* discord_fetch.c - a file that a user sent, from Discord's CDN.
 *
 * The address comes with an interaction, but by way of a record in comfygate, so it is checked as a stranger's: two hosts,
 * https, no port, no user. No redirect is followed (net/http_call.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "link/discord_parts.h"
#include "wire/text.h"

#define FETCH_TRIES  3
#define FETCH_MS     60000
#define STALL_MS     10000
#define RETRY_MS     700
#define EXPIRED_TEXT "Discord does not have this file any more. Please send it again."
#define ELSEWHERE    "Only pictures that were uploaded to Discord can be used."
#define UNREACHABLE  "The file could not be fetched from Discord just now. Please try again."

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* Host and port of the base for tests; those of Discord otherwise. */
static bool is_allowed(const struct discord *d, const char *url)
{
    static const char *const HOSTS[] = {"https://cdn.discordapp.com/",
                                        "https://media.discordapp.net/"};
    size_t len = 0;

    for (const char *at = url; *at != '\0'; at++) {
        if ((unsigned char)*at <= 0x20 || *at == 0x7f || *at == '\\') {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(HOSTS); i++) {
        if (starts_with(url, HOSTS[i])) {
            return true;
        }
    }
    if (!starts_with(d->api_base, "http://")) {
        return false;
    }
    len = strlen("http://") + strcspn(d->api_base + strlen("http://"), "/");
    return strncasecmp(url, d->api_base, len) == 0 && url[len] == '/';
}

/* c is gone afterwards. `data` is given away. */
static void finish(struct discord_call *c, struct bytes *data, const char *reason)
{
    discord_file_done *done = c->file_done;
    void *arg = c->arg;

    discord_call_free(c);
    done(arg, data, reason);
}

static void on_not_allowed(void *arg)
{
    finish(arg, NULL, ELSEWHERE);
}

static enum errc on_piece(void *arg, struct span piece)
{
    struct discord_call *c = arg;

    return buf_append_span(&c->received, piece) ? ERR_NONE : ERR_CONTENT_TOO_LARGE;
}

static void fetch(struct discord_call *c);

static void on_retry(void *arg)
{
    fetch(arg);
}

static void tell_too_large(struct discord_call *c)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(256);

    (void)buf_append_str(&text, "This file is too large: at most ");
    text_bytes(&text, c->max_bytes);
    (void)buf_append_str(&text, " can be taken.");
    finish(c, NULL, buf_str(&text));
}

static void on_fetched(void *arg, const struct http_result *r)
{
    struct discord_call *c = arg;
    bool is_lost = r->end == HTTP_NOT_SENT || r->end == HTTP_IN_DOUBT ||
                   (r->end == HTTP_ANSWERED && (r->status >= 500 || r->status == 429));

    c->http = NULL;
    if (r->end == HTTP_TOO_LARGE || r->end == HTTP_SINK_FAILED) {
        tell_too_large(c);
        return;
    }
    if (is_lost && c->tries < FETCH_TRIES) {
        loop_timer_set(c->d->loop, &c->timer, (int64_t)RETRY_MS * c->tries, on_retry, c);
        return;
    }
    if (r->end == HTTP_ANSWERED && r->status == 200) {
        finish(c, bytes_from_buf(&c->received), "");
        return;
    }
    log_info("discord_file_failed", LOG_I("status", r->status), LOG_S("reason", r->reason));
    finish(c, NULL,
           r->status == 403 || r->status == 404 || r->status == 410 ? EXPIRED_TEXT : UNREACHABLE);
}

static void fetch(struct discord_call *c)
{
    struct http_sink sink = {.write = on_piece, .arg = c};

    c->tries++;
    buf_reset(&c->received);
    c->http = http_start(c->d->http, &(struct http_request){.method = "GET",
                                                            .url = c->url,
                                                            .timeout_ms = FETCH_MS,
                                                            .stall_ms = STALL_MS,
                                                            .max_bytes = c->max_bytes,
                                                            .sink = &sink,
                                                            .done = on_fetched,
                                                            .arg = c});
}

struct discord_call *discord_fetch(struct discord *d, const char *url, int64_t max_bytes,
                                   discord_file_done *done, void *arg)
{
    struct discord_call *c = discord_call_new(d, "GET", url, "GET file", NULL);

    c->file_done = done;
    c->arg = arg;
    c->max_bytes = max_bytes;
    c->received = BUF_INIT((size_t)max_bytes);
    if (is_allowed(d, url)) {
        fetch(c);
    } else {
        loop_timer_set(d->loop, &c->timer, 0, on_not_allowed, c);
    }
    return c;
}
