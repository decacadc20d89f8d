/* store_read.c - what HTTP threads read, but for lists.
 */
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

enum st store_job(struct store_reader *r, struct id job, struct job_row *out)
{
    return job_row_find(r->h, SQL_JOB_BY_ID, &job, out);
}

enum st idempotency_find(struct handle *h, const struct idempotency_key *key, struct id *out_job,
                         char out_sha256[65])
{
    AUTO(query_end) struct query q = query_begin(h, SQL_IDEMPOTENCY_GET);
    struct span sha256;
    enum st st = ST_OK;

    put_str(&q, key->owner != NULL ? key->owner : "");
    put_str(&q, key->key);
    put_int64(&q, &key->now);
    st = query_step(&q);
    if (st != ST_OK) {
        return st;
    }
    get_id(&q, out_job);
    sha256 = get_span(&q);
    if (q.is_bad || sha256.len != 64) {
        store_reason_set("an Idempotency-Key has no proper job or hash");
        return ST_FAIL;
    }
    memcpy(out_sha256, sha256.ptr, 64);
    out_sha256[64] = '\0';
    return ST_OK;
}

enum st store_idempotency(struct store_reader *r, const struct idempotency_key *key,
                          struct id *out_job, char out_sha256[65])
{
    return idempotency_find(r->h, key, out_job, out_sha256);
}

enum st store_graph(struct store_reader *r, struct id job, struct buf *out)
{
    return job_graph_find(r->h, &job, out);
}

enum st store_outputs(struct store_reader *r, struct id job, struct job_outputs *out)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_OUTPUTS_BY_JOB);
    AUTO(job_outputs_clear) struct job_outputs found = {0};
    enum st st = ST_OK;

    put_id(&q, &job);
    for (st = query_step(&q); st == ST_OK; st = query_step(&q)) {
        st = job_output_get(&q, job_outputs_add(&found));
        if (st != ST_OK) {
            return st;
        }
    }
    if (st != ST_NONE) {
        return st;
    }
    *out = found;
    found = (struct job_outputs){0};
    return ST_OK;
}

enum st store_output(struct store_reader *r, struct id output, struct job_output *out)
{
    AUTO(query_end) struct query q = query_begin(r->h, SQL_OUTPUT_BY_ID);
    enum st st = ST_OK;

    put_id(&q, &output);
    st = query_step(&q);
    return st == ST_OK ? job_output_get(&q, out) : st;
}
