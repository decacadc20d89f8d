/* s3_place.h - where in which bucket the files are: the setting storage_url, read.
 *
 *   s3://bucket[/prefix]?endpoint=https://host[:port]&region=eu-central-1&path_style=0|1
 *
 * Pure; any thread.
 */
#ifndef CG_STORE_S3_PLACE_H
#define CG_STORE_S3_PLACE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

#define S3_URL_SIZE 1024

struct s3_place {
    char bucket[64];
    char prefix[256]; /* "" or "a/b/": what every key begins with */
    char base[512]; /* https://host[:port], with the bucket before the host unless is_path_style */
    char region[64];
    bool is_path_style;
};

/* INVALID_PARAMETER with a sentence in e. Nothing in the URL needs to be encoded: names that would are refused. */
enum errc s3_place_parse(const char *url, struct s3_place *out, struct err *e) MUST_CHECK;
/* The same bucket as others reach it: with `endpoint` (http(s)://host[:port]) instead of that of the URL. */
enum errc s3_place_parse_at(const char *url, const char *endpoint, struct s3_place *out,
                            struct err *e) MUST_CHECK;
/* The URL of the content with that hash: <prefix>o/ab/abcdef… */
void s3_place_object(const struct s3_place *p, const char *sha256, char out[S3_URL_SIZE]);
/* The URL of the page of keys behind `after` (a hash; "" begins), at most `count`. The query is sorted, as its
 * signature wants it. */
void s3_place_list(const struct s3_place *p, const char *after, int count, char out[S3_URL_SIZE]);
/* The hash that a key of ours names, "" when it is none of ours. Borrowed from key. */
const char *s3_place_hash(const struct s3_place *p, const char *key);

#endif
