/* render.h - thumbnails and renditions of pictures, made by a process of their own.
 *
 * A picture comes from outside, and decoders have faults. So no decoder is in
 * this process: comfygate-imaging, the program beside ours, reads the picture in
 * a sandbox (sandbox.h), and what it says and writes is bounded here. What a
 * hostile picture can get is an error.
 *
 * Not a cache, and no judge of who may see what: that is the caller's.
 *
 * Threads: any that may wait for half a minute: never the engine's, never one
 * of HTTP. Several may run at once; each costs one process of up to 1 GiB.
 * No lock. Waits for its own child only, and installs no handler for SIGCHLD,
 * which must not be ignored (SIG_IGN), or nobody would learn how a child ended.
 */
#ifndef CG_IMAGING_RENDER_H
#define CG_IMAGING_RENDER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

#define RENDER_EDGE_MIN 16
#define RENDER_EDGE_MAX 2048
/* Fewer bytes hold no picture of use. */
#define RENDER_BYTES_MIN 1024
/* The longest rendition that is made, whatever was asked for. */
#define RENDER_BYTES_MAX 268435456
/* 8192 x 8192: what fits into the program's memory in every format. */
#define RENDER_PIXELS_MAX  67108864
#define RENDER_DEADLINE_MS 30000

enum render_kind {
    /* WebP, its long edge at most `edge`, never enlarged; of an animation, the first frame. */
    RENDER_THUMBNAIL,
    /* WebP of at most `max_bytes` with the smallest loss that fits. The caller serves the original
     * where that fits by itself. */
    RENDER_RENDITION
};

struct render_request {
    enum render_kind kind;
    int edge;            /* pixels, of a thumbnail: RENDER_EDGE_MIN to _MAX */
    int64_t max_bytes;   /* of a rendition: RENDER_BYTES_MIN to _MAX, larger is taken as _MAX */
    int64_t max_pixels;  /* of the original, read from its header; 0 = RENDER_PIXELS_MAX */
    int64_t deadline_ms; /* 0 = RENDER_DEADLINE_MS; the process is killed then */
    const atomic_bool *is_canceled; /* the same as soon as this is set; NULL = never */
};

/* Makes the picture in in_fd into out_fd. in_fd is a regular file, read from its beginning whatever
 * its offset is (which stays); out_fd is written at its offset, and may hold a part on failure: give
 * a file that is thrown away then. Both stay the caller's. At RENDER_... limits that are broken, bug_if.
 *
 * ERR_PICTURE_UNREADABLE: no picture that can be read, too many pixels, or the process crashed or
 * took too long over it. ERR_RENDITION_IMPOSSIBLE: it cannot be made to fit. Both are true of these
 * bytes for as long as the gateway is not changed, and e says the reason in a sentence for people.
 * ERR_INSUFFICIENT_STORAGE: out_fd's disk is full. ERR_INTERNAL_ERROR: the program is missing or
 * cannot run; the detail is for the log. */
enum errc render_run(const struct render_request *r, int in_fd, int out_fd, struct err *e)
    MUST_CHECK;

/* Whether the program is there and may be run; else ERR_INTERNAL_ERROR with a sentence that names
 * the path, for the log at the start. */
enum errc render_check(struct err *e) MUST_CHECK;

#endif
