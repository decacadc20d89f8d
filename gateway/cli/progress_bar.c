/* progress_bar.c - the line is made for the width of the terminal at that moment; what does not fit
 * goes in this order: the node's title is cut, then the bar shrinks. */
#include "cli/progress_bar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BAR_MIN     8
#define BAR_MAX     40
#define PERCENT_LEN 6

void progress_bar_init(struct progress_bar *bar, const struct terminal *t, bool is_quiet)
{
    *bar = (struct progress_bar){.t = t, .is_quiet = is_quiet};
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

/* What stands right of the bar, shortest form first: step of steps, then elapsed. */
static void tail_text(const struct job_facts *job, int64_t elapsed_ms, struct buf *out)
{
    if (job->steps > 0) {
        buf_appendf(out, "  step %d of %d", job->step, job->steps);
    }
    buf_append_str(out, "  ");
    duration_text(out, elapsed_ms);
}

static void running_line(const struct terminal *t, const struct job_facts *job, int64_t elapsed_ms,
                         int columns, struct buf *out)
{
    AUTO(buf_clear) struct buf tail = BUF_INIT(128);
    int room;
    int bar;

    tail_text(job, elapsed_ms, &tail);
    terminal_pad(t, job->status, 10, out);
    room = columns - 10 - (int)tail.len;
    bar = room / 2 < BAR_MAX + PERCENT_LEN ? room / 2 : BAR_MAX + PERCENT_LEN;
    bar = bar > BAR_MIN + PERCENT_LEN ? bar : BAR_MIN + PERCENT_LEN;
    buf_append_str(out, terminal_tone(t, TONE_BUSY));
    progress_bar_text(t, job->value, bar, out);
    buf_append_str(out, terminal_reset(t));
    room -= bar + 2;
    if (room > 3 && *job->node != '\0') {
        buf_append_str(out, "  ");
        (void)terminal_fit(t, job->node, room, out);
    }
    buf_append_span(out, buf_span(&tail));
}

static void waiting_line(const struct terminal *t, const struct job_facts *job, int64_t elapsed_ms,
                         int columns, struct buf *out)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(256);

    buf_appendf(&line, "%-9.20s ", job->status);
    if (job->queue_position > 0) {
        buf_appendf(&line, "place %d in the queue  ", job->queue_position);
    } else if (*job->phase != '\0') {
        buf_appendf(&line, "%.20s  ", job->phase);
    }
    duration_text(&line, elapsed_ms);
    (void)terminal_fit(t, buf_str(&line), columns, out);
}

static void redraw(struct progress_bar *bar, const struct buf *line)
{
    (void)fprintf(bar->t->file, "\r%s\033[K", buf_str(line));
    (void)fflush(bar->t->file);
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
    AUTO(buf_clear) struct buf line = BUF_INIT(8192);
    /* The last column stays free: some terminals wrap when it is written. */
    int columns = terminal_columns(bar->t) - 1;

    if (bar->is_quiet) {
        return;
    }
    if (!bar->t->is_tty) {
        tell_state(bar, job);
        return;
    }
    if (job->has_progress) {
        running_line(bar->t, job, elapsed_ms, columns, &line);
    } else {
        waiting_line(bar->t, job, elapsed_ms, columns, &line);
    }
    redraw(bar, &line);
}

void progress_bar_say(struct progress_bar *bar, const char *text)
{
    AUTO(buf_clear) struct buf line = BUF_INIT(8192);

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
