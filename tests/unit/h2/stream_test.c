/* SPDX-License-Identifier: Apache-2.0 */
/* One call on one connection: what leaves, what comes back, how it ends. */
#include "support/test.h"

#include <grebe/error.h>

#include "base/assert.h"
#include "h2/codes.h"
#include "unit/h2/bench.h"

static unsigned char big[4 * 1024 * 1024 + 16];

/* ---- Requests ---------------------------------------------------------------------- */

TEST(unary_call_goes_out_and_comes_back)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_receive(call);
    call_send(call, "ping", 4, true);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "HEADERS 1; DATA 1 len=9 END_STREAM");
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "pong", 4);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers; message pong; end OK");
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(call->n_sent, 1);
    assert_int_equal(b.transport->n_streams, 0);
    assert_int_equal(b.n_capacity, 1);
    bench_close(&b);
}

TEST(headers_arrive_as_they_were_meant)
{
    struct bench b;
    struct call *call = &b.calls[0];
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    struct h2_frame frame;

    assert_int_equal(grebe_metadata_add(metadata, "X-A", "1", 1), GREBE_OK);
    assert_int_equal(grebe_metadata_add(metadata, "k-bin", "\0\1", 2), GREBE_OK);
    bench_open(&b);
    call->stream.metadata = metadata;
    call->stream.deadline_ns = b.env.now_ns + 1500000000;
    assert_int_equal(call_start(call), GREBE_OK);
    bench_flush(&b);
    assert_true(h2_peer_expect(b.peer, H2_HEADERS, &frame));
    assert_int_equal(frame.flags, H2_END_HEADERS);
    assert_int_equal(frame.n_fields, 10);
    assert_string_equal(h2_frame_field(&frame, ":method"), "POST");
    assert_string_equal(h2_frame_field(&frame, ":scheme"), "http");
    assert_string_equal(h2_frame_field(&frame, ":path"), "/s.S/Method");
    assert_string_equal(h2_frame_field(&frame, ":authority"), "db.example:443");
    assert_string_equal(h2_frame_field(&frame, "te"), "trailers");
    assert_string_equal(h2_frame_field(&frame, "grpc-timeout"), "1500000u");
    assert_true(frame.fields[4].is_never_indexed);
    assert_string_equal(h2_frame_field(&frame, "user-agent"), "grpc-c-grebe/0.1.0");
    assert_string_equal(h2_frame_field(&frame, "x-a"), "1");
    assert_string_equal(h2_frame_field(&frame, "k-bin"), "AAE");
    call_cancel(call);
    bench_close(&b);
    grebe_metadata_unref(metadata);
}

TEST(frames_are_cut_at_16_kib_and_one_ends_the_stream)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_send(call, big, 40000, true);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "HEADERS 1; DATA 1 len=16384; DATA 1 len=16384; "
                                       "DATA 1 len=7237 END_STREAM");
    bench_close(&b);
}

/* Small messages are copied, large ones referred to: either way the bytes are right. */
TEST(bytes_arrive_in_order)
{
    static const size_t lengths[] = {1, 4090, 4096, 5, 16384, 100, 20000, 0};
    struct bench b;
    struct call *call = &b.calls[0];
    struct h2_frame frame;
    size_t at = 0, total = 0;
    unsigned char *whole;

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (unsigned char)(i * 7 + i / 251);
    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(lengths); i++) {
        call_send(call, big + total, lengths[i], i + 1 == GREBE_ARRAY_LEN(lengths));
        total += lengths[i];
    }
    bench_flush(&b);
    whole = test_malloc(total + 5 * GREBE_ARRAY_LEN(lengths));
    while (h2_peer_expect(b.peer, H2_DATA, &frame)) {
        memcpy(whole + at, frame.payload, frame.length);
        at += frame.length;
    }
    assert_int_equal(at, total + 5 * GREBE_ARRAY_LEN(lengths));
    assert_int_equal(frame.flags, H2_END_STREAM);
    at = total = 0;
    for (size_t i = 0; i < GREBE_ARRAY_LEN(lengths); i++) {
        assert_int_equal(whole[at], 0);
        assert_int_equal(whole[at + 1] << 24 | whole[at + 2] << 16 | whole[at + 3] << 8 |
                             whole[at + 4],
                         lengths[i]);
        assert_memory_equal(whole + at + 5, big + total, lengths[i]);
        at += 5 + lengths[i];
        total += lengths[i];
    }
    assert_int_equal(call->n_sent, GREBE_ARRAY_LEN(lengths));
    test_free(whole);
    bench_close(&b);
}

TEST(empty_message_is_a_prefix)
{
    struct bench b;
    struct call *call = &b.calls[0];
    struct h2_frame frame;

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_send(call, "", 0, true);
    bench_flush(&b);
    assert_true(h2_peer_expect(b.peer, H2_DATA, &frame));
    assert_int_equal(frame.length, 5);
    assert_int_equal(frame.flags, H2_END_STREAM);
    assert_memory_equal(frame.payload, "\0\0\0\0\0", 5);
    bench_close(&b);
}

TEST(late_half_close_is_an_empty_frame)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    call_send(call, "a", 1, false);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "DATA 1 len=6");
    call_half_close(call);
    call_half_close(call);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "DATA 1 len=0 END_STREAM");
    bench_close(&b);
}

TEST(half_close_rides_on_what_is_queued)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    call_send(call, "a", 1, false);
    call_half_close(call);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "DATA 1 len=6 END_STREAM");
    bench_close(&b);
}

TEST(one_batch_holds_all_calls_of_a_turn)
{
    struct bench b;
    size_t before;

    bench_open(&b);
    before = b.n_batches;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_start(&b.calls[i]), GREBE_OK);
        call_send(&b.calls[i], "x", 1, true);
    }
    bench_flush(&b);
    assert_int_equal(b.n_batches, before + 1);
    assert_int_equal(b.batch->n_spans, 1);
    assert_string_equal(bench_log(&b),
                        "HEADERS 1; HEADERS 3; HEADERS 5; DATA 1 len=6 END_STREAM; "
                        "DATA 3 len=6 END_STREAM; DATA 5 len=6 END_STREAM");
    bench_close(&b);
}

TEST(deadline_that_has_passed_never_starts)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->stream.deadline_ns = b.env.now_ns;
    assert_int_equal(call_start(call), GREBE_OK);
    assert_int_equal(call->code, GREBE_STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(call->end.progress, GREBE__PROCESSED);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

static bool covers_shop(struct grebe__h2_pipe *pipe, const char *authority)
{
    (void)pipe;
    return strcmp(authority, "shop.example") == 0;
}

/* gRFC A81: the carrier, who has seen the certificate, is asked about names that are not
 * the session's, a call's as well as a pick's. */
TEST(a_call_goes_only_to_whom_the_carrier_knows)
{
    static const struct {
        const char *of_call, *of_pick;
        int result;
    } cases[] = {
        {NULL, NULL, GREBE_OK},
        {"shop.example", "bank.example", GREBE_OK},
        {"bank.example", "shop.example", GREBE_ERR_TLS},
        {NULL, "shop.example", GREBE_OK},
        {NULL, "bank.example", GREBE_ERR_TLS},
    };
    struct grebe__h2_pipe_ops ops;
    struct bench b;

    bench_open(&b);
    ops = *b.pipe.ops;
    ops.covers = covers_shop;
    b.pipe.ops = &ops;
    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct call *call = &b.calls[i];
        struct grebe_metadata *picked = grebe_metadata_new(NULL);

        if (cases[i].of_pick != NULL)
            assert_int_equal(grebe_metadata_add(picked, ":authority", cases[i].of_pick,
                                                strlen(cases[i].of_pick)),
                             GREBE_OK);
        call->stream.authority = cases[i].of_call;
        call->stream.additional = picked;
        assert_int_equal(call_start(call), cases[i].result);
        if (cases[i].result == GREBE_OK)
            call_cancel(call);
        grebe_metadata_unref(picked);
    }
    bench_flush(&b);
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(header_list_beyond_the_limit_stays_here)
{
    struct bench b;
    struct call *call = &b.calls[0];
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);

    memset(big, 'a', 70000);
    bench_open(&b);
    assert_int_equal(grebe_metadata_add(metadata, "x", big, 70000), GREBE_OK);
    call->stream.metadata = metadata;

    /* No limit: it is sent, in several frames. */
    assert_int_equal(call_start(call), GREBE_OK);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "HEADERS 1");
    call_cancel(call);
    bench_flush(&b);

    h2_peer_settings(b.peer, 6, 8192, 0);
    bench_deliver(&b);
    bench_log(&b);
    assert_int_equal(call_start(call), GREBE_ERR_TOO_LARGE);
    assert_null(call->stream.transport);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
    grebe_metadata_unref(metadata);
}

/* ---- Answers ----------------------------------------------------------------------- */

/* What the server does after the request of a unary call, and what the call makes of it:
 * `headers` (NULL: none), DATA with `data` (NULL: none), then trailers with `trailers`,
 * or END_STREAM on the DATA, or RST_STREAM. */
static const struct {
    bool has_headers;
    const char *data;
    size_t n_data;
    const char *trailers; /* NULL: none */
    int reset;            /* -1: none */
    bool is_data_end;
    const char *diary;
} answers[] = {
    {true, "\0\0\0\0\1a", 6, "0", -1, false, "headers; message a; end OK"},
    {true, "\0\0\0\0\0", 5, "0", -1, false, "headers; message ; end OK"},
    {true, NULL, 0, "0", -1, false, "headers; end OK"},
    {true, "\0\0\0\0\1a", 6, "9", -1, false,
     "headers; message a; end FAILED_PRECONDITION"},
    {true, "\0\0\0\0\1a\0\0\0\0\1b", 12, "0", -1, false,
     "headers; message a; message b; end OK"},
    /* Broken off. */
    {true, "\0\0\0\0\2a", 6, "0", -1, false,
     "headers; end INTERNAL: 10.0.0.1:443: unexpected EOF: the last message is not complete"},
    {true, "\0\0", 2, "0", -1, false,
     "headers; end INTERNAL: 10.0.0.1:443: unexpected EOF: the last message is not complete"},
    {true, "\0\0\0\0\2a", 6, "14", -1, false, "headers; end UNAVAILABLE"},
    {true, "\0\0\0\0\1a", 6, NULL, -1, true,
     "headers; message a; end INTERNAL: 10.0.0.1:443: server closed the stream without sending "
     "trailers"},
    {true, "\0\0\0\0\1a", 6, NULL, 0, false,
     "headers; message a; end INTERNAL: stream reset by 10.0.0.1:443: HTTP/2 error "
     "NO_ERROR (0)"},
    /* Messages that are none. */
    {true, "\2\0\0\0\1a", 6, NULL, -1, false,
     "headers; end INTERNAL: 10.0.0.1:443: received message with flag byte 2"},
    {true, "\1\0\0\0\1a", 6, NULL, -1, false,
     "headers; end INTERNAL: 10.0.0.1:443: compressed flag set with identity or empty encoding"},
    {true, "\0\0\100\0\1", 5, NULL, -1, false,
     "headers; end RESOURCE_EXHAUSTED: 10.0.0.1:443: received message larger than max (4194305 vs. "
     "4194304)"},
};

TEST(answers_have_ends)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++)
        for (size_t n_pieces = 0; n_pieces < 3; n_pieces++) {
            struct bench b;
            struct call *call = &b.calls[0];

            bench_open(&b);
            b.n_pieces = n_pieces;
            call_unary(&b, call, "x");
            h2_peer_begin(b.peer, 1);
            if (answers[i].data != NULL)
                h2_peer_data(b.peer, 1, answers[i].is_data_end ? H2_END_STREAM : 0,
                             answers[i].data, answers[i].n_data);
            if (answers[i].trailers != NULL)
                h2_peer_trailers(b.peer, 1, answers[i].trailers);
            if (answers[i].reset >= 0)
                h2_peer_rst_stream(b.peer, 1, (uint32_t)answers[i].reset);
            bench_deliver(&b);
            assert_string_equal(call->diary, answers[i].diary);
            assert_int_equal(call->n_ends, 1);
            assert_int_equal(call->end.progress, GREBE__PROCESSED);
            assert_true(call->end.has_headers);
            assert_true(call->end.has_bytes);
            assert_int_equal(b.transport->n_streams, 0);
            if (answers[i].is_data_end)
                assert_string_equal(bench_log(&b), "");
            bench_close(&b);
        }
}

TEST(trailers_only_has_no_headers)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, H2_END_STREAM, ":status", "200", "content-type",
                    "application/grpc", "grpc-status", "5", "grpc-message", "n%6f ",
                    "x-why", "because", NULL);
    bench_deliver(&b);
    assert_string_equal(call->diary, "end NOT_FOUND: no ");
    assert_false(call->end.has_headers);
    assert_true(call->end.has_bytes);
    assert_true(b.transport->has_answered);
    assert_int_equal(call->headers.n, 0);
    assert_string_equal(grebe_metadata_get(&call->trailers, "x-why")->value, "because");
    bench_close(&b);
}

TEST(informational_answers_are_skipped)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, 0, ":status", "103", "link", "x", NULL);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "a", 1);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers; message a; end OK");
    assert_int_equal(call->headers.n, 1);
    bench_close(&b);
}

TEST(headers_in_the_middle_end_the_call)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_begin(b.peer, 1);
    h2_peer_headers(b.peer, 1, 0, "x", "y", NULL);
    bench_deliver(&b);
    assert_string_equal(
        call->diary,
        "headers; end INTERNAL: 10.0.0.1:443: HEADERS in the middle of a stream");
    assert_string_equal(bench_log(&b), "RST_STREAM 1 PROTOCOL_ERROR");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(bad_metadata_ends_the_call)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, 0, ":status", "200", "content-type", "application/grpc",
                    "k-bin", "AA=A", NULL);
    bench_deliver(&b);
    assert_string_equal(call->diary, "end INTERNAL: 10.0.0.1:443: malformed k-bin");
    assert_string_equal(bench_log(&b), "RST_STREAM 1 PROTOCOL_ERROR");
    bench_close(&b);
}

TEST(web_page_is_quoted)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, 0, ":status", "404", "content-type", "text/html", NULL);
    h2_peer_data(b.peer, 1, H2_END_STREAM, "<html>", 6);
    bench_deliver(&b);
    assert_string_equal(
        call->diary,
        "end UNIMPLEMENTED: 10.0.0.1:443: unexpected HTTP status code received from "
        "server: 404 (Not Found); unexpected content-type "
        "\"text/html\"\ndata: \"<html>\"");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(endless_web_page_is_cut)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, 0, ":status", "503", NULL);
    h2_peer_data(b.peer, 1, 0, big, 16384);
    bench_deliver(&b);
    assert_int_equal(call->code, GREBE_STATUS_UNAVAILABLE);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 PROTOCOL_ERROR");
    bench_close(&b);
}

/* ---- Resets ------------------------------------------------------------------------ */

static const struct {
    uint32_t error;
    int code;
} resets[] = {
    {GREBE__H2_NO_ERROR, GREBE_STATUS_INTERNAL},
    {GREBE__H2_PROTOCOL_ERROR, GREBE_STATUS_INTERNAL},
    {GREBE__H2_FLOW_CONTROL_ERROR, GREBE_STATUS_RESOURCE_EXHAUSTED},
    {GREBE__H2_REFUSED_STREAM, GREBE_STATUS_UNAVAILABLE},
    {GREBE__H2_CANCEL, GREBE_STATUS_CANCELLED},
    {GREBE__H2_ENHANCE_YOUR_CALM, GREBE_STATUS_RESOURCE_EXHAUSTED},
    {GREBE__H2_INADEQUATE_SECURITY, GREBE_STATUS_PERMISSION_DENIED},
    {0x99, GREBE_STATUS_UNKNOWN},
};

TEST(resets_have_statuses)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(resets); i++) {
        struct bench b;
        struct call *call = &b.calls[0];

        bench_open(&b);
        call_unary(&b, call, "x");
        h2_peer_rst_stream(b.peer, 1, resets[i].error);
        bench_deliver(&b);
        assert_int_equal(call->code, resets[i].code);
        assert_int_equal(call->n_ends, 1);
        assert_int_equal(call->end.progress, resets[i].error == GREBE__H2_REFUSED_STREAM
                                                 ? GREBE__UNPROCESSED
                                                 : GREBE__PROCESSED);
        assert_int_equal(b.transport->n_streams, 0);
        assert_string_equal(bench_log(&b), "");
        bench_close(&b);
    }
}

TEST(refusal_after_headers_was_processed)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_begin(b.peer, 1);
    h2_peer_rst_stream(b.peer, 1, GREBE__H2_REFUSED_STREAM);
    bench_deliver(&b);
    assert_int_equal(call->code, GREBE_STATUS_UNAVAILABLE);
    assert_int_equal(call->end.progress, GREBE__PROCESSED);
    bench_close(&b);
}

TEST(cancel_by_the_peer_after_the_deadline_is_the_deadline)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->stream.deadline_ns = b.env.now_ns + SECOND;
    call_unary(&b, call, "x");
    bench_wait(&b, SECOND);
    h2_peer_rst_stream(b.peer, 1, GREBE__H2_CANCEL);
    bench_deliver(&b);
    assert_int_equal(call->code, GREBE_STATUS_DEADLINE_EXCEEDED);
    bench_close(&b);
}

TEST(reset_after_trailers_means_nothing)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_trailers(b.peer, 1, "0");
    h2_peer_rst_stream(b.peer, 1, GREBE__H2_NO_ERROR);
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers; end OK");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

/* ---- Early ends -------------------------------------------------------------------- */

TEST(early_trailers_reset_what_is_open)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_trailers(b.peer, 1, "0");
    bench_receive(&b);
    assert_string_equal(call->diary, "headers; end OK");
    assert_int_equal(b.transport->n_streams, 1);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 NO_ERROR");
    assert_int_equal(b.transport->n_streams, 0);
    assert_int_equal(b.n_capacity, 1);
    bench_close(&b);
}

TEST(early_trailers_stop_a_message)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_send(call, big, 200000, true);
    bench_flush(&b);
    bench_log(&b); /* a window full of it */
    h2_peer_headers(b.peer, 1, H2_END_STREAM, ":status", "200", "content-type",
                    "application/grpc", "grpc-status", "8", NULL);
    h2_peer_window_update(b.peer, 1, 1000000);
    h2_peer_window_update(b.peer, 0, 1000000);
    bench_deliver(&b);
    assert_string_equal(call->diary, "end RESOURCE_EXHAUSTED");
    assert_string_equal(bench_log(&b), "RST_STREAM 1 NO_ERROR");
    bench_close(&b);
}

/* ---- Cancellation ------------------------------------------------------------------ */

TEST(cancel_resets)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    call_cancel(call);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "late", 4);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "");
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(cancel_before_anything_left_leaves_nothing)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_send(call, "x", 1, true);
    call_cancel(call);
    call->stream.path = NULL; /* what was borrowed may be gone */
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "");
    assert_int_equal(b.transport->n_streams, 0);
    assert_string_equal(call->diary, "");
    bench_close(&b);
}

TEST(cancel_in_the_middle_of_a_message_stops_it)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    assert_int_equal(call_start(call), GREBE_OK);
    call_send(call, big, 200000, true);
    bench_flush(&b);
    bench_log(&b);
    call_cancel(call);
    h2_peer_window_update(b.peer, 1, 1000000);
    h2_peer_window_update(b.peer, 0, 1000000);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    bench_close(&b);
}

TEST(cancel_discards_what_was_not_read)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "a", 1);
    h2_peer_message(b.peer, 1, 0, "b", 1);
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers");
    call_cancel(call);
    bench_flush(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    bench_close(&b);
}

static void cancel_me(struct call *call)
{
    struct grebe__stream *stream = &call->stream;

    stream->transport->ops->cancel(stream);
}

/* From inside each event, the others being on the way already. */
static const struct {
    bool in_headers, in_message, in_sent;
    const char *diary;
} cancellations[] = {
    {.in_headers = true, .diary = "headers"},
    {.in_message = true, .diary = "headers; message a"},
    {.in_sent = true, .diary = ""},
};

TEST(listener_may_cancel)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(cancellations); i++) {
        struct bench b;
        struct call *call = &b.calls[0];

        bench_open(&b);
        call->on_headers = cancellations[i].in_headers ? cancel_me : NULL;
        call->on_message = cancellations[i].in_message ? cancel_me : NULL;
        call->on_sent = cancellations[i].in_sent ? cancel_me : NULL;
        call_unary(&b, call, "x");
        h2_peer_begin(b.peer, 1);
        h2_peer_data(b.peer, 1, 0, "\0\0\0\0\1a\0\0\0\0\1b", 12);
        h2_peer_trailers(b.peer, 1, "0");
        bench_deliver(&b);
        assert_string_equal(call->diary, cancellations[i].diary);
        assert_int_equal(b.transport->n_streams, 0);
        bench_close(&b);
    }
}

/* Its memory may be used for something else in the same turn. */
TEST(cancelled_stream_is_forgotten)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "a", 1);
    bench_deliver(&b);
    grebe__env_enter(&b.env);
    call_receive(call);
    call_cancel(call);
    memset(call->stream.state, 0xff, sizeof call->stream.state);
    call->stream.listener = NULL;
    grebe__env_leave(&b.env);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers");
    bench_close(&b);
}

static void start_again(struct call *call)
{
    struct grebe__transport *transport = call->bench->transport;

    if (call->n_ends == 1)
        assert_int_equal(transport->ops->start(transport, &call->stream), GREBE_OK);
}

TEST(listener_may_start_the_same_stream_again)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->on_end = start_again;
    call_unary(&b, call, "x");
    h2_peer_rst_stream(b.peer, 1, GREBE__H2_REFUSED_STREAM);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "HEADERS 3");
    h2_peer_begin(b.peer, 3);
    h2_peer_trailers(b.peer, 3, "0");
    bench_deliver(&b);
    assert_string_equal(call->diary, "end UNAVAILABLE: stream reset by 10.0.0.1:443: "
                                     "HTTP/2 error REFUSED_STREAM (7); headers; end OK");
    bench_close(&b);
}

/* ---- Reading ----------------------------------------------------------------------- */

TEST(each_message_is_asked_for)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_data(b.peer, 1, 0, "\0\0\0\0\1a\0\0\0\0\1b\0\0\0\0\1c", 18);
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers");
    call_receive(call);
    assert_string_equal(call->diary, "headers; message a");
    call_receive(call);
    call_receive(call);
    assert_string_equal(call->diary, "headers; message a; message b; message c");
    call_receive(call);
    h2_peer_data(b.peer, 1, 0, "\0\0\0\0\1d\0\0\0\0\1e", 12);
    bench_deliver(&b);
    assert_string_equal(call->diary,
                        "headers; message a; message b; message c; message d");
    bench_close(&b);
}

TEST(end_waits_for_what_came_before_it)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_open(&b, call);
    h2_peer_begin(b.peer, 1);
    h2_peer_message(b.peer, 1, 0, "a", 1);
    h2_peer_message(b.peer, 1, 0, "b", 1);
    h2_peer_headers(b.peer, 1, H2_END_STREAM, "grpc-status", "7", "grpc-message", "no",
                    "x", "y", NULL);
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers");
    assert_int_equal(b.transport->n_streams, 0); /* HTTP/2 is done with it */
    call_receive(call);
    assert_string_equal(call->diary, "headers; message a");
    call_receive(call);
    assert_string_equal(call->diary,
                        "headers; message a; message b; end PERMISSION_DENIED: no");
    bench_close(&b);
}

TEST(broken_tail_is_found_when_it_is_read)
{
    static const struct {
        const char *tail;
        size_t length;
        const char *status, *end;
    } tails[] = {
        {"\0\0", 2, "0",
         "end INTERNAL: 10.0.0.1:443: unexpected EOF: the last message is not complete"},
        {"\0\0", 2, "5", "end NOT_FOUND"},
        {"\5\0\0\0\0", 5, "0",
         "end INTERNAL: 10.0.0.1:443: received message with flag byte 5"},
        {"\5\0\0\0\0", 5, "5", "end NOT_FOUND"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(tails); i++) {
        struct bench b;
        struct call *call = &b.calls[0];
        char expected[256] = "headers; message a; ";

        bench_open(&b);
        call_open(&b, call);
        h2_peer_begin(b.peer, 1);
        h2_peer_message(b.peer, 1, 0, "a", 1);
        h2_peer_data(b.peer, 1, 0, tails[i].tail, tails[i].length);
        h2_peer_trailers(b.peer, 1, tails[i].status);
        bench_deliver(&b);
        assert_string_equal(call->diary, "headers");
        call_receive(call);
        call_receive(call);
        strcat(expected, tails[i].end);
        assert_string_equal(call->diary, expected);
        bench_close(&b);
    }
}

static void ask_again(struct call *call)
{
    struct grebe__stream *stream = &call->stream;

    if (call->n_messages < 3)
        stream->transport->ops->receive(stream);
}

TEST(listener_may_ask_for_the_next)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->on_message = ask_again;
    call_open(&b, call);
    call_receive(call);
    h2_peer_begin(b.peer, 1);
    h2_peer_data(b.peer, 1, 0, "\0\0\0\0\1a\0\0\0\0\1b\0\0\0\0\1c\0\0\0\0\1d", 24);
    bench_deliver(&b);
    assert_string_equal(call->diary, "headers; message a; message b; message c");
    bench_close(&b);
}

TEST(limit_is_checked_before_a_byte_arrives)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->stream.max_receive_bytes = 0;
    call_unary(&b, call, "x");
    b.mem.n_peak = 0;
    h2_peer_begin(b.peer, 1);
    h2_peer_data(b.peer, 1, 0, "\0\0\0\0\0\0\0\1\0\0", 10);
    bench_deliver(&b);
    assert_string_equal(
        call->diary,
        "headers; message ; end RESOURCE_EXHAUSTED: 10.0.0.1:443: received message "
        "larger than max (65536 vs. 0)");
    assert_string_equal(bench_log(&b), "RST_STREAM 1 CANCEL");
    assert_true(b.mem.n_peak < 4096);
    bench_close(&b);
}

TEST(unknown_encoding_is_named)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call_unary(&b, call, "x");
    h2_peer_headers(b.peer, 1, 0, ":status", "200", "content-type", "application/grpc",
                    "grpc-encoding", "zstd", NULL);
    h2_peer_data(b.peer, 1, 0, "\0\0\0\0\1a\1\0\0\0\1b", 12);
    bench_deliver(&b);
    assert_string_equal(
        call->diary,
        "headers; message a; end INTERNAL: 10.0.0.1:443: decompressor not installed "
        "for grpc-encoding \"zstd\"");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_call_goes_out_and_comes_back),
        cmocka_unit_test(headers_arrive_as_they_were_meant),
        cmocka_unit_test(frames_are_cut_at_16_kib_and_one_ends_the_stream),
        cmocka_unit_test(bytes_arrive_in_order),
        cmocka_unit_test(empty_message_is_a_prefix),
        cmocka_unit_test(late_half_close_is_an_empty_frame),
        cmocka_unit_test(half_close_rides_on_what_is_queued),
        cmocka_unit_test(one_batch_holds_all_calls_of_a_turn),
        cmocka_unit_test(deadline_that_has_passed_never_starts),
        cmocka_unit_test(a_call_goes_only_to_whom_the_carrier_knows),
        cmocka_unit_test(header_list_beyond_the_limit_stays_here),
        cmocka_unit_test(answers_have_ends),
        cmocka_unit_test(trailers_only_has_no_headers),
        cmocka_unit_test(informational_answers_are_skipped),
        cmocka_unit_test(headers_in_the_middle_end_the_call),
        cmocka_unit_test(bad_metadata_ends_the_call),
        cmocka_unit_test(web_page_is_quoted),
        cmocka_unit_test(endless_web_page_is_cut),
        cmocka_unit_test(resets_have_statuses),
        cmocka_unit_test(refusal_after_headers_was_processed),
        cmocka_unit_test(cancel_by_the_peer_after_the_deadline_is_the_deadline),
        cmocka_unit_test(reset_after_trailers_means_nothing),
        cmocka_unit_test(early_trailers_reset_what_is_open),
        cmocka_unit_test(early_trailers_stop_a_message),
        cmocka_unit_test(cancel_resets),
        cmocka_unit_test(cancel_before_anything_left_leaves_nothing),
        cmocka_unit_test(cancel_in_the_middle_of_a_message_stops_it),
        cmocka_unit_test(cancel_discards_what_was_not_read),
        cmocka_unit_test(listener_may_cancel),
        cmocka_unit_test(cancelled_stream_is_forgotten),
        cmocka_unit_test(listener_may_start_the_same_stream_again),
        cmocka_unit_test(each_message_is_asked_for),
        cmocka_unit_test(end_waits_for_what_came_before_it),
        cmocka_unit_test(broken_tail_is_found_when_it_is_read),
        cmocka_unit_test(listener_may_ask_for_the_next),
        cmocka_unit_test(limit_is_checked_before_a_byte_arrives),
        cmocka_unit_test(unknown_encoding_is_named),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
