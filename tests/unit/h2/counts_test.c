/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection counts for whoever looks at it (grebe/channelz.h). */
#include "support/test.h"

#include "unit/h2/bench.h"

static const struct grebe__socket_counts *counts_of(const struct bench *b)
{
    return &b->transport->socket.counts;
}

/* The server's end of a stream decides: neither its status nor its message. */
TEST(stream_succeeds_if_its_server_ended_it)
{
    struct bench b;

    bench_open(&b);
    for (size_t i = 0; i < 5; i++)
        call_unary(&b, &b.calls[i], "x");
    assert_int_equal(counts_of(&b)->streams_started, 5);
    assert_int_equal(counts_of(&b)->last_stream_ns, b.env.now_ns);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "x", 1);
    h2_peer_trailers(b.peer, 1, "0");
    h2_peer_begin(b.peer, 3);
    h2_peer_trailers(b.peer, 3, "13");
    h2_peer_rst_stream(b.peer, 5, 8);
    bench_deliver(&b);
    call_cancel(&b.calls[3]);
    assert_int_equal(counts_of(&b)->streams_succeeded, 2);
    assert_int_equal(counts_of(&b)->streams_failed, 2);
    assert_int_equal(counts_of(&b)->streams_started, 5);
    bench_close(&b);
}

/* Messages count when they are whole: sent to the socket, or given to the call. */
TEST(messages_are_counted_with_their_moments)
{
    static unsigned char big[100000];
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    bench_wait(&b, SECOND);
    call_send(call, "one", 3, false);
    call_send(call, "two", 3, false);
    call_send(call, big, sizeof big, false); /* more than the window */
    assert_int_equal(counts_of(&b)->messages_sent, 0);
    bench_flush(&b);
    assert_int_equal(counts_of(&b)->messages_sent, 2);
    assert_int_equal(counts_of(&b)->last_sent_ns, b.env.now_ns);
    bench_wait(&b, SECOND);
    h2_peer_window_update(b.peer, 1, 100000);
    h2_peer_window_update(b.peer, 0, 100000);
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->messages_sent, 3);
    assert_int_equal(counts_of(&b)->last_sent_ns, b.env.now_ns);

    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "here", 4);
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->messages_received, 0);
    assert_int_equal(counts_of(&b)->last_received_ns, 0);
    bench_wait(&b, SECOND);
    call_receive(call);
    assert_int_equal(counts_of(&b)->messages_received, 1);
    assert_int_equal(counts_of(&b)->last_received_ns, b.env.now_ns);
    bench_close(&b);
}

/* RFC 9113 5.2: of the connection, not of a stream. */
TEST(windows_are_those_of_the_connection)
{
    enum { LOCAL = 16 * 1024 * 1024, REMOTE = 65535, PREFIX = 5 };
    static const unsigned char bytes[1000];
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(counts_of(&b)->local_window, LOCAL);
    assert_int_equal(counts_of(&b)->remote_window, REMOTE);
    call_open(&b, call);
    call_send(call, bytes, sizeof bytes, false);
    bench_flush(&b);
    assert_int_equal(counts_of(&b)->remote_window, REMOTE - sizeof bytes - PREFIX);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, bytes, sizeof bytes);
    h2_peer_window_update(b.peer, 0, 500);
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->local_window, LOCAL - sizeof bytes - PREFIX);
    assert_int_equal(counts_of(&b)->remote_window, REMOTE - sizeof bytes - PREFIX + 500);
    bench_close(&b);
}

/* gRFC A14: pings of keepalive, and no others. */
TEST(keepalives_are_counted)
{
    struct bench b;

    bench_init(&b);
    b.options.keepalive_time_ns = 10 * SECOND;
    b.options.keepalive_without_calls = true;
    assert_int_equal(bench_connect(&b), GREBE_OK);
    bench_flush(&b);
    h2_peer_settings(b.peer, 0);
    h2_peer_ping(b.peer, 0, "pingping"); /* answered, which is no keepalive */
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->keepalives_sent, 0);
    for (unsigned i = 1; i <= 3; i++) {
        bench_wait(&b, 10 * SECOND);
        assert_int_equal(counts_of(&b)->keepalives_sent, i);
        h2_peer_ping(b.peer, H2_ACK, "\0\0\0\0\0\0\0\0");
        bench_deliver(&b);
    }
    bench_close(&b);
}

/* gRFC A105: what limits the streams of a connection. */
TEST(limits_of_the_peer_are_shown)
{
    struct bench b;

    bench_open(&b);
    assert_int_equal(counts_of(&b)->max_streams, UINT32_MAX);
    h2_peer_settings(b.peer, 3, 100, 0);
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->max_streams, 100);
    bench_close(&b);
}

/* The code of the first one; 0 is NO_ERROR, and not that there was none. */
TEST(goaway_is_remembered)
{
    struct bench b;

    bench_open(&b);
    call_open(&b, &b.calls[0]);
    assert_int_equal(counts_of(&b)->goaway, 0);
    h2_peer_goaway(b.peer, 1, 0, "");
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->goaway, 1);
    h2_peer_goaway(b.peer, 1, 11, "");
    bench_deliver(&b);
    assert_int_equal(counts_of(&b)->goaway, 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_succeeds_if_its_server_ended_it),
        cmocka_unit_test(messages_are_counted_with_their_moments),
        cmocka_unit_test(windows_are_those_of_the_connection),
        cmocka_unit_test(keepalives_are_counted),
        cmocka_unit_test(limits_of_the_peer_are_shown),
        cmocka_unit_test(goaway_is_remembered),
    };

    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
