/* Any bytes as a picture: read, made smaller, encoded. Small limits, so that a second holds many tries. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imaging/make.h"

#include <webp/decode.h>

#define EDGE       64
#define PIXELS_MAX 262144

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_thumbnail(const WebPMemoryWriter *made)
{
    int width = 0;
    int height = 0;

    bug_if(!WebPGetInfo(made->mem, made->size, &width, &height));
    bug_if(width < 1 || height < 1 || width > EDGE || height > EDGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span file = {(const char *)data, size};
    struct err e = ERR_INIT;
    WebPMemoryWriter made;
    enum errc rc = make_thumbnail(file, EDGE, PIXELS_MAX, &made, &e);

    if (rc == ERR_NONE) {
        check_thumbnail(&made);
    } else {
        bug_if(rc != ERR_PICTURE_UNREADABLE && rc != ERR_CONTENT_TOO_LARGE);
        bug_if(e.code != rc || e.detail[0] == '\0' || made.mem != NULL);
    }
    WebPMemoryWriterClear(&made);
    return 0;
}
