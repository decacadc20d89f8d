/* media_wav.c - WAV: the format, and how many bytes of sound there are. */
#include "core/media_parts.h"

#define FIRST_CHUNK 12
#define CHUNK_HEAD  8
#define FORMAT_SIZE 16

struct wav {
    uint64_t bytes_per_second;
    bool has_format;
};

static const char *read_format(struct media_reader *r, struct wav *w, int64_t at, uint64_t length)
{
    uint64_t channel_count = media_little(r, at + 2, 2);
    uint64_t samples_per_second = media_little(r, at + 4, 4);

    w->bytes_per_second = media_little(r, at + 8, 4);
    w->has_format = true;
    (void)media_little(r, at, FORMAT_SIZE / 2);
    (void)media_little(r, at + FORMAT_SIZE / 2, FORMAT_SIZE / 2);
    if (r->is_cut) {
        return media_cut(r);
    }
    return length < FORMAT_SIZE || channel_count == 0 || samples_per_second == 0 ||
                   w->bytes_per_second == 0
               ? MEDIA_CONTRADICTS
               : NULL;
}

/* Who writes to a pipe cannot come back to say how much it was: then it is what there is. */
static uint64_t sound_size(const struct media_reader *r, int64_t at, uint64_t length)
{
    return length == 0 || length >= 0xFFFFFF00 ? (uint64_t)(r->source->size - at) : length;
}

const char *media_wav(struct media_reader *r, struct media *m)
{
    struct wav w = {0};
    int64_t at = FIRST_CHUNK;

    while (!r->is_cut) {
        uint64_t length = media_little(r, at + 4, 4);
        const char *fault = NULL;

        if (media_is(r, at, SPAN_LIT("data"))) {
            int64_t sound = at + CHUNK_HEAD;

            if (r->is_cut || !w.has_format) {
                return r->is_cut ? media_cut(r) : MEDIA_CONTRADICTS;
            }
            m->duration_ms = media_ms(sound_size(r, sound, length), w.bytes_per_second);
            return NULL;
        }
        if (media_is(r, at, SPAN_LIT("fmt "))) {
            fault = read_format(r, &w, at + CHUNK_HEAD, length);
        }
        if (fault != NULL) {
            return fault;
        }
        at = media_end(at, CHUNK_HEAD + length + (length & 1));
    }
    return media_cut(r);
}
