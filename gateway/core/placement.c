/* placement.c - see placement.h.
 */
#include "core/placement.h"

static int64_t begins_in(const struct placement *p)
{
    return p->wait_ms + (p->is_warm ? 0 : PLACEMENT_LOAD_MS);
}

static bool is_better(const struct placement *a, const struct placement *b)
{
    bool is_idle = a->inside == 0;

    if (is_idle != (b->inside == 0)) {
        return is_idle;
    }
    if (begins_in(a) != begins_in(b)) {
        return begins_in(a) < begins_in(b);
    }
    return a->room > b->room;
}

size_t placement_choose(const struct placement *choice, size_t count)
{
    size_t best = PLACEMENT_NONE;

    for (size_t i = 0; i < count; i++) {
        if (choice[i].is_allowed && choice[i].room > 0 &&
            (best == PLACEMENT_NONE || is_better(&choice[i], &choice[best]))) {
            best = i;
        }
    }
    return best;
}

uint64_t placement_allowed(uint64_t all, uint64_t known, uint64_t fits, uint64_t up)
{
    uint64_t unknown = all & ~known;

    fits &= all & known;
    if ((fits & up) != 0) {
        return fits;
    }
    return (fits | unknown) != 0 ? fits | unknown : all;
}
