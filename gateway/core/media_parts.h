/* media_parts.h - what the readers of single containers share: bytes from anywhere in the file, at a
 * bounded cost, and one answer for each container. For core/media*.c only.
 *
 * A reader remembers that it was asked for what is not there: fields are read first, as zeros if need
 * be, and media_cut() asks once whether they can be believed.
 */
#ifndef CG_CORE_MEDIA_PARTS_H
#define CG_CORE_MEDIA_PARTS_H

#include "base/attr.h"
#include "core/media.h"

struct media_reader {
    const struct media_source *source;
    int reads_left;
    bool is_cut; /* something was asked for that is not there, or may not be read any more */
    int64_t window_at;
    size_t window_len;
    unsigned char window[MEDIA_READ_BYTES];
};

/* len bytes (at most MEDIA_READ_BYTES), valid until the next call; NULL when they are not there. */
const unsigned char *media_bytes(struct media_reader *r, int64_t at, size_t len);
/* Whole numbers of `size` bytes (1 to 8), first byte highest or lowest; 0 when they are not there. */
uint64_t media_big(struct media_reader *r, int64_t at, size_t size);
uint64_t media_little(struct media_reader *r, int64_t at, size_t size);
/* Whether these bytes are there (at most MEDIA_READ_BYTES); the end of the file is no fault. */
bool media_is(struct media_reader *r, int64_t at, struct span bytes);

/* NULL when all that was asked for was there, else the fault. */
const char *media_cut(const struct media_reader *r);
/* Notes the size, when nothing was cut off and it can be true; NULL, or the fault. */
const char *media_size(const struct media_reader *r, struct media *m, uint64_t width,
                       uint64_t height) MUST_CHECK;
/* Where something ends that begins at `at`: a size that no file has ends at the largest place. */
int64_t media_end(int64_t at, uint64_t size);
/* Milliseconds of `count` units; 0 when that is longer than a year or there is no unit. */
int64_t media_ms(uint64_t count, uint64_t per_second);

extern const struct media MEDIA_UNKNOWN;
extern const char MEDIA_CONTRADICTS[]; /* the fault of a header that cannot be */

/* Each is called when the magic bytes of its container are there, with the type that these tell,
 * which it may make more exact. Gives NULL or the fault. */
const char *media_png(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_jpeg(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_gif(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_webp(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_wav(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_flac(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_ogg(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_id3(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_mp4(struct media_reader *r, struct media *m) MUST_CHECK;
const char *media_webm(struct media_reader *r, struct media *m) MUST_CHECK;

/* These have no magic bytes: false, m untouched, when the file is something else. */
bool media_mp3(struct media_reader *r, struct media *m) MUST_CHECK;
bool media_text(struct media_reader *r, struct media *m) MUST_CHECK;

#endif
