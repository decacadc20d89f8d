/* preference.c - see preference.h.
 */
#include "core/preference.h"

#include <string.h>

bool preference_key_ok(const char *key)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    size_t len = strspn(key, allowed);

    return len > 0 && len <= PREFERENCE_KEY_MAX && key[len] == '\0';
}
