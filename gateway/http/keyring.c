/* keyring.c - see keyring.h. Each hash has one place, by its first digits: hashes are spread evenly, and who shares a place with
 * another only asks the store more often.
 */
#include "http/keyring.h"

#include <pthread.h>
#include <sodium/utils.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define KNOWN_PLACES   1024
#define UNKNOWN_PLACES 256
#define HASH_DIGITS    64
#define NOTE_PAUSE_MS  1000

struct known {
    struct api_key key; /* an empty hash = the place is free */
    int64_t until_mono_ms;
    int64_t note_due_mono_ms;
};

struct unknown {
    char sha256[HASH_DIGITS + 1];
    int64_t until_mono_ms;
};

struct keyring {
    struct key_uses *uses;
    pthread_mutex_t lock; /* over what follows */
    int64_t generation;   /* grows when all is forgotten */
    struct known known[KNOWN_PLACES];
    struct unknown unknown[UNKNOWN_PLACES];
};

struct keyring *keyring_new(struct key_uses *uses)
{
    struct keyring *k = xcalloc(1, sizeof *k);

    k->uses = uses;
    (void)pthread_mutex_init(&k->lock, NULL);
    return k;
}

void keyring_free(struct keyring *k)
{
    if (k != NULL) {
        (void)pthread_mutex_destroy(&k->lock);
        free(k);
    }
}

static size_t place_of(const char *sha256, size_t places)
{
    size_t number = 0;

    for (int i = 0; i < 4; i++) {
        char c = sha256[i];

        number = number * 16 + (size_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
    }
    return number % places;
}

/* Takes the same time wherever they differ. */
static bool is_same(const char *a, const char *b)
{
    return a[0] != '\0' && sodium_memcmp(a, b, HASH_DIGITS) == 0;
}

enum memory { MEMORY_NONE, MEMORY_KNOWN, MEMORY_UNKNOWN };

/* Under the lock. */
static enum memory remember(struct keyring *k, const char *sha256, int64_t mono,
                            struct api_key *out)
{
    const struct known *known = &k->known[place_of(sha256, KNOWN_PLACES)];
    const struct unknown *unknown = &k->unknown[place_of(sha256, UNKNOWN_PLACES)];

    if (mono < known->until_mono_ms && is_same(known->key.sha256, sha256)) {
        *out = known->key;
        return MEMORY_KNOWN;
    }
    return mono < unknown->until_mono_ms && is_same(unknown->sha256, sha256) ? MEMORY_UNKNOWN
                                                                             : MEMORY_NONE;
}

/* Under the lock. `key` NULL = there is none of this hash. */
static void keep(struct keyring *k, const char *sha256, const struct api_key *key, int64_t mono)
{
    struct known *known = &k->known[place_of(sha256, KNOWN_PLACES)];
    struct unknown *unknown = &k->unknown[place_of(sha256, UNKNOWN_PLACES)];

    if (key == NULL) {
        memcpy(unknown->sha256, sha256, HASH_DIGITS);
        unknown->until_mono_ms = mono + KEYRING_MS;
        return;
    }
    if (!is_same(known->key.sha256, sha256)) {
        known->note_due_mono_ms = 0;
    }
    known->key = *key;
    known->until_mono_ms = mono + KEYRING_MS;
}

static enum memory look_up(struct keyring *k, const char *sha256, keyring_look_fn *look, void *arg,
                           struct api_key *out, enum st *st)
{
    int64_t generation = 0;

    (void)pthread_mutex_lock(&k->lock);
    generation = k->generation;
    (void)pthread_mutex_unlock(&k->lock);
    *st = look(arg, sha256, out);
    if (*st != ST_OK && *st != ST_NONE) {
        return MEMORY_NONE;
    }
    (void)pthread_mutex_lock(&k->lock);
    /* What was read before all was forgotten may be old. */
    if (k->generation == generation) {
        keep(k, sha256, *st == ST_OK ? out : NULL, clock_mono_ms());
    }
    (void)pthread_mutex_unlock(&k->lock);
    return *st == ST_OK ? MEMORY_KNOWN : MEMORY_UNKNOWN;
}

static void note_use(struct keyring *k, const struct api_key *key, int64_t mono)
{
    struct known *known = &k->known[place_of(key->sha256, KNOWN_PLACES)];
    bool is_due = false;

    (void)pthread_mutex_lock(&k->lock);
    is_due = !is_same(known->key.sha256, key->sha256) || mono >= known->note_due_mono_ms;
    known->note_due_mono_ms = is_due ? mono + NOTE_PAUSE_MS : known->note_due_mono_ms;
    (void)pthread_mutex_unlock(&k->lock);
    if (is_due) {
        key_uses_note(k->uses, key->id, clock_wall_ms());
    }
}

enum errc keyring_find(struct keyring *k, const char sha256[65], keyring_look_fn *look, void *arg,
                       struct api_key *out)
{
    int64_t mono = clock_mono_ms();
    struct api_key key = {.role = ROLE_NONE};
    enum memory memory = MEMORY_NONE;
    enum st st = ST_OK;

    (void)pthread_mutex_lock(&k->lock);
    memory = remember(k, sha256, mono, &key);
    (void)pthread_mutex_unlock(&k->lock);
    if (memory == MEMORY_NONE) {
        memory = look_up(k, sha256, look, arg, &key, &st);
    }
    if (memory == MEMORY_NONE) {
        return ERR_STORE_UNAVAILABLE;
    }
    if (memory == MEMORY_UNKNOWN || api_key_status(&key, clock_wall_ms()) != API_KEY_ACTIVE ||
        !is_same(key.sha256, sha256)) {
        return ERR_UNAUTHORIZED;
    }
    note_use(k, &key, mono);
    *out = key;
    return ERR_NONE;
}

void keyring_forget(struct keyring *k)
{
    (void)pthread_mutex_lock(&k->lock);
    k->generation++;
    for (size_t i = 0; i < KNOWN_PLACES; i++) {
        k->known[i].until_mono_ms = 0;
    }
    for (size_t i = 0; i < UNKNOWN_PLACES; i++) {
        k->unknown[i].until_mono_ms = 0;
    }
    (void)pthread_mutex_unlock(&k->lock);
}
