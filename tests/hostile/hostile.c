/* SPDX-License-Identifier: Apache-2.0 */
/* hostile/hostile.c -- what a server may do to us, and what we make of it.
 *
 *     hostile SERVER
 *
 * For each attack of server.py: a call meets it and fails with a status that says what
 * happened, memory stays bounded, and the same channel then serves calls again.  The
 * server behaves after the first connection, or on it where only a stream was harmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <grebe/grebe.h>

#include "hostile/measure.h"
#include "support/client.h"
#include "support/process.h"

#define MAX_TRIES 64 /* until a call succeeds again */

static const char *server;

enum {
    RESOURCE_EXHAUSTED = GREBE_STATUS_RESOURCE_EXHAUSTED,
    UNIMPLEMENTED = GREBE_STATUS_UNIMPLEMENTED,
    INTERNAL = GREBE_STATUS_INTERNAL,
    UNAVAILABLE = GREBE_STATUS_UNAVAILABLE,
};

struct attack {
    const char *name;
    int code;
    enum { LOST, KEPT } connection;
    const char *message; /* a part of it */
};

static const struct attack attacks[] = {
    /* before READY: the connection attempt fails, and the call with it */
    {"garbage", UNAVAILABLE, LOST, "first frame is not SETTINGS"},
    {"http_1", UNAVAILABLE, LOST, "peer speaks HTTP/1.x"},
    {"ssh_banner", UNAVAILABLE, LOST, "first frame is not SETTINGS"},
    {"silence", UNAVAILABLE, LOST, "timed out"},
    {"half_settings", UNAVAILABLE, LOST, "timed out"},
    {"close_at_once", UNAVAILABLE, LOST, "connection closed before SETTINGS"},
    {"ping_first", UNAVAILABLE, LOST, "first frame is not SETTINGS"},
    {"giant_window_setting", UNAVAILABLE, LOST,
     "http/2 handshake: HTTP/2 error FLOW_CONTROL_ERROR"},
    {"endless_first_frame", UNAVAILABLE, LOST,
     "http/2 handshake: HTTP/2 error FRAME_SIZE_ERROR"},

    /* floods */
    {"many_headers", INTERNAL, KEPT, "header list size exceeded limit (65536 bytes)"},
    {"hpack_bomb", INTERNAL, LOST, "header list size exceeded limit (65536 bytes)"},
    {"continuation_flood", UNAVAILABLE, LOST, "too many CONTINUATION frames"},
    {"empty_continuation_flood", UNAVAILABLE, LOST, "too many CONTINUATION frames"},
    {"informational_flood", INTERNAL, KEPT, "more than 16 informational responses"},
    {"ping_flood", UNAVAILABLE, LOST, "too many PING and SETTINGS frames"},
    {"settings_flood", UNAVAILABLE, LOST, "too many PING and SETTINGS frames"},
    {"empty_data_flood", INTERNAL, KEPT, "more than 1000 DATA frames"},
    {"unknown_frame_flood", UNAVAILABLE, LOST, "too many frames of unknown types"},
    {"reset_storm", UNAVAILABLE, KEPT, "REFUSED_STREAM"},

    /* violations of HTTP/2 */
    {"garbage_later", UNAVAILABLE, LOST, "HTTP/2 error"},
    {"window_overflow", UNAVAILABLE, LOST, "HTTP/2 error FLOW_CONTROL_ERROR"},
    {"stream_window_overflow", INTERNAL, KEPT, "HTTP/2 error FLOW_CONTROL_ERROR"},
    {"frame_too_large", UNAVAILABLE, LOST, "HTTP/2 error FRAME_SIZE_ERROR"},
    {"push_promise", UNAVAILABLE, LOST, "HTTP/2 error PROTOCOL_ERROR"},
    {"goaway_increasing", UNAVAILABLE, LOST, "HTTP/2 error PROTOCOL_ERROR"},
    {"goaway_even", UNAVAILABLE, LOST, "HTTP/2 error PROTOCOL_ERROR"},
    {"goaway_talkative", UNAVAILABLE, LOST,
     "received prior goaway: code: NO_ERROR, debug data"},
    {"data_before_headers", UNAVAILABLE, LOST, "HTTP/2 error PROTOCOL_ERROR"},

    /* violations of gRPC: only the call suffers */
    {"giant_length_prefix", RESOURCE_EXHAUSTED, KEPT, "4294967295 vs. 4194304"},
    {"bad_base64", INTERNAL, KEPT, "malformed k-bin"},
    {"unknown_flag", INTERNAL, KEPT, "flag byte 7"},
    {"compressed_without_encoding", INTERNAL, KEPT, "compressed flag set with identity"},
    {"two_messages", INTERNAL, KEPT, "more than one response message"},
    {"no_message", INTERNAL, KEPT, "no response message"},
    {"half_message_then_end", INTERNAL, KEPT, "unexpected EOF"},
    {"half_message_then_close", UNAVAILABLE, LOST, "connection closed by the peer"},
    {"no_trailers", INTERNAL, KEPT, "without sending trailers"},
    {"web_page", UNIMPLEMENTED, KEPT, "404"},
};
#define N_ATTACKS (sizeof attacks / sizeof attacks[0])

struct world {
    const struct attack *attack;
    struct process server;
    struct grebe_channel *channel;
    long rss_kb; /* the most there ever was, when the attack began */
};

static void open_world(struct world *w)
{
    const char *argv[] = {"python3", server, w->attack == NULL ? NULL : w->attack->name,
                          NULL};
    struct grebe_channel_options options;
    struct grebe_diag diag = {""};
    char target[80];

    assert_true(process_start(&w->server, argv));
    snprintf(target, sizeof target, "ipv4:%s", w->server.address);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.min_connect_timeout_ns = 500 * CLIENT_MS;
    options.backoff_base_ns = 100 * CLIENT_MS;
    if (grebe_channel_new(target, &options, &diag, &w->channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    w->rss_kb = max_rss_kb();
}

static int close_world(void **state)
{
    struct world *w = *state;

    grebe_channel_destroy(w->channel);
    process_kill(&w->server);
    w->channel = NULL;
    return 0;
}

static struct grebe_call *echo(struct world *w, bool waits_for_ready)
{
    struct client_request request = {
        .method = "/grebe.test.Echo/Unary",
        .message = "hello",
        .message_length = 5,
        .timeout_ns = 5000 * CLIENT_MS,
        .waits_for_ready = waits_for_ready,
    };

    return client_call(w->channel, &request);
}

/* What a peer says ends up in terminals and logs: escaped there, and never without end. */
static void check_text(const struct grebe_status *status)
{
    assert_true(status->message_length < 4096);
    assert_null(memchr(status->message, 0x1b, status->message_length));
}

/* A reset storm outlives one call; nothing else may. */
static void expect_recovery(struct world *w)
{
    struct grebe_call *call = NULL;

    for (int i = 0; i < MAX_TRIES; i++) {
        grebe_call_unref(call);
        call = echo(w, true);
        if (grebe_call_status(call)->code == GREBE_STATUS_OK)
            break;
        assert_string_equal(w->attack->name, "reset_storm");
        client_expect(call, w->attack->code, w->attack->message);
    }
    client_expect_text(call, "hello");
    grebe_call_unref(call);
}

static void survives(void **state)
{
    struct world *w = *state;
    struct grebe_call *call;
    size_t length;

    open_world(w);
    call = echo(w, false);
    client_expect(call, w->attack->code, w->attack->message);
    check_text(grebe_call_status(call));
    assert_null(grebe_call_response(call, &length));
    grebe_call_unref(call);
    if (w->attack->connection == KEPT)
        assert_int_equal(grebe_channel_state(w->channel), GREBE_READY);
    expect_recovery(w);
    if (measures())
        assert_in_range(max_rss_kb() - w->rss_kb, 0, MAX_GROWTH_KB);
}

/* Shows that the scripted server is fit to be called good, and warms memory up. */
static void good_server_is_good(void **state)
{
    struct world *w = *state;
    struct grebe_call *call;

    open_world(w);
    call = echo(w, false);
    client_expect_text(call, "hello");
    grebe_call_unref(call);
}

int main(int argc, char *argv[])
{
    static struct world worlds[N_ATTACKS + 1];
    struct CMUnitTest cases[N_ATTACKS + 1] = {
        {"good_server_is_good", good_server_is_good, NULL, close_world,
         &worlds[N_ATTACKS]},
    };

    if (argc != 2) {
        fprintf(stderr, "usage: hostile SERVER\n");
        return 2;
    }
    server = argv[1];
    for (size_t i = 0; i < N_ATTACKS; i++) {
        worlds[i].attack = &attacks[i];
        cases[i + 1] =
            (struct CMUnitTest){attacks[i].name, survives, NULL, close_world, &worlds[i]};
    }
    return cmocka_run_group_tests_name("hostile", cases, NULL, NULL);
}
