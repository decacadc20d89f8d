/* text.h - text of strangers made safe for a chat, and quantities said in words.
 *
 * Discord counts characters (UTF-16 code units, so an emoji counts two), not bytes; all cuts are at whole
 * characters. Pure.
 */
#ifndef CGD_WIRE_TEXT_H
#define CGD_WIRE_TEXT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/* How many characters Discord counts. */
size_t text_count(const char *text);
/* Appends text cut to `max` characters, the last of them an ellipsis when something was cut. */
void text_cut(struct buf *out, const char *text, size_t max);
/* Appends it so that it shows as it was written: Markdown escaped, control and direction-changing
 * characters removed, "@everyone" and the like broken up, cut to max characters as counted after it. */
void text_escape(struct buf *out, const char *text, size_t max);
/* The same inside a code block of its own (```), which it cannot leave. */
void text_code(struct buf *out, const char *text, size_t max);
/* A file name that Discord keeps: [A-Za-z0-9._-], no leading dot, at most 80 characters; "file" when nothing is left. */
void text_filename(struct buf *out, const char *name);

/* "42 s", "3 min 5 s", "2 h 10 min", "3 days". */
void text_duration(struct buf *out, int64_t ms);
/* "640 KiB", "9.8 MiB". */
void text_bytes(struct buf *out, int64_t bytes);
/* "▰▰▰▱▱▱▱▱▱▱ 31 %": value 0..1, `cells` long. */
void text_bar(struct buf *out, double value, unsigned cells);
/* Discord's own time stamp, shown in the reader's zone: <t:SECONDS:style> (R relative, t time, f date and time). */
void text_time(struct buf *out, int64_t wall_ms, char style);

#endif
