/* s3_page.c - one page of ListObjectsV2, read without an XML library.
 *
 * Of the elements that matter none nests and none of our own keys needs an escape, so a search for tags is exact;
 * what looks otherwise is not one of our keys, and is left out.
 */
#include <string.h>

#include "base/clock.h"
#include "store/s3_client.h"

/* The text of the next <tag> at or behind `from`, ended in place; NULL when there is none. */
static char *element(char *from, const char *open, const char *close, char **behind)
{
    char *start = strstr(from, open);
    char *end = start != NULL ? strstr(start, close) : NULL;

    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *behind = end + 1;
    return start + strlen(open);
}

static void add(const struct s3_place *place, char *contents, struct s3_page *out)
{
    char *behind = NULL;
    const char *end = contents + strlen(contents);
    char *changed = element(contents, "<LastModified>", "</LastModified>", &behind);
    char *key = NULL;
    const char *sha256 = "";
    int64_t at = 0;

    /* In either order: the end of one may have cut the text before the other. */
    for (char *p = contents; p < end && key == NULL; p += strlen(p) + 1) {
        key = element(p, "<Key>", "</Key>", &behind);
    }
    sha256 = key != NULL ? s3_place_hash(place, key) : "";
    if (sha256[0] != '\0' && changed != NULL && clock_parse(changed, &at) &&
        out->count < S3_PAGE_MAX) {
        memcpy(out->key[out->count].sha256, sha256, sizeof out->key[0].sha256);
        out->key[out->count++].changed_at = at;
    }
}

bool s3_page_parse(const struct s3_place *place, char *xml, struct s3_page *out)
{
    char *contents = NULL;
    char *at = xml;

    if (strstr(xml, "<ListBucketResult") == NULL) {
        return false;
    }
    out->count = 0;
    out->has_more = strstr(xml, "<IsTruncated>true</IsTruncated>") != NULL;
    while ((contents = element(at, "<Contents>", "</Contents>", &at)) != NULL) {
        add(place, contents, out);
    }
    return true;
}
