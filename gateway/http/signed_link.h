/* signed_link.h - addresses of outputs that open without a key until a moment, for chats and mails.
 *
 * The signature is an HMAC-SHA256 over the output's id and the moment, keyed by a secret of this gateway: the file link.key in
 * the data folder, made at the first start, or the setting links_secret, which several gateways share. Who knows a link may read
 * that output and nothing else. Taking the secret away ends all links. Any thread once it is open.
 */
#ifndef CG_HTTP_SIGNED_LINK_H
#define CG_HTTP_SIGNED_LINK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/config.h"
#include "base/err.h"
#include "base/id.h"

#define SIGNED_LINK_SIZE 192

struct signed_links;

/* Reads the secret, or makes one. Fails with a sentence that names the file. */
enum errc signed_links_open(const struct config *config, struct signed_links **out, struct err *e)
    MUST_CHECK;
void signed_links_close(struct signed_links *s); /* NULL is fine */

/* A secret of 32 bytes for another purpose, which is as lasting and as widely shared as this one; it tells nothing of it. */
void signed_links_derive(const struct signed_links *s, const char *purpose, unsigned char out[32]);

/* "/v1/outputs/{id}/content?expires=...&signature=...". `until_s`: seconds since 1970. Returns out. */
char *signed_link_write(const struct signed_links *s, struct id output, int64_t until_s,
                        char out[SIGNED_LINK_SIZE]);
/* What stands in such an address; both are NULL when it is none, which is fine. LINK_NOT_VALID with a sentence when it was changed, or
 * its time is over. */
enum errc signed_link_check(const struct signed_links *s, struct id output, const char *expires,
                            const char *signature, int64_t now_s, struct err *e) MUST_CHECK;

#endif
