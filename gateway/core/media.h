/* media.h - what a file is, how large its picture is and how long it plays, told by its bytes, never
 * by its name or by who sent it.
 *
 * Not a decoder: it reads headers, and believes a file whose header is whole. Whether the rest is
 * there and good, the decoder finds out. One file a container: media_png.c, media_mp4.c, ...
 *
 * Pure: it reads through its caller's function, and keeps nothing. Any thread, but it may read up to
 * MEDIA_READS_MAX times: a file on disk is not probed on the engine thread.
 */
#ifndef CG_CORE_MEDIA_H
#define CG_CORE_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/job.h"

/* What one probe may cost: so many reads of at most so many bytes each (16 MiB in all). Nearly every
 * file takes fewer than ten; the duration of an animation takes the whole of it. */
#define MEDIA_READS_MAX  4096
#define MEDIA_READ_BYTES 4096

/* So much of a text is looked at; the rest is taken to be like it. */
#define MEDIA_TEXT_BYTES 262144

/* A header that claims more is a lie: sides in pixels, and the two multiplied. */
#define MEDIA_SIDE_MAX   1000000
#define MEDIA_PIXELS_MAX (INT64_C(1) << 32)

/* Every text is a constant. */
struct media {
    enum output_type type;
    const char *content_type; /* application/octet-stream when unknown, also for what a browser
                                 might run: HTML, SVG and other markup */
    int width;                /* as shown, that is, turned as the file asks; 0 = not told */
    int height;
    int64_t duration_ms; /* of what plays, audio and animations too; 0 = not told or not found */
    bool is_animated;    /* an image of more than one picture */
    const char *fault;   /* a sentence: why the header cannot be believed; then nothing but the type
                            is told. NULL when all is well, and for a text or an unknown file */
};

/* A file that lies wherever its owner likes. */
struct media_source {
    void *arg;
    /* Copies up to len bytes from `offset` on (0 <= offset < size) and tells how many: fewer at the
     * end, or when it fails, which then looks like a file that was cut off. */
    size_t (*read_at)(void *arg, int64_t offset, void *buf, size_t len);
    int64_t size; /* of the file, in bytes */
};

/* Reads only what it needs, wherever that lies. Cannot fail: what is not known is a file of bytes. */
struct media media_probe(const struct media_source *source);
/* The same for a file that is in memory. */
struct media media_probe_span(struct span file);

#endif
