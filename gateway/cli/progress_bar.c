/* progress_bar.c - the line is made for the width of the terminal at that moment. The bar has a third of it
 * whatever stands beside, so that it does not jump; when room is short, the node's title is cut. */
#include "cli/progress_bar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 8192
#define STATUS_COLUMNS 10
#define BAR_MIN        14
#define BAR_MAX        46
#define BAR_NEEDS      50 /* columns for status, bar, steps and time */
#define PERCENT_LEN    6

void progress_bar_init(struct progress_bar *bar, const struct terminal *t, bool is_quiet)
{
    *bar = (struct progress_bar){.t = t, .is_quiet = is_quiet, .line = BUF_INIT(LINE_MAX_BYTES)};
}

void progress_bar_end(struct progress_bar *bar)
{
    progress_bar_clear(bar);
    buf_clear(&bar->line);
}

void progress_bar_text(const struct terminal *t, double value, int columns, struct buf *out)
{
    int cells = columns - PERCENT_LEN > 1 ? columns - PERCENT_LEN : 1;
    int full = (int)(value * cells);

    for (int i = 0; i < cells; i++) {
        if (t->has_utf8) {
            buf_append_str(out, i < full ? "█" : "░");
        } else {
            buf_append_char(out, i < full ? '#' : '-');
        }
    }
    buf_appendf(out, " %3d %%", (int)(value * 100));
}

static int bar_columns(int columns)
{
    int third = columns / 3;

    if (third < BAR_MIN) {
        return BAR_MIN;
    }
    return third < BAR_MAX ? third : BAR_MAX;
}

static void running_line(const struct terminal *t, const struct job_facts *job, int64_t elapsed_ms,
                         int columns, struct buf *out)
{
    AUTO(buf_clear) struct buf tail = BUF_INIT(128);
    int bar = bar_columns(columns);
    int room;

    if (job->steps > 0) {
        buf_appendf(&tail, "  step %d of %d", job->step, job->steps);
    }
    buf_append_str(&tail, "  ");
    duration_text(&tail, elapsed_ms);
    terminal_pad(t, job->status, STATUS_COLUMNS, out);
    buf_append_str(out, terminal_tone(t, TONE_BUSY));
    progress_bar_text(t, job->value, bar, out);
    buf_append_str(out, terminal_reset(t));
    room = columns - STATUS_COLUMNS - bar - 2 - (int)tail.len;
    if (room > 3 && *job->node != '\0') {
        buf_append_str(out, "  ");
        (void)terminal_fit(t, job->node, room, out);
    }
    buf_append_span(out, buf_span(&tail));
}

/* Without a bar: while it waits, and where there is no room for one. */
static void plain_line(const struct terminal *t, const struct job_facts *job, int64_t elapsed_ms,
                       int columns, struct buf *out)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(256);

    buf_appendf(&line, "%-9.20s ", job->status);
    if (job->queue_position > 0) {
        buf_appendf(&line, "place %d in the queue  ", job->queue_position);
    } else if (job->has_progress) {
        buf_appendf(&line, "%d %%  ", (int)(job->value * 100));
    } else if (*job->phase != '\0') {
        buf_appendf(&line, "%.20s  ", job->phase);
    }
    duration_text(&line, elapsed_ms);
    (void)terminal_fit(t, buf_str(&line), columns, out);
}

/* Only what differs is written: a terminal far away gets few bytes. */
static void redraw(struct progress_bar *bar, const struct buf *line)
{
    if (bar->is_drawn && span_eq(buf_span(line), buf_span(&bar->line))) {
        return;
    }
    (void)fprintf(bar->t->file, "\r%s\033[K", buf_str(line));
    (void)fflush(bar->t->file);
    buf_reset(&bar->line);
    buf_append_span(&bar->line, buf_span(line));
    bar->is_drawn = true;
}

/* Off a terminal only what a reader of a log wants: the state, not every step. */
static void tell(struct progress_bar *bar, const char *text)
{
    if (strncmp(bar->told, text, sizeof bar->told - 1) == 0) {
        return;
    }
    (void)snprintf(bar->told, sizeof bar->told, "%s", text);
    terminal_put(bar->t, text);
    (void)fputc('\n', bar->t->file);
    (void)fflush(bar->t->file);
}

static void tell_state(struct progress_bar *bar, const struct job_facts *job)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(512);

    buf_appendf(&line, "%s %s", job->id, job->status);
    if (strcmp(job->status, "running") == 0 && *job->backend != '\0') {
        buf_appendf(&line, " on %.40s", job->backend);
    }
    if (job->attempt > 1) {
        buf_appendf(&line, " (attempt %d of %d)", job->attempt, job->max_attempts);
    }
    tell(bar, buf_str(&line));
}

void progress_bar_draw(struct progress_bar *bar, const struct job_facts *job, int64_t elapsed_ms)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(LINE_MAX_BYTES);
    /* The last column stays free: some terminals wrap when it is written. */
    int columns = terminal_columns(bar->t) - 1;

    if (bar->is_quiet) {
        return;
    }
    if (!bar->t->is_tty) {
        tell_state(bar, job);
        return;
    }
    if (job->has_progress && columns >= BAR_NEEDS) {
        running_line(bar->t, job, elapsed_ms, columns, &line);
    } else {
        plain_line(bar->t, job, elapsed_ms, columns, &line);
    }
    redraw(bar, &line);
}

void progress_bar_say(struct progress_bar *bar, const char *text)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(LINE_MAX_BYTES);

    if (bar->is_quiet) {
        return;
    }
    if (!bar->t->is_tty) {
        tell(bar, text);
        return;
    }
    (void)terminal_fit(bar->t, text, terminal_columns(bar->t) - 1, &line);
    redraw(bar, &line);
}

void progress_bar_clear(struct progress_bar *bar)
{
    if (bar->is_drawn) {
        (void)fputs("\r\033[K", bar->t->file);
        (void)fflush(bar->t->file);
        bar->is_drawn = false;
    }
}
