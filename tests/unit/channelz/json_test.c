/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of grpc.channelz.v1 as JSON, to the byte.  That protobuf's own parser takes them
 * is shown in tests/channelz. */
#include "support/test.h"

#include <grebe/error.h>

#include "channelz/json.h"
#include "support/look.h"

static const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;

static char written[16384];
static size_t n_written;

static void keep(void *arg, const char *text, size_t length)
{
    (void)arg;
    assert_true(n_written + length < sizeof written);
    memcpy(written + n_written, text, length);
    n_written += length;
    written[n_written] = '\0';
}

static struct grebe__json_request request_to(struct grebe__book *book)
{
    n_written = 0;
    written[0] = '\0';
    /* 2026-01-02T03:04:05Z, less the second that the events are from. */
    return (struct grebe__json_request){
        .book = book, .epoch_ns = INT64_C(1767323044000000000), .write = keep};
}

/* ---- Values ---------------------------------------------------------------------------------- */

static const char *timestamp(int64_t unix_ns)
{
    struct grebe__json_out out;

    n_written = 0;
    grebe__json_out_init(&out, keep, NULL);
    grebe__json_timestamp(&out, NULL, unix_ns);
    grebe__json_out_flush(&out);
    return written;
}

/* As `date --utc` has them. */
TEST(moments_have_dates)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "\"1970-01-01T00:00:00.000000000Z\""},
        {951782399, "\"2000-02-28T23:59:59.000000000Z\""},
        {951782400, "\"2000-02-29T00:00:00.000000000Z\""},
        {951868800, "\"2000-03-01T00:00:00.000000000Z\""},
        {1709251199, "\"2024-02-29T23:59:59.000000000Z\""},
        {1735689599, "\"2024-12-31T23:59:59.000000000Z\""},
        {1735689600, "\"2025-01-01T00:00:00.000000000Z\""},
        {4107542400, "\"2100-03-01T00:00:00.000000000Z\""},
        {-1, "\"1969-12-31T23:59:59.000000000Z\""},
        {-86400, "\"1969-12-31T00:00:00.000000000Z\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(timestamp(cases[i].seconds * 1000000000), cases[i].text);
    assert_string_equal(timestamp(1), "\"1970-01-01T00:00:00.000000001Z\"");
    assert_string_equal(timestamp(-1), "\"1969-12-31T23:59:59.999999999Z\"");
}

TEST(text_is_escaped_and_repaired)
{
    struct grebe__json_out out;

    n_written = 0;
    grebe__json_out_init(&out, keep, NULL);
    grebe__json_text(&out, NULL, "a\"b\\c\n\x01\x1f d\xc3\xa9 \xff");
    grebe__json_out_flush(&out);
    assert_string_equal(written,
                        "\"a\\\"b\\\\c\\u000a\\u0001\\u001f d\xc3\xa9 \xef\xbf\xbd\"");
}

TEST(bytes_are_padded_base64)
{
    static const char *const texts[] = {"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"",
                                        "\"Zm9vYg==\""};

    for (size_t i = 0; i < 5; i++) {
        struct grebe__json_out out;

        n_written = 0;
        written[0] = '\0';
        grebe__json_out_init(&out, keep, NULL);
        grebe__json_bytes(&out, NULL, "foob", i);
        grebe__json_out_flush(&out);
        assert_string_equal(written, texts[i]);
    }
}

TEST(document_larger_than_the_buffer_comes_in_pieces)
{
    struct grebe__json_out out;

    n_written = 0;
    grebe__json_out_init(&out, keep, NULL);
    grebe__json_begin(&out, NULL, '[');
    for (uint32_t i = 0; i < 2000; i++)
        grebe__json_uint32(&out, NULL, i);
    grebe__json_end(&out, ']');
    assert_true(n_written > 0);
    grebe__json_out_flush(&out);
    assert_memory_equal(written, "[0,1,2,3,", 9);
    assert_memory_equal(written + n_written - 11, ",1998,1999]", 11);
}

/* ---- Messages ---------------------------------------------------------------------------------- */

struct bench {
    struct grebe__book book;
    struct grebe__call_counts channel_counts, subchannel_counts;
    struct grebe__socket socket;
    struct grebe__channel_entity *channel, *subchannel;
    struct grebe__socket_entity *socket_entity;
};

static void start(struct bench *b)
{
    struct grebe_address *address;

    memset(b, 0, sizeof *b);
    grebe__book_init(&b->book);
    b->channel =
        grebe__book_add_channel(&b->book, NULL, 0, "x", &b->channel_counts, 1, SECOND);
    b->subchannel = grebe__book_add_subchannel(b->channel, &b->subchannel_counts, SECOND);
    assert_int_equal(grebe_address_new(NULL, "10.0.0.1:80", &plain, &address), GREBE_OK);
    grebe__book_set_address(b->subchannel, address);
    grebe_address_unref(address);
    b->socket.remote = (struct grebe__socket_end){
        .text = "10.0.0.1:80", .n_ip = 4, .ip = {10, 0, 0, 1}, .port = 80};
    b->socket_entity = grebe__book_add_socket(b->subchannel, &b->socket);
}

static void finish(struct bench *b)
{
    grebe__book_remove_socket(b->socket_entity);
    grebe__book_remove(b->subchannel, 0);
    grebe__book_forget(b->subchannel, b->channel);
    grebe__book_remove(b->channel, 0);
    grebe__book_forget(b->channel, NULL);
    assert_int_equal(look_first_channel(&b->book), 0);
}

#define AT "\"2026-01-02T03:04:05.000000000Z\""

/* gRFC A14 */
TEST(channel_is_told_as_its_message)
{
    struct bench b;
    struct grebe__json_request request;

    start(&b);
    b.channel_counts = (struct grebe__call_counts){3, 1, 1, SECOND, 0};
    grebe__book_set_state(b.channel, GREBE_READY);
    grebe__book_set_max_connections(b.channel, 2);
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_one(&request, GREBE_CHANNELZ_CHANNEL, 1),
                     GREBE_OK);
    assert_string_equal(
        written, "{\"channel\":{\"ref\":{\"channelId\":\"1\",\"name\":\"x\"},"
                 "\"data\":{\"state\":{\"state\":\"READY\"},\"target\":\"x\","
                 "\"trace\":{\"numEventsLogged\":\"2\",\"creationTimestamp\":" AT ","
                 "\"events\":[{\"description\":\"Subchannel(id:2) created\","
                 "\"severity\":\"CT_INFO\",\"timestamp\":" AT ","
                 "\"subchannelRef\":{\"subchannelId\":\"2\"}}]},"
                 "\"callsStarted\":\"3\",\"callsSucceeded\":\"1\",\"callsFailed\":\"1\","
                 "\"lastCallStartedTimestamp\":" AT ",\"maxConnectionsPerSubchannel\":2},"
                 "\"subchannelRef\":[{\"subchannelId\":\"2\"}]}}");
    finish(&b);
}

TEST(subchannel_and_socket_are_told_as_their_messages)
{
    struct bench b;
    struct grebe__json_request request;

    start(&b);
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_one(&request, GREBE_CHANNELZ_SUBCHANNEL, 2),
                     GREBE_OK);
    assert_string_equal(
        written,
        "{\"subchannel\":{\"ref\":{\"subchannelId\":\"2\"},"
        "\"data\":{\"state\":{\"state\":\"IDLE\"},\"target\":\"10.0.0.1:80\","
        "\"trace\":{\"numEventsLogged\":\"1\",\"creationTimestamp\":" AT ","
        "\"events\":[{\"description\":\"Subchannel created\",\"severity\":\"CT_INFO\","
        "\"timestamp\":" AT "}]}},"
        "\"socketRef\":[{\"socketId\":\"3\",\"name\":\"10.0.0.1:80\"}]}}");
    b.socket.counts = (struct grebe__socket_counts){
        .streams_started = 5,
        .streams_succeeded = 3,
        .streams_failed = 1,
        .messages_sent = 4,
        .messages_received = 2,
        .last_stream_ns = SECOND,
        .keepalives_sent = 6,
        .local_window = 65535,
        .remote_window = (uint64_t)-7,
        .max_streams = 100,
        .goaway = 1,
    };
    b.socket.local = (struct grebe__socket_end){.text = "unix:/run/x", .is_unix = true};
    b.socket.cipher = "TLS_AES_128_GCM_SHA256";
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_one(&request, GREBE_CHANNELZ_SOCKET, 3),
                     GREBE_OK);
    assert_string_equal(
        written,
        "{\"socket\":{\"ref\":{\"socketId\":\"3\",\"name\":\"10.0.0.1:80\"},"
        "\"data\":{\"streamsStarted\":\"5\",\"streamsSucceeded\":\"3\","
        "\"streamsFailed\":\"1\",\"messagesSent\":\"4\",\"messagesReceived\":\"2\","
        "\"keepAlivesSent\":\"6\",\"lastLocalStreamCreatedTimestamp\":" AT ","
        "\"localFlowControlWindow\":\"65535\",\"remoteFlowControlWindow\":\"-7\","
        "\"receivedGoawayError\":0,\"peerMaxConcurrentStreams\":100},"
        "\"local\":{\"udsAddress\":{\"filename\":\"/run/x\"}},"
        "\"remote\":{\"tcpipAddress\":{\"ipAddress\":\"CgAAAQ==\",\"port\":80}},"
        "\"security\":{\"tls\":{\"standardName\":\"TLS_AES_128_GCM_SHA256\"}}}}");
    finish(&b);
}

TEST(what_is_not_there_is_not_found_and_nothing_is_written)
{
    struct bench b;
    struct grebe__json_request request;

    start(&b);
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_one(&request, GREBE_CHANNELZ_CHANNEL, 2),
                     GREBE_ERR_NOT_FOUND);
    assert_int_equal(grebe__json_answer_one(&request, GREBE_CHANNELZ_SOCKET, 4),
                     GREBE_ERR_NOT_FOUND);
    assert_string_equal(written, "");
    finish(&b);
}

TEST(page_of_channels_says_when_it_is_the_last)
{
    struct bench b;
    struct grebe__json_request request;

    start(&b);
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_top(&request, 2, 0), GREBE_OK);
    assert_string_equal(written, "{\"end\":true}");
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_top(&request, 0, 0), GREBE_OK);
    assert_ptr_equal(strstr(written, "{\"channel\":[{\"ref\":{\"channelId\":\"1\""),
                     written);
    assert_memory_equal(written + n_written - 13, "],\"end\":true}", 13);
    finish(&b);
}

TEST(everything_is_told_in_three_lists)
{
    struct bench b;
    struct grebe__channel_entity *nested;
    struct grebe__json_request request;

    start(&b);
    nested = grebe__book_add_channel(&b.book, NULL, 1, "y", &b.channel_counts, 1, SECOND);
    request = request_to(&b.book);
    assert_int_equal(grebe__json_answer_all(&request), GREBE_OK);
    assert_non_null(strstr(written, "{\"channel\":[{\"ref\":{\"channelId\":\"1\""));
    assert_non_null(strstr(written, ",{\"ref\":{\"channelId\":\"4\",\"name\":\"y\"}"));
    assert_non_null(
        strstr(written, "],\"subchannel\":[{\"ref\":{\"subchannelId\":\"2\"}"));
    assert_non_null(strstr(written, "],\"socket\":[{\"ref\":{\"socketId\":\"3\""));
    grebe__book_remove(nested, 0);
    grebe__book_forget(nested, NULL);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_have_dates),
        cmocka_unit_test(text_is_escaped_and_repaired),
        cmocka_unit_test(bytes_are_padded_base64),
        cmocka_unit_test(document_larger_than_the_buffer_comes_in_pieces),
        cmocka_unit_test(channel_is_told_as_its_message),
        cmocka_unit_test(subchannel_and_socket_are_told_as_their_messages),
        cmocka_unit_test(what_is_not_there_is_not_found_and_nothing_is_written),
        cmocka_unit_test(page_of_channels_says_when_it_is_the_last),
        cmocka_unit_test(everything_is_told_in_three_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
