/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: what goes over them, what gets stuck, and how they end. */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grebe/error.h>
#include <grebe/loop.h>

#include "base/assert.h"
#include "bench.h"
#include "core/metadata.h"
#include "io/socket.h"

/* ---- Connections that end --------------------------------------------------------- */

TEST(the_end_of_a_connection_has_text_and_label)
{
    static const struct {
        void (*act)(struct bench *bench);
        const char *part, *label;
    } ends[] = {
        {peer_hang_up, "connection closed by the peer", "unknown"},
        {peer_reset, "read: connection reset by peer", "connection reset"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(ends); i++) {
        struct bench bench;

        bench_init(&bench);
        bench_open(&bench);
        ends[i].act(&bench);
        bench_settle(&bench, &bench.n_closed);
        if (strstr(bench.why, ends[i].part) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", bench.why, ends[i].part);
        assert_string_equal(bench.label, ends[i].label);
        bench_fini(&bench);
        assert_int_equal(bench.n_closed, 1);
    }
}

/* MX-2: "socket error" for any errno that has no label of its own. */
TEST(an_errno_has_a_label)
{
    static const struct {
        int error;
        const char *label;
    } labels[] = {
        {0, "unknown"},
        {ECONNRESET, "connection reset"},
        {ETIMEDOUT, "connection timed out"},
        {ECONNABORTED, "connection aborted"},
        {ECONNREFUSED, "socket error"},
        {EPIPE, "socket error"},
        {EHOSTUNREACH, "socket error"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(labels); i++)
        assert_string_equal(grebe__socket_label(labels[i].error), labels[i].label);
}

/* ---- What people see of it --------------------------------------------------------- */

TEST(both_ends_of_a_connection_are_shown)
{
    static const uint8_t loopback[] = {127, 0, 0, 1};
    const struct grebe__socket *socket;
    struct bench bench;
    char local[32];

    bench_init(&bench);
    bench_open(&bench);
    socket = &bench.transport->socket;
    assert_string_equal(socket->remote.text, bench.text);
    assert_int_equal(socket->remote.n_ip, 4);
    assert_memory_equal(socket->remote.ip, loopback, 4);
    snprintf(local, sizeof local, "127.0.0.1:%u", ntohs(bench.client_port));
    assert_string_equal(socket->local.text, local);
    assert_int_equal(socket->local.port, ntohs(bench.client_port));
    assert_false(socket->local.is_unix);
    assert_null(socket->cipher);
    bench_fini(&bench);
}

static void drain(struct bench *bench)
{
    bench->transport->ops->drain(bench->transport);
}

static bool has_frame(const unsigned char *bytes, size_t length, unsigned type)
{
    for (size_t at = 0; at + 9 <= length;) {
        size_t payload =
            (size_t)bytes[at] << 16 | (size_t)bytes[at + 1] << 8 | bytes[at + 2];

        if (bytes[at + 3] == type)
            return true;
        at += 9 + payload;
    }
    return false;
}

TEST(a_transport_without_streams_says_goodbye_and_closes)
{
    enum { GOAWAY = 7 };
    struct bench bench;
    unsigned char bytes[512];
    size_t n;

    bench_init(&bench);
    bench_open(&bench);
    bench_in_turn(&bench, drain);
    bench_settle(&bench, &bench.n_closed);
    n = peer_hear(&bench, bytes, sizeof bytes);
    assert_true(
        has_frame(bytes + sizeof client_preface, n - sizeof client_preface, GOAWAY));
    assert_true(peer_has_hung_up(&bench));
    bench_fini(&bench);
}

/* The first write after a reset fails with its error, the second with SIGPIPE, for those
 * who do not ask otherwise. */
TEST(writing_to_a_connection_that_is_gone_ends_it_and_nobody_else)
{
    struct bench bench;
    int error;

    bench_init(&bench);
    bench_open(&bench);
    peer_reset(&bench);
    error = grebe__socket_take_error(bench_client_fd(&bench));
    assert_int_equal(error, ECONNRESET);
    bench_in_turn(&bench, drain); /* the GOAWAY comes too late */
    bench_settle(&bench, &bench.n_closed);
    bench_fini(&bench);
}

/* ---- More than a socket takes ----------------------------------------------------- */

enum { UPLOAD = 6 * 1024 * 1024 };

/* A server that lets everything come. */
static const unsigned char generous[9 + 6 + 9 + 4] = {
    0, 0, 6, 4, 0, 0, 0, 0, 0, 0,    4,    0x7f, 0xff, 0xff, 0xff, /* SETTINGS */
    0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0x00, 0x00,             /* WINDOW_UPDATE */
};

struct upload {
    struct grebe__stream stream;
    struct grebe__outgoing outgoing;
    struct grebe_metadata headers, trailers;
    unsigned char *bytes;
    unsigned n_sent, n_ended;
};

static void on_headers(struct grebe__stream *stream)
{
    (void)stream;
}

static void on_message(struct grebe__stream *stream, void *bytes, size_t length)
{
    (void)length;
    grebe_mem_free(stream->mem, bytes);
}

static void on_sent(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    (void)outgoing;
    grebe_container_of(stream, struct upload, stream)->n_sent++;
}

static void on_end(struct grebe__stream *stream, const struct grebe__stream_end *end)
{
    (void)end;
    grebe_container_of(stream, struct upload, stream)->n_ended++;
}

static const struct grebe__stream_listener upload_listener = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_end = on_end,
};

static void start_upload(struct upload *upload, struct bench *bench)
{
    *upload = (struct upload){
        .stream = {.listener = &upload_listener,
                   .mem = &bench->mem.interface,
                   .path = "/s/m",
                   .headers = &upload->headers,
                   .trailers = &upload->trailers,
                   .deadline_ns = UINT64_MAX,
                   .max_receive_bytes = 1024},
        .outgoing = {.length = UPLOAD, .is_last = true},
        .bytes = malloc(UPLOAD),
    };
    for (size_t i = 0; i < UPLOAD; i++)
        upload->bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    upload->outgoing.bytes = upload->bytes;
    grebe__metadata_init(&upload->headers, &bench->mem.interface);
    grebe__metadata_init(&upload->trailers, &bench->mem.interface);
    assert_true(grebe__loop_try_drive(bench->loop));
    grebe__env_enter(bench_env(bench));
    assert_int_equal(bench->transport->ops->start(bench->transport, &upload->stream),
                     GREBE_OK);
    bench->transport->ops->send(&upload->stream, &upload->outgoing);
    bench->transport->ops->half_close(&upload->stream);
    grebe__env_leave(bench_env(bench));
    grebe__loop_stop_driving(bench->loop);
}

static void free_upload(struct upload *upload)
{
    grebe__metadata_fini(&upload->headers);
    grebe__metadata_fini(&upload->trailers);
    free(upload->bytes);
}

/* What of the client's bytes is inside DATA frames, five bytes of gRPC framing included.
 * Frames are shorter than the rest of `heard` but for the last. */
static size_t collect_data(const unsigned char *heard, size_t length, unsigned char *out)
{
    enum { DATA = 0 };
    size_t n = 0;

    for (size_t at = sizeof client_preface; at + 9 <= length;) {
        size_t payload =
            (size_t)heard[at] << 16 | (size_t)heard[at + 1] << 8 | heard[at + 2];

        if (at + 9 + payload > length)
            break;
        if (heard[at + 3] == DATA) {
            memcpy(out + n, heard + at + 9, payload);
            n += payload;
        }
        at += 9 + payload;
    }
    return n;
}

/* The server reads little and late, so most writes come up short. */
static void receive_upload(struct bench *bench, const struct upload *upload)
{
    size_t size = UPLOAD + UPLOAD / 8, length = 0, n;
    unsigned char *heard = malloc(size), *data = malloc(size);
    uint64_t give_up_ns = grebe_now_ns() + 20 * SECOND;

    do {
        size_t room = size - length < 50000 ? size - length : 50000;

        assert_int_equal(grebe_loop_turn(bench->loop, 0), GREBE_OK);
        length += peer_hear(bench, heard + length, room);
        n = length > UPLOAD ? collect_data(heard, length, data) : 0;
        assert_true(grebe_now_ns() < give_up_ns);
    } while (n < 5 + UPLOAD);
    assert_int_equal(n, 5 + UPLOAD);
    assert_memory_equal(data + 5, upload->bytes, UPLOAD);
    free(heard);
    free(data);
}

static void expect_upload(struct bench *bench)
{
    struct upload upload;

    peer_say(bench, generous, sizeof generous);
    bench_turns(bench, 3);
    start_upload(&upload, bench);
    receive_upload(bench, &upload);
    assert_int_equal(upload.n_sent, 1);
    peer_hang_up(bench);
    bench_settle(bench, &bench->n_closed);
    assert_int_equal(upload.n_ended, 1);
    free_upload(&upload);
}

TEST(what_the_socket_does_not_take_is_sent_later)
{
    struct bench bench;

    bench_init(&bench);
    bench_open(&bench);
    expect_upload(&bench);
    bench_fini(&bench);
}

/* The stream's bytes are its owner's again; what was copied goes with the connection. */
TEST(a_connection_may_end_with_bytes_unsent)
{
    struct bench bench;
    struct upload upload;

    bench_init(&bench);
    bench_open(&bench);
    peer_say(&bench, generous, sizeof generous);
    bench_turns(&bench, 3);
    start_upload(&upload, &bench);
    bench_turns(&bench, 20);
    assert_int_equal(upload.n_ended, 0);
    peer_reset(&bench);
    bench_settle(&bench, &bench.n_closed);
    assert_int_equal(upload.n_ended, 1);
    assert_string_equal(bench.label, "connection reset");
    free_upload(&upload);
    bench_fini(&bench);
}

/* What it said before is still there to be read when a write fails. */
TEST(the_peers_last_words_explain_a_write_that_fails)
{
    static const unsigned char goaway[9 + 8 + 3] = {0, 0, 11, 7, 0, 0, 0, 0,   0,   0,
                                                    0, 0, 0,  0, 0, 0, 0, 'b', 'y', 'e'};
    struct bench bench;
    struct upload upload;

    bench_init(&bench);
    bench_open(&bench);
    peer_say(&bench, goaway, sizeof goaway);
    peer_reset(&bench);
    start_upload(&upload, &bench);
    bench_settle(&bench, &bench.n_closed);
    if (strstr(bench.why, "debug data: \"bye\"") == NULL)
        fail_msg("\"%s\" lacks the debug data", bench.why);
    assert_int_equal(upload.n_ended, 1);
    free_upload(&upload);
    bench_fini(&bench);
}

/* Answers that nobody reads must not pile up: the client stops reading, and the flood
 * stays in the sockets. */
TEST(a_flood_of_pings_behind_a_full_socket_stops_the_reading)
{
    static const unsigned char ping[17] = {0, 0, 8, 6};
    unsigned char pings[17 * 1000];
    struct bench bench;
    struct upload upload;
    uint32_t n_live;
    size_t n_said = 0;

    for (size_t i = 0; i < sizeof pings; i++)
        pings[i] = ping[i % 17];
    bench_init(&bench);
    bench_open(&bench);
    peer_say(&bench, generous, sizeof generous);
    bench_turns(&bench, 3);
    start_upload(&upload, &bench);
    bench_turns(&bench, 20);
    n_live = bench.mem.n_live;
    for (unsigned i = 0; i < 1000; i++) {
        ssize_t n = send(bench.peer, pings, sizeof pings, MSG_NOSIGNAL | MSG_DONTWAIT);

        n_said += n > 0 ? (size_t)n : 0;
        if (n != (ssize_t)sizeof pings && i > 100)
            break;
        bench_turns(&bench, 1);
    }
    assert_int_equal(bench.n_closed, 0);
    assert_in_range(n_said, sizeof pings, 999 * sizeof pings);
    assert_in_range(bench.mem.n_live, 1, n_live + 64);
    peer_reset(&bench);
    bench_settle(&bench, &bench.n_closed);
    free_upload(&upload);
    bench_fini(&bench);
}

/* ---- TLS -------------------------------------------------------------------------- */

TEST(tls_makes_a_transport_too)
{
    struct bench bench;
    unsigned char bytes[256];

    bench_init_tls(&bench);
    bench_open_tls(&bench);
    assert_string_equal(bench.transport->socket.cipher,
                        SSL_CIPHER_standard_name(SSL_get_current_cipher(bench.ssl)));
    assert_true(peer_hear(&bench, bytes, sizeof bytes) > sizeof client_preface + 2 * 9);
    assert_memory_equal(bytes, client_preface, sizeof client_preface);
    bench_in_turn(&bench, drain);
    bench_settle(&bench, &bench.n_closed);
    while (peer_hear(&bench, bytes, sizeof bytes) > 0) {
    }
    assert_int_equal(SSL_get_shutdown(bench.ssl), SSL_RECEIVED_SHUTDOWN);
    bench_fini(&bench);
}

TEST(tls_sends_later_what_the_socket_does_not_take)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_open_tls(&bench);
    expect_upload(&bench);
    bench_fini(&bench);
}

/* The bytes so far are complete records, and still they are not the end of anything. */
TEST(a_truncated_session_is_a_lost_connection)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_open_tls(&bench);
    peer_hang_up(&bench);
    bench_settle(&bench, &bench.n_closed);
    assert_non_null(strstr(bench.why, "connection closed by the peer"));
    bench_fini(&bench);
}

/* ---- fork() ----------------------------------------------------------------------- */

static int abandon_in_child(struct bench *bench)
{
    int fd = bench_client_fd(bench);

    grebe_loop_unref(bench->loop);
    return fd >= 0 && fcntl(fd, F_GETFD) < 0 && errno == EBADF ? 0 : 1;
}

static void expect_child(struct bench *bench, int (*act)(struct bench *bench))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(act(bench));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The child lets go of its copy of the socket, and what it does to the loop does not
 * reach the parent, whether or not a thread sleeps in it. */
TEST(the_child_of_a_fork_leaves_the_parents_connections_alone)
{
    for (unsigned has_thread = 0; has_thread < 2; has_thread++) {
        static const unsigned char ping[17] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 'p', 'a'};
        unsigned char bytes[512];
        struct bench bench;

        bench_init(&bench);
        bench_open(&bench);
        peer_hear(&bench, bytes, sizeof bytes);
        if (has_thread) {
            assert_int_equal(grebe_loop_start_thread(bench.loop), GREBE_OK);
            usleep(50000); /* it falls asleep */
        }
        expect_child(&bench, abandon_in_child);
        grebe_loop_stop_thread(bench.loop);
        peer_say(&bench, ping, sizeof ping);
        bench_turns(&bench, 5);
        assert_true(peer_hear(&bench, bytes, sizeof bytes) >= sizeof ping); /* the ACK */
        assert_int_equal(bench.n_closed, 0);
        bench_fini(&bench);
    }
}

/* A child that knows nothing of the loop keeps the socket open all its life. */
TEST(a_close_reaches_the_peer_even_if_a_child_holds_the_socket)
{
    struct bench bench;
    int pipe_ends[2], status;
    pid_t child;
    char byte;

    bench_init(&bench);
    bench_open(&bench);
    assert_int_equal(pipe(pipe_ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_ends[1]);
        _exit(read(pipe_ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    bench_in_turn(&bench, drain);
    bench_settle(&bench, &bench.n_closed);
    assert_true(peer_has_hung_up(&bench));
    close(pipe_ends[1]);
    close(pipe_ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_connection_has_text_and_label),
        cmocka_unit_test(an_errno_has_a_label),
        cmocka_unit_test(both_ends_of_a_connection_are_shown),
        cmocka_unit_test(a_transport_without_streams_says_goodbye_and_closes),
        cmocka_unit_test(writing_to_a_connection_that_is_gone_ends_it_and_nobody_else),
        cmocka_unit_test(what_the_socket_does_not_take_is_sent_later),
        cmocka_unit_test(a_connection_may_end_with_bytes_unsent),
        cmocka_unit_test(the_peers_last_words_explain_a_write_that_fails),
        cmocka_unit_test(a_flood_of_pings_behind_a_full_socket_stops_the_reading),
        cmocka_unit_test(tls_makes_a_transport_too),
        cmocka_unit_test(tls_sends_later_what_the_socket_does_not_take),
        cmocka_unit_test(a_truncated_session_is_a_lost_connection),
        cmocka_unit_test(the_child_of_a_fork_leaves_the_parents_connections_alone),
        cmocka_unit_test(a_close_reaches_the_peer_even_if_a_child_holds_the_socket),
    };

    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
