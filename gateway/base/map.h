/* map.h - string to pointer. Keys are copied; values are borrowed. Not locked.
 */
#ifndef CG_BASE_MAP_H
#define CG_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct map;

struct map *map_new(void) MUST_CHECK;
void map_free(struct map *m);                        /* NULL is fine; values are not touched */
void *map_get(const struct map *m, const char *key); /* NULL when absent */
void map_put(struct map *m, const char *key, void *value); /* replaces */
void *map_remove(struct map *m, const char *key);          /* the value that was there, or NULL */
size_t map_count(const struct map *m);
/* Visits every entry in no order; the callback may remove the entry it was given, nothing else. */
void map_each(struct map *m, void (*visit)(void *arg, const char *key, void *value), void *arg);

#endif
