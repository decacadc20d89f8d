#include "core/api_key.h"

#include <sodium/utils.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#define SECRET_BYTES 32
#define ALPHABET     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
/* Of a lifetime: a hundred years of minutes. */
#define LIFE_DIGITS 8
#define LIFE_MAX_MS (INT64_C(36525) * 24 * 3600 * 1000)

void api_key_make(struct api_key *k, int64_t now, char out_key[API_KEY_SIZE])
{
    static const size_t PREFIX = sizeof API_KEY_PREFIX - 1;
    unsigned char secret[SECRET_BYTES];

    random_fill(secret, sizeof secret);
    memcpy(out_key, API_KEY_PREFIX, PREFIX);
    (void)sodium_bin2base64(out_key + PREFIX, API_KEY_SIZE - PREFIX, secret, sizeof secret,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof secret);
    k->id = id_new();
    k->created_at = now;
    api_key_hash(span_of(out_key), k->sha256);
}

bool api_key_has_form(struct span text)
{
    static const size_t PREFIX = sizeof API_KEY_PREFIX - 1;

    if (text.len != API_KEY_LEN || memcmp(text.ptr, API_KEY_PREFIX, PREFIX) != 0) {
        return false;
    }
    for (size_t i = PREFIX; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr(ALPHABET, text.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

void api_key_hash(struct span key, char out[65])
{
    sha256_hex(key, out);
}

bool api_key_name_ok(struct span name)
{
    static const char FIRST[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    if (name.len < 1 || name.len > API_KEY_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        bool is_plain = name.ptr[i] != '\0' && strchr(FIRST, name.ptr[i]) != NULL;
        bool is_mark = i > 0 && name.ptr[i] != '\0' && strchr("._-", name.ptr[i]) != NULL;

        if (!is_plain && !is_mark) {
            return false;
        }
    }
    return true;
}

unsigned api_key_scopes(const struct api_key *k)
{
    return role_scopes(k->role) | k->extra_scopes;
}

enum api_key_status api_key_status(const struct api_key *k, int64_t now)
{
    if (k->revoked_at != 0) {
        return API_KEY_REVOKED;
    }
    return k->expires_at != 0 && k->expires_at <= now ? API_KEY_EXPIRED : API_KEY_ACTIVE;
}

const char *api_key_status_word(enum api_key_status status)
{
    static const char *const WORDS[] = {"active", "expired", "revoked"};

    return WORDS[status];
}

/* Milliseconds of a unit; 0 = it is none. */
static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 'm':
        return INT64_C(60) * 1000;
    case 'h':
        return INT64_C(3600) * 1000;
    case 'd':
        return INT64_C(24) * 3600 * 1000;
    case 'w':
        return INT64_C(7) * 24 * 3600 * 1000;
    default:
        return 0;
    }
}

/* "90d" in milliseconds; 0 = it is none, or longer than anybody means. */
static int64_t life_ms(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;

    if (digits < 1 || digits > LIFE_DIGITS || text[digits] == '\0' || text[digits + 1] != '\0') {
        return 0;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (text[i] - '0');
    }
    number *= unit_ms(text[digits]);
    return number <= LIFE_MAX_MS ? number : 0;
}

bool api_key_expiry_parse(const char *text, int64_t now, int64_t *out)
{
    int64_t life = life_ms(text);
    int64_t at = now + life;

    if (life == 0 && !clock_parse(text, &at)) {
        return false;
    }
    if (at <= now) {
        return false;
    }
    *out = at;
    return true;
}

void api_key_json(struct json_out *o, const char *key, const struct api_key *k, int64_t now,
                  const char *secret)
{
    jo_obj(o, key);
    jo_str(o, "id", k->id.text);
    jo_str(o, "name", k->name);
    jo_str(o, "role", role_word(k->role));
    scopes_json(o, "scopes", api_key_scopes(k));
    jo_str(o, "status", api_key_status_word(api_key_status(k, now)));
    jo_time(o, "created_at", k->created_at);
    jo_str(o, "created_by", k->created_by[0] != '\0' ? k->created_by : NULL);
    jo_time(o, "expires_at", k->expires_at);
    jo_time(o, "revoked_at", k->revoked_at);
    jo_time(o, "last_used_at", k->last_used_at);
    if (secret != NULL) {
        jo_str(o, "key", secret);
    }
    jo_end(o);
}
