/* hash.h - SHA-256, whole or as a stream, written as 64 lowercase hexadecimal digits.
 *
 * For names of contents, not for secrets. A struct sha256 belongs to one thread.
 */
#ifndef CG_BASE_HASH_H
#define CG_BASE_HASH_H

#include <sodium/crypto_hash_sha256.h>
#include <stddef.h>

#include "base/span.h"

#define SHA256_TEXT_SIZE 65

struct sha256 {
    crypto_hash_sha256_state state;
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
/* Ends the stream; s must be initialised again before its next use. */
void sha256_final_hex(struct sha256 *s, char out[SHA256_TEXT_SIZE]);
void sha256_hex(struct span data, char out[SHA256_TEXT_SIZE]);

#endif
