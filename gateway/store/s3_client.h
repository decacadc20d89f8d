/* s3_client.h - the files of a bucket by their hash: brought, fetched, removed, listed.
 *
 * Each call blocks its thread until the server has answered, or has been tried TRIES times, or has said nothing
 * for 15 s: never for the engine or an HTTP thread. Requests are signed (AWS Signature Version 4, by libcurl). No
 * error tells the secret key.
 *
 * ERR_STORAGE_UNAVAILABLE: it does not answer, or refuses who we are. ERR_INSUFFICIENT_STORAGE: it has no room.
 *
 * Threads: any; connections are kept and shared. Locks: one, inside, never held over a request.
 */
#ifndef CG_STORE_S3_CLIENT_H
#define CG_STORE_S3_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/s3_place.h"

struct s3_client;

/* What a link is for. */
struct s3_answer {
    int seconds; /* how long it lives */
    const char *content_type;
    const char *disposition;
};

/* Both keys are copied. No request is made yet. */
struct s3_client *s3_client_new(const struct s3_place *place, const char *access_key,
                                const char *secret_key) MUST_CHECK;
void s3_client_free(struct s3_client *c); /* NULL is fine; no call may be under way */
/* Calls that are under way end in `grace_ms` at the latest, and so do later ones. */
void s3_client_stop(struct s3_client *c, int grace_ms);

/* Whether the bucket is there and may be listed; tries once. The sentence says what to do. */
enum errc s3_client_check(struct s3_client *c, struct err *e) MUST_CHECK;
/* The first `size` bytes of fd, whose hash is sha256. fd is the caller's; its position does not matter. */
enum errc s3_client_put(struct s3_client *c, const char *sha256, int fd, int64_t size,
                        struct err *e) MUST_CHECK;
/* Into fd, from its beginning; what was there is gone. Only bytes that have that hash count as fetched. NOT_FOUND. */
enum errc s3_client_get(struct s3_client *c, const char *sha256, int fd, struct err *e) MUST_CHECK;
/* What is not there counts as removed. */
enum errc s3_client_remove(struct s3_client *c, const char *sha256, struct err *e) MUST_CHECK;

/* Adds a link of `seconds` to the object, at `place`, which is how others reach the same bucket. Asks nobody. False when
 * it does not fit into out. */
bool s3_client_link(struct s3_client *c, const struct s3_place *place, const char *sha256,
                    const struct s3_answer *answer, struct buf *out) MUST_CHECK;

struct s3_key {
    char sha256[65];
    int64_t changed_at; /* wall clock of the server, in ms */
};
#define S3_PAGE_MAX 1000
struct s3_page {
    struct s3_key key[S3_PAGE_MAX];
    int count;
    bool has_more;
};
/* Those behind `after`, in their order; "" begins. Keys that are none of ours are left out. */
enum errc s3_client_list(struct s3_client *c, const char *after, struct s3_page *out, struct err *e)
    MUST_CHECK;
/* Reads the answer of a list; false when it is none. For s3_client_list, and tests. */
bool s3_page_parse(const struct s3_place *place, char *xml, struct s3_page *out) MUST_CHECK;

#endif
