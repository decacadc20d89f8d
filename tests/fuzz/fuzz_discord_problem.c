/* fuzz_discord_problem.c - any bytes as a problem document: one sentence comes out, of a length that a chat takes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_clear) struct buf out = BUF_INIT(1U << 20);
    cJSON *problem = cJSON_ParseWithLength((const char *)data, size);

    problem_sentence(&out, size > 0 ? 400 + data[0] % 120 : 500, problem,
                     size > 1 ? data[1] - 1 : -1);
    cJSON_Delete(problem);
    bug_if(!buf_ok(&out) || out.len == 0 || out.len > 8192);
    bug_if(strstr(buf_str(&out), "@everyone") != NULL);
    return 0;
}
