/* terminal.c - widths are counted per character cell, so that wide and combining characters do not
 * break a table; characters are read in the C.UTF-8 locale whatever the user's is. */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_MIN 20

static volatile sig_atomic_t interrupt_seen;

static void use_utf8(void)
{
    static locale_t utf8;

    if (utf8 == (locale_t)0) {
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (utf8 != (locale_t)0) {
            (void)uselocale(utf8);
        }
    }
}

static bool user_reads_utf8(void)
{
    locale_t users = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool yes;

    if (users == (locale_t)0) {
        return false;
    }
    yes = strcmp(nl_langinfo_l(CODESET, users), "UTF-8") == 0;
    freelocale(users);
    return yes;
}

static const char *environment(const char *name)
{
    const char *value =
        getenv(name); // NOLINT(concurrency-mt-unsafe): the command line has one thread

    return value != NULL ? value : "";
}

void terminal_init(struct terminal *t, FILE *file, bool no_color)
{
    use_utf8();
    t->file = file;
    t->is_tty = isatty(fileno(file)) == 1 && strcmp(environment("TERM"), "dumb") != 0;
    t->has_color = t->is_tty && !no_color && environment("NO_COLOR")[0] == '\0';
    t->has_utf8 = user_reads_utf8();
}

static struct winsize window(const struct terminal *t)
{
    struct winsize size = {0};

    (void)ioctl(fileno(t->file), TIOCGWINSZ, &size);
    return size;
}

int terminal_columns(const struct terminal *t)
{
    struct winsize size = window(t);
    long columns = size.ws_col;

    if (columns == 0) {
        columns = strtol(environment("COLUMNS"), NULL, 10);
    }
    if (columns <= 0 || columns > 10000) {
        return 80;
    }
    return columns < COLUMNS_MIN ? COLUMNS_MIN : (int)columns;
}

int terminal_lines(const struct terminal *t)
{
    struct winsize size = window(t);

    return size.ws_row >= 4 ? size.ws_row : 24;
}

const char *terminal_tone(const struct terminal *t, enum tone tone)
{
    static const char *const code[] = {
        [TONE_PLAIN] = "",        [TONE_BOLD] = "\033[1m", [TONE_DIM] = "\033[2m",
        [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m", [TONE_BUSY] = "\033[36m",
    };

    return t->has_color ? code[tone] : "";
}

const char *terminal_reset(const struct terminal *t)
{
    return t->has_color ? "\033[0m" : "";
}

static bool turns_direction(wchar_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
           c == 0x200f;
}

/* Reads one character; returns its bytes and tells its cells; 0 cells and *is_safe false for one
 * that must not reach a terminal. */
static size_t next_char(const char *text, mbstate_t *state, int *cells, bool *is_safe)
{
    wchar_t c = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): it has a state of its own
    size_t len = mbrtowc(&c, text, strlen(text), state);

    if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
        *state = (mbstate_t){0};
        *is_safe = false;
        *cells = 1;
        return 1;
    }
    *cells = wcwidth(c);
    *is_safe = *cells >= 0 && !turns_direction(c);
    if (!*is_safe) {
        *cells = 1;
    }
    return len;
}

/* Appends text up to `limit` cells (none when negative); returns the cells, *is_cut when text went
 * on. */
static int put_cells(const char *text, int limit, bool *is_cut, struct buf *out)
{
    mbstate_t state = {0};
    int used = 0;

    *is_cut = false;
    while (*text != '\0') {
        bool is_safe = true;
        int cells = 0;
        size_t len = next_char(text, &state, &cells, &is_safe);

        if (limit >= 0 && used + cells > limit) {
            *is_cut = true;
            return used;
        }
        if (is_safe) {
            buf_append(out, text, len);
        } else {
            buf_append_char(out, '?');
        }
        used += cells;
        text += len;
    }
    return used;
}

void terminal_put(const struct terminal *t, const char *text)
{
    AUTO(buf_clear) struct buf safe = BUF_INIT((size_t)16 << 20);
    bool is_cut;

    (void)put_cells(text != NULL ? text : "-", -1, &is_cut, &safe);
    (void)fputs(buf_str(&safe), t->file);
}

int terminal_fit(const struct terminal *t, const char *text, int columns, struct buf *out)
{
    AUTO(buf_clear) struct buf whole = BUF_INIT((size_t)64 << 10);
    const char *mark = t->has_utf8 ? "…" : "~";
    bool is_cut;
    int used;

    if (columns <= 0) {
        return 0;
    }
    used = put_cells(text, columns, &is_cut, &whole);
    if (!is_cut) {
        buf_append_span(out, buf_span(&whole));
        return used;
    }
    used = put_cells(text, columns - 1, &is_cut, out);
    buf_append_str(out, mark);
    return used + 1;
}

void terminal_pad(const struct terminal *t, const char *text, int columns, struct buf *out)
{
    for (int used = terminal_fit(t, text, columns, out); used < columns; used++) {
        buf_append_char(out, ' ');
    }
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_seen = 1;
}

void terminal_catch_interrupt(void)
{
    /* No SA_RESTART: a sleep or poll ends at once. */
    struct sigaction action = {.sa_handler = on_interrupt};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool terminal_is_interrupted(void)
{
    return interrupt_seen != 0;
}
