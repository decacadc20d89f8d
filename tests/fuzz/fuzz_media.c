/* Any bytes as a file: what is told of it holds together, and is told again of the same bytes. */
#include <stdlib.h>

#include "base/mem.h"
#include "core/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct media *m)
{
    bug_if(m->content_type == NULL);
    bug_if(m->width < 0 || m->width > MEDIA_SIDE_MAX || (m->width > 0) != (m->height > 0));
    bug_if(m->height > MEDIA_SIDE_MAX || (int64_t)m->width * m->height > MEDIA_PIXELS_MAX);
    bug_if(m->duration_ms < 0);
    bug_if(m->is_animated && m->type != OUTPUT_IMAGE);
    bug_if(m->fault != NULL && (m->width > 0 || m->duration_ms > 0 || m->is_animated));
    bug_if(m->fault != NULL && (m->type == OUTPUT_FILE || m->type == OUTPUT_TEXT));
    bug_if(m->fault == NULL && m->width == 0 &&
           (m->type == OUTPUT_IMAGE || m->type == OUTPUT_VIDEO));
}

/* Gives at most a few bytes, as a disk that fails does. */
static size_t read_few(void *arg, int64_t offset, void *buf, size_t len)
{
    const struct span *file = arg;
    size_t count = len < 64 ? len : 64;

    bug_if(offset < 0 || (uint64_t)offset >= file->len || len > file->len - (size_t)offset);
    bug_if(len > MEDIA_READ_BYTES);
    memcpy(buf, file->ptr + offset, count);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span file = {(const char *)data, size};
    struct media m = media_probe_span(file);
    struct media again = media_probe_span(file);
    struct media few = media_probe(
        &(struct media_source){.arg = &file, .read_at = read_few, .size = (int64_t)size});

    check(&m);
    check(&few);
    bug_if(m.width != again.width || m.duration_ms != again.duration_ms || m.fault != again.fault);
    return 0;
}
