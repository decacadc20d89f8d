/* webhook.c - see webhook.h.
 */
#include "core/webhook.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_out.h"
#include "base/mem.h"

#define PREFIX     "whsec_"
#define JITTER     5 /* one part of so many, either way */
#define SECOND_MS  1000
#define EVENTS_MAX ((size_t)EVENT_TYPE_COUNT * 40)

/* ---- secrets --------------------------------------------------------------------------------- */

bool webhook_secret_parse(struct span text, struct webhook_key *out)
{
    struct webhook_key key;
    size_t skip = strlen(PREFIX);
    const char *end = NULL;

    if (text.len <= skip || memcmp(text.ptr, PREFIX, skip) != 0 ||
        sodium_base642bin(key.byte, sizeof key.byte, text.ptr + skip, text.len - skip, NULL,
                          &key.len, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.ptr + text.len || key.len < WEBHOOK_KEY_MIN) {
        sodium_memzero(&key, sizeof key);
        return false;
    }
    *out = key;
    sodium_memzero(&key, sizeof key);
    return true;
}

void webhook_sign(const struct webhook_key *key, struct id message, int64_t seconds,
                  struct span body, char out[WEBHOOK_SIGNATURE_SIZE])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[ID_LEN + 24];

    bug_if(key->len < WEBHOOK_KEY_MIN);
    (void)snprintf(head, sizeof head, "%s.%" PRId64 ".", message.text, seconds);
    (void)crypto_auth_hmacsha256_init(&state, key->byte, key->len);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, strlen(head));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    (void)snprintf(out, WEBHOOK_SIGNATURE_SIZE, "v1,");
    (void)sodium_bin2base64(out + 3, WEBHOOK_SIGNATURE_SIZE - 3, mac, sizeof mac,
                            sodium_base64_VARIANT_ORIGINAL);
}

/* ---- of a job -------------------------------------------------------------------------------- */

struct reading {
    const struct json_doc *doc;
    struct webhook *out;
    struct err *e;
};

static void fault(const struct reading *r, json_ref at, const char *kind, const char *detail)
{
    char pointer[sizeof r->e->item[0].at];

    json_pointer(r->doc, at, pointer, sizeof pointer);
    (void)err_at(r->e, ERR_VALIDATION_ERROR, pointer, kind, "%s", detail);
}

static bool read_text(const struct reading *r, json_ref value, struct buf *out)
{
    if (json_type(r->doc, value) != JSON_STRING) {
        fault(r, value, "wrong_type", "must be a string");
        return false;
    }
    *out = BUF_INIT(json_raw(r->doc, value).len);
    if (!json_str(r->doc, value, out)) {
        fault(r, value, "invalid_character", "must not contain U+0000");
        return false;
    }
    return true;
}

static void read_url(const struct reading *r, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);

    if (!read_text(r, value, &text)) {
        return;
    }
    if (text.len < 1 || text.len > WEBHOOK_URL_MAX) {
        fault(r, value, "out_of_range", "must have 1 to 2048 bytes");
        return;
    }
    r->out->url = buf_take(&text);
}

static void read_secret(const struct reading *r, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);
    struct webhook_key key;

    if (!read_text(r, value, &text)) {
        return;
    }
    if (!webhook_secret_parse(buf_span(&text), &key)) {
        fault(r, value, "invalid",
              "must be \"whsec_\" followed by base64, with its padding, of 24 to 64 bytes");
        return;
    }
    sodium_memzero(&key, sizeof key);
    r->out->secret = buf_take(&text);
}

/* A deleted job takes what is not delivered yet with it, so its deletion is not told. */
static bool is_deliverable(enum event_type type)
{
    return event_is_durable(type) && type != EVENT_JOB_DELETED &&
           strncmp(event_type_word(type), "job.", 4) == 0;
}

static char *events_json(unsigned types)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(EVENTS_MAX);
    struct json_out o = json_out_to(&text);

    jo_arr(&o, NULL);
    for (unsigned i = 0; i < EVENT_TYPE_COUNT; i++) {
        if ((types & (1U << i)) != 0) {
            jo_str(&o, NULL, event_type_word((enum event_type)i));
        }
    }
    jo_end(&o);
    bug_if(!buf_ok(&text));
    return buf_take(&text);
}

static void read_event(const struct reading *r, json_ref value, unsigned *types)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);
    enum event_type type = EVENT_TYPE_COUNT;

    if (!read_text(r, value, &text)) {
        return;
    }
    if (!event_type_parse(buf_span(&text), &type) || !is_deliverable(type)) {
        fault(r, value, "unknown",
              "must be job.queued, job.started, job.output, job.requeued, job.canceling, "
              "job.succeeded, job.failed, job.canceled or job.expired");
    } else if ((*types & (1U << type)) != 0) {
        fault(r, value, "duplicate", "is there twice");
    } else {
        *types |= 1U << type;
    }
}

static void read_events(const struct reading *r, json_ref value)
{
    unsigned types = 0;
    size_t count = json_size(r->doc, value);

    if (json_type(r->doc, value) != JSON_ARRAY) {
        fault(r, value, "wrong_type", "must be an array of strings");
        return;
    }
    if (count < 1 || count > EVENT_TYPE_COUNT) {
        fault(r, value, "out_of_range", "must name at least one event, and each once");
        return;
    }
    for (json_ref n = json_first(r->doc, value); n != JSON_NONE; n = json_next(r->doc, n)) {
        read_event(r, n, &types);
    }
    free(r->out->events_json);
    r->out->events_json = events_json(types);
}

static void read_member(const struct reading *r, json_ref value)
{
    char pointer[sizeof r->e->item[0].at];

    if (json_key_is(r->doc, value, "url")) {
        read_url(r, value);
    } else if (json_key_is(r->doc, value, "events")) {
        read_events(r, value);
    } else if (json_key_is(r->doc, value, "secret")) {
        read_secret(r, value);
    } else {
        json_pointer(r->doc, value, pointer, sizeof pointer);
        (void)err_at(r->e, ERR_UNKNOWN_FIELD, pointer, "unknown_field", "is not known here");
    }
}

enum errc webhook_read(const struct json_doc *doc, json_ref value, struct webhook *out,
                       struct err *e)
{
    struct reading r = {.doc = doc, .out = out, .e = e};

    *out = (struct webhook){.url = NULL};
    if (json_type(doc, value) != JSON_OBJECT) {
        fault(&r, value, "wrong_type", "must be an object with a url");
        return e->code;
    }
    out->events_json = events_json(1U << EVENT_JOB_SUCCEEDED | 1U << EVENT_JOB_FAILED |
                                   1U << EVENT_JOB_CANCELED | 1U << EVENT_JOB_EXPIRED);
    for (json_ref n = json_first(doc, value); n != JSON_NONE; n = json_next(doc, n)) {
        read_member(&r, n);
    }
    if (json_get(doc, value, "url") == JSON_NONE) {
        fault(&r, value, "required", "needs a url");
    }
    return e->code;
}

void webhook_clear(struct webhook *w)
{
    free(w->url);
    free(w->events_json);
    free(w->secret);
    *w = (struct webhook){.url = NULL};
}

void webhook_move(struct webhook *w, struct job_row *row)
{
    free(row->webhook_url);
    free(row->webhook_events_json);
    free(row->webhook_secret);
    row->webhook_url = w->url;
    row->webhook_events_json = w->events_json;
    row->webhook_secret = w->secret;
    *w = (struct webhook){.url = NULL};
}

void webhook_host(const char *url, char out[WEBHOOK_HOST_SIZE])
{
    const char *host = strstr(url, "://");
    size_t len = 0;

    host = host != NULL ? host + 3 : url;
    len = strcspn(host, "/?#");
    len = len < WEBHOOK_HOST_SIZE ? len : WEBHOOK_HOST_SIZE - 1;
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + ('a' - 'A') : host[i]);
    }
    out[len] = '\0';
}

bool webhook_wants(const struct job_row *row, enum event_type type)
{
    char quoted[64];

    if (row->webhook_url == NULL || row->webhook_events_json == NULL || !is_deliverable(type)) {
        return false;
    }
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", event_type_word(type));
    return strstr(row->webhook_events_json, quoted) != NULL;
}

/* ---- tries ----------------------------------------------------------------------------------- */

static int64_t pause_of(const struct webhook_schedule *s, int failed, uint32_t chance)
{
    /* 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h when the first is 5 s. */
    static const int64_t TIMES[] = {1, 6, 24, 120, 360, 720, 1440, 2880};
    int last = (int)COUNT_OF(TIMES) - 1;
    int64_t pause = s->first_pause_ms * TIMES[failed - 1 < last ? failed - 1 : last];
    int64_t spread = pause / JITTER;

    return pause - spread + (int64_t)chance % (2 * spread + 1);
}

int64_t webhook_next_try(const struct webhook_schedule *s, int failed, int64_t began_at,
                         int64_t now, int64_t retry_after_ms, uint32_t chance)
{
    int64_t pause = 0;

    bug_if(failed < 1);
    pause = pause_of(s, failed, chance);
    if (retry_after_ms > pause) {
        pause = retry_after_ms;
    }
    return now + pause > began_at + s->give_up_ms ? 0 : now + pause;
}

static int64_t days_before_month(int64_t year, int month)
{
    /* Days since 1 March 0000, in years that begin with March: the day that is inserted comes last. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5;
}

static bool read_month(const char *text, int *out)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (strncmp(text, MONTHS + 3 * (ptrdiff_t)i, 3) == 0) {
            *out = i + 1;
            return true;
        }
    }
    return false;
}

static bool read_digits(const char *text, size_t count, int *out)
{
    int value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" to seconds since 1970; false for anything else. */
static bool read_date(const char *text, int64_t *out)
{
    int day = 0;
    int month = 0;
    int year = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;

    if (strlen(text) != 29 || memcmp(text + 3, ", ", 2) != 0 || text[7] != ' ' || text[11] != ' ' ||
        text[16] != ' ' || text[19] != ':' || text[22] != ':' || strcmp(text + 25, " GMT") != 0 ||
        !read_digits(text + 5, 2, &day) || !read_month(text + 8, &month) ||
        !read_digits(text + 12, 4, &year) || !read_digits(text + 17, 2, &hour) ||
        !read_digits(text + 20, 2, &minute) || !read_digits(text + 23, 2, &second)) {
        return false;
    }
    *out = (days_before_month(year, month) + day - 1 - days_before_month(1970, 1)) * 86400 +
           (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    return true;
}

int64_t webhook_retry_after(const char *value, int64_t now)
{
    int64_t seconds = 0;
    int64_t ms = 0;
    size_t digits = value != NULL ? strspn(value, "0123456789") : 0;

    if (value == NULL) {
        return 0;
    }
    if (digits > 0 && value[digits] == '\0') {
        ms = digits > 9 ? WEBHOOK_RETRY_AFTER_MAX_MS : strtoll(value, NULL, 10) * SECOND_MS;
    } else if (read_date(value, &seconds)) {
        ms = seconds * SECOND_MS - now;
    }
    if (ms > WEBHOOK_RETRY_AFTER_MAX_MS) {
        ms = WEBHOOK_RETRY_AFTER_MAX_MS;
    }
    return ms > 0 ? ms : 0;
}
