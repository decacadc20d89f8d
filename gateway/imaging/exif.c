#include <stdbool.h>
#include <stdint.h>

#include "imaging/readers.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define ENTRY_SIZE      12

struct tiff {
    struct span bytes;
    bool is_big; /* big-endian */
};

/* Reads as zeros behind the end. */
static uint32_t number_at(const struct tiff *t, size_t at, size_t size)
{
    uint32_t value = 0;

    for (size_t i = 0; i < size; i++) {
        size_t place = at + (t->is_big ? i : size - 1 - i);

        value = value << 8 | (place < t->bytes.len ? (unsigned char)t->bytes.ptr[place] : 0);
    }
    return value;
}

int exif_orientation(struct span tiff)
{
    struct tiff t = {tiff, tiff.len >= 2 && tiff.ptr[0] == 'M'};
    size_t folder = number_at(&t, 4, 4);
    size_t count = 0;

    if (tiff.len < 8 || (memcmp(tiff.ptr, "MM", 2) != 0 && memcmp(tiff.ptr, "II", 2) != 0) ||
        number_at(&t, 2, 2) != 42 || folder > tiff.len) {
        return 1;
    }
    count = number_at(&t, folder, 2);
    for (size_t i = 0; i < count; i++) {
        size_t entry = folder + 2 + i * ENTRY_SIZE;

        if (entry + ENTRY_SIZE > tiff.len) {
            break;
        }
        if (number_at(&t, entry, 2) == TAG_ORIENTATION &&
            number_at(&t, entry + 2, 2) == TYPE_SHORT) {
            uint32_t value = number_at(&t, entry + 8, 2);

            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}
