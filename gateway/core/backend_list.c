#include "core/backend_list.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/span.h"

#define NAME_MAX_LEN 63
#define URL_MAX_LEN  1024 /* leaves room for the longest path that is put behind it */
#define TAG_MARK     "tag:"
#define SHOWN        80 /* characters of a faulty part that a message repeats */

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* Gives what stands before the first `mark` and leaves in *s what follows it; all when there is
 * none. */
static struct span cut(struct span *s, char mark)
{
    const char *at = s->len > 0 ? memchr(s->ptr, mark, s->len) : NULL;
    struct span before = *s;

    if (at == NULL) {
        *s = (struct span){s->ptr + s->len, 0};
        return before;
    }
    before.len = (size_t)(at - s->ptr);
    *s = (struct span){at + 1, s->len - before.len - 1};
    return before;
}

static int shown(struct span s)
{
    return s.len < SHOWN ? (int)s.len : SHOWN;
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(struct span name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN || !is_lower_or_digit(name.ptr[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (!is_lower_or_digit(name.ptr[i]) && name.ptr[i] != '-' && name.ptr[i] != '_') {
            return false;
        }
    }
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_host(struct span host)
{
    bool is_v6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    size_t skip = is_v6 ? 1 : 0;

    for (size_t i = skip; i < host.len - skip; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        bool is_fine = is_v6 ? isxdigit(c) || c == ':' || c == '.'
                             : c < 0x80 && (isalnum(c) || c == '.' || c == '-' || c == '_');

        if (!is_fine) {
            return false;
        }
    }
    return host.len > 0;
}

static bool is_port(struct span port)
{
    long value = 0;

    if (port.len == 0 || port.len > 5) {
        return false;
    }
    for (size_t i = 0; i < port.len; i++) {
        if (port.ptr[i] < '0' || port.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (port.ptr[i] - '0');
    }
    return value >= 1 && value <= 65535;
}

/* The colon before a port is the last one, unless that is inside the brackets of an IPv6 address.
 */
static bool is_authority(struct span authority)
{
    const char *colon = authority.len > 0 ? memrchr(authority.ptr, ':', authority.len) : NULL;
    const char *bracket = authority.len > 0 ? memrchr(authority.ptr, ']', authority.len) : NULL;
    struct span host = authority;

    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        host.len = (size_t)(colon - authority.ptr);
        if (!is_port((struct span){colon + 1, authority.len - host.len - 1})) {
            return false;
        }
    }
    return is_host(host);
}

static bool is_path(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];

        if (c <= ' ' || c >= 0x7f || strchr("?#\"<>\\^`{|}", c) != NULL) {
            return false;
        }
    }
    return true;
}

/* NULL when the url is one that both HTTP and the WebSocket can use; else what is wrong with it. */
static const char *url_fault(struct span url)
{
    bool is_tls = url.len >= 8 && memcmp(url.ptr, "https://", 8) == 0;
    struct span rest = {NULL, 0};
    struct span authority = {NULL, 0};

    if (!is_tls && (url.len < 7 || memcmp(url.ptr, "http://", 7) != 0)) {
        return "must begin with http:// or https://";
    }
    if (url.len > URL_MAX_LEN) {
        return "is too long";
    }
    rest = (struct span){url.ptr + (is_tls ? 8 : 7), url.len - (is_tls ? 8 : 7)};
    authority = cut(&rest, '/');
    if (authority.len > 0 && memchr(authority.ptr, '@', authority.len) != NULL) {
        return "must not hold a user name or password";
    }
    if (!is_authority(authority)) {
        return "must name a host, and a port from 1 to 65535 if it names one";
    }
    if (!is_path(rest)) {
        return "must not hold spaces, a query or a fragment";
    }
    return NULL;
}

/* ---- the list -------------------------------------------------------------------------------- */

static enum errc add(struct backend_list *list, struct span part, struct err *e)
{
    struct span url = part;
    struct span name = trim(cut(&url, '='));
    const char *fault = NULL;
    struct backend_address *item = NULL;

    url = trim(url);
    if (!is_name(name)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "backends: \"%.*s\" is not name=url with a name of 1 to 63 characters a-z, "
                       "0-9, - and _, the first a letter or digit.",
                       shown(part), part.ptr);
    }
    while (url.len > 0 && url.ptr[url.len - 1] == '/') {
        url.len--;
    }
    fault = url_fault(url);
    if (fault != NULL) {
        const char *at = memrchr(url.ptr, '@', url.len);

        /* A password shall not be seen in a log. */
        url = at != NULL ? (struct span){at + 1, (size_t)(url.ptr + url.len - at - 1)} : url;
        return err_set(e, ERR_INVALID_PARAMETER, "backends: the URL \"%.*s\" of \"%.*s\" %s.",
                       shown(url), url.ptr, (int)name.len, name.ptr, fault);
    }
    item = &list->item[list->count];
    item->name = xstrndup(name.ptr, name.len);
    item->url = xstrndup(url.ptr, url.len);
    if (backend_list_find(list, item->name) != NULL) {
        enum errc rc = err_set(e, ERR_INVALID_PARAMETER,
                               "backends: the name \"%s\" is given more than once.", item->name);

        free(item->name);
        free(item->url);
        return rc;
    }
    list->count++;
    return ERR_NONE;
}

enum errc backend_list_parse(const char *text, struct backend_list *out, struct err *e)
{
    AUTO(backend_list_clear)
    struct backend_list list = {.item = xcalloc(BACKENDS_MAX, sizeof *list.item)};
    struct span rest = trim(span_of(text));

    if (rest.len == 0) {
        return err_set(e, ERR_INVALID_PARAMETER, "backends: at least one name=url is needed.");
    }
    while (rest.len > 0) {
        struct span part = trim(cut(&rest, ','));
        enum errc rc = ERR_NONE;

        if (list.count == BACKENDS_MAX) {
            return err_set(e, ERR_INVALID_PARAMETER, "backends: at most %d are supported.",
                           BACKENDS_MAX);
        }
        rc = add(&list, part, e);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    *out = list;
    list = (struct backend_list){NULL, 0};
    return ERR_NONE;
}

/* ---- tags ------------------------------------------------------------------------------------- */

static void clear_tags(struct backend_address *item)
{
    for (size_t i = 0; i < item->tag_count; i++) {
        free(item->tag[i]);
    }
    free(item->tag);
    item->tag = NULL;
    item->tag_count = 0;
}

static bool bears(const struct backend_address *backend, struct span tag)
{
    for (size_t i = 0; i < backend->tag_count; i++) {
        if (span_eq(span_of(backend->tag[i]), tag)) {
            return true;
        }
    }
    return false;
}

static enum errc add_tag(struct backend_address *item, struct span tag, struct err *e)
{
    if (!is_name(tag)) {
        return err_set(e, ERR_INVALID_PARAMETER,
                       "backend.tags: \"%.*s\" of \"%s\" is not a tag of 1 to 63 characters a-z, "
                       "0-9, - and _, the first a letter or digit.",
                       shown(tag), tag.ptr, item->name);
    }
    if (item->tag_count == BACKEND_TAGS_MAX) {
        return err_set(e, ERR_INVALID_PARAMETER, "backend.tags: \"%s\" has more than %d.",
                       item->name, BACKEND_TAGS_MAX);
    }
    if (!bears(item, tag)) {
        item->tag[item->tag_count++] = xstrndup(tag.ptr, tag.len);
    }
    return ERR_NONE;
}

static enum errc tag_one(struct backend_list *list, struct span part, struct err *e)
{
    struct span tags = part;
    struct span name = trim(cut(&tags, '='));
    struct backend_address *item = NULL;
    enum errc rc = ERR_NONE;

    for (size_t i = 0; i < list->count && item == NULL; i++) {
        item = span_eq(span_of(list->item[i].name), name) ? &list->item[i] : NULL;
    }
    if (item == NULL || item->tag != NULL) {
        return err_set(e, ERR_INVALID_PARAMETER, "backend.tags: \"%.*s\" %s.", shown(name),
                       name.ptr,
                       item != NULL ? "is given more than once" : "is not a name of `backends`");
    }
    item->tag = xcalloc(BACKEND_TAGS_MAX, sizeof *item->tag);
    do {
        rc = add_tag(item, trim(cut(&tags, '+')), e);
    } while (rc == ERR_NONE && tags.len > 0);
    return rc;
}

enum errc backend_list_tag(struct backend_list *list, const char *text, struct err *e)
{
    struct span rest = trim(span_of(text));
    enum errc rc = ERR_NONE;

    while (rest.len > 0 && rc == ERR_NONE) {
        rc = tag_one(list, trim(cut(&rest, ',')), e);
    }
    for (size_t i = 0; i < list->count && rc != ERR_NONE; i++) {
        clear_tags(&list->item[i]);
    }
    return rc;
}

bool backend_is_wanted(const struct backend_address *backend, const char *wanted)
{
    struct span rest = span_of(wanted);
    bool is_wanted = true;

    if (wanted == NULL || strncmp(wanted, TAG_MARK, strlen(TAG_MARK)) != 0) {
        return wanted == NULL || strcmp(backend->name, wanted) == 0;
    }
    rest = span_of(wanted + strlen(TAG_MARK));
    do {
        is_wanted = bears(backend, cut(&rest, '+'));
    } while (is_wanted && rest.len > 0);
    return is_wanted;
}

/* ---- the whole -------------------------------------------------------------------------------- */

void backend_list_clear(struct backend_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        clear_tags(&list->item[i]);
        free(list->item[i].name);
        free(list->item[i].url);
    }
    free(list->item);
    *list = (struct backend_list){NULL, 0};
}

bool backend_list_has(const struct backend_list *list, const char *wanted)
{
    for (size_t i = 0; i < list->count; i++) {
        if (backend_is_wanted(&list->item[i], wanted)) {
            return true;
        }
    }
    return false;
}

const struct backend_address *backend_list_find(const struct backend_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i].name, name) == 0) {
            return &list->item[i];
        }
    }
    return NULL;
}
