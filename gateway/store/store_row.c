/* store_row.c - struct job_row and struct job_output, in and out of statements.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_sql.h"

#define PUT_COLUMN(kind, column, member) put_##kind(q, &row->member);
#define GET_COLUMN(kind, column, member) get_##kind(q, &row.member);

void job_row_put_changing(struct query *q, const struct job_row *row)
{
    put_int64(q, &row->version);
    JOB_COLUMNS_CHANGING(PUT_COLUMN)
}

void job_row_put(struct query *q, const struct job_row *row)
{
    put_id(q, &row->id);
    put_int64(q, &row->version);
    JOB_COLUMNS_FIXED(PUT_COLUMN)
    JOB_COLUMNS_CHANGING(PUT_COLUMN)
}

/* A getter has met what no program of ours wrote. */
static enum st unreadable(const struct id *id)
{
    store_reason_set("the row of %s holds a value that this program does not know", id->text);
    return ST_FAIL;
}

enum st job_row_get(struct query *q, struct job_row *out)
{
    struct job_row row = {0};

    get_id(q, &row.id);
    get_int64(q, &row.version);
    JOB_COLUMNS_FIXED(GET_COLUMN)
    JOB_COLUMNS_CHANGING(GET_COLUMN)
    if (q->is_bad) {
        enum st st = unreadable(&row.id);

        job_row_clear(&row);
        return st;
    }
    *out = row;
    return ST_OK;
}

enum st job_row_find(struct handle *h, enum sql which, const struct id *job, struct job_row *out)
{
    AUTO(query_end) struct query q = query_begin(h, which);
    enum st st = ST_OK;

    put_id(&q, job);
    st = query_step(&q);
    return st == ST_OK ? job_row_get(&q, out) : st;
}

enum st job_graph_find(struct handle *h, const struct id *job, struct buf *out)
{
    AUTO(query_end) struct query q = query_begin(h, SQL_GRAPH_BY_JOB);
    enum st st = ST_OK;

    put_id(&q, job);
    st = query_step(&q);
    if (st == ST_OK && !buf_append_span(out, get_span(&q))) {
        store_reason_set("the graph of %s is larger than its reader allows", job->text);
        return ST_FAIL;
    }
    return st;
}

void job_output_put(struct query *q, const struct job_output *output)
{
    put_id(q, &output->id);
    put_id(q, &output->job_id);
    put_int(q, &output->index);
    put_text(q, &output->node_id);
    put_text(q, &output->name);
    put_str(q, output_type_word(output->type));
    put_text(q, &output->content_type);
    put_int64(q, &output->size_bytes);
    put_str(q, output->sha256[0] != '\0' ? output->sha256 : NULL);
    put_int(q, &output->width);
    put_int(q, &output->height);
    put_text(q, &output->text);
    put_bool(q, &output->is_primary);
    put_int64(q, &output->created_at);
    put_int64(q, &output->duration_ms);
}

static void get_sha256(struct query *q, char out[65])
{
    const char *text = get_str(q);

    if (text == NULL) {
        return;
    }
    if (strlen(text) != 64) {
        q->is_bad = true;
        return;
    }
    memcpy(out, text, 65);
}

enum st job_output_get(struct query *q, struct job_output *out)
{
    struct job_output output = {0};

    get_id(q, &output.id);
    get_id(q, &output.job_id);
    get_int(q, &output.index);
    get_text(q, &output.node_id);
    get_text(q, &output.name);
    output.type = output_type_parse(span_of(get_str(q)));
    get_text(q, &output.content_type);
    get_int64(q, &output.size_bytes);
    get_sha256(q, output.sha256);
    get_int(q, &output.width);
    get_int(q, &output.height);
    get_text(q, &output.text);
    get_bool(q, &output.is_primary);
    get_int64(q, &output.created_at);
    get_int64(q, &output.duration_ms);
    if (q->is_bad) {
        enum st st = unreadable(&output.id);

        job_output_clear(&output);
        return st;
    }
    *out = output;
    return ST_OK;
}

/* No key is '' in the table: NULLs would count as different owners. */
void asset_put(struct query *q, const struct asset *asset)
{
    put_id(q, &asset->id);
    put_str(q, asset->owner != NULL ? asset->owner : "");
    put_str(q, asset->sha256);
    put_text(q, &asset->name);
    put_str(q, output_type_word(asset->type));
    put_text(q, &asset->content_type);
    put_int64(q, &asset->size_bytes);
    put_int(q, &asset->width);
    put_int(q, &asset->height);
    put_int64(q, &asset->duration_ms);
    put_int64(q, &asset->created_at);
    put_int64(q, &asset->used_at);
}

enum st asset_get(struct query *q, struct asset *out)
{
    struct asset asset = {.name = NULL};

    get_id(q, &asset.id);
    get_text(q, &asset.owner);
    if (asset.owner != NULL && asset.owner[0] == '\0') {
        free(asset.owner);
        asset.owner = NULL;
    }
    get_sha256(q, asset.sha256);
    get_text(q, &asset.name);
    asset.type = output_type_parse(span_of(get_str(q)));
    get_text(q, &asset.content_type);
    get_int64(q, &asset.size_bytes);
    get_int(q, &asset.width);
    get_int(q, &asset.height);
    get_int64(q, &asset.duration_ms);
    get_int64(q, &asset.created_at);
    get_int64(q, &asset.used_at);
    if (q->is_bad) {
        enum st st = unreadable(&asset.id);

        asset_clear(&asset);
        return st;
    }
    *out = asset;
    return ST_OK;
}
