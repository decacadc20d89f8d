/* api_key.h - a key of the API: its form, and what is kept of it.
 *
 * The key itself is shown once, when it is made; what is kept is its SHA-256, which is enough: nobody guesses 32 random
 * bytes. struct api_key is plain data without ownership. Pure, but for the random bytes; any thread.
 */
#ifndef CG_CORE_API_KEY_H
#define CG_CORE_API_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json_out.h"
#include "base/span.h"
#include "core/access.h"

#define API_KEY_PREFIX "cg_"
/* The prefix and 32 bytes as base64url. */
#define API_KEY_LEN      46
#define API_KEY_SIZE     (API_KEY_LEN + 1)
#define API_KEY_NAME_MAX 64

struct api_key {
    struct id id;
    char name[API_KEY_NAME_MAX + 1]; /* the owner of what it makes; never given to another key */
    enum role role;
    unsigned extra_scopes; /* beside those of its role */
    char sha256[65];
    int64_t created_at;                    /* wall clock, ms, like all times here */
    char created_by[API_KEY_NAME_MAX + 1]; /* the key that made it; "" = the command line */
    int64_t expires_at;                    /* 0 = never */
    int64_t revoked_at;                    /* 0 = it is not */
    int64_t last_used_at;                  /* 0 = never */
};

/* Fills in id, sha256 and created_at, and gives the key, which is then nowhere else. */
void api_key_make(struct api_key *k, int64_t now, char out_key[API_KEY_SIZE]);
/* True when a text has the form of a key; says nothing of whether there is such a key. */
bool api_key_has_form(struct span text) MUST_CHECK;
/* The hash by which it is kept. */
void api_key_hash(struct span key, char out[65]);

/* 1 to 64 of a-z 0-9 . _ - that begin with a letter or a digit. */
bool api_key_name_ok(struct span name) MUST_CHECK;
unsigned api_key_scopes(const struct api_key *k);

enum api_key_status { API_KEY_ACTIVE, API_KEY_EXPIRED, API_KEY_REVOKED };
enum api_key_status api_key_status(const struct api_key *k, int64_t now);
const char *api_key_status_word(enum api_key_status status);

/* Reads how long a key shall live: "90d", also m, h, w; or a moment as clock_parse takes it. Gives the moment. False when it
 * is none of these, or is not after now. */
bool api_key_expiry_parse(const char *text, int64_t now, int64_t *out) MUST_CHECK;

/* Ceiling of what api_key_json writes. */
#define API_KEY_JSON_MAX 4096
/* Writes a Key object as schema/openapi.yaml describes it. `key` is the name of the member; `secret`, when it is not NULL,
 * the key itself. */
void api_key_json(struct json_out *o, const char *key, const struct api_key *k, int64_t now,
                  const char *secret);

#endif
