/* address.c - the table of what is not public.
 *
 * IPv6 is turned round: what lies outside 2000::/3, all that has ever been given out as
 * public, is refused in three rows, and with it ::, ::1, fc00::/7, fe80::/10, ff00::/8 and
 * every way of carrying an IPv4 address that is not unwrapped here.
 */
#include "fetch/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/comma.h"

#define V4_BYTES    4U
#define V4_BITS     32U
#define V6_BITS     128U
#define NETS_MAX    256U
#define NET_MAX_LEN 64U /* longer than any address with its length */

static const struct deny_row {
    unsigned char byte[ADDRESS_BYTES];
    unsigned bits;
} DENY_V4[] = {
    {{0}, 8},                 /* this network; 0.0.0.0 is this machine */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* of carriers; also clouds' metadata */
    {{127}, 8},               /* loopback */
    {{168, 63, 129, 16}, 32}, /* looks public; within Azure it is the host */
    {{169, 254}, 16},         /* of one link; clouds' metadata */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocols */
    {{192, 0, 2}, 24},        /* for documents */
    {{192, 88, 99}, 24},      /* 6to4 relays */
    {{192, 168}, 16},         /* private */
    {{198, 18}, 15},          /* for measurements */
    {{198, 51, 100}, 24},     /* for documents */
    {{203, 0, 113}, 24},      /* for documents */
    {{224}, 3},               /* multicast, reserved, broadcast */
};

static const struct deny_row DENY_V6[] = {
    {{0}, 3},                       /* ::, ::1, mapped, compatible, translated, reserved */
    {{0x40}, 2},                    /* reserved */
    {{0x80}, 1},                    /* reserved, fc00::/7, fe80::/10, ff00::/8 */
    {{0x20, 0x01}, 23},             /* protocols; Teredo carries IPv4 addresses */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* for documents */
    {{0x3f, 0xff}, 20},             /* for documents */
};

/* ---- reading --------------------------------------------------------------------------------- */

static const unsigned char MAPPED[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const unsigned char NAT64[] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
static const unsigned char SIX_TO_FOUR[] = {0x20, 0x02};

static struct address v4_of(const unsigned char *byte, uint16_t port)
{
    struct address a = {.is_v4 = true, .port = port};

    memcpy(a.byte, byte, V4_BYTES);
    return a;
}

static struct address v6_of(const unsigned char *byte, uint16_t port)
{
    struct address a = {.is_v4 = false, .port = port};

    if (memcmp(byte, MAPPED, sizeof MAPPED) == 0) {
        return v4_of(byte + sizeof MAPPED, port);
    }
    memcpy(a.byte, byte, ADDRESS_BYTES);
    return a;
}

bool address_from_socket(const struct sockaddr *sa, size_t len, struct address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (len >= sizeof v4 && sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof v4);
        *out = v4_of((const unsigned char *)&v4.sin_addr, ntohs(v4.sin_port));
        return true;
    }
    if (len >= sizeof v6 && sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof v6);
        *out = v6_of(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
        return true;
    }
    return false;
}

bool address_from_text(const char *text, struct address *out)
{
    unsigned char byte[ADDRESS_BYTES];

    if (inet_pton(AF_INET, text, byte) == 1) {
        *out = v4_of(byte, 0);
        return true;
    }
    if (inet_pton(AF_INET6, text, byte) == 1) {
        *out = v6_of(byte, 0);
        return true;
    }
    return false;
}

/* ---- networks -------------------------------------------------------------------------------- */

static bool has_prefix(const unsigned char *byte, const unsigned char *prefix, unsigned bits)
{
    unsigned rest = bits % 8;

    return memcmp(byte, prefix, bits / 8) == 0 &&
           (rest == 0 || (byte[bits / 8] ^ prefix[bits / 8]) >> (8 - rest) == 0);
}

static bool is_in(const struct address *a, const struct address_net *net)
{
    return a->is_v4 == net->first.is_v4 && has_prefix(a->byte, net->first.byte, net->bits);
}

/* The IPv4 address that the network carries to, or the address itself. */
static struct address unwrap(const struct address *a)
{
    if (!a->is_v4 && memcmp(a->byte, NAT64, sizeof NAT64) == 0) {
        return v4_of(a->byte + sizeof NAT64, a->port);
    }
    if (!a->is_v4 && memcmp(a->byte, SIX_TO_FOUR, sizeof SIX_TO_FOUR) == 0) {
        return v4_of(a->byte + sizeof SIX_TO_FOUR, a->port);
    }
    return *a;
}

bool address_in_nets(const struct address *a, const struct address_nets *nets)
{
    struct address inner = unwrap(a);

    for (size_t i = 0; i < nets->count; i++) {
        if (is_in(a, &nets->item[i]) || is_in(&inner, &nets->item[i])) {
            return true;
        }
    }
    return false;
}

/* "/16" to its number; false for anything else. */
static bool read_bits(const char *text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 3 || strspn(text, "0123456789") != len) {
        return false;
    }
    for (; *text != '\0'; text++) {
        value = value * 10 + (unsigned)(*text - '0');
    }
    *out = value;
    return value <= max;
}

/* A network whose address has bits beyond its length was meant to be another. */
static bool is_whole(const struct address_net *net)
{
    struct address_net host = *net;
    unsigned size = net->first.is_v4 ? V4_BITS : V6_BITS;

    for (unsigned bit = net->bits; bit < size; bit++) {
        host.first.byte[bit / 8] &= (unsigned char)~(0x80U >> (bit % 8));
    }
    return memcmp(host.first.byte, net->first.byte, ADDRESS_BYTES) == 0;
}

static bool read_net(char *text, struct address_net *out)
{
    char *slash = strchr(text, '/');
    bool is_text_v6 = strchr(text, ':') != NULL;

    if (slash != NULL) {
        *slash = '\0';
    }
    if (!address_from_text(text, &out->first) || is_text_v6 == out->first.is_v4) {
        return false; /* a mapped one would be counted in other bits than it is written in */
    }
    out->bits = out->first.is_v4 ? V4_BITS : V6_BITS;
    return (slash == NULL || read_bits(slash + 1, out->bits, &out->bits)) && is_whole(out);
}

static enum errc add_net(const char *setting, struct address_nets *nets, struct span part,
                         struct err *e)
{
    char text[NET_MAX_LEN];
    struct address_net net;

    if (nets->count >= NETS_MAX) {
        return err_set(e, ERR_INVALID_PARAMETER, "%s: more than %u networks", setting, NETS_MAX);
    }
    if (part.len < sizeof text) {
        memcpy(text, part.ptr, part.len);
        text[part.len] = '\0';
    }
    if (part.len >= sizeof text || strlen(text) != part.len || !read_net(text, &net)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%s: \"%.*s\" is not a network, such as 10.1.0.0/16 or fd00:1::/64", setting,
                       (int)(part.len < NET_MAX_LEN ? part.len : NET_MAX_LEN), part.ptr);
    }
    nets->item = xrealloc(nets->item, (nets->count + 1) * sizeof nets->item[0]);
    nets->item[nets->count++] = net;
    return ERR_NONE;
}

enum errc address_nets_parse(const char *setting, const char *text, struct address_nets *out,
                             struct err *e)
{
    AUTO(address_nets_clear) struct address_nets nets = {NULL, 0};
    struct span part = SPAN_NONE;
    enum errc rc = ERR_NONE;

    while (rc == ERR_NONE && comma_next(&text, &part)) {
        rc = add_net(setting, &nets, part, e);
    }
    if (rc == ERR_NONE) {
        *out = nets;
        nets = (struct address_nets){NULL, 0};
    }
    return rc;
}

void address_nets_clear(struct address_nets *nets)
{
    free(nets->item);
    *nets = (struct address_nets){NULL, 0};
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_unspecified(const struct address *a)
{
    static const unsigned char zero[ADDRESS_BYTES];

    return memcmp(a->byte, zero, sizeof zero) == 0;
}

static bool is_loopback(const struct address *a)
{
    static const unsigned char loopback_v6[ADDRESS_BYTES] = {[ADDRESS_BYTES - 1] = 1};

    return a->is_v4 ? a->byte[0] == 127 : memcmp(a->byte, loopback_v6, sizeof loopback_v6) == 0;
}

static bool is_own(const struct address *a, const struct address_rules *rules)
{
    for (size_t i = 0; i < rules->own_count; i++) {
        const struct address *own = &rules->own[i];

        if (a->port != own->port) {
            continue;
        }
        if ((a->is_v4 == own->is_v4 && memcmp(a->byte, own->byte, ADDRESS_BYTES) == 0) ||
            (is_loopback(a) && (is_loopback(own) || is_unspecified(own)))) {
            return true;
        }
    }
    return false;
}

static bool is_denied(const struct address *a)
{
    const struct deny_row *row = a->is_v4 ? DENY_V4 : DENY_V6;
    size_t count = a->is_v4 ? COUNT_OF(DENY_V4) : COUNT_OF(DENY_V6);

    for (size_t i = 0; i < count; i++) {
        if (has_prefix(a->byte, row[i].byte, row[i].bits)) {
            return true;
        }
    }
    return false;
}

enum address_verdict address_judge(const struct address *a, const struct address_rules *rules)
{
    struct address inner = unwrap(a);

    if (is_own(a, rules) || is_own(&inner, rules)) {
        return ADDRESS_OWN;
    }
    /* "Any address" connects to this machine: nobody means that by a network that holds it. */
    if (is_unspecified(&inner)) {
        return ADDRESS_PRIVATE;
    }
    if (!is_denied(&inner)) {
        return ADDRESS_PUBLIC;
    }
    return rules->allow != NULL && address_in_nets(a, rules->allow) ? ADDRESS_ALLOWED
                                                                    : ADDRESS_PRIVATE;
}
