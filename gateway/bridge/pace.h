/* pace.h - how fast the queue moves: the engine says it, HTTP threads tell from it when a waiting job will be done.
 *
 * Two numbers, each atomic; a reader may see one of before and one of after, which an estimate bears.
 * Threads: pace_set on the engine, the rest anywhere. Locks: none.
 */
#ifndef CG_BRIDGE_PACE_H
#define CG_BRIDGE_PACE_H

#include <stdatomic.h>
#include <stdint.h>

struct pace_of_queue {
    _Atomic int64_t usual_ms; /* of a job inside ComfyUI; 0 = not known */
    atomic_int lanes;         /* ComfyUIs that get jobs */
};

static inline void pace_set(struct pace_of_queue *p, int64_t usual_ms, int lanes)
{
    atomic_store_explicit(&p->usual_ms, usual_ms, memory_order_relaxed);
    atomic_store_explicit(&p->lanes, lanes, memory_order_relaxed);
}

/* In how many ms the job at this place (1 = next) will be done, half of what runs before it counted; 0 = nobody knows. */
static inline int64_t pace_done_in_ms(struct pace_of_queue *p, int64_t position)
{
    int64_t usual = atomic_load_explicit(&p->usual_ms, memory_order_relaxed);
    int lanes = atomic_load_explicit(&p->lanes, memory_order_relaxed);

    if (usual <= 0 || lanes <= 0 || position <= 0 || position > INT64_C(10000000)) {
        return 0;
    }
    return usual / 2 + (position + lanes - 1) / lanes * usual;
}

#endif
