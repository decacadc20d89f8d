/* preference.c - see preference.h.
 */
#include "core/preference.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

bool preference_key_ok(const char *key)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    size_t len = strspn(key, allowed);

    return len > 0 && len <= PREFERENCE_KEY_MAX && key[len] == '\0';
}

void preference_etag(struct span value, char out[PREFERENCE_ETAG_SIZE])
{
    char sha256[SHA256_TEXT_SIZE];

    sha256_hex(value, sha256);
    (void)snprintf(out, PREFERENCE_ETAG_SIZE, "\"%s\"", sha256);
}
