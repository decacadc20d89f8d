/* fuzz_http_header.c - any bytes as the value of each header field that is read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/condition.h"
#include "http/event_query.h"
#include "http/header.h"

#define DISPOSITION_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(const char *field)
{
    static const int64_t SIZE[] = {0, 1, 1000, INT64_MAX};

    for (size_t i = 0; i < COUNT_OF(SIZE); i++) {
        struct range range = range_parse(field, SIZE[i]);

        bug_if(range.kind == RANGE_WHOLE && (range.first != 0 || range.length != SIZE[i]));
        bug_if(range.kind == RANGE_PART &&
               (range.first < 0 || range.length < 1 || range.length > SIZE[i] - range.first));
    }
}

static void check_etags(const char *field)
{
    bool is_weak = etag_listed(field, "\"1.2\"", true);
    bool is_strong = etag_listed(field, "\"1.2\"", false);

    bug_if(is_strong && !is_weak);
    bug_if(is_weak && !etag_is_any(field) && strstr(field, "\"1.2\"") == NULL);
}

/* Whatever the name, the field is one line that no control byte can end. */
static void check_disposition(const char *name)
{
    AUTO(buf_clear) struct buf text = BUF_INIT(DISPOSITION_MAX);

    disposition_write(&text, "inline", name);
    bug_if(!buf_ok(&text));
    for (size_t i = 0; i < text.len; i++) {
        bug_if(text.data[i] < 0x20 || text.data[i] > 0x7e);
    }
}

/* As a Last-Event-ID: digits are that number, all else is none of ours. */
static void check_last_event_id(const char *field)
{
    struct uri uri = {.param_count = 0};
    struct event_query query;
    struct err e = ERR_INIT;
    char again[24];

    bug_if(event_query_parse(&uri, field, FORM_STREAM, &query, &e) != ERR_NONE);
    bug_if(query.has_after != (*field != '\0'));
    if (query.has_after && query.after >= 0) {
        (void)snprintf(again, sizeof again, "%" PRId64, query.after);
        bug_if(strcmp(again, field + strspn(field, "0")) != 0 &&
               (query.after != 0 || strspn(field, "0") != strlen(field)));
    }
}

static void check_accept(const char *field)
{
    int stream = accept_weight(field, "text/event-stream");
    int json = accept_weight(field, "application/json");
    enum event_form form = event_form_of(field);

    bug_if(stream < 0 || stream > 4003 || json < 0 || json > 4003);
    bug_if(form == FORM_NONE && (stream > 0 || json > 0));
    bug_if(form == FORM_POLL && json == 0);
    bug_if(json > 0 && strstr(field, "*/*") == NULL && strcasestr(field, "application/") == NULL);
}

static void check_hosts(struct span field)
{
    (void)host_is_loopback(field);
    bug_if(!host_eq(field, field));
    bug_if(origin_is_host(field, SPAN_LIT("localhost:8090")) &&
           (field.len < 4 || strncasecmp(field.ptr, "http", 4) != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *field = xstrndup((const char *)data, size);
    struct framing framing = {.seen = 0};
    struct err e = ERR_INIT;
    int seconds = prefer_wait_s(field, 60);
    int number = 5;

    bug_if(seconds < -1 || seconds > 60);
    bug_if(decimal_parse(field, 5, 60, &number) && (number < 5 || number > 60));
    bug_if(media_type_is(field, "application/json") && strlen(field) < 16);
    bug_if(idempotency_key_valid(field) && strlen(field) > 255);
    bug_if(request_id_valid(field) && strlen(field) > 64);
    check_range(field);
    check_etags(field);
    check_disposition(field);
    check_last_event_id(field);
    check_accept(field);
    check_hosts(span_of(field));
    framing_field(&framing, span_of(field), (struct span){(const char *)data, size});
    bug_if(framing_check(&framing, "HTTP/1.1", &e) == ERR_NONE && !framing.has_host);
    return 0;
}
