/* json_pretty.h - JSON laid out for people: indented, and in one line what fits into one.
 *
 * Only blanks and line ends differ: every text and number keeps its bytes. Pure; any thread.
 */
#ifndef CG_CORE_JSON_PRETTY_H
#define CG_CORE_JSON_PRETTY_H

#include "base/buf.h"
#include "base/json.h"

/* Appends the doc's root and a line end to out. Recursion is bounded by the limits that the doc was
 * parsed with. */
void json_pretty(const struct json_doc *doc, struct buf *out);

#endif
