/* SPDX-License-Identifier: Apache-2.0 */
/* unit/h2/bench.h -- one session between a scripted server and calls that write a diary.
 *
 *   bench_open(&b);                          preface and SETTINGS are exchanged
 *   call_unary(&b, &b.calls[0], "ping");     HEADERS and DATA are with the peer
 *   h2_peer_begin(b.peer, 1); ...            the server speaks
 *   bench_deliver(&b);                       and is heard
 *   assert_string_equal(b.calls[0].diary, "headers; message ping; end OK");
 *   bench_close(&b);                         every byte has come back
 *
 * Time stands still unless bench_wait() moves it.
 */
#ifndef UNIT_H2_BENCH_H
#define UNIT_H2_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/metadata.h"
#include "h2/session.h"
#include "support/h2_peer.h"
#include "support/mem.h"

enum { BENCH_CALLS = 16, DIARY_BYTES = 8192 };

/* The counting allocator, with an eye on sizes. */
struct bench_mem {
    struct grebe_mem interface;
    struct test_mem counted;
    size_t n_peak;     /* bytes in one allocation, the most so far */
    size_t n_most;     /* larger allocations fail; 0: none does */
    bool fails_onward; /* after the first failure of `counted` */
};

struct call {
    struct grebe__stream stream;
    struct grebe__outgoing outgoing[8];
    size_t n_outgoing, n_sent;
    struct grebe_metadata headers, trailers;
    struct bench *bench;
    char diary[DIARY_BYTES]; /* "headers; message ping; end OK: " */
    size_t n_messages;
    size_t n_bytes; /* of messages */
    int n_ends;
    int code;
    char message[5000];
    size_t message_length;
    size_t details_length;
    struct grebe__stream_end end; /* its status is not valid any more */
    /* What to do when something is heard, besides noting it; may be NULL. */
    void (*on_headers)(struct call *call);
    void (*on_message)(struct call *call);
    void (*on_sent)(struct call *call);
    void (*on_end)(struct call *call);
};

struct bench {
    struct grebe__env env;
    struct grebe__executor_ops executor;
    struct bench_mem mem;
    struct grebe__pool pool;
    struct grebe__transport_options options;
    struct grebe__h2_pipe pipe;
    struct grebe__h2 *h2;
    struct grebe__transport *transport; /* NULL once it is closed */
    struct h2_peer *peer;
    struct grebe__h2_batch *batch;
    bool wants_write, is_finished;
    bool is_stuck;    /* the socket takes nothing */
    size_t n_pieces;  /* bytes are delivered in pieces of this size; 0: at once */
    size_t n_batches; /* that had something in them */
    size_t n_capacity;
    char diary[DIARY_BYTES]; /* "draining label; closed label: text" */
    bool is_too_many_pings;
    void (*on_capacity)(struct bench *bench);
    struct call calls[BENCH_CALLS];
};

/* Sessions of new benches let streams send by turns themselves. */
extern bool bench_forces_turns;

void bench_init(struct bench *b);
/* GREBE_OK, or what grebe__h2_new() said. */
int bench_connect(struct bench *b);
/* init, connect, the server's SETTINGS; the peer's log is empty afterwards. */
void bench_open(struct bench *b);
/* The carrier is lost if it is not yet; calls are forgotten; memory must be back. */
void bench_close(struct bench *b);

/* The session's output goes to the peer. */
void bench_flush(struct bench *b);
/* The peer's output goes to the session, and its answer back. */
void bench_deliver(struct bench *b);
/* deliver, but the answer stays. */
int bench_receive(struct bench *b);
void bench_lose(struct bench *b, const char *why, const char *label);
/* Time passes, timers fire. */
void bench_wait(struct bench *b, uint64_t ns);
/* What the client has written and nobody looked at. */
const char *bench_log(struct bench *b);

void call_init(struct bench *b, struct call *call);
int call_start(struct call *call);
void call_send(struct call *call, const void *bytes, size_t length, bool is_last);
void call_half_close(struct call *call);
void call_receive(struct call *call);
void call_cancel(struct call *call);
/* Start, ask for two messages as unary calls do, send, flush; the log is empty then. */
void call_unary(struct bench *b, struct call *call, const char *text);
/* Start, flush; the log is empty then. */
void call_open(struct bench *b, struct call *call);
void bench_drain(struct bench *b);
void bench_shut(struct bench *b, int code, const char *message);

#endif
