#include "base/utf8.h"

/* Table 3-7 of the Unicode standard: the first byte decides the length and narrows the second. */
static size_t sequence(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *low = first == 0xe0 ? 0xa0 : 0x80;
        *high = first == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *low = first == 0xf0 ? 0x90 : 0x80;
        *high = first == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

size_t utf8_len(struct span text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    unsigned char low;
    unsigned char high;
    size_t len;

    if (text.len == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    len = sequence(at[0], &low, &high);
    if (len == 0 || len > text.len || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool utf8_valid(struct span text)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);

        if (len == 0) {
            return false;
        }
        text.ptr += len;
        text.len -= len;
    }
    return true;
}

size_t utf8_cut(struct span text, size_t max)
{
    size_t len = max;

    if (text.len <= max) {
        return text.len;
    }
    /* Back to the start of the character that the cut would split; bytes that are no UTF-8 at all
     * are cut anywhere. */
    while (len > 0 && max - len < UTF8_MAX && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return max - len < UTF8_MAX ? len : max;
}

size_t utf8_encode(uint32_t character, char out[UTF8_MAX])
{
    size_t len = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char mark[UTF8_MAX + 1] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    out[0] = (char)(mark[len] | character);
    return len;
}
