#include "core/media_type.h"

#include <string.h>

#include "base/mem.h"

const char *media_type_extension(const char *content_type)
{
    static const struct {
        const char *type;
        const char *extension;
    } ROW[] = {
        {"image/png", "png"},        {"image/jpeg", "jpg"},        {"image/webp", "webp"},
        {"image/gif", "gif"},        {"image/avif", "avif"},       {"video/mp4", "mp4"},
        {"video/webm", "webm"},      {"video/quicktime", "mov"},   {"video/x-matroska", "mkv"},
        {"audio/wav", "wav"},        {"audio/mpeg", "mp3"},        {"audio/flac", "flac"},
        {"audio/ogg", "ogg"},        {"audio/mp4", "m4a"},         {"text/plain", "txt"},
        {"video/ogg", "ogv"},        {"application/json", "json"}, {"audio/webm", "webm"},
        {"audio/x-matroska", "mka"},
    };
    size_t len = content_type != NULL ? strcspn(content_type, ";") : 0;

    for (size_t i = 0; i < COUNT_OF(ROW); i++) {
        if (strlen(ROW[i].type) == len && strncmp(ROW[i].type, content_type, len) == 0) {
            return ROW[i].extension;
        }
    }
    return "bin";
}
