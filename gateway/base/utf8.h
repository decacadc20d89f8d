/* utf8.h - well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef CG_BASE_UTF8_H
#define CG_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define UTF8_MAX 4 /* bytes of one character */

/* Bytes of the well-formed character that the text starts with; 0 when there is none. */
size_t utf8_len(struct span text);
bool utf8_valid(struct span text);
/* Length of text cut to at most max bytes without cutting a character in two. */
size_t utf8_cut(struct span text, size_t max);
/* Writes a character (no surrogate, at most U+10FFFF); returns its length. */
size_t utf8_encode(uint32_t character, char out[UTF8_MAX]);

#endif
