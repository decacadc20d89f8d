/* terminal.h - what is known of the place that lines go to, and how to write there.
 *
 * Titles, names and messages come from strangers: terminal_put and
 * terminal_fit make control characters and changes of writing direction
 * visible instead of passing them on. One thread.
 */
#ifndef CG_CLI_TERMINAL_H
#define CG_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

struct terminal {
    FILE *file;
    bool is_tty;
    bool has_color;
    bool has_utf8; /* may show more than ASCII */
};

enum tone { TONE_PLAIN, TONE_BOLD, TONE_DIM, TONE_GOOD, TONE_BAD, TONE_BUSY };

/* Colour only on a terminal, never with no_color, NO_COLOR or TERM=dumb. */
void terminal_init(struct terminal *t, FILE *file, bool no_color);
int terminal_columns(const struct terminal *t); /* 80 when unknown */
int terminal_lines(const struct terminal *t);   /* 24 when unknown */

/* The bytes that switch a tone on, or back off; "" without colour. */
const char *terminal_tone(const struct terminal *t, enum tone tone);
const char *terminal_reset(const struct terminal *t);

/* Writes text with what could move the cursor replaced by '?'. NULL writes "-". */
void terminal_put(const struct terminal *t, const char *text);
/* Appends as much of text as fits into `columns`, the same way; returns the columns used. A cut is
 * marked with an ellipsis. */
int terminal_fit(const struct terminal *t, const char *text, int columns, struct buf *out);
/* The same, filled up with blanks to exactly `columns`. */
void terminal_pad(const struct terminal *t, const char *text, int columns, struct buf *out);

/* From here on Ctrl-C and TERM only set a flag that terminal_is_interrupted() tells. */
void terminal_catch_interrupt(void);
bool terminal_is_interrupted(void);

#endif
