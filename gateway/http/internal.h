/* internal.h - the server as its own files see it. Private to gateway/http/.
 */
#ifndef CG_HTTP_INTERNAL_H
#define CG_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "http/credentials.h"
#include "http/host_list.h"
#include "http/keyring.h"
#include "http/offload.h"
#include "http/rates.h"
#include "http/room.h"
#include "http/server.h"

struct http_server {
    struct http_parts parts;
    struct MHD_Daemon *daemon;
    int listen_fd; /* libmicrohttpd closes it; -1 = none */
    char *url;
    struct id id;   /* of this start of the program */
    bool asks_keys; /* auth_mode */
    struct keyring *keyring;
    struct rates *rates;
    struct host_list *hosts;
    unsigned char session_secret[SESSION_SECRET_SIZE];
    atomic_bool is_quiesced;
    atomic_int open_requests; /* arrived as a whole and not yet answered to the end */
    atomic_int connections;   /* that are open */
    struct offload *offload;
    struct slow_peers *slow_peers;
    struct room room;
    pthread_key_t reader_key; /* per thread: its struct store_reader */
};

/* This thread's read handle, opened on first use and closed when the thread ends.
 * NULL when the store cannot be opened. */
struct store_reader *reader_get(struct http_server *s);
void reader_key_open(struct http_server *s);
void reader_key_close(struct http_server *s); /* after all threads that used it have ended */

#endif
