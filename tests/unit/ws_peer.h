/* ws_peer.h - runs ws_peer.py, which says what each path of it does, and the loop beside it.
 */
#ifndef CG_TESTS_WS_PEER_H
#define CG_TESTS_WS_PEER_H

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/ws.h"

#define PEER        TEST_DATA_DIR "/unit/ws_peer.py"
#define PATIENCE_MS 20000

struct ws_place {
    struct loop *loop;
    pid_t pid;
    int to_peer;
    int from_peer;
    struct buf said; /* by the peer, all of it */
    int port;
};

static inline void hear_peer(struct ws_place *p)
{
    char chunk[1024];
    ssize_t got = 0;

    while ((got = read(p->from_peer, chunk, sizeof chunk)) > 0) {
        (void)buf_append(&p->said, chunk, (size_t)got);
    }
}

static inline void turn_until_said(struct ws_place *p, const char *line)
{
    int64_t began = clock_mono_ms();

    while (strstr(buf_str(&p->said), line) == NULL) {
        if (clock_mono_ms() - began > PATIENCE_MS) {
            fail_msg("the peer did not say \"%s\" but: %s", line, buf_str(&p->said));
        }
        loop_turn(p->loop, 10);
        hear_peer(p);
    }
}

static inline void run_peer(struct ws_place *p, char *certificate)
{
    char *const argv[] = {(char[]){"python3"}, (char[]){PEER}, certificate, NULL};
    posix_spawn_file_actions_t actions;
    int in[2];
    int out[2];

    p->said = BUF_INIT(1U << 20);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    assert_int_equal(posix_spawn(&p->pid, "/usr/bin/python3", &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    p->to_peer = in[1];
    p->from_peer = out[0];
    assert_int_equal(fcntl(p->from_peer, F_SETFL, O_NONBLOCK), 0);
    turn_until_said(p, "\n");
    p->port = (int)strtol(buf_str(&p->said), NULL, 10);
}

static inline struct ws_place *open_ws_place(char *certificate)
{
    struct ws_place *p = xcalloc(1, sizeof *p);

    assert_int_equal(loop_open(ws_protocols(), &p->loop, NULL), ERR_NONE);
    run_peer(p, certificate);
    return p;
}

static inline void stop_peer(struct ws_place *p)
{
    (void)close(p->to_peer);
    (void)waitpid(p->pid, NULL, 0);
    (void)close(p->from_peer);
    buf_clear(&p->said);
}

static inline void close_ws_place(struct ws_place *p)
{
    stop_peer(p);
    loop_close(p->loop);
    free(p);
}

/* A certificate that signs itself and its key, for such names as "DNS:localhost". False when there is
 * no openssl. */
static inline bool make_certificate(const char *path, const char *names)
{
    AUTO(free_ptr) char *extension = xasprintf("subjectAltName=%s", names);
    char *const argv[] = {(char[]){"openssl"}, (char[]){"req"},      (char[]){"-x509"},
                          (char[]){"-newkey"}, (char[]){"rsa:2048"}, (char[]){"-nodes"},
                          (char[]){"-subj"},   (char[]){"/CN=test"}, (char[]){"-addext"},
                          extension,           (char[]){"-keyout"},  xstrdup(path),
                          (char[]){"-out"},    xstrdup(path),        NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = -1;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, "openssl", &actions, NULL, argv, environ) == 0) {
        (void)waitpid(pid, &status, 0);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    free(argv[11]);
    free(argv[13]);
    return status == 0;
}

#endif
