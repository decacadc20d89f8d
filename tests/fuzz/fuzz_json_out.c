/* fuzz_json_out.c - what the writer writes, the strict reader reads, with the same contents.
 *
 * Each byte is an order for the writer; orders that carry text take the bytes
 * behind them. A model of the brackets keeps the orders legal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "base/utf8.h"

#define WORDS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct play {
    const uint8_t *at;
    size_t left;
    struct json_out out;
    unsigned keys;
    char key[32];
};

static uint8_t take(struct play *p)
{
    if (p->left == 0) {
        return 0;
    }
    p->left--;
    return *p->at++;
}

static struct span take_text(struct play *p)
{
    size_t len = take(p);
    struct span text;

    if (p->left == 0) {
        return SPAN_LIT("");
    }
    len = len < p->left ? len : p->left;
    text = (struct span){(const char *)p->at, len};
    p->at += len;
    p->left -= len;
    return text;
}

/* A name that is new in every object, or none in an array. */
static const char *next_key(struct play *p)
{
    if (p->out.depth > 0 && p->out.closer[p->out.depth - 1] == '}') {
        (void)snprintf(p->key, sizeof p->key, "<\"k%u\n", p->keys++);
        return p->key;
    }
    return NULL;
}

static void order(struct play *p)
{
    uint8_t what = take(p) % 9;
    const char *key;

    if (what == 0) {
        if (p->out.depth > 1) {
            jo_end(&p->out);
        }
        return;
    }
    if (what <= 2 && p->out.depth >= JSON_OUT_DEPTH) {
        return;
    }
    key = next_key(p);
    if (what == 1) {
        jo_obj(&p->out, key);
    } else if (what == 2) {
        jo_arr(&p->out, key);
    } else if (what == 3) {
        jo_int(&p->out, key, (int64_t)((uint64_t)take(p) << 56));
    } else if (what == 4) {
        jo_num(&p->out, key, (double)take(p) / 7, take(p) % 20);
    } else if (what == 5) {
        jo_bool(&p->out, key, take(p) % 2 == 0);
    } else if (what == 6) {
        jo_time(&p->out, key, (int64_t)((uint64_t)take(p) << 55));
    } else if (what == 7) {
        jo_null(&p->out, key);
    } else {
        jo_span(&p->out, key, take_text(p));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.depth = JSON_OUT_DEPTH, .nodes = WORDS_MAX + 2};
    AUTO(buf_clear) struct buf b = BUF_INIT(1000000);
    AUTO(json_free_ptr) struct json_doc *doc = NULL;
    struct play p = {.at = data, .left = size, .out = json_out_to(&b)};
    struct err e = ERR_INIT;
    struct span text;

    jo_arr(&p.out, NULL);
    text = take_text(&p);
    jo_span(&p.out, NULL, text);
    for (int i = 0; i < WORDS_MAX && p.left > 0; i++) {
        order(&p);
    }
    while (p.out.depth > 0) {
        jo_end(&p.out);
    }
    bug_if(!buf_ok(&b) || memchr(buf_str(&b), '<', b.len) != NULL);
    bug_if(json_parse(buf_span(&b), JSON_STRICT, limits, &doc, &e) != ERR_NONE);
    if (utf8_valid(text) && memchr(text.ptr, 0, text.len) == NULL) {
        AUTO(free_ptr) char *read = json_str_dup(doc, json_at(doc, 0, 0));

        bug_if(read == NULL || !span_eq(span_of(read), text));
    }
    return 0;
}
