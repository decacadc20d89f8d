/* fair_order.c - see fair_order.h. Goyal, Vin, Cheng: Start-time Fair Queueing (1996).
 */
#include "core/fair_order.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

/* When there are more, those that are not ahead are forgotten: that changes nothing for them. */
#define FORGET_FROM 1024

struct line {
    int64_t next; /* where its next job starts, at the earliest */
};

struct fair_order {
    struct map *lines; /* name -> struct line */
    size_t forget_at;
    int64_t now; /* start of the job that was begun last; never falls */
};

struct fair_order *fair_order_new(void)
{
    struct fair_order *f = xcalloc(1, sizeof *f);

    f->lines = map_new();
    f->forget_at = FORGET_FROM;
    return f;
}

static void free_line(void *arg, const char *name, void *line)
{
    (void)arg;
    (void)name;
    free(line);
}

void fair_order_free(struct fair_order *f)
{
    if (f == NULL) {
        return;
    }
    map_each(f->lines, free_line, NULL);
    map_free(f->lines);
    free(f);
}

struct kept {
    const struct fair_order *order;
    struct map *lines;
};

static void keep_or_free(void *arg, const char *name, void *value)
{
    struct kept *kept = arg;
    struct line *line = value;

    if (line->next > kept->order->now) {
        map_put(kept->lines, name, line);
    } else {
        free(line);
    }
}

/* Costs as much as there are lines, and is done again only when they have doubled. */
static void forget(struct fair_order *f)
{
    struct kept kept = {.order = f, .lines = map_new()};

    map_each(f->lines, keep_or_free, &kept);
    map_free(f->lines);
    f->lines = kept.lines;
    f->forget_at = map_count(f->lines) * 2;
    f->forget_at = f->forget_at > FORGET_FROM ? f->forget_at : FORGET_FROM;
}

int64_t fair_order_next(struct fair_order *f, const char *line, int64_t work_ms)
{
    struct line *t = map_get(f->lines, line);
    int64_t start = 0;

    if (t == NULL) {
        if (map_count(f->lines) >= f->forget_at) {
            forget(f);
        }
        t = xcalloc(1, sizeof *t);
        map_put(f->lines, line, t);
    }
    start = t->next > f->now ? t->next : f->now;
    t->next = start + (work_ms > 0 ? work_ms : 1);
    return start;
}

int64_t fair_order_again(const struct fair_order *f)
{
    return f->now;
}

void fair_order_begun(struct fair_order *f, int64_t start)
{
    f->now = start > f->now ? start : f->now;
}

size_t fair_order_lines(const struct fair_order *f)
{
    return map_count(f->lines);
}
