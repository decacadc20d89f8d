/* check_storage.c - the bucket: whether it is there, knows us, and lets us keep, read and remove a file.
 *
 * What is kept is a few random bytes under their own hash, as any file of ours: were they left behind, the gateway's
 * look through the bucket would remove them as what nobody names.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "doctor/checks.h"
#include "store/s3_client.h"

#define LONGEST_MS  20000
#define PROBE_BYTES 64

static const char *setting_or(const char *setting, const char *name)
{
    const char *found = getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets any

    return setting[0] != '\0' || found == NULL ? setting : found;
}

static enum errc keep_and_read(struct s3_client *s3, const char *sha256, int fd, struct err *e)
{
    enum errc rc = s3_client_put(s3, sha256, fd, PROBE_BYTES, e);

    if (rc == ERR_NONE) {
        rc = s3_client_get(s3, sha256, fd, e);
    }
    return rc == ERR_NOT_FOUND ? err_set(e, rc, "What was kept there is not found.") : rc;
}

static enum errc try_out(struct s3_client *s3, struct err *e)
{
    AUTO(file_close) int fd = memfd_create("comfygate-doctor", MFD_CLOEXEC);
    unsigned char bytes[PROBE_BYTES];
    char sha256[SHA256_TEXT_SIZE];
    struct err other = ERR_INIT;
    enum errc rc = ERR_NONE;
    enum errc removed = ERR_NONE;

    random_fill(bytes, sizeof bytes);
    sha256_hex((struct span){(const char *)bytes, sizeof bytes}, sha256);
    if (fd < 0 || write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) {
        return err_set(e, ERR_INTERNAL_ERROR, "No memory for a small file.");
    }
    rc = keep_and_read(s3, sha256, fd, e);
    removed = s3_client_remove(s3, sha256, &other); /* also when only the answer was lost */
    return rc != ERR_NONE        ? rc
           : removed != ERR_NONE ? err_set(e, removed, "%s", other.detail)
                                 : ERR_NONE;
}

/* Without the stop at its end, as findings are written. */
static int len_of(const struct err *e)
{
    size_t len = strlen(e->detail);

    return (int)(len > 0 && e->detail[len - 1] == '.' ? len - 1 : len);
}

static void check_bucket(struct doctor *d, const struct s3_place *place, struct s3_client *s3)
{
    int64_t began = clock_mono_ms();
    struct err e = ERR_INIT;

    if (s3_client_check(s3, &e) != ERR_NONE) {
        report_wrong(&d->report,
                     "The gateway does not start without it: correct storage_url, its keys, or the "
                     "server.",
                     "the bucket %s at %s cannot be used: %.*s", place->bucket, place->base,
                     len_of(&e), e.detail);
    } else if (try_out(s3, &e) != ERR_NONE) {
        report_wrong(
            &d->report,
            "Let the access key list the bucket, and get, put and delete below its prefix.",
            "the bucket %s at %s is there, but a file could not be kept, read and "
            "removed: %.*s",
            place->bucket, place->base, len_of(&e), e.detail);
    } else {
        report_ok(&d->report, "the bucket %s at %s: a file was kept, read and removed in %lld ms",
                  place->bucket, place->base, (long long)(clock_mono_ms() - began));
    }
}

void check_storage(struct doctor *d)
{
    const char *access_key = setting_or(d->config.storage_access_key, "AWS_ACCESS_KEY_ID");
    const char *secret_key = setting_or(d->config.storage_secret_key, "AWS_SECRET_ACCESS_KEY");
    struct s3_client *s3 = NULL;
    struct s3_place place;
    struct err e = ERR_INIT;

    if (d->config.storage_url[0] == '\0') {
        return;
    }
    report_about(&d->report, "storage", NULL);
    if (s3_place_parse(d->config.storage_url, &place, &e) != ERR_NONE) {
        report_wrong(&d->report, "Correct storage_url.", "%s", e.detail);
        return;
    }
    if (access_key[0] == '\0' || secret_key[0] == '\0') {
        report_wrong(&d->report,
                     "Give storage_access_key and storage_secret_key, or AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY.",
                     "there is a storage_url, and no key for it");
        return;
    }
    s3 = s3_client_new(&place, access_key, secret_key);
    s3_client_stop(s3, LONGEST_MS);
    check_bucket(d, &place, s3);
    s3_client_free(s3);
}
