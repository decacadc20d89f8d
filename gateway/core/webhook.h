/* webhook.h - what a job's webhook is: where its events are posted, how they are signed, and when one that
 * failed is tried again.
 *
 * Signatures are those of Standard Webhooks: HMAC-SHA256 over "id.seconds.body", told as v1,<base64>. Where a
 * URL may lead is not known here; see fetch/receiver.h.
 *
 * Pure; any thread. A struct webhook is plain data whose holder owns its texts and ends with webhook_clear.
 */
#ifndef CG_CORE_WEBHOOK_H
#define CG_CORE_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "core/event.h"
#include "core/job.h"

#define WEBHOOK_URL_MAX 2048

/* ---- secrets --------------------------------------------------------------------------------- */

/* "whsec_" and base64, with its padding, of so many bytes. */
#define WEBHOOK_KEY_MIN 24
#define WEBHOOK_KEY_MAX 64

struct webhook_key {
    unsigned char byte[WEBHOOK_KEY_MAX];
    size_t len; /* 0 = none */
};

/* False when it is no secret; *out is untouched then. */
bool webhook_secret_parse(struct span text, struct webhook_key *out) MUST_CHECK;

/* "v1," and base64 of 32 bytes. */
#define WEBHOOK_SIGNATURE_SIZE 48
void webhook_sign(const struct webhook_key *key, struct id message, int64_t seconds,
                  struct span body, char out[WEBHOOK_SIGNATURE_SIZE]);

/* ---- of a job -------------------------------------------------------------------------------- */

struct webhook {
    char *url;
    char *events_json; /* ["job.succeeded", ...], in the order of event.def */
    char *secret;      /* NULL = the gateway's */
};

/* Reads {"url", "events"?, "secret"?}. What is wrong goes to e with pointers, VALIDATION_ERROR or UNKNOWN_FIELD.
 * Without events these are the four ends of a job. *out is the caller's, also on failure. */
enum errc webhook_read(const struct json_doc *doc, json_ref value, struct webhook *out,
                       struct err *e) MUST_CHECK;
void webhook_clear(struct webhook *w);
/* Gives it to the job, in the place of what it had; *w is empty then. */
void webhook_move(struct webhook *w, struct job_row *row);

#define WEBHOOK_HOST_SIZE 264
/* Host and port of a URL that was checked, in small letters; cut to fit. */
void webhook_host(const char *url, char out[WEBHOOK_HOST_SIZE]);

/* Whether the job's receiver is to hear of an event of this type. */
bool webhook_wants(const struct job_row *row, enum event_type type);

/* ---- tries ----------------------------------------------------------------------------------- */

/* The longest wait that a receiver can ask for. */
#define WEBHOOK_RETRY_AFTER_MAX_MS (INT64_C(6) * 3600 * 1000)

struct webhook_schedule {
    int64_t
        first_pause_ms; /* the others grow from it: 1, 6, 24, 120, 360, 720, 1440, 2880, 2880, ... times */
    int64_t give_up_ms; /* after so long nothing is tried any more */
};

/* When to try again: wall clock; 0 = not any more. `failed` tries in a row, at least 1, since began_at. `chance`
 * is any number; pauses differ by up to a fifth either way. `retry_after_ms` 0 = none was asked for. */
int64_t webhook_next_try(const struct webhook_schedule *s, int failed, int64_t began_at,
                         int64_t now, int64_t retry_after_ms, uint32_t chance);

/* The value of a Retry-After header: seconds, or a date of HTTP (RFC 9110, the one form that may be sent). At
 * most WEBHOOK_RETRY_AFTER_MAX_MS; 0 for what is neither, or past, or NULL. */
int64_t webhook_retry_after(const char *value, int64_t now);

#endif
