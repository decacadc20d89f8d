/* fuzz_traceparent.c - any bytes as the header field traceparent.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span field = {(const char *)data, size};
    struct trace trace = {.id = ""};
    struct trace again = {.id = ""};
    char out[TRACE_PARENT_SIZE];

    if (!trace_parse(field, &trace)) {
        bug_if(trace.id[0] != '\0' || trace.flags != 0);
        return 0;
    }
    bug_if(strspn(trace.id, "0123456789abcdef") != TRACE_ID_LEN);
    bug_if(memmem(data, size, trace.id, TRACE_ID_LEN) == NULL);
    bug_if((trace.flags & ~3) != 0);
    /* What goes on to others is a good one, of the same trace. */
    bug_if(!trace_parse(span_of(trace_parent(trace.id, trace.flags, out)), &again));
    bug_if(strcmp(trace.id, again.id) != 0 || trace.flags != again.flags);
    return 0;
}
