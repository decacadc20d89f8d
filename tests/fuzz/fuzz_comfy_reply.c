/* Any answer to POST /prompt: the status in digits, a newline, the body. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "core/comfy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char graph[] =
        "{\"1\":{\"class_type\":\"A\"},\"4\":{\"_meta\":{\"title\":\"t\"}}}";
    struct span body = {(const char *)data, size};
    struct comfy_prompt_reply r;
    int status = 0;

    while (body.len > 0 && body.ptr[0] >= '0' && body.ptr[0] <= '9' && status < 10000) {
        status = 10 * status + (body.ptr[0] - '0');
        body.ptr++;
        body.len--;
    }
    if (body.len > 0) {
        body.ptr++;
        body.len--;
    }
    comfy_prompt_reply_parse(status, body, span_of(graph), &r);
    bug_if(r.is_accepted != (r.prompt_id != NULL));
    bug_if(r.has_node_errors && !r.is_accepted);
    bug_if(!r.is_accepted && (r.error.code == JOB_ERR_NONE || r.error.message == NULL));
    bug_if(r.error.message != NULL && strlen(r.error.message) > 4096);
    comfy_prompt_reply_clear(&r);
    return 0;
}
