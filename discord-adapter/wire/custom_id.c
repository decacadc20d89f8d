/* custom_id.c - see custom_id.h.
 */
#include "wire/custom_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define VERSION    "v1:"
#define OUTPUT_MAX 999
#define NO_JOB     "-"

static const char *const codes[PRESS_COUNT] = {
#define A(name, code, doc) code,
#include "wire/custom_id.def"
#undef A
};

char *custom_id_write(const struct custom_id *c, char out[CUSTOM_ID_SIZE])
{
    int len = snprintf(out, CUSTOM_ID_SIZE, VERSION "%s:%s:%d%s%s", codes[c->action],
                       id_is_none(c->job) ? NO_JOB : c->job.text, c->output,
                       c->extra[0] != '\0' ? ":" : "", c->extra);

    bug_if(len < 0 || len >= CUSTOM_ID_SIZE);
    return out;
}

/* The part before the next colon; *text is moved behind it, NULL when it was the last. */
static struct span next_part(const char **text)
{
    struct span part = {*text, strcspn(*text, ":")};

    *text = part.ptr[part.len] == ':' ? part.ptr + part.len + 1 : NULL;
    return part;
}

static bool read_action(struct span part, enum press_action *out)
{
    for (int i = 0; i < PRESS_COUNT; i++) {
        if (strlen(codes[i]) == part.len && memcmp(codes[i], part.ptr, part.len) == 0) {
            *out = (enum press_action)i;
            return true;
        }
    }
    return false;
}

static bool read_output(struct span part, int *out)
{
    char text[8];

    if (part.len == 0 || part.len > 3 || strspn(part.ptr, "0123456789") < part.len ||
        (part.ptr[0] == '0' && part.len > 1)) {
        return false;
    }
    memcpy(text, part.ptr, part.len);
    text[part.len] = '\0';
    *out = (int)strtol(text, NULL, 10);
    return *out <= OUTPUT_MAX;
}

static bool read_extra(const char *text, char out[CUSTOM_ID_EXTRA])
{
    size_t len = strlen(text);

    if (len == 0 || len >= CUSTOM_ID_EXTRA ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != len) {
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

enum custom_id_read custom_id_read(const char *text, struct custom_id *out)
{
    struct custom_id c = {.output = 0};
    const char *at = text;
    struct span part;

    if (strlen(text) >= CUSTOM_ID_SIZE) {
        return CUSTOM_ID_UNKNOWN;
    }
    if (strncmp(text, VERSION, strlen(VERSION)) != 0) {
        bool is_version = text[0] == 'v' && text[1] >= '0' && text[1] <= '9';

        return is_version ? CUSTOM_ID_OTHER_VERSION : CUSTOM_ID_UNKNOWN;
    }
    at += strlen(VERSION);
    part = next_part(&at);
    if (!read_action(part, &c.action) || at == NULL) {
        return CUSTOM_ID_UNKNOWN;
    }
    part = next_part(&at);
    if (at == NULL || (!(part.len == 1 && part.ptr[0] == NO_JOB[0]) && !id_parse(part, &c.job))) {
        return CUSTOM_ID_UNKNOWN;
    }
    part = next_part(&at);
    if (!read_output(part, &c.output) || (at != NULL && !read_extra(at, c.extra))) {
        return CUSTOM_ID_UNKNOWN;
    }
    *out = c;
    return CUSTOM_ID_OK;
}
