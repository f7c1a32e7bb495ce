/* SPDX-License-Identifier: Apache-2.0 */
/* io/bench.h -- dials and connections against a server that the test plays, byte by byte.
 *
 * Both ends live in one thread: the loop gets a turn (bench_), then the server does
 * something (peer_), and so on.  What every test relies on is asserted here.
 */
#ifndef IO_BENCH_H
#define IO_BENCH_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/transport.h"
#include "io/loop.h"
#include "support/mem.h"

struct bench {
    struct test_mem mem;
    struct grebe_loop *loop;
    struct grebe__transport_options options;           /* change before bench_dial() */
    const char *authority;                             /* likewise */
    const struct grebe_attributes *address_attributes; /* likewise; borrowed */
    uint64_t deadline_ns;                              /* likewise */
    struct grebe__dial dial;
    struct grebe_address *address;
    int listener, peer; /* the server's sockets; -1: none */
    SSL_CTX *context;   /* NULL: the server speaks without TLS */
    SSL *ssl;
    uint16_t client_port; /* of the dial, in network order */
    char text[128];       /* the server's address */
    /* What came of the dial. */
    unsigned n_done;
    struct grebe__transport *transport; /* NULL again when it has closed */
    bool came_draining;
    char error[512];
    unsigned n_closed;
    char why[1024], label[64]; /* of the disconnection */
};

/* An empty SETTINGS frame: all that a server owes before it may be used. */
extern const unsigned char settings_frame[9];
/* What a client begins with (RFC 9113 3.4). */
extern const char client_preface[24];

void bench_init(struct bench *bench);
/* With TLS on both ends. */
void bench_init_tls(struct bench *bench);
/* Ends the loop, and checks that all memory came back. */
void bench_fini(struct bench *bench);

/* The server listens on a port of its own; bench->text is what to dial. */
void bench_listen(struct bench *bench);
void bench_close(int *fd);
void bench_dial(struct bench *bench, const char *text);
void bench_cancel(struct bench *bench);
/* All three, and the server's part. */
void bench_open(struct bench *bench);
void bench_open_tls(struct bench *bench);

void bench_turns(struct bench *bench, unsigned n);
/* Turns until *count has changed. */
void bench_settle(struct bench *bench, const unsigned *count);
void bench_in_turn(struct bench *bench, void (*act)(struct bench *bench));
struct grebe__env *bench_env(struct bench *bench);
/* The client's end of the connection; -1 if it is closed. */
int bench_client_fd(struct bench *bench);

void bench_expect_error(struct bench *bench, const char *error);
void bench_expect_transport(struct bench *bench);

/* The connection that the dial made, and time for the client to notice. */
void peer_accept(struct bench *bench);
/* The same, and the server's half of the handshake, as far as it gets. */
void peer_accept_tls(struct bench *bench);
void peer_say(struct bench *bench, const void *bytes, size_t length);
/* Bytes that came so far, at most `size`. */
size_t peer_hear(struct bench *bench, void *bytes, size_t size);
void peer_speak_http_1(struct bench *bench);
/* With nothing unread: else the other side would see a reset. */
void peer_hang_up(struct bench *bench);
/* A close that the other side sees as a reset. */
void peer_reset(struct bench *bench);
/* The client is gone. */
bool peer_has_hung_up(struct bench *bench);

#endif
