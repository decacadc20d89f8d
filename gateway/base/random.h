/* random.h - unguessable bytes, from the kernel by way of libsodium. Any thread.
 */
#ifndef CG_BASE_RANDOM_H
#define CG_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Readies libsodium on the first call, whoever makes it. */
void random_fill(void *out, size_t len);
/* Evenly from 0 to limit - 1; 0 when limit is 0. */
uint32_t random_below(uint32_t limit);

#endif
