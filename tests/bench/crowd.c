/* crowd.c - many clients that each send one request and wait for a text in what comes back.
 *
 *   bench-crowd PORT COUNT REQUEST_FILE TEXT
 *
 * Says "ready" when every request has gone out, and when each client has seen the text, one line of JSON: when the first
 * and the last did, in seconds of CLOCK_MONOTONIC. The text may come anywhere in the stream, also cut in two.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define TEXT_MAX    128
#define REQUEST_MAX 65536
#define LIMIT_MS    120000

struct client {
    int fd;
    size_t kept; /* the end of what came, in which the text may have begun */
    char end[TEXT_MAX];
};

struct crowd {
    int epoll_fd;
    struct client *client;
    size_t count;
    const char *text;
    size_t done;
    double first;
    double last;
};

static double now(void)
{
    return (double)clock_mono_us() / 1e6;
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)fprintf(stderr, "A client cannot connect: %s\n", strerrordesc_np(errno));
        exit(EXIT_FAILURE);
    }
    return fd;
}

static void send_all(struct crowd *c, int port, const char *request, size_t len)
{
    for (size_t i = 0; i < c->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &c->client[i]};

        c->client[i].fd = connect_to(port);
        bug_if(send(c->client[i].fd, request, len, MSG_NOSIGNAL) != (ssize_t)len);
        bug_if(epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->client[i].fd, &event) != 0);
    }
}

static void end(struct crowd *c, struct client *client, bool has_seen)
{
    if (!has_seen) {
        (void)fputs("A connection ended before the text came.\n", stderr);
        exit(EXIT_FAILURE);
    }
    c->last = now();
    c->first = c->done == 0 ? c->last : c->first;
    c->done++;
    (void)close(client->fd);
}

static void read_from(struct crowd *c, struct client *client)
{
    char piece[TEXT_MAX + 16384];
    size_t text_len = strlen(c->text);
    ssize_t got = 0;
    size_t len = client->kept;

    memcpy(piece, client->end, client->kept);
    got = recv(client->fd, piece + len, sizeof piece - len, 0);
    len += got > 0 ? (size_t)got : 0;
    if (got <= 0 || memmem(piece, len, c->text, text_len) != NULL) {
        end(c, client, got > 0);
        return;
    }
    client->kept = len < text_len - 1 ? len : text_len - 1;
    memcpy(client->end, piece + len - client->kept, client->kept);
}

static void wait_all(struct crowd *c)
{
    struct epoll_event event[256];

    while (c->done < c->count) {
        int count = epoll_wait(c->epoll_fd, event, (int)COUNT_OF(event), LIMIT_MS);

        if (count <= 0) {
            (void)fprintf(stderr, "%zu of %zu clients still wait.\n", c->count - c->done, c->count);
            exit(EXIT_FAILURE);
        }
        for (int i = 0; i < count; i++) {
            read_from(c, event[i].data.ptr);
        }
    }
}

static size_t read_request(const char *path, char out[REQUEST_MAX])
{
    FILE *file = fopen(path, "rb");
    size_t len = 0;

    bug_if(file == NULL);
    len = fread(out, 1, REQUEST_MAX, file);
    (void)fclose(file);
    return len;
}

int main(int argc, char **argv)
{
    struct crowd c = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    struct rlimit limit;
    char *request = xmalloc(REQUEST_MAX);

    if (argc != 5 || strlen(argv[4]) < 1 || strlen(argv[4]) >= TEXT_MAX) {
        (void)fputs("bench-crowd PORT COUNT REQUEST_FILE TEXT\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    c.count = strtoul(argv[2], NULL, 10);
    c.client = xcalloc(c.count, sizeof *c.client);
    c.text = argv[4];
    send_all(&c, (int)strtol(argv[1], NULL, 10), request, read_request(argv[3], request));
    (void)puts("ready");
    (void)fflush(stdout);
    wait_all(&c);
    (void)printf("{\"first\": %.6f, \"last\": %.6f}\n", c.first, c.last);
    free(c.client);
    free(request);
    return EXIT_SUCCESS;
}
