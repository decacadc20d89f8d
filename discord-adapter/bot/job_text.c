/* job_text.c - see job_text.h.
 */
#include "bot/job_text.h"

#include "base/json.h"
#include "base/mem.h"

char *job_seed_text(struct span job)
{
    static const struct json_limits limits = {.depth = 64, .nodes = 400000};
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    json_ref seed = JSON_NONE;

    if (json_parse(job, JSON_LENIENT, limits, &doc, NULL) != ERR_NONE) {
        return xstrdup("");
    }
    seed = json_get(doc, 0, "seed");
    return json_type(doc, seed) == JSON_NUMBER
               ? xstrndup(json_raw(doc, seed).ptr, json_raw(doc, seed).len)
               : xstrdup("");
}
