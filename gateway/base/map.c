/* map.c - a hash table of chains. Chains, since map_each() lets its callback remove the entry.
 *
 * Keys come from strangers (ids, node names), hence a keyed hash: nobody can
 * choose keys that all fall into one chain.
 */
#include "base/map.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

#define FIRST_SLOTS 16

struct entry {
    struct entry *next;
    uint64_t hash;
    void *value;
    char key[];
};

struct map {
    struct entry **slot; /* slots of them, a power of two */
    size_t slots;
    size_t count;
    unsigned char seed[crypto_shorthash_KEYBYTES];
};

static uint64_t hash_of(const struct map *m, const char *key)
{
    unsigned char sum[crypto_shorthash_BYTES];
    uint64_t hash;

    (void)crypto_shorthash(sum, (const unsigned char *)key, strlen(key), m->seed);
    memcpy(&hash, sum, sizeof hash);
    return hash;
}

/* The place that points to the entry of that key, or the NULL at the end of its chain. */
static struct entry **find(const struct map *m, const char *key, uint64_t hash)
{
    struct entry **at = &m->slot[hash & (m->slots - 1)];

    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->key, key) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

static void grow(struct map *m)
{
    size_t slots = m->slots * 2;
    struct entry **slot = xcalloc(slots, sizeof(struct entry *));

    for (size_t i = 0; i < m->slots; i++) {
        struct entry *entry = m->slot[i];

        while (entry != NULL) {
            struct entry *next = entry->next;
            struct entry **head = &slot[entry->hash & (slots - 1)];

            entry->next = *head;
            *head = entry;
            entry = next;
        }
    }
    free(m->slot);
    m->slot = slot;
    m->slots = slots;
}

struct map *map_new(void)
{
    struct map *m = xcalloc(1, sizeof *m);

    m->slots = FIRST_SLOTS;
    m->slot = xcalloc(m->slots, sizeof(struct entry *));
    random_fill(m->seed, sizeof m->seed);
    return m;
}

void map_free(struct map *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->slots; i++) {
        struct entry *entry = m->slot[i];

        while (entry != NULL) {
            struct entry *next = entry->next;

            free(entry);
            entry = next;
        }
    }
    free(m->slot);
    free(m);
}

void *map_get(const struct map *m, const char *key)
{
    struct entry *entry = *find(m, key, hash_of(m, key));

    return entry != NULL ? entry->value : NULL;
}

void map_put(struct map *m, const char *key, void *value)
{
    uint64_t hash = hash_of(m, key);
    struct entry **at = find(m, key, hash);
    size_t key_size = strlen(key) + 1;

    if (*at != NULL) {
        (*at)->value = value;
        return;
    }
    *at = xmalloc(sizeof(struct entry) + key_size);
    (*at)->next = NULL;
    (*at)->hash = hash;
    (*at)->value = value;
    memcpy((*at)->key, key, key_size);
    m->count++;
    if (m->count > m->slots) {
        grow(m);
    }
}

void *map_remove(struct map *m, const char *key)
{
    struct entry **at = find(m, key, hash_of(m, key));
    struct entry *entry = *at;
    void *value;

    if (entry == NULL) {
        return NULL;
    }
    *at = entry->next;
    value = entry->value;
    free(entry);
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(struct map *m, void (*visit)(void *arg, const char *key, void *value), void *arg)
{
    for (size_t i = 0; i < m->slots; i++) {
        struct entry *entry = m->slot[i];

        while (entry != NULL) {
            struct entry *next = entry->next;

            visit(arg, entry->key, entry->value);
            entry = next;
        }
    }
}
