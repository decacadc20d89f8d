#include "clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/ws.h"

#define TEXT_MAX (1U << 20)
#define MARK     "@N@"

void clients_fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static double now(void)
{
    return (double)clock_mono_us() / 1e6;
}

static void read_text(struct buf *out, const char *path)
{
    char piece[4096];
    FILE *file = fopen(path, "rb");
    size_t got = 0;

    if (file == NULL) {
        clients_fail(path, "cannot be read");
    }
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) {
        (void)buf_append(out, piece, got);
    }
    (void)fclose(file);
}

void clients_open(struct clients *c, int argc, char **argv, void (*begin)(struct place *place))
{
    if (argc != 5) {
        clients_fail(argv[0], "URL TEXT_FILE COUNT AT_ONCE");
    }
    memset(c, 0, sizeof *c);
    if (loop_open(ws_protocols(), &c->loop, NULL) != ERR_NONE) {
        clients_fail(argv[0], "no loop");
    }
    c->http = http_client_new(c->loop, "bench");
    c->url = argv[1];
    c->text = BUF_INIT(TEXT_MAX);
    read_text(&c->text, argv[2]);
    c->count = strtoul(argv[3], NULL, 10);
    c->at_once = strtoul(argv[4], NULL, 10);
    c->took = xcalloc(c->count + 1, sizeof *c->took);
    c->place = xcalloc(c->at_once + 1, sizeof *c->place);
    c->begin = begin;
}

static void begin_next(struct place *place)
{
    struct clients *c = place->clients;

    if (c->begun < c->count) {
        place->number = c->begun++;
        place->began = now();
        c->begin(place);
    }
}

void clients_done(struct place *place)
{
    struct clients *c = place->clients;

    c->took[c->done++] = now() - place->began;
    begin_next(place);
}

struct buf clients_text(const struct place *place)
{
    const char *from = buf_str(&place->clients->text);
    const char *mark = NULL;
    struct buf out = BUF_INIT(TEXT_MAX);

    while ((mark = strstr(from, MARK)) != NULL) {
        (void)buf_append(&out, from, (size_t)(mark - from));
        (void)buf_appendf(&out, "%zu", place->number);
        from = mark + sizeof MARK - 1;
    }
    (void)buf_append_str(&out, from);
    return out;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

int clients_run(struct clients *c)
{
    double began = now();
    double took = 0;

    for (size_t i = 0; i < c->at_once; i++) {
        c->place[i].clients = c;
        begin_next(&c->place[i]);
    }
    while (c->done < c->count) {
        loop_turn(c->loop, 1000);
    }
    took = now() - began;
    qsort(c->took, c->count, sizeof *c->took, compare);
    (void)printf("{\"jobs\": %zu, \"seconds\": %.4f, \"p50\": %.6f, \"p95\": %.6f}\n", c->count,
                 took, c->took[c->count / 2], c->took[c->count * 95 / 100]);
    return EXIT_SUCCESS;
}
