#include "http/asset_intake.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/media.h"

#define NAME_MAX_BYTES 255

struct asset_intake {
    const struct config *config;
    struct blobs *blobs;
    struct blob_writer *sink;
};

enum errc asset_intake_begin(struct blobs *blobs, const struct config *config,
                             struct asset_intake **out, struct err *e)
{
    struct blob_writer *sink = NULL;
    enum errc rc = blob_write_begin(blobs, &sink, e);
    struct asset_intake *in = NULL;

    if (rc != ERR_NONE) {
        return rc;
    }
    in = xcalloc(1, sizeof *in);
    in->config = config;
    in->blobs = blobs;
    in->sink = sink;
    *out = in;
    return ERR_NONE;
}

void asset_intake_drop(struct asset_intake *in)
{
    if (in != NULL) {
        blob_abort(in->sink);
        free(in);
    }
}

int64_t asset_intake_size(const struct asset_intake *in)
{
    return blob_written(in->sink);
}

enum errc asset_intake_write(struct asset_intake *in, struct span data, struct err *e)
{
    if (blob_written(in->sink) + (int64_t)data.len > in->config->assets_max_bytes) {
        return err_set(e, ERR_CONTENT_TOO_LARGE, "A file may hold up to %" PRId64 " bytes.",
                       in->config->assets_max_bytes);
    }
    return blob_write(in->sink, data, e);
}

/* ---- what it is ----------------------------------------------------------------------------------- */

/* What a LoadImage, a LoadVideo or a LoadAudio can take. */
static bool is_welcome(const char *content_type)
{
    static const char *const TYPE[] = {"image/png", "image/jpeg", "image/webp",
                                       "image/gif", "video/mp4",  "video/webm",
                                       "audio/wav", "audio/mpeg", "audio/flac"};

    for (size_t i = 0; i < COUNT_OF(TYPE); i++) {
        if (strcmp(content_type, TYPE[i]) == 0) {
            return true;
        }
    }
    return false;
}

static size_t read_sink(void *arg, int64_t offset, void *buf, size_t len)
{
    return blob_read_at(arg, offset, buf, len);
}

static enum errc check(struct asset_intake *in, struct media *m, struct err *e)
{
    struct media_source source = {
        .arg = in->sink, .read_at = read_sink, .size = blob_written(in->sink)};
    int64_t pixels = 0;

    if (source.size == 0) {
        return err_set(e, ERR_VALIDATION_ERROR, "The file is empty.");
    }
    *m = media_probe(&source);
    pixels = (int64_t)m->width * m->height;
    if (!is_welcome(m->content_type)) {
        return err_set(
            e, ERR_UNSUPPORTED_MEDIA_TYPE,
            "The file is none of PNG, JPEG, WebP, GIF, MP4, WebM, WAV, MP3 and FLAC; its "
            "bytes say %s.",
            m->content_type);
    }
    if (m->fault != NULL) {
        return err_set(e, ERR_VALIDATION_ERROR, "The file is damaged: %s", m->fault);
    }
    if (m->type == OUTPUT_IMAGE && (m->width < 1 || m->height < 1)) {
        return err_set(e, ERR_VALIDATION_ERROR,
                       "The file is damaged: its header does not tell its size.");
    }
    if (pixels > in->config->assets_max_pixels) {
        return err_set(e, ERR_CONTENT_TOO_LARGE,
                       "A picture may have up to %" PRId64 " pixels; this one has %d x %d.",
                       in->config->assets_max_pixels, m->width, m->height);
    }
    return ERR_NONE;
}

/* The last part of the path, without what could upset a terminal or a header; NULL when nothing is left. */
static char *clean_name(const char *name)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(NAME_MAX_BYTES + 1);
    const char *at = name;

    for (const char *p = name; *p != '\0'; p++) {
        at = *p == '/' || *p == '\\' ? p + 1 : at;
    }
    for (; *at != '\0' && out.len < NAME_MAX_BYTES; at++) {
        unsigned char c = (unsigned char)*at;

        if (c >= 0x20 && c != 0x7f) {
            (void)buf_append_char(&out, *at);
        }
    }
    if (out.len == 0 || !utf8_valid(buf_span(&out))) {
        return NULL;
    }
    return buf_take(&out);
}

enum errc asset_intake_finish(struct asset_intake *in, const char *owner, const char *name,
                              struct asset *out, struct err *e)
{
    struct asset asset = {.created_at = clock_wall_ms()};
    struct media m = {.width = 0};
    enum errc rc = check(in, &m, e);

    asset.size_bytes = blob_written(in->sink);
    if (rc == ERR_NONE) {
        rc = blob_stage(take_ptr(&in->sink), asset.sha256, e);
    }
    if (rc == ERR_NONE) {
        rc = blob_store(in->blobs, asset.sha256, e);
        if (rc != ERR_NONE) {
            blob_unstage(in->blobs, asset.sha256);
        }
    }
    asset_intake_drop(in);
    if (rc != ERR_NONE) {
        return rc;
    }
    asset.id = id_new();
    asset.used_at = asset.created_at;
    asset.owner = owner != NULL ? xstrdup(owner) : NULL;
    asset.name = name != NULL ? clean_name(name) : NULL;
    asset.type = m.type;
    asset.content_type = xstrdup(m.content_type);
    asset.width = m.width;
    asset.height = m.height;
    asset.duration_ms = m.duration_ms;
    *out = asset;
    return ERR_NONE;
}
