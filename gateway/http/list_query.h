/* list_query.h - what the queries of all lists have in common: texts, order, pages. Pure; any thread.
 *
 * Each function reads its parameters; a fault is noted in e, INVALID_PARAMETER with the
 * parameter's name, and the rest is read all the same. An absent parameter leaves its out-parameter
 * as it was, unless a default is named.
 */
#ifndef CG_HTTP_LIST_QUERY_H
#define CG_HTTP_LIST_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "http/uri.h"
#include "store/store.h"

#define CURSOR_SIZE 65

size_t list_query_characters(const char *text);
/* A text of 1 to max characters; borrowed from the uri. */
void list_query_text(const struct uri *uri, const char *name, size_t max, const char **out,
                     struct err *e);
/* sort=created_at or -created_at; the newest first by default. */
void list_query_sort(const struct uri *uri, enum job_sort *out, struct err *e);
/* starred=true or false; returns whether it is there. */
bool list_query_starred(const struct uri *uri, bool *out, struct err *e);
/* limit (50 by default) and cursor. */
void list_query_page(const struct uri *uri, int *limit, struct id *after, struct err *e);

/* A cursor stands for the last id of a page; its text means nothing to clients. */
void cursor_write(struct id last, char out[CURSOR_SIZE]);
bool cursor_parse(const char *text, struct id *out) MUST_CHECK;

/* Appends the address of the next page: path and the same query with another cursor. */
void list_query_next(const struct uri *uri, const char *path, const char *cursor, struct buf *out);

#endif
