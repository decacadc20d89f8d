/* media_flac.c - FLAC: its first block, which counts the samples. */
#include "core/media_parts.h"

#define BLOCK      4 /* where the first block begins: its kind, and its length in 24 bits */
#define BLOCK_SIZE 34
#define RATE_BITS  20

const char *media_flac(struct media_reader *r, struct media *m)
{
    uint64_t kind = media_big(r, BLOCK, 1) & 0x7F;
    uint64_t length = media_big(r, BLOCK + 1, 3);
    /* 20 bits of rate, 3 of channels, 5 of depth, 36 of count */
    uint64_t facts = media_big(r, BLOCK + 14, 8);
    uint64_t samples_per_second = facts >> (64 - RATE_BITS);

    (void)media_big(r, BLOCK + BLOCK_SIZE, 4);
    if (r->is_cut) {
        return media_cut(r);
    }
    if (kind != 0 || length != BLOCK_SIZE || samples_per_second == 0) {
        return MEDIA_CONTRADICTS;
    }
    m->duration_ms = media_ms(facts & ((UINT64_C(1) << 36) - 1), samples_per_second);
    return NULL;
}
