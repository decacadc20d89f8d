/* Any text of ComfyUI's WebSocket. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "core/comfy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct comfy_history heard = {0};
    struct comfy_message m;

    comfy_message_text(text, &m);
    bug_if(m.output_json.len > 0 && (m.output_json.ptr < text.ptr ||
                                     m.output_json.ptr + m.output_json.len > text.ptr + text.len));
    bug_if(m.kind == COMFY_ERROR && (m.error.code == JOB_ERR_NONE || m.error.message == NULL));
    comfy_history_add_output(&heard, m.node, m.output_json);
    comfy_history_clear(&heard);
    comfy_message_clear(&m);
    return 0;
}
