/* report.c - see report.h. */
#include "doctor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "base/version.h"

#define DETAIL_MAX (8U << 10)
#define JSON_MAX   (8U << 20)

static const struct {
    const char *word;
    enum tone tone;
} marks[] = {
    [MARK_OK] = {"ok", TONE_GOOD},
    [MARK_WARNING] = {"warning", TONE_BUSY},
    [MARK_WRONG] = {"wrong", TONE_BAD},
};

void report_about(struct report *r, const char *check, const char *subject)
{
    r->check = check;
    r->subject = subject;
}

static PRINTF_LIKE(4, 0) void add(struct report *r, enum mark mark, const char *advice,
                                  const char *fmt, va_list args)
{
    char detail[DETAIL_MAX];
    struct finding f = {.mark = mark, .check = r->check, .advice = advice};

    (void)vsnprintf(detail, sizeof detail, fmt, args);
    f.detail = xstrdup(detail);
    f.subject = xstrdup_or_null(r->subject);
    r->item = xrealloc(r->item, (r->count + 1) * sizeof *r->item);
    r->item[r->count++] = f;
}

void report_ok(struct report *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, MARK_OK, NULL, fmt, args);
    va_end(args);
}

void report_warning(struct report *r, const char *advice, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, MARK_WARNING, advice, fmt, args);
    va_end(args);
}

void report_wrong(struct report *r, const char *advice, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, MARK_WRONG, advice, fmt, args);
    va_end(args);
}

static size_t count_of(const struct report *r, enum mark mark)
{
    size_t count = 0;

    for (size_t i = 0; i < r->count; i++) {
        count += r->item[i].mark == mark ? 1 : 0;
    }
    return count;
}

enum mark report_worst(const struct report *r)
{
    if (count_of(r, MARK_WRONG) > 0) {
        return MARK_WRONG;
    }
    return count_of(r, MARK_WARNING) > 0 ? MARK_WARNING : MARK_OK;
}

/* "data_folder" as people write it. */
static void print_check(const struct terminal *t, const char *check)
{
    for (; *check != '\0'; check++) {
        (void)fputc(*check == '_' ? ' ' : *check, t->file);
    }
}

static void print_finding(const struct finding *f, const struct terminal *t)
{
    (void)fprintf(t->file, "%s%-7s%s  ", terminal_tone(t, marks[f->mark].tone), marks[f->mark].word,
                  terminal_reset(t));
    print_check(t, f->check);
    if (f->subject != NULL) {
        (void)fputc(' ', t->file);
        terminal_put(t, f->subject);
    }
    (void)fputs(": ", t->file);
    terminal_put(t, f->detail);
    if (f->advice != NULL) {
        (void)fputs(". ", t->file);
        terminal_put(t, f->advice);
    }
    (void)fputc('\n', t->file);
}

void report_print(const struct report *r, const struct terminal *t)
{
    size_t wrong = count_of(r, MARK_WRONG);
    size_t warnings = count_of(r, MARK_WARNING);

    for (size_t i = 0; i < r->count; i++) {
        print_finding(&r->item[i], t);
    }
    if (wrong + warnings == 0) {
        (void)fputs("\nAll is well.\n", t->file);
    } else {
        (void)fprintf(t->file, "\n%zu wrong, %zu to look at.\n", wrong, warnings);
    }
}

void report_print_json(const struct report *r, const struct terminal *t)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(JSON_MAX);
    struct json_out o = json_out_to(&text);

    jo_obj(&o, NULL);
    jo_str(&o, "status", marks[report_worst(r)].word);
    jo_str(&o, "version", comfygate_version());
    jo_arr(&o, "checks");
    for (size_t i = 0; i < r->count; i++) {
        const struct finding *f = &r->item[i];

        jo_obj(&o, NULL);
        jo_str(&o, "check", f->check);
        jo_str(&o, "subject", f->subject);
        jo_str(&o, "status", marks[f->mark].word);
        jo_str(&o, "detail", f->detail);
        jo_str(&o, "advice", f->advice);
        jo_end(&o);
    }
    jo_end(&o);
    jo_end(&o);
    (void)fprintf(t->file, "%s\n", buf_str(&text));
}

void report_clear(struct report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->item[i].subject);
        free(r->item[i].detail);
    }
    free(r->item);
    *r = (struct report){.item = NULL};
}
