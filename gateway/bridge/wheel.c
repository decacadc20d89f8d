#include "bridge/wheel.h"

#include "base/mem.h"

void wheel_init(struct wheel *w)
{
    w->slice = 0;
    for (int i = 0; i < WHEEL_SLOTS; i++) {
        list_init(&w->slot[i]);
    }
}

void wheel_add(struct wheel *w, struct wheel_entry *entry)
{
    int64_t slice = entry->deadline_mono_ms / WHEEL_SLICE_MS;

    /* A deadline that has passed already goes where wheel_expire looks next. */
    slice = slice > w->slice ? slice : w->slice;
    list_push(&w->slot[slice % WHEEL_SLOTS], &entry->node);
}

void wheel_expire(struct wheel *w, int64_t mono_ms, struct list *due)
{
    int64_t last = mono_ms / WHEEL_SLICE_MS;
    int64_t first = last - w->slice < WHEEL_SLOTS ? w->slice : last - WHEEL_SLOTS + 1;

    for (int64_t slice = first; slice <= last; slice++) {
        list_each(node, next, &w->slot[slice % WHEEL_SLOTS]) {
            struct wheel_entry *entry = container_of(node, struct wheel_entry, node);

            if (entry->deadline_mono_ms <= mono_ms) {
                list_remove(node);
                list_push(due, node);
            }
        }
    }
    w->slice = last > w->slice ? last : w->slice;
}
