/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: how it begins, how many streams it takes, how it ends. */
#include "support/test.h"

#include <grebe/error.h>

#include "base/assert.h"
#include "h2/codes.h"
#include "unit/h2/bench.h"

static void answer(struct bench *b, uint32_t id)
{
    h2_peer_begin(b->peer, id);
    h2_peer_message(b->peer, id, 0, "a", 1);
    h2_peer_trailers(b->peer, id, "0");
}

/* ---- The beginning ----------------------------------------------------------------- */

TEST(first_write_has_all_the_peer_must_know)
{
    struct bench b;

    bench_init(&b);
    assert_int_equal(bench_connect(&b), GREBE_OK);
    bench_flush(&b);
    assert_int_equal(b.n_batches, 1);
    assert_string_equal(bench_log(&b), "SETTINGS 2=0 6=65536; WINDOW_UPDATE 0 +16711681");
    bench_close(&b);
}

TEST(ready_with_the_settings_not_before)
{
    struct bench b;

    bench_init(&b);
    assert_int_equal(bench_connect(&b), GREBE_OK);
    bench_flush(&b);
    bench_log(&b);
    assert_false(grebe__h2_is_ready(b.h2));
    assert_int_equal(call_start(&b.calls[0]), GREBE_ERR_CLOSED);
    h2_peer_raw(b.peer, "\0\0\0\4\0\0\0\0", 8);
    bench_deliver(&b);
    assert_false(grebe__h2_is_ready(b.h2));
    h2_peer_raw(b.peer, "\0", 1);
    bench_deliver(&b);
    assert_true(grebe__h2_is_ready(b.h2));
    assert_string_equal(bench_log(&b), "SETTINGS ACK");
    assert_int_equal(b.transport->max_streams, UINT32_MAX);
    bench_close(&b);
}

static const struct {
    const char *bytes;
    size_t length;
    const char *reason;
} strangers[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, "peer speaks HTTP/1.x"},
    {"SSH-2.0-OpenSSH_9.2p1\r\n", 23, "first frame is not SETTINGS"},
    {"\0\0\10\6\0\0\0\0\0pingping", 17, "first frame is not SETTINGS"},
    {"\0\0\1\4\0\0\0\0\0x", 10, "HTTP/2 error FRAME_SIZE_ERROR"},
};

/* SC-2 */
TEST(strangers_are_recognised)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(strangers); i++) {
        struct bench b;

        bench_init(&b);
        assert_int_equal(bench_connect(&b), GREBE_OK);
        bench_flush(&b);
        h2_peer_raw(b.peer, strangers[i].bytes, strangers[i].length);
        bench_deliver(&b);
        assert_true(b.is_finished);
        assert_false(grebe__h2_is_ready(b.h2));
        assert_string_equal(grebe__h2_reason(b.h2), strangers[i].reason);
        assert_int_equal(grebe__h2_receive(b.h2, "more", 4), GREBE_ERR_CLOSED);
        bench_close(&b);
    }
}

/* ---- How many streams -------------------------------------------------------------- */

TEST(no_more_streams_than_the_peer_takes)
{
    struct bench b;

    bench_open(&b);
    h2_peer_settings(b.peer, 3, 2, 0);
    bench_deliver(&b);
    assert_int_equal(b.transport->max_streams, 2);
    call_unary(&b, &b.calls[0], "x");
    call_unary(&b, &b.calls[1], "x");
    assert_int_equal(b.transport->n_streams, 2);
    assert_int_equal(call_start(&b.calls[2]), GREBE_ERR_CLOSED);
    assert_null(b.calls[2].stream.transport);
    b.n_capacity = 0;
    answer(&b, 1);
    bench_deliver(&b);
    assert_int_equal(b.n_capacity, 1);
    assert_int_equal(b.transport->n_streams, 1);
    assert_int_equal(call_start(&b.calls[2]), GREBE_OK);
    bench_close(&b);
}

TEST(capacity_is_said_once_for_many_ends)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 5; i++)
        call_unary(&b, &b.calls[i], "x");
    for (uint32_t id = 1; id < 11; id += 2)
        answer(&b, id);
    bench_deliver(&b);
    assert_int_equal(b.n_capacity, 1);
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(capacity_is_not_said_again)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 2; i++)
        call_unary(&b, &b.calls[i], "x");
    answer(&b, 1);
    bench_deliver(&b);
    call_open(&b, &b.calls[2]);
    call_send(&b.calls[2], "x", 1, false);
    bench_flush(&b);
    assert_int_equal(b.calls[2].n_sent, 1);
    assert_int_equal(b.n_capacity, 1);
    bench_close(&b);
}

TEST(a_higher_limit_is_capacity)
{
    struct bench b;

    bench_open(&b);
    h2_peer_settings(b.peer, 3, 1, 0);
    bench_deliver(&b);
    assert_int_equal(b.n_capacity, 0);
    h2_peer_settings(b.peer, 3, 9, 0);
    bench_deliver(&b);
    assert_int_equal(b.n_capacity, 1);
    assert_int_equal(b.transport->max_streams, 9);
    bench_close(&b);
}

TEST(a_lower_limit_hurts_nobody_who_runs)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 3; i++)
        call_unary(&b, &b.calls[i], "x");
    h2_peer_settings(b.peer, 3, 0, 0);
    bench_deliver(&b);
    assert_int_equal(call_start(&b.calls[3]), GREBE_ERR_CLOSED);
    for (uint32_t id = 1; id < 7; id += 2)
        answer(&b, id);
    bench_deliver(&b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b.calls[i].code, GREBE_STATUS_OK);
    bench_close(&b);
}

/* Started in the same turn in which the limit fell: they must not wait inside. */
TEST(a_lower_limit_takes_back_what_has_not_left)
{
    struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    for (int i = 1; i < 4; i++)
        assert_int_equal(call_start(&b.calls[i]), GREBE_OK);
    h2_peer_settings(b.peer, 3, 2, 0);
    bench_receive(&b);
    assert_int_equal(b.calls[0].n_ends, 0);
    assert_int_equal(b.calls[1].n_ends, 0);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(b.calls[i].n_ends, 1);
        assert_int_equal(b.calls[i].code, GREBE_STATUS_UNAVAILABLE);
        assert_int_equal(b.calls[i].end.progress, GREBE__NEVER_SENT);
    }
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "SETTINGS ACK; HEADERS 3");
    assert_int_equal(b.transport->n_streams, 2);
    bench_close(&b);
}

/* SC-16 */
TEST(the_last_id_drains)
{
    struct bench b;

    bench_open(&b);
    grebe__h2_set_last_stream_id(b.h2, 3);
    call_unary(&b, &b.calls[0], "x");
    assert_string_equal(b.diary, "");
    call_unary(&b, &b.calls[1], "x");
    assert_string_equal(b.diary, "draining unknown");
    assert_int_equal(call_start(&b.calls[2]), GREBE_ERR_CLOSED);
    answer(&b, 1);
    answer(&b, 3);
    bench_deliver(&b);
    assert_int_equal(b.calls[1].code, GREBE_STATUS_OK);
    assert_true(b.is_finished);
    bench_close(&b);
}

/* ---- GOAWAY ------------------------------------------------------------------------ */

/* SC-13 */
TEST(goaway_lets_the_lower_ids_finish)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 3; i++)
        call_unary(&b, &b.calls[i], "x");
    h2_peer_goaway(b.peer, 3, GREBE__H2_NO_ERROR, "max_age");
    bench_deliver(&b);
    assert_string_equal(b.diary, "draining GOAWAY NO_ERROR");
    assert_true(b.transport->is_draining);
    assert_int_equal(b.calls[2].n_ends, 1);
    assert_int_equal(b.calls[2].code, GREBE_STATUS_UNAVAILABLE);
    assert_int_equal(b.calls[2].end.progress, GREBE__UNPROCESSED);
    assert_int_equal(b.calls[0].n_ends + b.calls[1].n_ends, 0);
    assert_int_equal(call_start(&b.calls[3]), GREBE_ERR_CLOSED);
    answer(&b, 1);
    bench_deliver(&b);
    assert_false(b.is_finished);
    answer(&b, 3);
    bench_deliver(&b);
    assert_int_equal(b.calls[0].code, GREBE_STATUS_OK);
    assert_int_equal(b.calls[1].code, GREBE_STATUS_OK);
    assert_true(b.is_finished);
    assert_string_equal(bench_log(&b),
                        "GOAWAY last=0 NO_ERROR \"client transport shutdown\"");
    bench_lose(&b, "closed", "unknown");
    assert_string_equal(b.diary,
                        "draining GOAWAY NO_ERROR; closed GOAWAY NO_ERROR: connection "
                        "to 10.0.0.1:443: closed by this side; received prior goaway: "
                        "code: NO_ERROR, debug data: \"max_age\"");
    bench_close(&b);
}

TEST(goaway_without_streams_is_the_end)
{
    struct bench b;

    bench_open(&b);
    h2_peer_goaway(b.peer, 0, GREBE__H2_NO_ERROR, "");
    bench_deliver(&b);
    assert_true(b.is_finished);
    bench_close(&b);
    assert_string_equal(b.diary, "draining GOAWAY NO_ERROR; closed GOAWAY NO_ERROR: "
                                 "connection to 10.0.0.1:443: closed by this side; "
                                 "received prior goaway: code: NO_ERROR");
}

/* SC-15 */
TEST(second_goaway_narrows_the_first)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 3; i++)
        call_unary(&b, &b.calls[i], "x");
    h2_peer_goaway(b.peer, 2147483647, GREBE__H2_NO_ERROR, "soon");
    bench_deliver(&b);
    assert_int_equal(b.calls[0].n_ends + b.calls[1].n_ends + b.calls[2].n_ends, 0);
    h2_peer_goaway(b.peer, 1, GREBE__H2_INTERNAL_ERROR, "now");
    bench_deliver(&b);
    assert_int_equal(b.calls[0].n_ends, 0);
    assert_int_equal(b.calls[1].end.progress, GREBE__UNPROCESSED);
    assert_int_equal(b.calls[2].end.progress, GREBE__UNPROCESSED);
    bench_lose(&b, "read: end of file", "connection reset");
    assert_int_equal(b.calls[0].code, GREBE_STATUS_UNAVAILABLE);
    assert_string_equal(b.calls[0].message,
                        "connection to 10.0.0.1:443: read: end of file; received prior "
                        "goaway: code: NO_ERROR, debug data: \"soon\"");
    assert_string_equal(b.diary,
                        "draining GOAWAY NO_ERROR; closed GOAWAY NO_ERROR: "
                        "connection to 10.0.0.1:443: read: end of file; "
                        "received prior goaway: code: NO_ERROR, debug data: \"soon\"");
    bench_close(&b);
}

TEST(goaway_takes_back_what_has_not_left)
{
    struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    assert_int_equal(call_start(&b.calls[1]), GREBE_OK);
    h2_peer_goaway(b.peer, 2147483647, GREBE__H2_NO_ERROR, "");
    bench_receive(&b);
    assert_int_equal(b.calls[1].n_ends, 1);
    assert_int_equal(b.calls[1].end.progress, GREBE__NEVER_SENT);
    assert_int_equal(b.calls[0].n_ends, 0);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(b.transport->n_streams, 1);
    bench_close(&b);
}

TEST(wrong_goaway_is_the_end)
{
    static const uint32_t ids[][2] = {{2, 2}, {1, 3}};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(ids); i++) {
        struct bench b;

        bench_open(&b);
        for (int n = 0; n < 2; n++)
            call_unary(&b, &b.calls[n], "x");
        h2_peer_goaway(b.peer, ids[i][0], GREBE__H2_NO_ERROR, "");
        h2_peer_goaway(b.peer, ids[i][1], GREBE__H2_NO_ERROR, "");
        bench_deliver(&b);
        assert_true(b.is_finished);
        bench_lose(&b, "", "");
        for (int n = 0; n < 2; n++) {
            assert_int_equal(b.calls[n].n_ends, 1);
            assert_int_equal(b.calls[n].code, GREBE_STATUS_UNAVAILABLE);
        }
        assert_non_null(strstr(b.calls[0].message, "HTTP/2 error PROTOCOL_ERROR"));
        assert_int_equal(strstr(b.calls[0].message, "received prior goaway") != NULL,
                         i == 1);
        bench_close(&b);
    }
}

static const struct {
    uint32_t error;
    const char *debug;
    bool is_too_many_pings;
} calms[] = {
    {GREBE__H2_ENHANCE_YOUR_CALM, "too_many_pings", true},
    {GREBE__H2_ENHANCE_YOUR_CALM, "too_many_ping", false},
    {GREBE__H2_ENHANCE_YOUR_CALM, "too_many_pings!", false},
    {GREBE__H2_ENHANCE_YOUR_CALM, "", false},
    {GREBE__H2_NO_ERROR, "too_many_pings", false},
};

/* SC-15 */
TEST(abrupt_too_many_pings_is_in_the_error_of_the_calls)
{
    struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    h2_peer_goaway(b.peer, 1, GREBE__H2_ENHANCE_YOUR_CALM, "too_many_pings");
    bench_deliver(&b);
    bench_lose(&b, "read: end of file", "connection reset");
    assert_int_equal(b.calls[0].code, GREBE_STATUS_UNAVAILABLE);
    assert_non_null(strstr(b.calls[0].message,
                           "received prior goaway: code: ENHANCE_YOUR_CALM, debug data: "
                           "\"too_many_pings\""));
    bench_close(&b);
}

TEST(too_many_pings_is_told_apart)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(calms); i++) {
        struct bench b;

        bench_open(&b);
        h2_peer_goaway(b.peer, 0, calms[i].error, calms[i].debug);
        bench_deliver(&b);
        assert_int_equal(b.is_too_many_pings, calms[i].is_too_many_pings);
        bench_close(&b);
    }
}

TEST(debug_data_is_cut_and_escaped)
{
    struct bench b;
    char debug[1001] = "\x1b[31m";

    memset(debug + 5, 'd', 995);
    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    h2_peer_goaway(b.peer, 1, GREBE__H2_NO_ERROR, debug);
    bench_deliver(&b);
    bench_lose(&b, "gone", "unknown");
    assert_non_null(strstr(b.calls[0].message, "debug data: \"\\x1b[31mddd"));
    assert_true(b.calls[0].message_length < 512);
    bench_close(&b);
}

/* ---- The end ----------------------------------------------------------------------- */

TEST(loss_ends_every_call_once)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 4; i++)
        call_unary(&b, &b.calls[i], "x");
    assert_int_equal(call_start(&b.calls[4]), GREBE_OK);
    h2_peer_begin(b.peer, 3);
    answer(&b, 5);
    bench_receive(&b);
    bench_lose(&b, "read: connection reset by peer", "connection reset");
    for (int i = 0; i < 5; i++) {
        const struct call *call = &b.calls[i];

        assert_int_equal(call->n_ends, 1);
        assert_int_equal(call->code, i == 2 ? GREBE_STATUS_OK : GREBE_STATUS_UNAVAILABLE);
        assert_int_equal(call->end.progress,
                         i == 4 ? GREBE__NEVER_SENT : GREBE__PROCESSED);
        assert_int_equal(call->end.has_headers, i == 1 || i == 2);
    }
    assert_string_equal(b.calls[0].message,
                        "connection to 10.0.0.1:443: read: connection reset by peer");
    assert_string_equal(b.diary, "closed connection reset: connection to 10.0.0.1:443: "
                                 "read: connection reset by peer");
    bench_close(&b);
}

TEST(loss_does_not_hide_that_it_was_closed)
{
    struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    grebe__env_enter(&b.env);
    bench_shut(&b, GREBE_STATUS_CANCELLED, "closing");
    bench_lose(&b, "gone", "unknown");
    grebe__env_leave(&b.env);
    assert_string_equal(b.calls[0].diary, "end CANCELLED: closing");
    assert_int_equal(strncmp(b.diary, "closed subchannel shutdown: ", 28), 0);
    bench_close(&b);
}

/* Both happen in one turn: the first reason counts. */
TEST(loss_does_not_hide_what_was_decided)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->stream.deadline_ns = b.env.now_ns;
    grebe__env_enter(&b.env);
    assert_int_equal(call_start(call), GREBE_OK);
    bench_lose(&b, "gone", "unknown");
    grebe__env_leave(&b.env);
    assert_int_equal(call->n_ends, 1);
    assert_int_equal(call->code, GREBE_STATUS_DEADLINE_EXCEEDED);
    bench_close(&b);
}

static void cancel_the_others(struct call *call)
{
    struct bench *b = call->bench;

    for (int i = 0; i < 4; i++)
        if (b->calls[i].stream.transport != NULL)
            b->transport->ops->cancel(&b->calls[i].stream);
    assert_int_equal(b->transport->ops->start(b->transport, &b->calls[5].stream),
                     GREBE_ERR_CLOSED);
}

TEST(listener_may_cancel_during_a_loss)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 4; i++)
        call_unary(&b, &b.calls[i], "x");
    b.calls[1].on_end = cancel_the_others;
    bench_lose(&b, "gone", "unknown");
    assert_int_equal(b.calls[0].n_ends, 1);
    assert_int_equal(b.calls[1].n_ends, 1);
    assert_int_equal(b.calls[2].n_ends, 0);
    assert_int_equal(b.calls[3].n_ends, 0);
    bench_close(&b);
}

TEST(loss_waits_for_messages_that_were_complete)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 3; i++)
        call_open(&b, &b.calls[i]);
    for (uint32_t id = 1; id < 7; id += 2) {
        h2_peer_begin(b.peer, id);
        h2_peer_message(b.peer, id, 0, "a", 1);
    }
    h2_peer_data(b.peer, 5, 0, "\0\0\0", 3);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    bench_lose(&b, "gone", "unknown");
    assert_string_equal(b.diary, "draining unknown");
    assert_non_null(b.transport);
    assert_int_equal(call_start(&b.calls[4]), GREBE_ERR_CLOSED);
    call_receive(&b.calls[0]);
    assert_string_equal(b.calls[0].diary, "headers; message a; end OK");
    call_receive(&b.calls[1]);
    assert_string_equal(
        b.calls[1].diary,
        "headers; message a; end UNAVAILABLE: connection to 10.0.0.1:443: gone");
    call_send(&b.calls[2], "x", 1, true);
    assert_non_null(b.transport);
    call_cancel(&b.calls[2]);
    assert_null(b.transport);
    assert_string_equal(b.diary, "draining unknown; closed unknown: connection to "
                                 "10.0.0.1:443: gone");
    bench_close(&b);
}

TEST(drain_waits_for_calls)
{
    struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "x");
    bench_drain(&b);
    assert_false(b.is_finished);
    assert_int_equal(call_start(&b.calls[1]), GREBE_ERR_CLOSED);
    answer(&b, 1);
    bench_deliver(&b);
    assert_string_equal(b.calls[0].diary, "headers; message a; end OK");
    assert_true(b.is_finished);
    assert_string_equal(bench_log(&b),
                        "GOAWAY last=0 NO_ERROR \"client transport shutdown\"");
    assert_int_equal(b.n_capacity, 0);
    bench_close(&b);
    assert_string_equal(b.diary, "closed subchannel shutdown: connection to "
                                 "10.0.0.1:443: closed by this side");
}

TEST(drain_without_calls_is_the_end)
{
    struct bench b;

    bench_open(&b);
    bench_drain(&b);
    assert_true(b.is_finished);
    bench_close(&b);
}

TEST(drain_does_not_wait_for_unread_messages)
{
    struct bench b;

    bench_open(&b);
    call_open(&b, &b.calls[0]);
    answer(&b, 1);
    bench_deliver(&b);
    bench_drain(&b);
    assert_true(b.is_finished);
    bench_lose(&b, "", "");
    assert_non_null(b.transport);
    call_receive(&b.calls[0]);
    assert_string_equal(b.calls[0].diary, "headers; message a; end OK");
    assert_null(b.transport);
    bench_close(&b);
}

/* CH-27 */
TEST(close_ends_calls_with_its_status)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 2; i++)
        call_unary(&b, &b.calls[i], "x");
    assert_int_equal(call_start(&b.calls[2]), GREBE_OK);
    h2_peer_begin(b.peer, 3);
    bench_deliver(&b);
    grebe__env_enter(&b.env);
    bench_shut(&b, GREBE_STATUS_CANCELLED, "the client connection is closing");
    bench_shut(&b, GREBE_STATUS_UNAVAILABLE, "too late");
    grebe__env_leave(&b.env);
    bench_flush(&b);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b.calls[i].n_ends, 1);
        assert_int_equal(b.calls[i].code, GREBE_STATUS_CANCELLED);
        assert_string_equal(b.calls[i].message, "the client connection is closing");
    }
    assert_true(b.is_finished);
    assert_string_equal(bench_log(&b),
                        "HEADERS 5; GOAWAY last=0 NO_ERROR \"client transport "
                        "shutdown\"");
    bench_close(&b);
    assert_string_equal(b.diary, "closed subchannel shutdown: connection to "
                                 "10.0.0.1:443: closed by this side");
}

/* ---- Control frames ---------------------------------------------------------------- */

TEST(pings_are_answered)
{
    struct bench b;
    struct h2_frame frame;

    bench_open(&b);
    h2_peer_ping(b.peer, 0, "12345678");
    h2_peer_ping(b.peer, H2_ACK, "answered");
    bench_deliver(&b);
    assert_true(h2_peer_next(b.peer, &frame));
    assert_int_equal(frame.type, H2_PING);
    assert_int_equal(frame.flags, H2_ACK);
    assert_memory_equal(frame.payload, "12345678", 8);
    assert_false(h2_peer_next(b.peer, &frame));
    bench_close(&b);
}

TEST(reading_pauses_while_answers_wait)
{
    struct bench b;

    bench_open(&b);
    b.is_stuck = true;
    assert_true(grebe__h2_wants_read(b.h2));
    for (int i = 0; i < 500; i++) {
        h2_peer_ping(b.peer, 0, "12345678");
        if (i % 100 == 0)
            bench_deliver(&b);
    }
    assert_false(grebe__h2_wants_read(b.h2));
    bench_deliver(&b);
    b.is_stuck = false;
    bench_flush(&b);
    assert_true(grebe__h2_wants_read(b.h2));
    assert_false(b.is_finished);
    bench_close(&b);
}

/* Requests and their resets wait for a socket too, but nobody asked us for them. */
TEST(requests_do_not_pause_reading)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 100; i++) {
        call_open(&b, &b.calls[0]);
        call_cancel(&b.calls[0]);
    }
    bench_flush(&b);
    b.is_stuck = true;
    for (int i = 0; i < 150; i++) {
        assert_int_equal(call_start(&b.calls[0]), GREBE_OK);
        call_cancel(&b.calls[0]);
    }
    h2_peer_ping(b.peer, 0, "12345678");
    bench_deliver(&b);
    assert_true(grebe__h2_wants_read(b.h2));
    for (int i = 0; i < 100; i++)
        h2_peer_ping(b.peer, 0, "12345678");
    bench_deliver(&b);
    assert_false(grebe__h2_wants_read(b.h2));
    bench_close(&b);
}

TEST(many_pings_at_once_are_all_answered)
{
    struct bench b;
    struct h2_frame frame;
    int n = 0;

    bench_open(&b);
    for (int i = 0; i < 1900; i++)
        h2_peer_ping(b.peer, 0, "12345678");
    bench_deliver(&b);
    while (h2_peer_expect(b.peer, H2_PING, &frame))
        n++;
    assert_int_equal(n, 1900);
    assert_true(grebe__h2_wants_read(b.h2));
    bench_close(&b);
}

/* ---- Keepalive --------------------------------------------------------------------- */

static void keepalive_of_ten_seconds(struct bench *b, bool without_calls)
{
    bench_init(b);
    b->options.keepalive_time_ns = 10 * SECOND;
    b->options.keepalive_without_calls = without_calls;
    assert_int_equal(bench_connect(b), GREBE_OK);
    bench_flush(b);
    h2_peer_settings(b->peer, 0);
    bench_deliver(b);
    bench_log(b);
}

TEST(quiet_connection_is_pinged_and_given_up)
{
    struct bench b;
    struct call *call = &b.calls[0];

    keepalive_of_ten_seconds(&b, true);
    bench_wait(&b, 10 * SECOND);
    assert_string_equal(bench_log(&b), "PING");
    h2_peer_ping(b.peer, H2_ACK, "\0\0\0\0\0\0\0\0");
    bench_deliver(&b);
    call_unary(&b, call, "x");
    bench_wait(&b, 10 * SECOND);
    assert_string_equal(bench_log(&b), "PING");
    bench_wait(&b, 20 * SECOND);
    assert_true(b.is_finished);
    assert_int_equal(call->n_ends, 0);
    bench_lose(&b, "closed", "unknown");
    assert_int_equal(call->code, GREBE_STATUS_UNAVAILABLE);
    assert_string_equal(call->message,
                        "connection to 10.0.0.1:443: keepalive ping failed to receive "
                        "ACK within timeout");
    assert_int_equal(strncmp(b.diary, "closed connection timed out: ", 29), 0);
    bench_close(&b);
}

TEST(data_is_a_sign_of_life)
{
    struct bench b;

    keepalive_of_ten_seconds(&b, false);
    call_unary(&b, &b.calls[0], "x");
    bench_wait(&b, 10 * SECOND);
    bench_wait(&b, 19 * SECOND);
    h2_peer_begin(b.peer, 1);
    bench_deliver(&b);
    bench_wait(&b, 5 * SECOND);
    assert_false(b.is_finished);
    bench_close(&b);
}

TEST(long_idle_connection_is_tried_before_a_call)
{
    struct bench b;

    keepalive_of_ten_seconds(&b, false);
    bench_wait(&b, 10 * SECOND);
    bench_wait(&b, 3600 * SECOND);
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(call_start(&b.calls[0]), GREBE_OK);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "PING; HEADERS 1");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_write_has_all_the_peer_must_know),
        cmocka_unit_test(ready_with_the_settings_not_before),
        cmocka_unit_test(strangers_are_recognised),
        cmocka_unit_test(no_more_streams_than_the_peer_takes),
        cmocka_unit_test(capacity_is_said_once_for_many_ends),
        cmocka_unit_test(capacity_is_not_said_again),
        cmocka_unit_test(a_higher_limit_is_capacity),
        cmocka_unit_test(a_lower_limit_hurts_nobody_who_runs),
        cmocka_unit_test(a_lower_limit_takes_back_what_has_not_left),
        cmocka_unit_test(the_last_id_drains),
        cmocka_unit_test(goaway_lets_the_lower_ids_finish),
        cmocka_unit_test(goaway_without_streams_is_the_end),
        cmocka_unit_test(second_goaway_narrows_the_first),
        cmocka_unit_test(goaway_takes_back_what_has_not_left),
        cmocka_unit_test(wrong_goaway_is_the_end),
        cmocka_unit_test(abrupt_too_many_pings_is_in_the_error_of_the_calls),
        cmocka_unit_test(too_many_pings_is_told_apart),
        cmocka_unit_test(debug_data_is_cut_and_escaped),
        cmocka_unit_test(loss_ends_every_call_once),
        cmocka_unit_test(loss_does_not_hide_that_it_was_closed),
        cmocka_unit_test(loss_does_not_hide_what_was_decided),
        cmocka_unit_test(listener_may_cancel_during_a_loss),
        cmocka_unit_test(loss_waits_for_messages_that_were_complete),
        cmocka_unit_test(drain_waits_for_calls),
        cmocka_unit_test(drain_without_calls_is_the_end),
        cmocka_unit_test(drain_does_not_wait_for_unread_messages),
        cmocka_unit_test(close_ends_calls_with_its_status),
        cmocka_unit_test(pings_are_answered),
        cmocka_unit_test(reading_pauses_while_answers_wait),
        cmocka_unit_test(requests_do_not_pause_reading),
        cmocka_unit_test(many_pings_at_once_are_all_answered),
        cmocka_unit_test(quiet_connection_is_pinged_and_given_up),
        cmocka_unit_test(data_is_a_sign_of_life),
        cmocka_unit_test(long_idle_connection_is_tried_before_a_call),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
