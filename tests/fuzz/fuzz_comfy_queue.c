/* Any answer to GET /queue, GET /system_stats and POST /api/jobs/{id}/cancel. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "core/comfy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Running ones first, then the pending ones in the order they will run. */
static void check_queue(const struct comfy_queue *q)
{
    bug_if(q->running > q->count || comfy_queue_copies(q, id_new()) != 0);
    for (size_t i = 0; i < q->count; i++) {
        const struct comfy_queue_item *item = &q->item[i];

        bug_if(item->prompt_id == NULL || (item->place == COMFY_RUNNING) != (i < q->running));
        bug_if(i > q->running && item[-1].number > item->number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = {(const char *)data, size};
    struct comfy_queue q;
    struct comfy_system s;
    bool cancelled = false;

    if (comfy_queue_parse(body, &q)) {
        check_queue(&q);
        comfy_queue_clear(&q);
    }
    if (comfy_system_parse(body, &s)) {
        (void)comfy_version_at_least(s.version, 0, 3, 57);
        comfy_system_clear(&s);
    }
    (void)!comfy_cancel_reply_parse(body, &cancelled);
    return 0;
}
