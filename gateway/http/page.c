#include "http/page.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/list_query.h"
#include "http/reply.h"
#include "http/request.h"

/* A header that does not fit would cost the whole answer; the body has the cursor, too. */
#define LINK_MAX 6000

void page_begin(struct json_out *o)
{
    jo_obj(o, NULL);
    jo_arr(o, "data");
}

static void add_link(struct request *r, struct MHD_Response *response, const char *path,
                     const char *cursor)
{
    AUTO(buf_clear) struct buf link = BUF_INIT(LINK_MAX);

    (void)buf_append_char(&link, '<');
    list_query_next(&r->uri, path, cursor, &link);
    (void)buf_append_str(&link, ">; rel=\"next\"");
    if (buf_ok(&link)) {
        reply_header(response, MHD_HTTP_HEADER_LINK, buf_str(&link));
    }
}

/* The counts begin anew with each start, at which the server's id is made. */
void page_etag(struct request *r, enum page_of what, char out[PAGE_ETAG_SIZE])
{
    struct memo_counts counts = job_memo_counts(hub_memo(r->parts->hub));

    /* What is the same for one key is not for another, and a browser may change its key. */
    (void)snprintf(out, PAGE_ETAG_SIZE, "\"%s-%" PRId64 "%s%s\"", r->server->id.text + ID_LEN - 12,
                   what == PAGE_OF_ROWS ? counts.rows : counts.views, r->caller.is_known ? "-" : "",
                   r->caller.is_known ? r->caller.key.id.text + ID_LEN - 12 : "");
}

enum MHD_Result page_send(struct request *r, struct json_out *o, struct buf *text, const char *path,
                          const struct id *last, const char *etag)
{
    AUTO(bytes_unref_ptr) struct bytes *bytes = NULL;
    struct MHD_Response *response = NULL;
    char cursor[CURSOR_SIZE] = "";

    if (last != NULL) {
        cursor_write(*last, cursor);
    }
    jo_end(o);
    jo_bool(o, "has_more", last != NULL);
    jo_str(o, "next_cursor", last != NULL ? cursor : NULL);
    jo_end(o);
    if (!buf_ok(text)) {
        return reply_error(r, ERR_INTERNAL_ERROR,
                           "The page would be too large; ask for a smaller one.");
    }
    bytes = bytes_from_buf(text);
    response = reply_bytes(bytes, JSON_TYPE);
    if (etag != NULL) {
        reply_header(response, MHD_HTTP_HEADER_ETAG, etag);
        reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_REVALIDATE);
    }
    if (last != NULL) {
        add_link(r, response, path, cursor);
    }
    return reply_send(r, MHD_HTTP_OK, response);
}
