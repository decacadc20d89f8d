/* id.c - UUIDs.
 *
 * Version 7 has 48 bits of milliseconds, 12 bits that we use as a counter
 * within one millisecond, and 62 random bits that are fresh for every id, so
 * that knowing one id says nothing about its neighbour. The counter starts in
 * the lower half of its range; when it is used up, the next millisecond is
 * borrowed. The same happens when the wall clock steps back.
 */
#include "base/id.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/random.h"

#define UUID_BYTES    16
#define COUNTER_START 0x7ff /* mask of the random start */
#define COUNTER_MAX   0xfff

static struct {
    pthread_mutex_t lock;
    int64_t ms;
    unsigned counter;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER, .ms = -1};

static struct id write_text(const unsigned char bytes[UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    struct id id;
    char *at = id.text;

    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 0xf];
    }
    *at = '\0';
    return id;
}

static void set_version(unsigned char bytes[UUID_BYTES], unsigned version)
{
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
}

struct id id_new(void)
{
    unsigned char bytes[UUID_BYTES];
    int64_t ms = clock_wall_ms();
    unsigned counter;

    random_fill(bytes, sizeof bytes);
    counter = ((unsigned)bytes[6] << 8 | bytes[7]) & COUNTER_START;

    (void)pthread_mutex_lock(&last.lock);
    if (ms > last.ms) {
        last.ms = ms;
        last.counter = counter;
    } else if (last.counter < COUNTER_MAX) {
        last.counter++;
    } else {
        last.ms++;
        last.counter = counter;
    }
    ms = last.ms;
    counter = last.counter;
    (void)pthread_mutex_unlock(&last.lock);

    for (int i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)((uint64_t)ms >> (40 - 8 * i));
    }
    bytes[6] = (unsigned char)(counter >> 8);
    bytes[7] = (unsigned char)counter;
    set_version(bytes, 7);
    return write_text(bytes);
}

struct id id_random(void)
{
    unsigned char bytes[UUID_BYTES];

    random_fill(bytes, sizeof bytes);
    set_version(bytes, 4);
    return write_text(bytes);
}

static bool is_uuid_char(size_t index, char c)
{
    if (index == 8 || index == 13 || index == 18 || index == 23) {
        return c == '-';
    }
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool id_parse(struct span text, struct id *out)
{
    if (text.len != ID_LEN) {
        return false;
    }
    for (size_t i = 0; i < ID_LEN; i++) {
        if (!is_uuid_char(i, text.ptr[i])) {
            return false;
        }
    }
    memcpy(out->text, text.ptr, ID_LEN);
    out->text[ID_LEN] = '\0';
    return true;
}
