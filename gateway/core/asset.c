#include "core/asset.h"

#include <stdio.h>
#include <stdlib.h>

void asset_clear(struct asset *a)
{
    free(a->owner);
    free(a->name);
    free(a->content_type);
    *a = (struct asset){.name = NULL};
}

static void write_number(struct json_out *o, const char *key, int64_t number)
{
    if (number > 0) {
        jo_int(o, key, number);
    } else {
        jo_null(o, key);
    }
}

void asset_json(struct json_out *o, const char *key, const struct asset *a)
{
    char url[sizeof "/v1/assets//content" + ID_LEN];

    (void)snprintf(url, sizeof url, "/v1/assets/%s/content", a->id.text);
    jo_obj(o, key);
    jo_str(o, "id", a->id.text);
    jo_str(o, "name", a->name);
    jo_str(o, "type", output_type_word(a->type));
    jo_str(o, "content_type", a->content_type);
    jo_int(o, "size_bytes", a->size_bytes);
    jo_str(o, "sha256", a->sha256);
    write_number(o, "width", a->width);
    write_number(o, "height", a->height);
    write_number(o, "duration_ms", a->duration_ms);
    jo_time(o, "created_at", a->created_at);
    jo_str(o, "url", url);
    jo_end(o);
}
