/* SPDX-License-Identifier: Apache-2.0 */
/* A server that means harm, or does not know better.  Whatever it sends, every call ends
 * once, and either the stream or the connection pays. */
#include "support/test.h"

#include "base/assert.h"
#include "base/rng.h"
#include "h2/codes.h"
#include "unit/h2/bench.h"

static unsigned char big[2 * 1024 * 1024];

/* The connection is over, for a reason that begins like this; two calls were running. */
static void assert_dropped(struct bench *b, const char *reason)
{
    assert_true(b->is_finished);
    assert_int_equal(strncmp(grebe__h2_reason(b->h2), reason, strlen(reason)), 0);
    bench_lose(b, "", "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(b->calls[i].n_ends, 1);
        assert_int_equal(b->calls[i].code, GREBE_STATUS_UNAVAILABLE);
    }
    bench_close(b);
}

/* The first call failed, the second and the connection are well. */
static void assert_survived(struct bench *b, int code, const char *message)
{
    assert_false(b->is_finished);
    assert_int_equal(b->calls[0].n_ends, 1);
    assert_int_equal(b->calls[0].code, code);
    if (message != NULL)
        assert_string_equal(b->calls[0].message, message);
    h2_peer_begin(b->peer, 3);
    h2_peer_message(b->peer, 3, 0, "well", 4);
    h2_peer_trailers(b->peer, 3, "0");
    bench_deliver(b);
    assert_string_equal(b->calls[1].diary, "headers; message well; end OK");
    assert_int_equal(b->transport->n_streams, 0);
    bench_close(b);
}

static void begin(struct bench *b)
{
    bench_open(b);
    call_unary(b, &b->calls[0], "x");
    call_unary(b, &b->calls[1], "x");
}

/* ---- Header blocks ----------------------------------------------------------------- */

/* A block of `n` fields, each with a value of `n_value` bytes; the name is short. */
static const unsigned char *block_of(struct bench *b, size_t n, size_t n_value,
                                     size_t *length)
{
    static struct h2_field fields[8192];

    memset(big, 'v', n_value);
    fields[0] = (struct h2_field){":status", "200", 7, 3, false};
    fields[1] = (struct h2_field){"content-type", "application/grpc", 12, 16, false};
    for (size_t i = 2; i < n; i++)
        fields[i] = (struct h2_field){"x", (const char *)big, 1, n_value, false};
    return h2_peer_block(b->peer, fields, n, length);
}

/* In as few frames as it takes. */
static void send_block(struct bench *b, uint32_t id, const unsigned char *block,
                       size_t length)
{
    unsigned type = H2_HEADERS;

    do {
        size_t n = length < 16384 ? length : 16384;

        h2_peer_frame(b->peer, type, n == length ? H2_END_HEADERS : 0, id, block, n);
        block += n;
        length -= n;
        type = H2_CONTINUATION;
    } while (length > 0);
}

TEST(header_list_of_70_kib_ends_its_call)
{
    struct bench b;
    const unsigned char *block;
    size_t length;

    begin(&b);
    block = block_of(&b, 20, 4000, &length);
    send_block(&b, 1, block, length);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 FRAME_SIZE_ERROR");
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "10.0.0.1:443: peer header list size exceeded limit (65536 bytes)");
}

TEST(many_tiny_fields_end_their_call)
{
    struct bench b;
    const unsigned char *block;
    size_t length;

    begin(&b);
    block = block_of(&b, 2100, 0, &length);
    send_block(&b, 1, block, length);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "10.0.0.1:443: peer header list size exceeded limit (65536 bytes)");
}

TEST(header_list_at_the_limit_is_taken)
{
    struct bench b;
    const unsigned char *block;
    size_t length;

    begin(&b);
    /* 42 for :status, 60 for content-type, 34 for the last one without its value. */
    block = block_of(&b, 3, 65536 - 42 - 60 - 33, &length);
    send_block(&b, 1, block, length);
    bench_deliver(&b);
    assert_string_equal(b.calls[0].diary, "headers");
    bench_close(&b);
    begin(&b);
    block = block_of(&b, 3, 65536 - 42 - 60 - 33 + 1, &length);
    send_block(&b, 1, block, length);
    bench_deliver(&b);
    assert_int_equal(b.calls[0].code, GREBE_STATUS_INTERNAL);
    bench_close(&b);
}

/* One byte a field, four kilobytes decoded: a bomb. */
TEST(header_bomb_ends_the_connection)
{
    struct bench b;
    const unsigned char *block;
    size_t length;

    begin(&b);
    block = block_of(&b, 700, 3000, &length);
    assert_true(length < 16384);
    send_block(&b, 1, block, length);
    bench_deliver(&b);
    assert_int_equal(b.calls[0].code, GREBE_STATUS_INTERNAL);
    assert_true(b.is_finished);
    assert_string_equal(grebe__h2_reason(b.h2), "a header list of more than a megabyte");
    assert_string_equal(bench_log(&b), "GOAWAY last=0 ENHANCE_YOUR_CALM \"\"");
    assert_true(b.mem.n_peak < 256 * 1024);
    bench_close(&b);
    assert_int_equal(b.calls[1].code, GREBE_STATUS_UNAVAILABLE);
}

TEST(continuations_without_end_end_the_connection)
{
    for (size_t n_bytes = 0; n_bytes < 2; n_bytes++) {
        struct bench b;

        begin(&b);
        h2_peer_frame(b.peer, H2_HEADERS, 0, 1, NULL, 0);
        for (int i = 0; i < 9; i++)
            h2_peer_frame(b.peer, H2_CONTINUATION, 0, 1, "\x88", n_bytes);
        bench_deliver(&b);
        assert_string_equal(bench_log(&b), "GOAWAY last=0 ENHANCE_YOUR_CALM \"\"");
        assert_dropped(&b, "too many CONTINUATION frames in one header block");
    }
}

TEST(informational_answers_without_end_end_the_call)
{
    struct bench b;

    begin(&b);
    for (int i = 0; i < 17; i++)
        h2_peer_headers(b.peer, 1, 0, ":status", "103", NULL);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 PROTOCOL_ERROR");
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "10.0.0.1:443: more than 16 informational responses");
}

/* nghttp2 finds these; what counts is who pays. */
static const struct {
    const char *name, *value;
} bad_fields[] = {
    {"Upper-Case", "x"},
    {"connection", "close"},
    {"transfer-encoding", "chunked"},
    {"te", "gzip"},
    {":status", "200"},
    {":path", "/"},
    {"content-length", "abc"},
};

TEST(bad_fields_end_their_call)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad_fields); i++) {
        struct bench b;

        begin(&b);
        h2_peer_headers(b.peer, 1, 0, ":status", "200", "content-type",
                        "application/grpc", bad_fields[i].name, bad_fields[i].value,
                        NULL);
        bench_deliver(&b);
        assert_string_equal(bench_log(&b), "RST_STREAM 1 PROTOCOL_ERROR");
        assert_survived(&b, GREBE_STATUS_INTERNAL, NULL);
    }
}

TEST(missing_status_ends_the_call)
{
    struct bench b;

    begin(&b);
    h2_peer_headers(b.peer, 1, 0, "content-type", "application/grpc", NULL);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_INTERNAL, NULL);
}

TEST(lie_about_length_ends_the_call)
{
    struct bench b;

    begin(&b);
    h2_peer_headers(b.peer, 1, 0, ":status", "200", "content-type", "application/grpc",
                    "content-length", "3", NULL);
    h2_peer_message(b.peer, 1, 0, "x", 1);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "invalid response from 10.0.0.1:443: HTTP/2 error PROTOCOL_ERROR");
}

TEST(control_characters_in_grpc_status_are_malformed)
{
    struct bench b;

    begin(&b);
    h2_peer_headers(b.peer, 1, H2_END_STREAM, ":status", "200", "content-type",
                    "application/grpc", "grpc-status", "\x01", NULL);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_UNKNOWN, "10.0.0.1:443: malformed grpc-status");
}

TEST(spaces_at_the_edges_of_a_message_stay)
{
    struct bench b;

    begin(&b);
    h2_peer_headers(b.peer, 1, H2_END_STREAM, ":status", "200", "content-type",
                    "application/grpc", "grpc-status", "2", "grpc-message", " a ", NULL);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_UNKNOWN, " a ");
}

TEST(bytes_beyond_ascii_in_metadata_are_passed_on)
{
    struct bench b;

    begin(&b);
    h2_peer_headers(b.peer, 1, 0, ":status", "200", "content-type", "application/grpc",
                    "x", "caf\xe9", NULL);
    h2_peer_trailers(b.peer, 1, "0");
    bench_deliver(&b);
    assert_string_equal(grebe_metadata_get(&b.calls[0].headers, "x")->value, "caf\xe9");
    assert_survived(&b, GREBE_STATUS_OK, "");
}

TEST(headers_after_the_end_are_ignored)
{
    struct bench b;

    begin(&b);
    h2_peer_begin(b.peer, 1);
    h2_peer_trailers(b.peer, 1, "0");
    h2_peer_trailers(b.peer, 1, "13");
    bench_deliver(&b);
    assert_int_equal(b.calls[0].n_ends, 1);
    assert_int_equal(b.calls[0].code, GREBE_STATUS_OK);
    bench_close(&b);
}

TEST(garbage_instead_of_headers_ends_the_connection)
{
    struct bench b;

    begin(&b);
    h2_peer_frame(b.peer, H2_HEADERS, H2_END_HEADERS, 1, "\xff\xff\xff\xff\xff", 5);
    bench_deliver(&b);
    assert_dropped(&b, "HTTP/2 error COMPRESSION_ERROR");
}

/* ---- Floods ------------------------------------------------------------------------ */

TEST(empty_data_without_end_ends_the_call)
{
    struct bench b;

    begin(&b);
    h2_peer_begin(b.peer, 1);
    for (int i = 0; i < 1000; i++)
        h2_peer_data(b.peer, 1, 0, NULL, 0);
    h2_peer_data(b.peer, 1, 0, "\0", 1);
    for (int i = 0; i < 1000; i++)
        h2_peer_data(b.peer, 1, 0, NULL, 0);
    bench_deliver(&b);
    assert_int_equal(b.calls[0].n_ends, 0);
    h2_peer_data(b.peer, 1, 0, NULL, 0);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 ENHANCE_YOUR_CALM");
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "10.0.0.1:443: more than 1000 DATA frames in a row without data");
}

TEST(padding_alone_is_no_data)
{
    struct bench b;

    begin(&b);
    h2_peer_begin(b.peer, 1);
    for (int i = 0; i < 1001; i++)
        h2_peer_padded_data(b.peer, 1, 0, NULL, 0, 0);
    bench_deliver(&b);
    assert_survived(&b, GREBE_STATUS_INTERNAL,
                    "10.0.0.1:443: more than 1000 DATA frames in a row without data");
}

TEST(ping_flood_ends_the_connection)
{
    struct bench b;

    begin(&b);
    for (int i = 0; i < 2001; i++)
        h2_peer_ping(b.peer, 0, "12345678");
    bench_deliver(&b);
    assert_dropped(&b, "too many PING and SETTINGS frames");
}

TEST(settings_flood_ends_the_connection)
{
    struct bench b;

    begin(&b);
    for (int i = 0; i < 2001; i++)
        h2_peer_settings(b.peer, 0);
    bench_deliver(&b);
    assert_dropped(&b, "too many PING and SETTINGS frames");
}

TEST(strange_frames_are_ignored_up_to_a_point)
{
    struct bench b;

    begin(&b);
    for (unsigned type = 10; type < 256; type++)
        h2_peer_frame(b.peer, type, 0xff, 0, "whatever", 8);
    h2_peer_frame(b.peer, H2_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
    bench_deliver(&b);
    assert_false(b.is_finished);
    for (int i = 0; i < 10000; i++)
        h2_peer_frame(b.peer, 0x77, 0, 0, NULL, 0);
    bench_deliver(&b);
    assert_dropped(&b, "too many frames of unknown types");
}

TEST(reset_storm_ends_calls_not_the_connection)
{
    struct bench b;

    bench_open(&b);
    for (uint32_t i = 0; i < 3000; i++) {
        call_unary(&b, &b.calls[0], "x");
        h2_peer_rst_stream(b.peer, 2 * i + 1, GREBE__H2_REFUSED_STREAM);
        bench_deliver(&b);
        assert_int_equal(b.calls[0].n_ends, (int)i + 1);
        b.calls[0].diary[0] = '\0';
        b.calls[0].n_outgoing = b.calls[0].n_sent = 0;
    }
    assert_false(b.is_finished);
    assert_int_equal(b.transport->n_streams, 0);
    bench_close(&b);
}

TEST(flapping_settings_are_one_capacity_each_turn)
{
    struct bench b;

    begin(&b);
    for (int i = 0; i < 100; i++) {
        h2_peer_settings(b.peer, 3, 0, 1, 0, 0);
        h2_peer_settings(b.peer, 3, 100, 1, 4096, 0);
    }
    bench_deliver(&b);
    assert_int_equal(b.n_capacity, 1);
    assert_int_equal(b.transport->max_streams, 100);
    bench_close(&b);
}

/* ---- Frames that must not be ------------------------------------------------------- */

#define PROTOCOL "HTTP/2 error PROTOCOL_ERROR"
#define SIZE     "HTTP/2 error FRAME_SIZE_ERROR"
#define FLOW     "HTTP/2 error FLOW_CONTROL_ERROR"

static const struct {
    unsigned type, flags;
    uint32_t stream;
    const char *payload;
    size_t length;
    const char *reason;
} bad_frames[] = {
    {H2_PUSH_PROMISE, H2_END_HEADERS, 1, "\0\0\0\2\x82", 5, PROTOCOL},
    {H2_DATA, 0, 1, "x", 1, PROTOCOL},
    {H2_DATA, 0, 0, "x", 1, PROTOCOL},
    {H2_DATA, 0, 9, "x", 1, PROTOCOL},
    {H2_RST_STREAM, 0, 9, "\0\0\0\0", 4, PROTOCOL},
    {H2_RST_STREAM, 0, 1, "\0\0\0", 3, SIZE},
    {H2_WINDOW_UPDATE, 0, 0, "\0\0\0\0", 4, PROTOCOL},
    {H2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4, FLOW},
    {H2_WINDOW_UPDATE, 0, 9, "\0\0\0\1", 4, PROTOCOL},
    {H2_SETTINGS, H2_ACK, 0, "", 0, PROTOCOL},
    {H2_SETTINGS, 0, 1, "", 0, PROTOCOL},
    {H2_SETTINGS, 0, 0, "\0\4\x80\0\0\0", 6, FLOW},
    {H2_SETTINGS, 0, 0, "\0\5\0\0\0\0", 6, PROTOCOL},
    {H2_PING, 0, 0, "1234567", 7, SIZE},
    {H2_PING, 0, 1, "12345678", 8, PROTOCOL},
    {H2_GOAWAY, 0, 0, "\0\0\0", 3, SIZE},
    {H2_GOAWAY, 0, 0, "\0\0\0\4\0\0\0\0", 8, PROTOCOL},
    {H2_CONTINUATION, H2_END_HEADERS, 1, "", 0, PROTOCOL},
    {H2_HEADERS, H2_END_HEADERS, 0, "\x88", 1, PROTOCOL},
    {H2_HEADERS, H2_END_HEADERS, 2, "\x88", 1, PROTOCOL},
    {H2_DATA, H2_PADDED, 1, "\x7f", 1, PROTOCOL},
};

TEST(bad_frames_end_the_connection)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad_frames); i++) {
        struct bench b;

        begin(&b);
        h2_peer_settings_ack(b.peer); /* this one was asked for */
        if (bad_frames[i].type == H2_DATA && bad_frames[i].flags == H2_PADDED)
            h2_peer_begin(b.peer, 1);
        h2_peer_frame(b.peer, bad_frames[i].type, bad_frames[i].flags,
                      bad_frames[i].stream, bad_frames[i].payload, bad_frames[i].length);
        bench_deliver(&b);
        assert_dropped(&b, bad_frames[i].reason);
    }
}

TEST(frame_that_is_too_large_ends_the_connection)
{
    struct bench b;

    begin(&b);
    h2_peer_begin(b.peer, 1);
    h2_peer_data(b.peer, 1, 0, big, 16385);
    bench_deliver(&b);
    assert_dropped(&b, "HTTP/2 error FRAME_SIZE_ERROR");
}

TEST(window_of_a_stream_may_not_overflow)
{
    struct bench b;

    bench_open(&b);
    call_open(&b, &b.calls[0]);
    call_unary(&b, &b.calls[1], "x");
    h2_peer_window_update(b.peer, 1, INT32_MAX);
    bench_deliver(&b);
    assert_string_equal(bench_log(&b), "RST_STREAM 1 FLOW_CONTROL_ERROR");
    assert_survived(&b, GREBE_STATUS_INTERNAL, NULL);
}

TEST(length_of_four_gigabytes_allocates_little)
{
    struct bench b;
    struct call *call = &b.calls[0];

    bench_open(&b);
    call->stream.max_receive_bytes = UINT32_MAX;
    call_unary(&b, call, "x");
    b.mem.n_peak = 0;
    h2_peer_begin(b.peer, 1);
    h2_peer_data(b.peer, 1, 0, "\0\xff\xff\xff\xff", 5);
    for (int i = 0; i < 3; i++)
        h2_peer_data(b.peer, 1, 0, big, 16384);
    bench_deliver(&b);
    assert_int_equal(call->n_ends, 0);
    assert_true(b.mem.n_peak <= 2 * 3 * 16384);
    /* What the peer may send is bounded too. */
    assert_non_null(strstr(bench_log(&b), "WINDOW_UPDATE 1 +2147"));
    bench_close(&b);
}

/* ---- Noise ------------------------------------------------------------------------- */

/* Frames of any type with any content, in pieces of any size: nothing may break here, and
 * every call ends. */
TEST(noise_breaks_nothing)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 7);
    for (int round = 0; round < 300; round++) {
        struct bench b;

        begin(&b);
        b.n_pieces = 1 + grebe__rng_below(&rng, 64);
        for (int i = 0; i < 40 && !b.is_finished; i++) {
            unsigned char payload[64];
            uint32_t length = grebe__rng_below(&rng, sizeof payload);

            for (uint32_t n = 0; n < length; n++)
                payload[n] = (unsigned char)grebe__rng_below(
                    &rng, grebe__rng_below(&rng, 2) == 0 ? 256 : 6);
            switch (grebe__rng_below(&rng, 8)) {
            case 0:
                h2_peer_begin(b.peer, 1 + 2 * grebe__rng_below(&rng, 3));
                break;
            case 1:
                h2_peer_trailers(b.peer, 1 + 2 * grebe__rng_below(&rng, 3), "0");
                break;
            case 2:
                h2_peer_data(b.peer, 1 + 2 * grebe__rng_below(&rng, 2), 0, payload,
                             length);
                break;
            default:
                h2_peer_frame(b.peer, grebe__rng_below(&rng, 12),
                              grebe__rng_below(&rng, 256), grebe__rng_below(&rng, 6),
                              payload, length);
                break;
            }
            if (grebe__rng_below(&rng, 4) == 0)
                bench_deliver(&b);
        }
        bench_deliver(&b);
        if (b.h2 != NULL)
            bench_lose(&b, "end of round", "unknown");
        for (int i = 0; i < 2; i++) {
            while (b.calls[i].n_ends == 0)
                call_receive(&b.calls[i]);
            assert_int_equal(b.calls[i].n_ends, 1);
        }
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_list_of_70_kib_ends_its_call),
        cmocka_unit_test(many_tiny_fields_end_their_call),
        cmocka_unit_test(header_list_at_the_limit_is_taken),
        cmocka_unit_test(header_bomb_ends_the_connection),
        cmocka_unit_test(continuations_without_end_end_the_connection),
        cmocka_unit_test(informational_answers_without_end_end_the_call),
        cmocka_unit_test(bad_fields_end_their_call),
        cmocka_unit_test(missing_status_ends_the_call),
        cmocka_unit_test(lie_about_length_ends_the_call),
        cmocka_unit_test(control_characters_in_grpc_status_are_malformed),
        cmocka_unit_test(spaces_at_the_edges_of_a_message_stay),
        cmocka_unit_test(bytes_beyond_ascii_in_metadata_are_passed_on),
        cmocka_unit_test(headers_after_the_end_are_ignored),
        cmocka_unit_test(garbage_instead_of_headers_ends_the_connection),
        cmocka_unit_test(empty_data_without_end_ends_the_call),
        cmocka_unit_test(padding_alone_is_no_data),
        cmocka_unit_test(ping_flood_ends_the_connection),
        cmocka_unit_test(settings_flood_ends_the_connection),
        cmocka_unit_test(strange_frames_are_ignored_up_to_a_point),
        cmocka_unit_test(reset_storm_ends_calls_not_the_connection),
        cmocka_unit_test(flapping_settings_are_one_capacity_each_turn),
        cmocka_unit_test(bad_frames_end_the_connection),
        cmocka_unit_test(frame_that_is_too_large_ends_the_connection),
        cmocka_unit_test(window_of_a_stream_may_not_overflow),
        cmocka_unit_test(length_of_four_gigabytes_allocates_little),
        cmocka_unit_test(noise_breaks_nothing),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
