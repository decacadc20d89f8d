/* view.h - how a job looks in a chat: waiting, running, ended. Pure: from comfygate's Job to a message.
 */
#ifndef CGD_BOT_VIEW_H
#define CGD_BOT_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "bot/catalog.h"
#include "wire/message.h"

struct view_options {
    const struct catalog *catalog;
    int64_t now_ms;
    const char *user_id;      /* who asked */
    struct bytes *preview;    /* NULL = none; borrowed */
    const char *preview_type; /* "image/jpeg" */
    bool is_spoiler;
    bool is_cancel_shown;
};

/* Place and estimate; or bar, percent, node, step of steps, elapsed and remaining, preview; Cancel button. */
struct message *view_open(const cJSON *job, const struct view_options *o) MUST_CHECK;
/* Failed, canceled, expired: one sentence that a chat user understands, and the id. */
struct message *view_failed(const cJSON *job, const struct view_options *o) MUST_CHECK;
/* Succeeded, without files: the deliverer adds them. Seed and settings in short, buttons by what the outputs are (upscale/edit/animate per picture, vary, again,
 * change, settings, delete) and which categories have a template. `seed` as text, for it may have 20 digits. `link` NULL, or lines for what did not fit. */
struct message *view_result(const cJSON *job, const char *seed, const struct view_options *o,
                            const char *links) MUST_CHECK;
/* All settings, for "Show settings". */
struct message *view_settings(const cJSON *job, const char *seed, const struct view_options *o)
    MUST_CHECK;
/* comfygate's error codes as sentences for a chat; borrowed or static. */
const char *view_error_sentence(const char *code);

#endif
