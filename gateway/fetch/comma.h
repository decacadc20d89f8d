/* comma.h - the parts of a setting that is a list: between commas, without the blanks around. Pure.
 */
#ifndef CG_FETCH_COMMA_H
#define CG_FETCH_COMMA_H

#include <stdbool.h>
#include <string.h>

#include "base/span.h"

/* The next part, which may be empty ("a,,b"), and *at moved behind it; false at the end, where *at
 * is NULL. A text of blanks alone has no parts. Begin with *at the text and *part SPAN_NONE. */
static inline bool comma_next(const char **at, struct span *part)
{
    size_t len;

    if (*at == NULL || (*at)[strspn(*at, " ")] == '\0') {
        /* A comma at the very end has an empty part behind it, which the caller is to see. */
        bool is_behind_comma = *at != NULL && part->ptr != NULL;

        *part = is_behind_comma ? SPAN_LIT("") : SPAN_NONE;
        *at = NULL;
        return is_behind_comma;
    }
    *at += strspn(*at, " ");
    len = strcspn(*at, ",");
    *part = (struct span){*at, len};
    while (part->len > 0 && part->ptr[part->len - 1] == ' ') {
        part->len--;
    }
    *at = (*at)[len] == ',' ? *at + len + 1 : NULL;
    return true;
}

#endif
