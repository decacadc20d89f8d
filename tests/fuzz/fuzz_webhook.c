/* fuzz_webhook.c - three lines, which strangers write: a secret, the value of a Retry-After header, and the webhook of a
 * submission.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/webhook.h"
#include "fetch/receiver.h"

#define NOW INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_secret(struct span text)
{
    struct webhook_key key = {.len = 0};
    char signature[WEBHOOK_SIGNATURE_SIZE];

    if (!webhook_secret_parse(text, &key)) {
        bug_if(key.len != 0);
        return;
    }
    bug_if(key.len < WEBHOOK_KEY_MIN || key.len > WEBHOOK_KEY_MAX);
    bug_if(text.len != 6 + (key.len + 2) / 3 * 4);
    webhook_sign(&key, id_new(), 1, text, signature);
    bug_if(strlen(signature) != WEBHOOK_SIGNATURE_SIZE - 1);
}

static void check_retry_after(struct span line)
{
    AUTO(free_ptr) char *value = xstrndup(line.ptr, line.len);
    int64_t ms = webhook_retry_after(value, NOW);

    bug_if(ms < 0 || ms > WEBHOOK_RETRY_AFTER_MAX_MS);
    bug_if(ms > 0 && strpbrk(value, "0123456789") == NULL);
}

/* What is taken is what the job keeps, and it can be shown. */
static void check_taken(const struct webhook *w)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    char host[WEBHOOK_HOST_SIZE];
    struct webhook_key key;

    bug_if(strlen(w->url) > WEBHOOK_URL_MAX);
    bug_if(w->secret != NULL && !webhook_secret_parse(span_of(w->secret), &key));
    bug_if(json_parse(span_of(w->events_json), JSON_STRICT,
                      (struct json_limits){.depth = 2, .nodes = 100}, &doc, NULL) != ERR_NONE);
    bug_if(json_size(doc, 0) == 0);
    webhook_host(w->url, host);
    bug_if(strpbrk(host, "/?#") != NULL);
}

/* No address of the inside, however it is spelt. */
static void check_url(const char *url)
{
    char none[] = "";
    struct config config = {.webhook_allow = none};
    struct receiver_policy *policy = NULL;
    struct url_target target;
    struct address a;

    bug_if(receiver_policy_new(&config, NULL, 0, &policy, NULL) != ERR_NONE);
    if (receiver_check(policy, url, &target, NULL) == ERR_NONE &&
        address_from_text(target.host, &a)) {
        bug_if(address_judge(&a, &(struct address_rules){.allow = NULL}) != ADDRESS_PUBLIC);
    }
    receiver_policy_free(policy);
}

static void check_webhook(struct span text)
{
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    AUTO(webhook_clear) struct webhook w = {.url = NULL};
    AUTO(free_ptr) struct err *e = xcalloc(1, sizeof *e);

    if (json_parse(text, JSON_STRICT, (struct json_limits){.depth = 16, .nodes = 10000}, &doc, e) !=
        ERR_NONE) {
        return;
    }
    if (webhook_read(doc, 0, &w, e) == ERR_NONE) {
        check_taken(&w);
        check_url(w.url);
    } else {
        bug_if(e->item_count == 0);
    }
}

static struct span next_line(struct span *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    struct span line = {rest->ptr, len};

    len += end != NULL ? 1 : 0;
    *rest = (struct span){rest->ptr + len, rest->len - len};
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};

    if (size == 0) {
        return 0;
    }
    check_secret(next_line(&rest));
    check_retry_after(next_line(&rest));
    check_webhook(rest);
    return 0;
}
