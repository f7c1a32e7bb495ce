/* SPDX-License-Identifier: Apache-2.0 */
/* sample -- prints what a channelz service would answer, one answer a line, its message's
 * name in front, for parsed_test.py: all that a book can say is in them. */
#include <stdio.h>
#include <string.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "channelz/json.h"

#define SECOND ((uint64_t)1000000000)

enum {
    NOW_NS = 123456789, /* no digit of it is left out in JSON */
    N_SOCKETS = 4,
};

static struct grebe__book book;
static struct grebe__call_counts counts = {INT64_MAX, (uint64_t)1 << 53 | 1, 7,
                                           SECOND + NOW_NS, 0};

static const struct grebe__socket sockets[N_SOCKETS] = {
    {
        .counts =
            {
                .streams_started = 11,
                .streams_succeeded = 12,
                .streams_failed = 13,
                .messages_sent = 14,
                .messages_received = 15,
                .last_stream_ns = 16 * SECOND + NOW_NS,
                .last_sent_ns = 17 * SECOND + NOW_NS,
                .last_received_ns = 18 * SECOND + NOW_NS,
                .keepalives_sent = 19,
                .local_window = 20,
                .remote_window = (uint64_t)-21,
                .max_streams = UINT32_MAX,
                .goaway = 1, /* NO_ERROR */
            },
        .local =
            {.text = "10.0.0.1:40000", .n_ip = 4, .ip = {10, 0, 0, 1}, .port = 40000},
        .remote = {.text = "[::1]:443", .n_ip = 16, .ip = {[15] = 1}, .port = 443},
        .cipher = "TLS_AES_128_GCM_SHA256",
    },
    {
        .counts = {.goaway = 12}, /* ENHANCE_YOUR_CALM */
        .local = {.text = "", .is_unix = true},
        .remote = {.text = "unix:/run/s \"q\"", .is_unix = true},
    },
    {
        .remote = {.text = "through a proxy"},
    },
    {.counts = {0}},
};

static struct grebe__channel_entity *add_channel(int64_t parent, const char *target)
{
    return grebe__book_add_channel(&book, NULL, parent, target, &counts, 30, NOW_NS);
}

static void tell(struct grebe__channel_entity *channel, uint8_t severity,
                 const char *detail)
{
    static const struct grebe__phrase phrase = {"A \\ \"b\" \t", "\xff."};
    const struct grebe__happening what = {
        .phrase = &phrase, .of.text = detail, .severity = severity};

    grebe__book_tell(channel, 2 * SECOND + NOW_NS, &what);
}

static void fill_book(void)
{
    static const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe__channel_entity *channel, *subchannel;
    struct grebe_address *address;
    int result = grebe_address_new(NULL, "[::1]:443", &plain, &address);

    GREBE_ASSERT(result == GREBE_OK);
    grebe__book_init(&book);
    channel = add_channel(0, "dns:///h\xc3\xb6st"); /* 1 */
    grebe__book_set_max_connections(channel, 10);
    grebe__book_set_state(channel, GREBE_TRANSIENT_FAILURE);
    for (uint8_t i = GREBE_CHANNELZ_UNKNOWN; i <= GREBE_CHANNELZ_ERROR; i++)
        tell(channel, i, "\xe2\x82\xac");
    add_channel(1, "nested");                                          /* 2 */
    subchannel = grebe__book_add_subchannel(channel, &counts, NOW_NS); /* 3 */
    grebe__book_set_address(subchannel, address);
    for (size_t i = 0; i < N_SOCKETS; i++)
        grebe__book_add_socket(subchannel, &sockets[i]); /* 4 and on */
    add_channel(0, "");
}

static void write_out(void *arg, const char *text, size_t length)
{
    (void)arg;
    fwrite(text, 1, length, stdout);
}

static struct grebe__json_request request_for(const char *message)
{
    printf("%s ", message);
    return (struct grebe__json_request){
        .book = &book, .epoch_ns = 1767323044000000000, .write = write_out};
}

static void print_one(const char *message, enum grebe_channelz_kind kind, int64_t id)
{
    struct grebe__json_request request = request_for(message);
    int result = grebe__json_answer_one(&request, kind, id);

    GREBE_ASSERT(result == GREBE_OK);
    printf("\n");
}

static void print_top(int64_t start_id, size_t n_max)
{
    struct grebe__json_request request = request_for("GetTopChannelsResponse");
    int result = grebe__json_answer_top(&request, start_id, n_max);

    GREBE_ASSERT(result == GREBE_OK);
    printf("\n");
}

/* Memory is the process's to give back. */
int main(void)
{
    struct grebe__json_request request;
    int result;

    fill_book();
    print_top(0, 1);
    print_top(2, 0);
    print_top(1000, 0);
    print_one("GetChannelResponse", GREBE_CHANNELZ_CHANNEL, 1);
    print_one("GetChannelResponse", GREBE_CHANNELZ_CHANNEL, 2);
    print_one("GetSubchannelResponse", GREBE_CHANNELZ_SUBCHANNEL, 3);
    for (int64_t i = 0; i < N_SOCKETS; i++)
        print_one("GetSocketResponse", GREBE_CHANNELZ_SOCKET, 4 + i);
    request = request_for("all");
    result = grebe__json_answer_all(&request);
    GREBE_ASSERT(result == GREBE_OK);
    printf("\n");
}
