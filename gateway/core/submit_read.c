/* submit_read.c - see submit_read.h.
 */
#include "core/submit_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"

#define TITLE_MAX          200 /* characters */
#define TAGS_MAX           32
#define TAG_MAX            64
#define METADATA_KEY_MAX   64
#define METADATA_VALUE_MAX 1024
/* Metadata as a stored JSON text: every byte may need an escape of six. */
#define STORED_MAX ((size_t)6 * METADATA_KEYS_MAX * (METADATA_KEY_MAX + METADATA_VALUE_MAX + 8))

void intake_fault(const struct intake *in, json_ref node, const char *kind, const char *fmt, ...)
{
    char at[sizeof in->e->item[0].at];
    char text[sizeof in->e->item[0].detail + 8]; /* err_at cuts it, at a character */
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_pointer(in->doc, node, at, sizeof at);
    (void)err_at(in->e, ERR_VALIDATION_ERROR, at, kind, "%s", text);
}

/* ---- values --------------------------------------------------------------------------------- */

static size_t count_characters(struct span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xC0U) != 0x80U ? 1 : 0;
    }
    return count;
}

/* Appends the string's text to out; false, with the fault noted, when it is none. */
static bool read_string(const struct intake *in, json_ref value, struct buf *out)
{
    if (json_type(in->doc, value) != JSON_STRING) {
        intake_fault(in, value, "wrong_type", "must be a string");
        return false;
    }
    *out = BUF_INIT(json_raw(in->doc, value).len);
    if (!json_str(in->doc, value, out)) {
        intake_fault(in, value, "invalid_character", "must not contain U+0000");
        return false;
    }
    return true;
}

/* A string of min..max bytes. */
bool intake_text(const struct intake *in, json_ref value, size_t min, size_t max, struct buf *out)
{
    if (!read_string(in, value, out)) {
        return false;
    }
    if (out->len < min || out->len > max) {
        intake_fault(in, value, "out_of_range", "must have %zu to %zu bytes; it has %zu", min, max,
                     out->len);
        return false;
    }
    return true;
}

char *intake_title(const struct intake *in, json_ref value)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(0);
    size_t count = 0;

    if (!read_string(in, value, &text)) {
        return NULL;
    }
    count = count_characters(buf_span(&text));
    if (count < 1 || count > TITLE_MAX) {
        intake_fault(in, value, "out_of_range", "must have 1 to %d characters; it has %zu",
                     TITLE_MAX, count);
        return NULL;
    }
    return buf_take(&text);
}

bool intake_integer(const struct intake *in, json_ref value, int64_t min, int64_t max, int64_t *out)
{
    int64_t number = 0;

    if (json_type(in->doc, value) != JSON_NUMBER) {
        intake_fault(in, value, "wrong_type", "must be a whole number");
        return false;
    }
    if (!json_int(in->doc, value, &number) || number < min || number > max) {
        intake_fault(in, value, "out_of_range", "must be a whole number from %lld to %lld",
                     (long long)min, (long long)max);
        return false;
    }
    *out = number;
    return true;
}

static bool is_array_of_strings(const struct intake *in, json_ref value)
{
    if (json_type(in->doc, value) != JSON_ARRAY) {
        intake_fault(in, value, "wrong_type", "must be a list of strings");
        return false;
    }
    if (json_size(in->doc, value) > TAGS_MAX) {
        intake_fault(in, value, "too_many", "must have at most %d entries; it has %zu", TAGS_MAX,
                     json_size(in->doc, value));
        return false;
    }
    return true;
}

static bool is_repeated(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* The tags as the JSON text that is stored; NULL when they are not acceptable. */
char *intake_tags_json(const struct intake *in, json_ref value)
{
    AUTO(buf_clear) struct buf json = BUF_INIT(STORED_MAX);
    struct json_out o = json_out_to(&json);
    char *seen[TAGS_MAX] = {NULL};
    size_t count = 0;
    size_t faults_before = in->e->item_count;

    if (!is_array_of_strings(in, value)) {
        return NULL;
    }
    jo_arr(&o, NULL);
    for (json_ref n = json_first(in->doc, value); n != JSON_NONE; n = json_next(in->doc, n)) {
        AUTO(buf_clear) struct buf tag = BUF_INIT(0);

        if (!intake_text(in, n, 1, TAG_MAX, &tag)) {
            continue;
        }
        if (is_repeated(seen, count, buf_str(&tag))) {
            intake_fault(in, n, "duplicate", "is there twice");
            continue;
        }
        jo_span(&o, NULL, buf_span(&tag));
        seen[count++] = buf_take(&tag);
    }
    jo_end(&o);
    for (size_t i = 0; i < count; i++) {
        free(seen[i]);
    }
    return in->e->item_count == faults_before ? buf_take(&json) : NULL;
}

/* One key and value of metadata, written to o. A null is a removal, for a patch only. */
static void read_metadata_entry(const struct intake *in, json_ref entry, struct json_out *o)
{
    AUTO(buf_clear) struct buf key = BUF_INIT(json_key_raw(in->doc, entry).len);
    AUTO(buf_clear) struct buf text = BUF_INIT(0);

    if (!json_key(in->doc, entry, &key)) {
        intake_fault(in, entry, "invalid_character", "a key must not contain U+0000");
    } else if (key.len < 1 || key.len > METADATA_KEY_MAX) {
        intake_fault(in, entry, "out_of_range", "a key must have 1 to %d bytes; it has %zu",
                     METADATA_KEY_MAX, key.len);
    } else if (in->patch != NULL && json_type(in->doc, entry) == JSON_NULL) {
        jo_null(o, buf_str(&key));
    } else if (intake_text(in, entry, 0, METADATA_VALUE_MAX, &text)) {
        jo_span(o, buf_str(&key), buf_span(&text));
    }
}

char *intake_metadata_json(const struct intake *in, json_ref value)
{
    /* A patch may take all keys away and set as many others. */
    size_t max = in->patch != NULL ? (size_t)2 * METADATA_KEYS_MAX : METADATA_KEYS_MAX;
    AUTO(buf_clear) struct buf json = BUF_INIT(2 * STORED_MAX);
    struct json_out o = json_out_to(&json);
    size_t faults_before = in->e->item_count;

    if (json_type(in->doc, value) != JSON_OBJECT) {
        intake_fault(in, value, "wrong_type", "must be an object of strings");
        return NULL;
    }
    if (json_size(in->doc, value) > max) {
        intake_fault(in, value, "too_many", "must have at most %zu keys; it has %zu", max,
                     json_size(in->doc, value));
        return NULL;
    }
    jo_obj(&o, NULL);
    for (json_ref n = json_first(in->doc, value); n != JSON_NONE; n = json_next(in->doc, n)) {
        read_metadata_entry(in, n, &o);
    }
    jo_end(&o);
    return in->e->item_count == faults_before ? buf_take(&json) : NULL;
}

/* ---- a body --------------------------------------------------------------------------------- */

static void read_member(struct intake *in, const struct member *members, json_ref value)
{
    char at[sizeof in->e->item[0].at];

    for (const struct member *m = members; m->name != NULL; m++) {
        if (json_key_is(in->doc, value, m->name)) {
            m->read(in, value);
            return;
        }
    }
    json_pointer(in->doc, value, at, sizeof at);
    (void)err_at(in->e, ERR_UNKNOWN_FIELD, at, "unknown_field", "is not known here");
}

/* Reads the body's members by the table, which ends with a row without a name. in->e is not NULL.
 */
void intake_body(struct intake *in, const struct member *members)
{
    if (json_type(in->doc, 0) != JSON_OBJECT) {
        intake_fault(in, 0, "wrong_type", "the body must be an object");
        return;
    }
    for (json_ref n = json_first(in->doc, 0); n != JSON_NONE; n = json_next(in->doc, n)) {
        read_member(in, members, n);
    }
}
