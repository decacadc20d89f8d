/* address.h - which addresses a stranger's URL may make the gateway connect to.
 *
 * The judge of everything that leaves for an address somebody else chose: pictures by
 * URL, webhooks. It is asked about the address that is about to be connected to, not
 * about a name, so a name that changes what it means between two questions gains nothing.
 *
 * Not a firewall: it knows no networks but those that are private or reserved for
 * everybody. A NAT64 with a prefix of its own, or a public address that is private in
 * fact, needs a rule outside the program (IPAddressDeny= of systemd).
 *
 * Pure; any thread.
 */
#ifndef CG_FETCH_ADDRESS_H
#define CG_FETCH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/err.h"

#define ADDRESS_BYTES 16

struct address {
    bool is_v4; /* then it is the first four bytes */
    uint16_t port;
    unsigned char byte[ADDRESS_BYTES]; /* in network order, zero behind the end */
};

/* The setting fetch_allow or webhook_allow, read. */
struct address_nets {
    struct address_net {
        struct address first;
        unsigned bits;
    } * item;
    size_t count;
};

struct address_rules {
    const struct address_nets *allow; /* NULL = nothing more than is public */
    const struct address *own;        /* servers of ours, by address and port */
    size_t own_count;
};

enum address_verdict {
    ADDRESS_PUBLIC,  /* may be connected to */
    ADDRESS_ALLOWED, /* private, but in the allow list: may be connected to */
    ADDRESS_PRIVATE,
    ADDRESS_OWN /* one of ours, whatever the allow list says */
};

/* False for a family that is not IP, or a length that does not fit. An IPv4 address that is mapped
 * into IPv6 (::ffff:0:0/96) comes out as IPv4. */
bool address_from_socket(const struct sockaddr *sa, size_t len, struct address *out) MUST_CHECK;
/* The usual spelling only ("127.0.0.1", "::1"; no zone, no brackets); the port is left 0. */
bool address_from_text(const char *text, struct address *out) MUST_CHECK;

/* Comma separated networks ("10.1.0.0/16,fd00:1::/64"; one address without a length is itself);
 * blanks around them and an empty text are fine. INVALID_PARAMETER with a sentence that names the `setting`
 * and the faulty part; bits beyond the length must be zero. The caller clears out. */
enum errc address_nets_parse(const char *setting, const char *text, struct address_nets *out,
                             struct err *e) MUST_CHECK;
void address_nets_clear(struct address_nets *nets);

/* Whether the list names the address, as it is or as the IPv4 address that it carries. */
bool address_in_nets(const struct address *a, const struct address_nets *nets) MUST_CHECK;

/* Own servers first, then the allow list, then what is private or reserved. NAT64 (64:ff9b::/96) and
 * 6to4 (2002::/16) are judged by the IPv4 address that they carry. Where an own server listens on
 * loopback or on every address, each loopback address with its port is it. */
enum address_verdict address_judge(const struct address *a, const struct address_rules *rules)
    MUST_CHECK;

#endif
