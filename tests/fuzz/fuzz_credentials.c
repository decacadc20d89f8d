/* fuzz_credentials.c - any bytes as Authorization, Cookie, a key, a key's name, its lifetime, and a Host.
 */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "core/api_key.h"
#include "http/credentials.h"
#include "http/host_list.h"

#define NOW INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct span part, const char *whole)
{
    return part.len == 0 || (part.ptr >= whole && part.ptr + part.len <= whole + strlen(whole));
}

static void check_fields(const char *field)
{
    static const unsigned char SECRET[SESSION_SECRET_SIZE] = {1};
    struct span token = SPAN_NONE;
    struct span cookie = SPAN_NONE;
    char sha256[65] = "";
    int64_t until = 0;

    if (bearer_parse(field, &token)) {
        bug_if(strncasecmp(field, "bearer", 6) != 0 || !lies_in(token, field));
        bug_if(token.len > 0 && memchr(token.ptr, ' ', token.len) != NULL);
    }
    if (cookie_find(field, SESSION_COOKIE, &cookie)) {
        bug_if(!lies_in(cookie, field) || strstr(field, SESSION_COOKIE "=") == NULL);
        /* Nobody has sealed one. */
        bug_if(session_open(SECRET, cookie, 0, sha256, &until));
    }
    bug_if(session_open(SECRET, span_of(field), 0, sha256, &until));
}

static void check_words(struct span text, const char *field)
{
    AUTO(buf_clear) struct buf again = BUF_INIT(1024);
    int64_t at = 0;

    bug_if(api_key_has_form(text) && (text.len != API_KEY_LEN || memcmp(text.ptr, "cg_", 3) != 0));
    bug_if(api_key_name_ok(text) &&
           (text.len > API_KEY_NAME_MAX || memchr(text.ptr, '/', text.len) != NULL));
    bug_if(api_key_expiry_parse(field, NOW, &at) && at <= NOW);
    scopes_write(&again, scopes_read(text));
    bug_if(scopes_read(buf_span(&again)) != scopes_read(text));
}

static void check_host(struct span host)
{
    char mode[] = "keys";
    char listen[] = "127.0.0.1:1";
    char hosts[] = "gate.example";
    struct config c = {.auth_mode = mode, .server_listen = listen, .server_hosts = hosts};
    struct host_list *l = NULL;
    struct err e = ERR_INIT;

    bug_if(host_list_new(&c, &l, &e) != ERR_NONE);
    bug_if(host_list_allows(l, host) && host.len < 3);
    host_list_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *field = xstrndup((const char *)data, size);
    struct span text = {(const char *)data, size};

    check_fields(field);
    check_words(text, field);
    check_host(text);
    return 0;
}
