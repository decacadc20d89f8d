/* receiver.c - see receiver.h.
 */
#include "fetch/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct receiver_policy {
    struct address_nets allow;
    struct url_rules rules;
    struct own_servers *own;
};

#define NOT_PUBLIC                                                                                 \
    "The receiver's address is not public; the operator of this gateway can allow it by the "      \
    "setting webhook_allow."
#define OURS "The receiver's address is the gateway's own, or that of one of its ComfyUI servers."

enum errc receiver_policy_new(const struct config *config, const char *const *own, size_t own_count,
                              struct receiver_policy **out, struct err *e)
{
    struct receiver_policy *p = xcalloc(1, sizeof *p);
    enum errc rc = address_nets_parse("webhook_allow", config->webhook_allow, &p->allow, e);

    p->rules = (struct url_rules){
        .is_http_allowed = true, .is_any_port = true, .is_any_address = true, .allow = &p->allow};
    if (rc == ERR_NONE) {
        rc = own_servers_new(own, own_count, &p->own, e);
    }
    if (rc != ERR_NONE) {
        receiver_policy_free(p);
        return rc;
    }
    *out = p;
    return ERR_NONE;
}

enum errc receiver_policy_add_own(struct receiver_policy *p, const char *url, struct err *e)
{
    return own_servers_add(p->own, url, e);
}

void receiver_policy_free(struct receiver_policy *p)
{
    if (p != NULL) {
        own_servers_free(p->own);
        address_nets_clear(&p->allow);
        free(p);
    }
}

/* ---- the URL --------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* RFC 6761: these never mean another machine, whatever a resolver says. */
static bool is_localhost(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "localhost.") == 0 ||
           ends_with(host, ".localhost") || ends_with(host, ".localhost.");
}

/* False when the host is a name of which only a resolver knows where it leads. */
static bool address_of(const char *host, struct address *out)
{
    char bare[URL_HOST_MAX + 3];
    size_t len = strlen(host);

    if (is_localhost(host)) {
        return address_from_text("127.0.0.1", out);
    }
    if (host[0] == '[') {
        memcpy(bare, host + 1, len - 2);
        bare[len - 2] = '\0';
        return address_from_text(bare, out);
    }
    return address_from_text(host, out);
}

enum errc receiver_check(const struct receiver_policy *p, const char *url, struct url_target *out,
                         struct err *e)
{
    struct address_rules rules = {.allow = &p->allow};
    struct url_target target;
    struct address a;
    enum errc rc = url_check(&p->rules, url, &target, e);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (address_of(target.host, &a) && address_judge(&a, &rules) == ADDRESS_PRIVATE) {
        return err_set(e, ERR_URL_NOT_ALLOWED, "%s", NOT_PUBLIC);
    }
    *out = target;
    return ERR_NONE;
}

/* ---- the connection -------------------------------------------------------------------------- */

enum errc receiver_call_begin(const struct receiver_policy *p, const struct url_target *target,
                              struct receiver_call *out, struct err *e)
{
    struct receiver_call call = {.policy = p};
    enum errc rc = own_servers_find(p->own, target->port, &call.own, e);

    if (rc == ERR_NONE) {
        *out = call;
    }
    return rc;
}

void receiver_call_end(struct receiver_call *call)
{
    own_addresses_clear(&call->own);
}

bool receiver_may_connect(struct receiver_call *call, const struct sockaddr *to, size_t len)
{
    struct address_rules rules = {
        .allow = &call->policy->allow, .own = call->own.item, .own_count = call->own.count};
    struct address a;
    enum address_verdict verdict = ADDRESS_PRIVATE;

    if (address_from_socket(to, len, &a)) {
        verdict = address_judge(&a, &rules);
    }
    call->was_refused |= verdict == ADDRESS_PRIVATE || verdict == ADDRESS_OWN;
    call->was_own |= verdict == ADDRESS_OWN;
    return verdict == ADDRESS_PUBLIC || verdict == ADDRESS_ALLOWED;
}

const char *receiver_refusal(const struct receiver_call *call)
{
    return call->was_own ? OURS : NOT_PUBLIC;
}
