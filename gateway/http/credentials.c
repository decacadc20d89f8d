#include "http/credentials.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"

/* ---- Authorization --------------------------------------------------------------------------- */

bool bearer_parse(const char *field, struct span *token)
{
    static const char SCHEME[] = "Bearer";
    size_t len = sizeof SCHEME - 1;

    if (field == NULL || strncasecmp(field, SCHEME, len) != 0 ||
        (field[len] != ' ' && field[len] != '\t' && field[len] != '\0')) {
        return false;
    }
    field += len;
    field += strspn(field, " \t");
    len = strcspn(field, " \t,");
    /* One token, and nothing behind it. */
    *token = (struct span){field, field[len + strspn(field + len, " \t")] == '\0' ? len : 0};
    return true;
}

/* ---- Cookie ---------------------------------------------------------------------------------- */

/* The next name=value, with blanks around it taken off; moves *at behind it. */
static struct span next_pair(const char **at)
{
    const char *start = *at + strspn(*at, " \t;");
    size_t len = strcspn(start, ";");

    *at = start + len;
    while (len > 0 && strchr(" \t", start[len - 1]) != NULL) {
        len--;
    }
    return (struct span){start, len};
}

bool cookie_find(const char *field, const char *name, struct span *value)
{
    size_t name_len = strlen(name);
    struct span found = SPAN_NONE;
    int count = 0;

    while (field != NULL && *field != '\0') {
        struct span pair = next_pair(&field);

        if (pair.len > name_len && memcmp(pair.ptr, name, name_len) == 0 &&
            pair.ptr[name_len] == '=') {
            found = (struct span){pair.ptr + name_len + 1, pair.len - name_len - 1};
            count++;
        }
    }
    if (count == 1) {
        *value = found;
    }
    return count == 1;
}

/* ---- sessions -------------------------------------------------------------------------------- */

#define HASH_BYTES  32
#define HASH_DIGITS ((size_t)64)
#define PLAIN_BYTES (HASH_BYTES + 8)
#define BOX_BYTES   (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + PLAIN_BYTES)
#define TEXT_LEN    107 /* of BOX_BYTES as base64url */

_Static_assert(crypto_secretbox_KEYBYTES == SESSION_SECRET_SIZE,
               "the secret is the key of the box");

static void put_moment(unsigned char *to, int64_t moment)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (unsigned char)((uint64_t)moment >> (8 * i));
    }
}

static int64_t get_moment(const unsigned char *from)
{
    uint64_t moment = 0;

    for (int i = 0; i < 8; i++) {
        moment |= (uint64_t)from[i] << (8 * i);
    }
    return (int64_t)moment;
}

char *session_seal(const unsigned char secret[SESSION_SECRET_SIZE], const char sha256[65],
                   int64_t until_s, char out[SESSION_TEXT_SIZE])
{
    unsigned char plain[PLAIN_BYTES] = {0};
    unsigned char sealed[BOX_BYTES];

    (void)sodium_hex2bin(plain, HASH_BYTES, sha256, HASH_DIGITS, NULL, NULL, NULL);
    put_moment(plain + HASH_BYTES, until_s);
    random_fill(sealed, crypto_secretbox_NONCEBYTES);
    (void)crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, plain, sizeof plain, sealed,
                                secret);
    (void)sodium_bin2base64(out, SESSION_TEXT_SIZE, sealed, sizeof sealed,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return out;
}

bool session_open(const unsigned char secret[SESSION_SECRET_SIZE], struct span text, int64_t now_s,
                  char sha256[65], int64_t *until_s)
{
    unsigned char sealed[BOX_BYTES];
    unsigned char plain[PLAIN_BYTES];
    size_t len = 0;

    if (text.len != TEXT_LEN ||
        sodium_base642bin(sealed, sizeof sealed, text.ptr, text.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != sizeof sealed ||
        crypto_secretbox_open_easy(plain, sealed + crypto_secretbox_NONCEBYTES,
                                   sizeof sealed - crypto_secretbox_NONCEBYTES, sealed,
                                   secret) != 0 ||
        get_moment(plain + HASH_BYTES) <= now_s) {
        return false;
    }
    (void)sodium_bin2hex(sha256, HASH_DIGITS + 1, plain, HASH_BYTES);
    *until_s = get_moment(plain + HASH_BYTES);
    return true;
}
