/* Any binary frame of ComfyUI's WebSocket. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "core/comfy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span frame = {(const char *)data, size};
    struct comfy_message m;

    comfy_message_binary(frame, &m);
    bug_if(m.kind == COMFY_PREVIEW && m.image.ptr + m.image.len != frame.ptr + frame.len);
    bug_if(m.mime != NULL && m.image.len == 0);
    comfy_message_clear(&m);
    return 0;
}
