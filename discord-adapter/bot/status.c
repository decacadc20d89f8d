/* status.c - /status, /loras and /help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bot/catalog.h"
#include "bot/handlers.h"
#include "bot/say.h"
#include "bot/track.h"
#include "bot/with.h"
#include "link/gateway.h"
#include "wire/read.h"
#include "wire/text.h"

#define COLOUR_GOOD  0x57F287U
#define COLOUR_BAD   0xED4245U
#define COLOUR_PLAIN 0x5865F2U
#define TEXT_MAX     4000
#define LORAS_SHOWN  50

static void whisper(struct answer *a, struct message *m)
{
    answer_whisper(a, m, NULL, NULL);
    message_free(m);
}

/* ---- status --------------------------------------------------------------------------------- */

static void add_backend(struct buf *out, const cJSON *backend)
{
    const char *status = read_text(backend, "status");
    const char *reason = read_text(backend, "reason");

    (void)buf_append_str(out, strcmp(status, "up") == 0 ? "🟢 " : "🔴 ");
    text_escape(out, read_text(backend, "name"), 60);
    (void)buf_appendf(out, ": %s", status);
    if (reason[0] != '\0') {
        (void)buf_append_str(out, ", ");
        text_escape(out, reason, 200);
    }
    (void)buf_append_char(out, '\n');
}

static void show_status(struct bot *b, struct interaction *i, struct answer *a,
                        const struct comfygate_result *r)
{
    AUTO(buf_clear) struct buf lines = BUF_INIT(TEXT_MAX);
    const cJSON *backends = cJSON_GetObjectItemCaseSensitive(r->json, "data");
    const cJSON *backend = NULL;
    struct message *m = message_new();
    char mine[64];

    cJSON_ArrayForEach(backend, backends) {
        add_backend(&lines, backend);
    }
    if (r->status == 200) {
        message_embed(m, "Picture servers", buf_str(&lines), COLOUR_GOOD);
        (void)snprintf(mine, sizeof mine, "%d", tracker_open_count(b->tracker, NULL));
        message_field(m, "Under way from this chat", mine, true);
    } else {
        message_embed(m, "Picture servers", r->sentence, COLOUR_BAD);
    }
    if (b->gateway != NULL && session_rtt_ms(gateway_link_session(b->gateway)) >= 0) {
        (void)snprintf(mine, sizeof mine, "%lld ms",
                       (long long)session_rtt_ms(gateway_link_session(b->gateway)));
        message_field(m, "Discord answers within", mine, true);
    }
    whisper(a, m);
    interaction_free(i);
}

void cmd_status(struct bot *b, struct interaction *i, struct answer *a)
{
    answer_in_time(a, true, false);
    with_get(b, i, a, "/v1/backends", show_status);
}

/* ---- LoRAs ---------------------------------------------------------------------------------- */

static void show_loras(struct bot *b, struct interaction *i, struct answer *a,
                       const struct comfygate_result *r)
{
    AUTO(buf_clear) struct buf lines = BUF_INIT((size_t)TEXT_MAX * 2);
    AUTO(buf_clear) struct buf shown = BUF_INIT((size_t)TEXT_MAX * 2);
    const cJSON *model = NULL;
    struct message *m = NULL;

    (void)b;
    if (r->status != 200) {
        say_error(a, r->sentence);
        interaction_free(i);
        return;
    }
    cJSON_ArrayForEach(model, cJSON_GetObjectItemCaseSensitive(r->json, "data")) {
        const char *name = cJSON_IsString(model) ? model->valuestring : read_text(model, "name");

        (void)buf_appendf(&lines, "%s\n", name);
    }
    m = message_new();
    text_code(&shown, buf_str(&lines), 3800);
    message_embed(m, "LoRAs", lines.len > 0 ? buf_str(&shown) : "There are none of this name.",
                  COLOUR_PLAIN);
    if (read_true(r->json, "has_more")) {
        message_footer(m, "There are more: search with a part of the name.");
    }
    whisper(a, m);
    interaction_free(i);
}

void cmd_loras(struct bot *b, struct interaction *i, struct answer *a)
{
    const char *search = interaction_option_text(i, "search");
    AUTO(buf_clear) struct buf path = BUF_INIT(8192);

    (void)buf_appendf(&path, "/v1/models/loras?limit=%d", LORAS_SHOWN);
    if (search != NULL && search[0] != '\0') {
        (void)buf_append_str(&path, "&q=");
        comfygate_escape(&path, search);
    }
    answer_in_time(a, true, false);
    with_get(b, i, a, buf_str(&path), show_loras);
}

/* ---- help ----------------------------------------------------------------------------------- */

static void add_models(struct message *m, const struct catalog *c, const char *title,
                       const char *category)
{
    AUTO(buf_clear) struct buf lines = BUF_INIT(TEXT_MAX);

    for (size_t i = 0; i < catalog_count(c); i++) {
        const struct template_entry *t = catalog_at(c, i);

        if (catalog_is_of(t, category) && lines.len < 900) {
            (void)buf_appendf(&lines, "%s%s", lines.len > 0 ? ", " : "", t->title);
            (void)buf_append_str(&lines, t->is_available ? "" : " (not now)");
        }
    }
    if (lines.len > 0) {
        message_field(m, title, buf_str(&lines), false);
    }
}

void cmd_help(struct bot *b, struct interaction *i, struct answer *a)
{
    struct message *m = message_new();

    message_embed(
        m, "What I can do",
        "Write `/generate` and a prompt, and a picture is made. Without a prompt a view opens "
        "in which everything can be set. Under each result are buttons to go on from "
        "there; they work for ever.\n\n"
        "`/edit`, `/upscale` and `/animate` take a picture of yours; the same is in the "
        "menu of every message with a picture, under Apps.\n"
        "`/queue` shows what is under way, `/cancel` ends it, `/jobs` and `/show` bring old "
        "results back, `/settings` keeps your defaults, `/loras` finds LoRAs, `/status` "
        "tells how the servers are.",
        COLOUR_PLAIN);
    add_models(m, b->catalog, "/generate", "text-to-image");
    add_models(m, b->catalog, "/edit", "image-edit");
    add_models(m, b->catalog, "/upscale", "upscale");
    add_models(m, b->catalog, "/animate", "image-to-video");
    whisper(a, m);
    interaction_free(i);
}
