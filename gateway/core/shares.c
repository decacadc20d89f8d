#include "core/shares.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

/* A count that is of one turn only is 0 in all others. */
struct of_turn {
    int64_t turn;
    int64_t count;
};

struct share {
    int64_t waiting;
    struct of_turn arriving;
    struct of_turn inside;
};

struct shares {
    int64_t max_waiting;
    int64_t max_inside;
    int64_t arrivals; /* the number of this turn of arrivals; */
    int64_t turn;     /* of dispatch */
    struct map *of;   /* owner -> struct share */
    struct map *jobs; /* waiting job id -> struct share */
};

struct shares *shares_new(int64_t max_waiting, int64_t max_inside)
{
    struct shares *s = xcalloc(1, sizeof *s);

    s->max_waiting = max_waiting;
    s->max_inside = max_inside;
    s->arrivals = 1;
    s->turn = 1;
    s->of = map_new();
    s->jobs = map_new();
    return s;
}

static void free_share(void *arg, const char *owner, void *share)
{
    (void)arg;
    (void)owner;
    free(share);
}

void shares_free(struct shares *s)
{
    if (s == NULL) {
        return;
    }
    map_each(s->of, free_share, NULL);
    map_free(s->of);
    map_free(s->jobs);
    free(s);
}

/* NULL: of whom nothing is limited. */
static struct share *share_of(struct shares *s, const char *owner)
{
    struct share *share = NULL;

    if (owner == NULL || (s->max_waiting == 0 && s->max_inside == 0)) {
        return NULL;
    }
    share = map_get(s->of, owner);
    if (share == NULL) {
        share = xcalloc(1, sizeof *share);
        map_put(s->of, owner, share);
    }
    return share;
}

void shares_put(struct shares *s, struct id job, const char *owner)
{
    struct share *share = share_of(s, owner);

    shares_remove(s, job);
    if (share != NULL) {
        share->waiting++;
        map_put(s->jobs, job.text, share);
    }
}

void shares_remove(struct shares *s, struct id job)
{
    struct share *share = map_remove(s->jobs, job.text);

    if (share != NULL) {
        share->waiting--;
    }
}

static int64_t count_of(const struct of_turn *c, int64_t turn)
{
    return c->turn == turn ? c->count : 0;
}

static void add(struct of_turn *c, int64_t turn)
{
    *c = (struct of_turn){.turn = turn, .count = count_of(c, turn) + 1};
}

void shares_begin_arrivals(struct shares *s)
{
    s->arrivals++;
}

bool shares_admit(struct shares *s, const char *owner)
{
    struct share *share = share_of(s, owner);

    if (share == NULL || s->max_waiting == 0) {
        return true;
    }
    if (share->waiting + count_of(&share->arriving, s->arrivals) >= s->max_waiting) {
        return false;
    }
    add(&share->arriving, s->arrivals);
    return true;
}

void shares_begin_turn(struct shares *s)
{
    s->turn++;
}

void shares_inside(struct shares *s, const char *owner)
{
    struct share *share = share_of(s, owner);

    if (share != NULL) {
        add(&share->inside, s->turn);
    }
}

bool shares_may_begin(const struct shares *s, struct id job)
{
    const struct share *share = s->max_inside > 0 ? map_get(s->jobs, job.text) : NULL;

    return share == NULL || count_of(&share->inside, s->turn) < s->max_inside;
}
