/* Any answer to GET /history/{id}, for the id that the answer itself names first. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/comfy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char graph[] = "{\"5\":{\"class_type\":\"SaveImage\",\"_meta\":{\"title\":\"t\"}},"
                            "\"2\":{\"class_type\":\"K\"}}";

static void check_output(const struct comfy_output *o, size_t size)
{
    AUTO(buf_clear) struct buf query = BUF_INIT(3 * size + 64);

    bug_if(o->node_id == NULL || o->subfolder == NULL || o->type == NULL);
    bug_if((o->filename == NULL) == (o->text == NULL));
    comfy_view_query(&query, o);
    bug_if(!buf_ok(&query));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = {(const char *)data, size};
    struct id id = ID_NONE;
    struct comfy_history h;

    if (size < 2 + ID_LEN || !id_parse((struct span){body.ptr + 2, ID_LEN}, &id)) {
        id = id_new();
    }
    if (!comfy_history_parse(body, id, span_of(graph), &h)) {
        return 0;
    }
    bug_if(h.end == COMFY_END_SUCCESS && h.error.code != JOB_ERR_NONE);
    bug_if(h.end >= COMFY_END_ERROR && h.error.message == NULL);
    for (size_t i = 0; i < h.output_count; i++) {
        check_output(&h.output[i], size);
    }
    comfy_history_clear(&h);
    return 0;
}
