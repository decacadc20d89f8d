/* json_doc.h - the insides of a struct json_doc, for json_parse.c (makes it) and json.c (reads it).
 */
#ifndef CG_BASE_JSON_DOC_H
#define CG_BASE_JSON_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* A node's children follow it in the array, so its first child, if it has any, is the next node. */
struct json_node {
    uint32_t start; /* offset in the text */
    uint32_t len;
    uint32_t key;     /* offset of the key's opening quote; only members have one */
    uint32_t key_len; /* with quotes; 0 = not a member */
    json_ref parent;
    json_ref next;
    uint32_t size;
    uint8_t type;     /* enum json_type */
    bool has_escapes; /* of a string */
    bool key_has_escapes;
};

struct json_doc {
    struct span text;
    struct json_node *node;
    size_t count;
    size_t cap;
};

/* Reads the contents of a string (without quotes) as unescaped bytes. A lone surrogate escape,
 * which only a lenient reader lets in, reads as U+FFFD. */
struct json_unescape {
    const char *at;
    const char *end;
    char pending[4]; /* bytes of an escaped character that were not handed out yet */
    uint8_t used;
    uint8_t count;
};
struct json_unescape json_unescape_start(struct span inside);
/* The next byte, or -1 at the end. */
int json_unescape_next(struct json_unescape *u);

/* Value of the four hexadecimal digits at `at`; -1 when they are none. */
int32_t json_hex4(struct span at);

/* memcmp order of the unescaped keys of two members. */
int json_key_compare(const struct json_doc *doc, json_ref a, json_ref b);

#endif
