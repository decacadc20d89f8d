/* media_gif.c - GIF. How long it plays is told picture by picture, through the whole file. */
#include "core/media_parts.h"

#define HEADER        13
#define BLOCK_PICTURE 0x2C
#define BLOCK_EXTRA   0x21
#define BLOCK_END     0x3B
#define EXTRA_CONTROL 0xF9

/* Bytes of the colour table that these flags announce. */
static int64_t table_size(uint64_t flags)
{
    return (flags & 0x80) != 0 ? INT64_C(3) << ((flags & 7) + 1) : 0;
}

static int64_t skip_pieces(struct media_reader *r, int64_t at)
{
    uint64_t size = media_little(r, at, 1);

    while (size != 0 && !r->is_cut) {
        at += 1 + (int64_t)size;
        size = media_little(r, at, 1);
    }
    return at + 1;
}

static void read_pictures(struct media_reader *r, struct media *m, int64_t at)
{
    int64_t total_ms = 0;
    int64_t delay_ms = 0; /* of the picture that comes next */
    int count = 0;

    while (!r->is_cut) {
        uint64_t block = media_little(r, at, 1);

        if (block == BLOCK_PICTURE) {
            count++;
            m->is_animated = count > 1;
            total_ms += delay_ms;
            delay_ms = 0;
            at += 10 + table_size(media_little(r, at + 9, 1)) + 1;
        } else if (block == BLOCK_EXTRA) {
            if (media_little(r, at + 1, 1) == EXTRA_CONTROL) {
                delay_ms = (int64_t)media_little(r, at + 4, 2) * 10;
            }
            at += 2;
        } else {
            m->duration_ms = block == BLOCK_END && m->is_animated ? total_ms : 0;
            return;
        }
        at = skip_pieces(r, at);
    }
}

const char *media_gif(struct media_reader *r, struct media *m)
{
    uint64_t flags = media_little(r, 10, 1);
    const char *fault = NULL;

    (void)media_little(r, HEADER - 1, 1);
    fault = media_size(r, m, media_little(r, 6, 2), media_little(r, 8, 2));
    if (fault == NULL) {
        read_pictures(r, m, HEADER + table_size(flags));
    }
    return fault;
}
