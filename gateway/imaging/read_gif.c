#include <gif_lib.h>

#include "imaging/readers.h"

#define SIDE_MAX 65535 /* sizes have 16 bits */

struct source {
    struct span rest;
};

struct gif_job {
    GifFileType *gif;
    const struct picture_limits *limits;
    struct picture picture;
    int transparent; /* index of the colour that is none; NO_TRANSPARENT_COLOR */
    GifPixelType line[SIDE_MAX];
};

static int read_bytes(GifFileType *gif, GifByteType *out, int size)
{
    struct source *source = gif->UserData;
    size_t len = size > 0 ? (size_t)size : 0;

    if (len > source->rest.len) {
        len = source->rest.len;
    }
    memcpy(out, source->rest.ptr, len);
    source->rest.ptr += len;
    source->rest.len -= len;
    return (int)len;
}

static enum errc damaged(int code, struct err *e)
{
    const char *text = GifErrorString(code);

    return err_set(e, ERR_PICTURE_UNREADABLE, "The GIF is damaged: %s.",
                   text != NULL ? text : "it ends too early");
}

/* Reads one extension; one that tells the transparent colour is heeded. */
static bool read_extension(struct gif_job *job)
{
    GifByteType *block = NULL;
    int code = 0;

    if (DGifGetExtension(job->gif, &code, &block) == GIF_ERROR) {
        return false;
    }
    if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL) {
        GraphicsControlBlock control = {.TransparentColor = NO_TRANSPARENT_COLOR};

        if (DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
            job->transparent = control.TransparentColor;
        }
    }
    while (block != NULL) {
        if (DGifGetExtensionNext(job->gif, &block) == GIF_ERROR) {
            return false;
        }
    }
    return true;
}

/* Goes on to the next frame and reads its header; false when there is none or the file is damaged. */
static bool next_frame(struct gif_job *job)
{
    GifRecordType type = UNDEFINED_RECORD_TYPE;

    while (DGifGetRecordType(job->gif, &type) == GIF_OK) {
        if (type == IMAGE_DESC_RECORD_TYPE) {
            return DGifGetImageDesc(job->gif) == GIF_OK;
        }
        if (type != EXTENSION_RECORD_TYPE || !read_extension(job)) {
            return false;
        }
    }
    return false;
}

static void put_line(struct gif_job *job, const ColorMapObject *colors, int y)
{
    const GifImageDesc *frame = &job->gif->Image;
    struct picture *p = &job->picture;
    uint32_t *row = p->pixel + (size_t)y * (size_t)p->width;

    for (int i = 0; i < frame->Width && frame->Left + i < p->width; i++) {
        int color = job->line[i];

        if (color != job->transparent && color < colors->ColorCount) {
            const GifColorType *c = &colors->Colors[color];

            row[frame->Left + i] =
                0xff000000U | (uint32_t)c->Red << 16 | (uint32_t)c->Green << 8 | (uint32_t)c->Blue;
        }
    }
}

/* Rows of an interlaced frame come in four passes. */
static bool read_lines(struct gif_job *job, const ColorMapObject *colors)
{
    static const int FIRST[] = {0, 4, 2, 1};
    static const int STEP[] = {8, 8, 4, 2};
    const GifImageDesc *frame = &job->gif->Image;
    int passes = frame->Interlace ? 4 : 1;

    for (int pass = 0; pass < passes; pass++) {
        int step = frame->Interlace ? STEP[pass] : 1;

        for (int y = frame->Interlace ? FIRST[pass] : 0; y < frame->Height; y += step) {
            if (DGifGetLine(job->gif, job->line, frame->Width) == GIF_ERROR) {
                return false;
            }
            if (frame->Top + y < job->picture.height) {
                put_line(job, colors, frame->Top + y);
            }
        }
    }
    return true;
}

static enum errc read_first(struct gif_job *job, struct err *e)
{
    GifFileType *gif = job->gif;
    const GifImageDesc *frame = &gif->Image;
    const ColorMapObject *colors = NULL;
    int width = 0;
    int height = 0;
    enum errc rc = ERR_NONE;

    if (!next_frame(job)) {
        return damaged(gif->Error, e);
    }
    colors = frame->ColorMap != NULL ? frame->ColorMap : gif->SColorMap;
    if (colors == NULL) {
        return err_set(e, ERR_PICTURE_UNREADABLE, "The GIF is damaged: it has no colours.");
    }
    width = gif->SWidth > 0 ? gif->SWidth : frame->Width;
    height = gif->SHeight > 0 ? gif->SHeight : frame->Height;
    rc = picture_check_size(width, height, job->limits->max_pixels, e);
    if (rc == ERR_NONE) {
        /* A frame may be larger than the canvas, and is decoded whole. */
        rc = picture_check_size(frame->Width, frame->Height, job->limits->max_pixels, e);
    }
    if (rc == ERR_NONE) {
        rc = picture_init(&job->picture, width, height, e);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!read_lines(job, colors)) {
        return damaged(gif->Error, e);
    }
    job->picture.is_animation = next_frame(job);
    return ERR_NONE;
}

enum errc read_gif(struct span file, const struct picture_limits *limits, struct picture *out,
                   struct err *e)
{
    struct source source = {file};
    struct gif_job job;
    int code = 0;
    enum errc rc = ERR_NONE;

    memset(&job, 0, sizeof job);
    job.limits = limits;
    job.transparent = NO_TRANSPARENT_COLOR;
    job.gif = DGifOpen(&source, read_bytes, &code);
    if (job.gif == NULL) {
        return damaged(code, e);
    }
    /* Before anything is made of it. A canvas of no size is as large as its first frame. */
    rc = job.gif->SWidth > 0 && job.gif->SHeight > 0
             ? picture_check_size(job.gif->SWidth, job.gif->SHeight, limits->max_pixels, e)
             : ERR_NONE;
    if (rc == ERR_NONE) {
        rc = read_first(&job, e);
    }
    (void)DGifCloseFile(job.gif, &code);
    if (rc != ERR_NONE) {
        picture_clear(&job.picture);
        return rc;
    }
    *out = job.picture;
    return ERR_NONE;
}
