/* SPDX-License-Identifier: Apache-2.0 */
/* Windows, in both directions.  The peer's view of our windows is kept by hand. */
#include "support/test.h"

#include "h2/codes.h"
#include "unit/h2/bench.h"

enum { WINDOW = 65535 };

static unsigned char big[4 * 1024 * 1024];

/* What the server may still send on stream 1, as far as it knows. */
struct view {
    int64_t stream, connection;
    size_t n_updates;
};

static void look(struct bench *b, struct view *view)
{
    struct h2_frame frame;

    while (h2_peer_next(b->peer, &frame)) {
        if (frame.type != H2_WINDOW_UPDATE)
            continue;
        if (frame.stream == 0)
            view->connection += frame.increment;
        else
            view->stream += frame.increment;
        view->n_updates++;
    }
}

/* A server that sends `length` bytes as its windows allow.  Returns what could not be
 * sent. */
static size_t pour(struct bench *b, struct view *view, const unsigned char *bytes,
                   size_t length)
{
    while (length > 0 && view->stream > 0) {
        size_t n = length < 16384 ? length : 16384;

        n = (int64_t)n > view->stream ? (size_t)view->stream : n;
        h2_peer_data(b->peer, 1, 0, bytes, n);
        view->stream -= (int64_t)n;
        view->connection -= (int64_t)n;
        bytes += n;
        length -= n;
        bench_deliver(b);
        look(b, view);
        assert_true(view->connection > 0);
        assert_true(view->stream <= INT32_MAX);
    }
    return length;
}

static void make_message(unsigned char *bytes, size_t length)
{
    bytes[0] = 0;
    bytes[1] = (unsigned char)(length >> 24);
    bytes[2] = (unsigned char)(length >> 16);
    bytes[3] = (unsigned char)(length >> 8);
    bytes[4] = (unsigned char)length;
}

static void begin(struct bench *b, struct view *view)
{
    *view = (struct view){WINDOW, 16 * 1024 * 1024, 0};
    bench_open(b);
    call_open(b, &b->calls[0]);
    h2_peer_begin(b->peer, 1);
    bench_deliver(b);
}

/* ---- Arriving ---------------------------------------------------------------------- */

TEST(unread_bytes_keep_their_window)
{
    struct bench b;
    struct view view;

    begin(&b, &view);
    make_message(big, 100000);
    assert_int_equal(pour(&b, &view, big, 100005), 100005 - WINDOW);
    assert_int_equal(view.n_updates, 0);
    bench_close(&b);
}

TEST(unread_stream_does_not_stop_another)
{
    struct bench b;
    struct view view;
    struct call *call = &b.calls[1];

    begin(&b, &view);
    call_open(&b, call);
    call_receive(call);
    make_message(big, 1000000);
    pour(&b, &view, big, 1000005);
    h2_peer_begin(b.peer, 3);
    h2_peer_message(b.peer, 3, 0, big, 60000);
    h2_peer_trailers(b.peer, 3, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers; message of 60000; end OK");
    bench_close(&b);
}

TEST(message_larger_than_the_window_arrives)
{
    static const size_t lengths[] = {65530, 65531, 65536, 100000, 1048576, 4000000};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct bench b;
        struct view view;

        begin(&b, &view);
        call_receive(&b.calls[0]);
        make_message(big, lengths[i]);
        assert_int_equal(pour(&b, &view, big, lengths[i] + 5), 0);
        assert_int_equal(b.calls[0].n_bytes, lengths[i]);
        /* The boost is one update, the fresh window another; and it is no larger than
         * before. */
        assert_true(view.n_updates <= 3);
        assert_true(view.stream <= WINDOW);
        assert_true(view.stream > WINDOW - 32768);
        bench_close(&b);
    }
}

/* The boost comes with the permission, not before. */
TEST(large_message_waits_for_permission)
{
    struct bench b;
    struct view view;
    size_t left;

    begin(&b, &view);
    make_message(big, 300000);
    left = pour(&b, &view, big, 300005);
    assert_int_equal(left, 300005 - WINDOW);
    call_receive(&b.calls[0]);
    bench_flush(&b);
    look(&b, &view);
    assert_int_equal(view.stream, left);
    assert_int_equal(pour(&b, &view, big + 300005 - left, left), 0);
    assert_int_equal(b.calls[0].n_bytes, 300000);
    bench_close(&b);
}

TEST(windows_hold_over_many_messages)
{
    static const size_t lengths[] = {1, 200000, 0, 70000, 30000, 65530, 5, 500000};
    struct bench b;
    struct view view;
    size_t total = 0;

    begin(&b, &view);
    for (size_t i = 0; i < 400; i++) {
        size_t length = lengths[i % (sizeof lengths / sizeof lengths[0])];

        call_receive(&b.calls[0]);
        make_message(big, length);
        assert_int_equal(pour(&b, &view, big, length + 5), 0);
        total += length;
        assert_int_equal(b.calls[0].n_bytes, total);
        assert_true(view.stream <= WINDOW);
        assert_true(view.connection > 4 * 1024 * 1024);
    }
    assert_int_equal(b.calls[0].n_ends, 0);
    bench_close(&b);
}

TEST(small_messages_need_few_updates)
{
    struct bench b;
    struct view view;

    begin(&b, &view);
    make_message(big, 100);
    for (int i = 0; i < 3000; i++) {
        call_receive(&b.calls[0]);
        assert_int_equal(pour(&b, &view, big, 105), 0);
    }
    assert_true(view.n_updates <= 3000 * 105 / 32768 + 1);
    bench_close(&b);
}

/* Padding is paid for and given back, or a few bytes with much padding would eat the
 * windows. */
TEST(padding_comes_back)
{
    struct bench b;
    struct view view;
    size_t sent = 0;

    begin(&b, &view);
    make_message(big, 100);
    for (int i = 0; i < 3000; i++) {
        call_receive(&b.calls[0]);
        assert_true(view.stream >= 105 + 256);
        h2_peer_padded_data(b.peer, 1, 0, big, 105, 255);
        view.stream -= 105 + 256;
        view.connection -= 105 + 256;
        bench_deliver(&b);
        look(&b, &view);
        sent += 100;
        assert_true(view.stream <= WINDOW);
    }
    assert_int_equal(b.calls[0].n_bytes, sent);
    bench_close(&b);
}

TEST(padding_does_not_starve_a_message)
{
    struct bench b;
    struct view view;
    size_t sent = 0;

    begin(&b, &view);
    make_message(big, 60000);
    call_receive(&b.calls[0]);
    while (sent < 60005) {
        size_t n = 60005 - sent < 100 ? 60005 - sent : 100;

        assert_true(view.stream >= (int64_t)n + 256);
        h2_peer_padded_data(b.peer, 1, 0, big + sent, n, 255);
        view.stream -= (int64_t)n + 256;
        sent += n;
        bench_deliver(&b);
        look(&b, &view);
    }
    assert_int_equal(b.calls[0].n_bytes, 60000);
    bench_close(&b);
}

TEST(cancelled_calls_give_the_connection_its_window)
{
    struct bench b;
    struct view view;

    view = (struct view){0, 16 * 1024 * 1024, 0};
    bench_open(&b);
    for (uint32_t i = 0; i < 400; i++) {
        call_open(&b, &b.calls[0]);
        h2_peer_begin(b.peer, 2 * i + 1);
        h2_peer_message(b.peer, 2 * i + 1, 0, big, 60000);
        view.connection -= 60005;
        bench_deliver(&b);
        call_cancel(&b.calls[0]);
        bench_flush(&b);
        look(&b, &view);
    }
    assert_true(view.connection > 4 * 1024 * 1024);
    bench_close(&b);
}

TEST(overflow_of_a_window_ends_the_call)
{
    struct bench b;
    struct view view;

    begin(&b, &view);
    make_message(big, 100000);
    for (int i = 0; i < 5; i++)
        h2_peer_data(b.peer, 1, 0, big, 16384);
    bench_deliver(&b);
    if (!b.is_finished) {
        assert_int_equal(b.calls[0].code, GREBE_STATUS_INTERNAL);
        assert_non_null(strstr(b.calls[0].message, "FLOW_CONTROL_ERROR"));
        assert_int_equal(b.transport->n_streams, 0);
    }
    bench_close(&b);
    assert_int_equal(b.calls[0].n_ends, 1);
}

/* ---- Leaving ----------------------------------------------------------------------- */

static size_t data_bytes(struct bench *b, uint32_t id, bool *has_end)
{
    struct h2_frame frame;
    size_t n = 0;

    *has_end = false;
    while (h2_peer_expect(b->peer, H2_DATA, &frame))
        if (frame.stream == id) {
            n += frame.length;
            *has_end = (frame.flags & H2_END_STREAM) != 0;
        }
    return n;
}

TEST(peers_window_is_kept)
{
    struct bench b;
    struct call *call = &b.calls[0];
    bool has_end;

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 1000, 0);
    bench_deliver(&b);
    call_open(&b, call);
    call_send(call, big, 5000, true);
    bench_flush(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 1000);
    assert_false(has_end);
    assert_int_equal(call->n_sent, 0);
    h2_peer_window_update(b.peer, 1, 3000);
    bench_deliver(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 3000);
    h2_peer_window_update(b.peer, 1, 1005);
    bench_deliver(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 1005);
    assert_true(has_end);
    assert_int_equal(call->n_sent, 1);
    bench_close(&b);
}

TEST(window_that_shrinks_below_zero_and_returns)
{
    struct bench b;
    struct call *call = &b.calls[0];
    bool has_end;

    bench_open(&b);
    call_open(&b, call);
    call_send(call, big, 100000, true);
    bench_flush(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), WINDOW);
    h2_peer_settings(b.peer, 4, 0, 0);
    h2_peer_window_update(b.peer, 0, 1000000);
    bench_deliver(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 0);
    h2_peer_settings(b.peer, 4, 200000, 0);
    bench_deliver(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 100005 - WINDOW);
    assert_true(has_end);
    bench_close(&b);
}

TEST(cancel_works_while_the_window_is_shut)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 0, 0);
    bench_deliver(&b);
    call_open(&b, call);
    call_send(call, big, 100000, true);
    bench_flush(&b);
    call_cancel(call);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    bench_close(&b);
}

/* A byte at a time is slow, but it is progress. */
TEST(window_that_drips)
{
    struct bench b;
    struct call *call = &b.calls[0];
    bool has_end = false;
    size_t sent = 0;

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 0, 0);
    bench_deliver(&b);
    call_open(&b, call);
    call_send(call, big, 100, true);
    for (int i = 0; i < 105; i++) {
        assert_false(has_end);
        h2_peer_window_update(b.peer, 1, 1);
        bench_deliver(&b);
        sent += data_bytes(&b, 1, &has_end);
    }
    assert_int_equal(sent, 105);
    assert_true(has_end);
    bench_close(&b);
}

TEST(streams_take_turns)
{
    struct bench b;
    struct h2_frame frame;
    uint32_t last = 0;
    int n = 0, n_turns = 0;

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 1000000, 0);
    h2_peer_window_update(b.peer, 0, 2000000);
    bench_deliver(&b);
    for (int i = 0; i < 2; i++)
        call_open(&b, &b.calls[i]);
    for (int i = 0; i < 2; i++)
        call_send(&b.calls[i], big, 500000, true);
    bench_flush(&b);
    while (h2_peer_expect(b.peer, H2_DATA, &frame)) {
        n++;
        n_turns += frame.stream != last;
        last = frame.stream;
    }
    assert_int_equal(n, 62);
    assert_true(n_turns >= 60);
    bench_close(&b);
}

/* Of three streams that send by turns the middle one goes away while it waits. */
TEST(cancelled_stream_waits_for_no_turn)
{
    struct bench b;
    struct h2_frame frame;
    size_t n_bytes[6] = {0};

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 1000000, 0);
    h2_peer_window_update(b.peer, 0, 2000000);
    bench_deliver(&b);
    for (int i = 0; i < 3; i++)
        call_open(&b, &b.calls[i]);
    for (int i = 0; i < 3; i++)
        call_send(&b.calls[i], big, 100000, true);
    b.batch->limit = 60000;
    grebe__env_enter(&b.env);
    assert_true(grebe__h2_produce(b.h2, b.batch));
    for (size_t i = 0; i < b.batch->n_spans; i++)
        h2_peer_feed(b.peer, b.batch->spans[i].bytes, b.batch->spans[i].length);
    grebe__env_leave(&b.env);
    call_cancel(&b.calls[1]);
    bench_flush(&b);
    while (h2_peer_next(b.peer, &frame))
        if (frame.type == H2_DATA)
            n_bytes[frame.stream] += frame.length;
    assert_int_equal(n_bytes[1], 100005);
    assert_true(n_bytes[3] < 40000);
    assert_int_equal(n_bytes[5], 100005);
    bench_close(&b);
}

/* The carrier's limit holds, and what is behind it can still be cancelled. */
TEST(batches_have_a_limit)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    h2_peer_settings(b.peer, 4, 4000000, 0);
    h2_peer_window_update(b.peer, 0, 4000000);
    bench_deliver(&b);
    bench_log(&b);
    call_open(&b, call);
    call_send(call, big, 3000000, true);
    b.batch->limit = 100000;
    grebe__env_enter(&b.env);
    assert_true(grebe__h2_produce(b.h2, b.batch));
    assert_true(b.batch->total >= 100000);
    assert_true(b.batch->total < 120000);
    assert_true(b.batch->n_copied < 1000); /* the rest is by reference */
    for (size_t i = 0; i < b.batch->n_spans; i++)
        h2_peer_feed(b.peer, b.batch->spans[i].bytes, b.batch->spans[i].length);
    grebe__env_leave(&b.env);
    call_cancel(call);
    bench_log(&b);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    bench_close(&b);
}

TEST(smallest_batch_is_enough)
{
    struct bench b;
    struct call *call = &b.calls[0];
    bool has_end;

    bench_open(&b);
    b.batch->size = GREBE__H2_BATCH_BYTES_MIN;
    call_open(&b, call);
    for (int i = 0; i < 8; i++)
        call_send(call, big, 4000, i == 7);
    bench_flush(&b);
    assert_int_equal(data_bytes(&b, 1, &has_end), 8 * 4005);
    assert_true(has_end);
    assert_int_equal(call->n_sent, 8);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unread_bytes_keep_their_window),
        cmocka_unit_test(unread_stream_does_not_stop_another),
        cmocka_unit_test(message_larger_than_the_window_arrives),
        cmocka_unit_test(large_message_waits_for_permission),
        cmocka_unit_test(windows_hold_over_many_messages),
        cmocka_unit_test(small_messages_need_few_updates),
        cmocka_unit_test(padding_comes_back),
        cmocka_unit_test(padding_does_not_starve_a_message),
        cmocka_unit_test(cancelled_calls_give_the_connection_its_window),
        cmocka_unit_test(overflow_of_a_window_ends_the_call),
        cmocka_unit_test(peers_window_is_kept),
        cmocka_unit_test(window_that_shrinks_below_zero_and_returns),
        cmocka_unit_test(cancel_works_while_the_window_is_shut),
        cmocka_unit_test(window_that_drips),
        cmocka_unit_test(streams_take_turns),
        cmocka_unit_test(cancelled_stream_waits_for_no_turn),
        cmocka_unit_test(batches_have_a_limit),
        cmocka_unit_test(smallest_batch_is_enough),
    };

    int n_failed = cmocka_run_group_tests_name("flow", tests, NULL, NULL);

    bench_forces_turns = true;
    return n_failed + cmocka_run_group_tests_name("flow by turns", tests, NULL, NULL);
}
