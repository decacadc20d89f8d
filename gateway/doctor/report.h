/* report.h - what the doctor has found: a mark, what is so, and what to do about it, in the order of the looking.
 *
 * Says nothing by itself until it is printed. One thread.
 */
#ifndef CG_DOCTOR_REPORT_H
#define CG_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "cli/terminal.h"

/* From good to bad. */
enum mark { MARK_OK, MARK_WARNING, MARK_WRONG };

struct finding {
    enum mark mark;
    const char *check; /* snake_case, a constant */
    char *subject;     /* whose: a ComfyUI, a template; NULL = the gateway's own */
    char *detail;
    const char *advice; /* a sentence, a constant; NULL with MARK_OK */
};

struct report {
    struct finding *item;
    size_t count;
    const char *check;   /* of what is added next */
    const char *subject; /* the same; borrowed */
};

/* What is added from here on is about this. `subject` may be NULL. */
void report_about(struct report *r, const char *check, const char *subject);
void report_ok(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_warning(struct report *r, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);
void report_wrong(struct report *r, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The worst of all marks. */
enum mark report_worst(const struct report *r);
/* One line each, and one that sums up. */
void report_print(const struct report *r, const struct terminal *t);
/* {"status", "version", "checks": [{"check", "subject", "status", "detail", "advice"}]} and a line break. */
void report_print_json(const struct report *r, const struct terminal *t);
void report_clear(struct report *r); /* for AUTO */

#endif
