/* signed_link.c - see signed_link.h.
 */
#include "http/signed_link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"

#define SECRET_BYTES   32
#define SIGNATURE_HEX  (crypto_auth_hmacsha256_BYTES * 2)
#define EXPIRES_DIGITS 12
#define SHARED_MIN     16 /* characters of a secret that somebody chose */

struct signed_links {
    unsigned char key[crypto_auth_hmacsha256_KEYBYTES];
};

/* ---- the secret ----------------------------------------------------------------------------- */

/* Under another name first: who is killed meanwhile leaves no file that is not whole. */
static enum errc make_key(const char *path, unsigned char key[SECRET_BYTES], struct err *e)
{
    AUTO(free_ptr) char *unfinished = xasprintf("%s.new", path);
    AUTO(file_close)
    int fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    random_fill(key, SECRET_BYTES);
    if (fd < 0 || write(fd, key, SECRET_BYTES) != SECRET_BYTES || fsync(fd) != 0 ||
        rename(unfinished, path) != 0) {
        return err_set(e, ERR_INTERNAL_ERROR, "The file %s cannot be written: %s.", path,
                       strerrordesc_np(errno));
    }
    return ERR_NONE;
}

static enum errc read_key(const char *path, unsigned char key[SECRET_BYTES], struct err *e)
{
    AUTO(buf_clear) struct buf bytes = BUF_INIT(SECRET_BYTES);
    enum errc rc = file_read(path, SECRET_BYTES, &bytes, e);

    if (rc == ERR_NOT_FOUND) {
        e->code = ERR_NONE;
        e->detail[0] = '\0';
        return make_key(path, key, e);
    }
    if (rc == ERR_NONE && bytes.len != SECRET_BYTES) {
        rc = err_set(
            e, ERR_INTERNAL_ERROR,
            "The file %s should hold %d bytes. Delete it, and a new one is made; links that "
            "were given out end by that.",
            path, SECRET_BYTES);
    }
    if (rc == ERR_NONE) {
        memcpy(key, bytes.data, SECRET_BYTES);
    }
    return rc;
}

enum errc signed_links_open(const struct config *config, struct signed_links **out, struct err *e)
{
    struct signed_links *s = xcalloc(1, sizeof *s);
    const char *shared = config->links_secret;
    AUTO(free_ptr) char *path = xasprintf("%s/link.key", config->data_dir);
    enum errc rc = ERR_NONE;

    if (shared[0] == '\0') {
        rc = read_key(path, s->key, e);
    } else if (strlen(shared) < SHARED_MIN) {
        rc = err_set(e, ERR_INVALID_PARAMETER, "links_secret must have at least %d characters.",
                     SHARED_MIN);
    } else {
        (void)crypto_hash_sha256(s->key, (const unsigned char *)shared, strlen(shared));
    }
    if (rc != ERR_NONE) {
        signed_links_close(s);
        return rc;
    }
    *out = s;
    return ERR_NONE;
}

void signed_links_close(struct signed_links *s)
{
    if (s != NULL) {
        sodium_memzero(s->key, sizeof s->key);
        free(s);
    }
}

void signed_links_derive(const struct signed_links *s, const char *purpose, unsigned char out[32])
{
    AUTO(free_ptr) char *text = xasprintf("derived\n%s", purpose);

    (void)crypto_auth_hmacsha256(out, (const unsigned char *)text, strlen(text), s->key);
}

/* ---- links ---------------------------------------------------------------------------------- */

static void sign(const struct signed_links *s, struct id output, int64_t until_s,
                 char out[SIGNATURE_HEX + 1])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[sizeof "output-content\n\n" + ID_LEN + 24];

    (void)snprintf(text, sizeof text, "output-content\n%s\n%" PRId64, output.text, until_s);
    (void)crypto_auth_hmacsha256(mac, (const unsigned char *)text, strlen(text), s->key);
    (void)sodium_bin2hex(out, SIGNATURE_HEX + 1, mac, sizeof mac);
}

char *signed_link_write(const struct signed_links *s, struct id output, int64_t until_s,
                        char out[SIGNED_LINK_SIZE])
{
    char signature[SIGNATURE_HEX + 1];

    sign(s, output, until_s, signature);
    (void)snprintf(out, SIGNED_LINK_SIZE, "/v1/outputs/%s/content?expires=%" PRId64 "&signature=%s",
                   output.text, until_s, signature);
    return out;
}

static bool read_moment(const char *text, int64_t *out)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > EXPIRES_DIGITS || text[len] != '\0' || (text[0] == '0' && len > 1)) {
        return false;
    }
    *out = strtoll(text, NULL, 10);
    return true;
}

enum errc signed_link_check(const struct signed_links *s, struct id output, const char *expires,
                            const char *signature, int64_t now_s, struct err *e)
{
    char right[SIGNATURE_HEX + 1];
    int64_t until_s = 0;

    if (expires == NULL && signature == NULL) {
        return ERR_NONE;
    }
    if (expires == NULL || signature == NULL || !read_moment(expires, &until_s) ||
        strlen(signature) != SIGNATURE_HEX) {
        return err_set(e, ERR_LINK_NOT_VALID, "The link is not whole. Ask for it again.");
    }
    sign(s, output, until_s, right);
    if (sodium_memcmp(signature, right, SIGNATURE_HEX) != 0) {
        return err_set(e, ERR_LINK_NOT_VALID, "The link is not one of this gateway.");
    }
    if (now_s >= until_s) {
        return err_set(e, ERR_LINK_NOT_VALID, "The time of this link is over.");
    }
    return ERR_NONE;
}
