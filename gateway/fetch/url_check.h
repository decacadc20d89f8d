/* url_check.h - reads a URL that a stranger gave, and refuses every one that is not plain.
 *
 * curl's parser is the only one that decides: what it took apart is put together again,
 * and that text is what is fetched. The checks before it only refuse more. Where the name
 * leads is not known here; see address.h.
 *
 * Pure; any thread.
 */
#ifndef CG_FETCH_URL_CHECK_H
#define CG_FETCH_URL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "fetch/address.h"

#define URL_LENGTH_MAX 2048
#define URL_HOST_MAX   253
#define URL_PORTS_MAX  32

struct url_rules {
    bool is_http_allowed;
    bool is_any_port;    /* then those below mean nothing */
    bool is_any_address; /* may stand in place of a name; what it is has to be judged elsewhere */
    const struct address_nets *allow; /* addresses that may stand in place of a name */
    uint16_t port[URL_PORTS_MAX];     /* besides 443, and 80 with http */
    size_t port_count;
};

struct url_target {
    char url[URL_LENGTH_MAX +
             1]; /* as it is to be fetched: no fragment, dots of the path resolved */
    char host[URL_HOST_MAX + 3]; /* in small letters; IPv6 in brackets */
    uint16_t port;
    bool is_https;
};

/* Reads the setting fetch_ports, "8443,9000", into rules. INVALID_PARAMETER with a sentence. */
enum errc url_ports_parse(const char *text, struct url_rules *rules, struct err *e) MUST_CHECK;

/* URL_NOT_ALLOWED with a sentence that says what is wrong and repeats nothing of the URL. */
enum errc url_check(const struct url_rules *rules, const char *text, struct url_target *out,
                    struct err *e) MUST_CHECK;

/* Where a redirect leads: the header's value, seen from where it was sent. The same rules, and
 * https does not lead to http. out may not be from. */
enum errc url_follow(const struct url_rules *rules, const struct url_target *from,
                     const char *location, struct url_target *out, struct err *e) MUST_CHECK;

#endif
