#include "base/hash.h"

#include <sodium.h>

void sha256_init(struct sha256 *s)
{
    (void)crypto_hash_sha256_init(&s->state);
}

void sha256_update(struct sha256 *s, const void *data, size_t len)
{
    if (len > 0) {
        (void)crypto_hash_sha256_update(&s->state, data, len);
    }
}

void sha256_final_hex(struct sha256 *s, char out[SHA256_TEXT_SIZE])
{
    unsigned char sum[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256_final(&s->state, sum);
    (void)sodium_bin2hex(out, SHA256_TEXT_SIZE, sum, sizeof sum);
}

void sha256_hex(struct span data, char out[SHA256_TEXT_SIZE])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, data.ptr, data.len);
    sha256_final_hex(&s, out);
}
