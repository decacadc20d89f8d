/* credentials.h - what a request says of who sends it: the fields Authorization and Cookie, and sealed sessions. Pure; any
 * thread.
 */
#ifndef CG_HTTP_CREDENTIALS_H
#define CG_HTTP_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* "Bearer" in any case, blanks, a token. False for another scheme, such as that of a proxy. The token is empty when what
 * follows is none. */
bool bearer_parse(const char *field, struct span *token) MUST_CHECK;

/* The value of a cookie by that name among those of a Cookie field (NULL = none). False when there is none, or two of them: then
 * nobody knows which is ours. */
bool cookie_find(const char *field, const char *name, struct span *value) MUST_CHECK;

/* ---- sessions of browsers ---------------------------------------------------------------------- *
 *
 * A session is a cookie that names a key by its hash, and a moment, sealed so that only a gateway which has the secret can make
 * or read one. Nothing is kept of it here: it ends with its moment, with its key, or with the secret.
 */

#define SESSION_COOKIE      "comfygate_session"
#define SESSION_SECRET_SIZE 32
#define SESSION_TEXT_SIZE   128

/* `sha256` as api_key_hash gives it; `until_s`: seconds since 1970. Returns out. */
char *session_seal(const unsigned char secret[SESSION_SECRET_SIZE], const char sha256[65],
                   int64_t until_s, char out[SESSION_TEXT_SIZE]);
/* False when it is none of ours, or its time is over; else `sha256` and `until_s` are what was sealed. */
bool session_open(const unsigned char secret[SESSION_SECRET_SIZE], struct span text, int64_t now_s,
                  char sha256[65], int64_t *until_s) MUST_CHECK;

#endif
