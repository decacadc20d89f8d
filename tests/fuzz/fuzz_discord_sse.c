/* fuzz_discord_sse.c - any bytes as an event stream, whole and in pieces: the same events come out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/sse.h"

#define EVENT_MAX  4096
#define RESULT_MAX (4U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct sse *s, struct span input, struct buf *out)
{
    struct sse_event event;

    while (sse_next(s, &input, &event)) {
        bug_if(event.data.len > EVENT_MAX || event.data.ptr[event.data.len] != '\0');
        (void)buf_appendf(out, "%s %zu ", event.type, event.data.len);
        (void)buf_append_span(out, event.data);
        (void)buf_append_str(out, sse_last_id(s));
    }
    bug_if(input.len != 0);
}

static void run(const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
    struct sse *s = sse_new(EVENT_MAX);

    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        /* Of its own, so that a byte too far is seen. */
        AUTO(free_ptr) char *copy = xmalloc(len);

        memcpy(copy, data + at, len);
        take(s, (struct span){copy, len}, out);
    }
    (void)buf_appendf(out, "%d %lld", sse_is_broken(s), (long long)sse_retry_ms(s));
    sse_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_clear) struct buf whole = BUF_INIT(RESULT_MAX);
    AUTO(buf_clear) struct buf pieces = BUF_INIT(RESULT_MAX);

    run(data, size, size > 0 ? size : 1, &whole);
    run(data, size, size > 0 ? data[0] % 7U + 1 : 1, &pieces);
    bug_if(!span_eq(buf_span(&whole), buf_span(&pieces)));
    return 0;
}
