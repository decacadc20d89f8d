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
/* Ends the page and sends it, with a Link header when there is more behind `last`. `path` is the list's
 * own. Takes the contents of text, to which o writes. */
enum MHD_Result page_send(struct request *r, struct json_out *o, struct buf *text, const char *path,
                          const struct id *last);

#endif
