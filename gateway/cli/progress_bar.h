/* progress_bar.h - the one line that shows how far a job is.
 *
 * On a terminal the line is redrawn in place; elsewhere each change of state
 * is one plain line. Nothing is written when quiet. One thread.
 */
#ifndef CG_CLI_PROGRESS_BAR_H
#define CG_CLI_PROGRESS_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/job_facts.h"
#include "cli/terminal.h"

struct progress_bar {
    const struct terminal *t; /* borrowed */
    bool is_quiet;
    bool is_drawn;   /* a line without its end stands on the terminal */
    struct buf line; /* that line */
    char told[96];   /* the state that was told last, off a terminal */
};

void progress_bar_init(struct progress_bar *bar, const struct terminal *t, bool is_quiet);
void progress_bar_end(struct progress_bar *bar); /* clears, and frees what it holds */
void progress_bar_draw(struct progress_bar *bar, const struct job_facts *job, int64_t elapsed_ms);
/* A sentence in place of the bar (on a terminal) or as a line of its own, once per text. */
void progress_bar_say(struct progress_bar *bar, const char *text);
/* Takes the line off the terminal; the bar may be drawn again. */
void progress_bar_clear(struct progress_bar *bar);

/* "[####----]  43 %" with the terminal's best characters, `columns` wide in all. */
void progress_bar_text(const struct terminal *t, double value, int columns, struct buf *out);

#endif
