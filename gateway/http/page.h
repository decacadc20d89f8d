/* page.h - one page of a list as an answer. */
#ifndef CG_HTTP_PAGE_H
#define CG_HTTP_PAGE_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/json_out.h"

struct request;

/* Begins {"data":[ ; the caller writes the elements. */
void page_begin(struct json_out *o);
/* What a list shows, for its ETag. */
enum page_of { PAGE_OF_VIEWS, PAGE_OF_ROWS }; /* as bridge/job_memo.h counts them */
#define PAGE_ETAG_SIZE 64
/* The ETag of a list as it is now; to be taken before the store is asked. */
void page_etag(struct request *r, enum page_of what, char out[PAGE_ETAG_SIZE]);

/* Ends the page and sends it, with its ETag and with a Link header when there is more behind `last`. `path` is the list's
 * own. `etag` NULL: what it shows changes unseen, and nobody may keep it. Takes the contents of text, to which o writes. */
enum MHD_Result page_send(struct request *r, struct json_out *o, struct buf *text, const char *path,
                          const struct id *last, const char *etag);

#endif
