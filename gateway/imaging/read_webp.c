#include <webp/decode.h>
#include <webp/demux.h>

#include "imaging/readers.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MODE MODE_BGRA
#else
#define MODE MODE_ARGB
#endif

static enum errc damaged(struct err *e)
{
    return err_set(e, ERR_PICTURE_UNREADABLE, "The WebP is damaged or ends too early.");
}

/* Decodes the frame straight into its place on the canvas: no second copy of the pixels. */
static enum errc decode_frame(const WebPIterator *frame, struct picture *p, struct err *e)
{
    WebPDecoderConfig config;
    size_t stride = (size_t)p->width * sizeof *p->pixel;
    size_t first = (size_t)frame->y_offset * (size_t)p->width + (size_t)frame->x_offset;
    VP8StatusCode status = VP8_STATUS_OK;

    if (!WebPInitDecoderConfig(&config)) {
        return err_set(e, ERR_INTERNAL_ERROR, "libwebp is another version than it was built with.");
    }
    config.output.colorspace = MODE;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = (uint8_t *)(p->pixel + first);
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size =
        stride * (size_t)(frame->height - 1) + (size_t)frame->width * sizeof *p->pixel;
    status = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status == VP8_STATUS_OUT_OF_MEMORY) {
        return err_set(e, ERR_CONTENT_TOO_LARGE, "The WebP takes more memory than it is given.");
    }
    return status == VP8_STATUS_OK ? ERR_NONE : damaged(e);
}

static bool is_inside(const WebPIterator *frame, const struct picture *p)
{
    return frame->x_offset >= 0 && frame->y_offset >= 0 && frame->width > 0 && frame->height > 0 &&
           frame->width <= p->width - frame->x_offset &&
           frame->height <= p->height - frame->y_offset;
}

static enum errc read_first(WebPDemuxer *demux, const struct picture_limits *limits,
                            struct picture *p, struct err *e)
{
    uint32_t width = WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH);
    uint32_t height = WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator frame;
    enum errc rc = picture_check_size(width, height, limits->max_pixels, e);

    if (rc == ERR_NONE) {
        rc = picture_init(p, (int)width, (int)height, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    p->is_animation = WebPDemuxGetI(demux, WEBP_FF_FRAME_COUNT) > 1;
    if (!WebPDemuxGetFrame(demux, 1, &frame)) {
        return damaged(e);
    }
    rc = is_inside(&frame, p) ? decode_frame(&frame, p, e) : damaged(e);
    WebPDemuxReleaseIterator(&frame);
    return rc;
}

enum errc read_webp(struct span file, const struct picture_limits *limits, struct picture *out,
                    struct err *e)
{
    WebPData data = {(const uint8_t *)file.ptr, file.len};
    WebPDemuxer *demux = WebPDemux(&data);
    struct picture p = {0};
    enum errc rc = demux != NULL ? read_first(demux, limits, &p, e) : damaged(e);

    WebPDemuxDelete(demux);
    if (rc != ERR_NONE) {
        picture_clear(&p);
        return rc;
    }
    *out = p;
    return ERR_NONE;
}
