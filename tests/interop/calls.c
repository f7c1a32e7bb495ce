/* SPDX-License-Identifier: Apache-2.0 */
/* interop/calls.c -- calls, TLS, and servers that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "support/client.h"
#include "traffic.h"
#include "world.h"

#define MIB ((size_t)1024 * 1024)

/* ---- One call ------------------------------------------------------------------------ */

static void unary_echoes(void **state)
{
    struct world *w = *state;
    struct client_request request = {
        .method = ECHO "Unary", .message = "hello", .message_length = 5};
    struct grebe_call *call;

    world_open(w, 1, NULL);
    call = client_call(w->channel, &request);
    client_expect_text(call, "hello");
    assert_string_equal(grebe_call_peer(call), w->server[0].address);
    grebe_call_unref(call);

    request.message_length = 0;
    call = client_call(w->channel, &request);
    client_expect_text(call, "");
    grebe_call_unref(call);
}

static void metadata_travels_both_ways(void **state)
{
    static const unsigned char bytes[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff, ',', '\n'};
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Unary"};
    const struct grebe_metadata_entry *entry;
    struct grebe_call *call;

    world_open(w, 1, NULL);
    request.metadata = client_metadata("X-Echo", "text, with ; and \"", NULL);
    assert_int_equal(
        grebe_metadata_add(request.metadata, "x-echo-bin", bytes, sizeof bytes),
        GREBE_OK);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_OK, NULL);

    entry = grebe_metadata_get(grebe_call_headers(call), "x-echo");
    assert_non_null(entry);
    assert_string_equal(entry->value, "text, with ; and \"");
    entry = grebe_metadata_get(grebe_call_trailers(call), "x-echo-bin");
    assert_non_null(entry);
    assert_int_equal(entry->value_length, sizeof bytes);
    assert_memory_equal(entry->value, bytes, sizeof bytes);
    grebe_call_unref(call);
}

static void error_status_keeps_its_text(void **state)
{
    static const char *const messages[] = {
        "plain",
        "100% of it, %41 and %zz",
        "Wei\xc3\x9f ich nicht: \xe7\xb3\xbb\xe7\xbb\x9f \xf0\x9f\x90\xa6",
        "two\nlines",
        " edges ",
        "",
    };
    struct world *w = *state;

    world_open(w, 1, NULL);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct client_request request = {.method = ECHO "Fail"};
        struct grebe_call *call;
        size_t length;

        request.metadata =
            client_metadata("x-code", "9", "x-message-bin", messages[i], NULL);
        call = client_call(w->channel, &request);
        client_expect(call, GREBE_STATUS_FAILED_PRECONDITION, NULL);
        assert_string_equal(grebe_call_status(call)->message, messages[i]);
        assert_null(grebe_call_response(call, &length));
        grebe_call_unref(call);
    }
}

static void unknown_method_is_unimplemented(void **state)
{
    struct world *w = *state;
    struct grebe_call *call;

    world_open(w, 1, NULL);
    call = client_call(w->channel, &(struct client_request){.method = ECHO "Nothing"});
    client_expect(call, GREBE_STATUS_UNIMPLEMENTED, NULL);
    grebe_call_unref(call);
}

static void deadline_ends_the_call_on_both_sides(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Slow",
                                     .timeout_ns = 300 * CLIENT_MS};
    struct grebe_call_times times;
    struct grebe_call *call;

    world_open(w, 1, NULL);
    assert_int_equal(world_stat(w->channel, "slow"), 0); /* connected from here on */
    request.metadata = client_metadata("x-ms", "20000", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_DEADLINE_EXCEEDED, NULL);
    times = grebe_call_times(call);
    /* The server may be a little faster: it counts in units of its own. */
    assert_in_range(times.done_ns - times.started_ns, 290 * CLIENT_MS, 3000 * CLIENT_MS);
    grebe_call_unref(call);

    world_wait_for_stat(w->channel, "cancelled", 1);
    assert_in_range(world_stat(w->channel, "deadline_ms"), 1, 300);
}

static void cancellation_reaches_the_server(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Slow"};
    struct grebe_call *call;

    world_open(w, 1, NULL);
    request.metadata = client_metadata("x-ms", "20000", NULL);
    call = client_start(w->channel, &request, NULL, NULL);
    world_wait_for_stat(w->channel, "slow", 1);
    grebe_call_cancel(call);
    assert_int_equal(grebe_call_wait(call, 5000 * CLIENT_MS), GREBE_OK);
    client_expect(call, GREBE_STATUS_CANCELLED, NULL);
    grebe_call_unref(call);
    world_wait_for_stat(w->channel, "cancelled", 1);
}

/* ---- Sizes --------------------------------------------------------------------------- */

static void large_messages_arrive_whole(void **state)
{
    const size_t sizes[] = {16384, 65535, 65536, 4 * MIB - 5, 4 * MIB};
    struct world *w = *state;
    unsigned char *message = malloc(4 * MIB);

    assert_non_null(message);
    for (size_t i = 0; i < 4 * MIB; i++)
        message[i] = (unsigned char)(i * 2654435761u >> 24);
    world_open(w, 1, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct client_request request = {
            .method = ECHO "Unary", .message = message, .message_length = sizes[i]};
        struct grebe_call *call = client_call(w->channel, &request);
        const void *response;
        size_t length;

        client_expect(call, GREBE_STATUS_OK, NULL);
        response = grebe_call_response(call, &length);
        assert_int_equal(length, sizes[i]);
        assert_true(memcmp(response, message, length) == 0);
        grebe_call_unref(call);
    }
    free(message);
}

static void too_large_a_response_is_refused(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Big"};
    struct grebe_call *call;

    world_open(w, 1, NULL);
    request.metadata = client_metadata("x-size", "4194305", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_RESOURCE_EXHAUSTED, "4194305 vs. 4194304");
    grebe_call_unref(call);

    /* The connection has survived it. */
    request.metadata = client_metadata("x-size", "4194304", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_OK, NULL);
    grebe_call_unref(call);
}

/* ---- TLS ----------------------------------------------------------------------------- */

struct tls_case {
    const char *server_name;
    bool server_wants_certificate;
    bool has_certificate;
    const char *authority; /* of the call; NULL: the connection's */
    int code;
    const char *message; /* a part of it */
};

static void check_tls(struct world *w, const struct tls_case *c)
{
    const char *flags[] = {"--name",      "t",
                           "--cert",      world_certificate("server.pem"),
                           "--key",       world_certificate("server.key"),
                           "--client-ca", world_certificate("ca.pem"),
                           NULL};
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;
    struct grebe_credentials *credentials = NULL;
    struct grebe_diag diag = {""};
    struct grebe_call *call;

    if (!c->server_wants_certificate)
        flags[6] = NULL;
    world_start(&w->server[0], flags);
    options.ca_file = world_certificate("ca.pem");
    options.server_name = c->server_name;
    if (c->has_certificate) {
        options.cert_file = world_certificate("client.pem");
        options.key_file = world_certificate("client.key");
    }
    if (grebe_credentials_tls(&options, &diag, &credentials) != GREBE_OK)
        fail_msg("%s", diag.text);
    w->channel = client_open(world_target(w, 1), NULL, credentials);
    grebe_credentials_unref(credentials);

    call = client_call(w->channel, &(struct client_request){.method = ECHO "Who",
                                                            .authority = c->authority});
    client_expect(call, c->code, c->message);
    grebe_call_unref(call);
}

static void tls_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test"});
}

static void tls_by_address_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = NULL});
}

static void tls_with_a_wrong_name_fails(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "coot.test",
                                         .code = GREBE_STATUS_UNAVAILABLE,
                                         .message = "mismatch"});
}

static void tls_serves_calls_for_all_names_of_the_certificate(void **state)
{
    check_tls(*state,
              &(struct tls_case){.server_name = "grebe.test", .authority = "localhost"});
}

static void tls_fails_calls_for_other_names(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test",
                                         .authority = "coot.test",
                                         .code = GREBE_STATUS_UNAVAILABLE,
                                         .message = "is not for the call's authority"});
}

static void mtls_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test",
                                         .server_wants_certificate = true,
                                         .has_certificate = true});
}

static void mtls_without_a_certificate_fails(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test",
                                         .server_wants_certificate = true,
                                         .code = GREBE_STATUS_UNAVAILABLE});
}

static void plaintext_to_a_tls_port_fails(void **state)
{
    struct world *w = *state;
    const char *flags[] = {"--cert", world_certificate("server.pem"), "--key",
                           world_certificate("server.key"), NULL};
    struct grebe_call *call;

    world_start(&w->server[0], flags);
    w->channel = client_open(world_target(w, 1), NULL, NULL);
    call = client_call(w->channel, &(struct client_request){.method = ECHO "Who"});
    client_expect(call, GREBE_STATUS_UNAVAILABLE, NULL);
    grebe_call_unref(call);
}

/* ---- Servers that go ------------------------------------------------------------------ */

static void graceful_stop_loses_nothing_with_round_robin(void **state)
{
    world_open(*state, 2, "round_robin");
    traffic_survives_graceful_stop(*state);
}

static void graceful_stop_loses_nothing_with_pick_first(void **state)
{
    world_open(*state, 2, "pick_first");
    traffic_survives_graceful_stop(*state);
}

static void connections_told_to_go_away_lose_nothing(void **state)
{
    static const char *const flags[] = {"--max-age", "300", NULL};
    struct world *w = *state;
    struct traffic traffic;

    world_start(&w->server[0], flags);
    w->channel = client_open(world_target(w, 1), NULL, NULL);
    traffic_begin(&traffic, w->channel);
    traffic_run(&traffic, 2000);
    traffic_end(&traffic);
}

static void killed_server_is_found_again(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Who"};
    struct grebe_call *call;
    char port[8];
    const char *flags[] = {"--name", "reborn", "--port", port, NULL};

    world_open(w, 1, NULL);
    call = client_call(w->channel, &request);
    client_expect_text(call, "a");
    grebe_call_unref(call);

    snprintf(port, sizeof port, "%s", process_port(&w->server[0]));
    process_kill(&w->server[0]);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_UNAVAILABLE, w->server[0].address);
    grebe_call_unref(call);

    world_start(&w->server[0], flags);
    request.waits_for_ready = true;
    call = client_call(w->channel, &request);
    client_expect_text(call, "reborn");
    grebe_call_unref(call);
}

/* ---- Shares --------------------------------------------------------------------------- */

static void round_robin_shares_are_exact(void **state)
{
    struct world *w = *state;
    int calls[N_MAX] = {0};
    int n_known = 0;

    world_open(w, N_MAX, "round_robin");
    /* A picker with all five is in use once the fifth has answered. */
    for (int i = 0; n_known < N_MAX && i < 10000; i++)
        n_known += calls[world_ask_who(w->channel)]++ == 0;
    assert_int_equal(n_known, N_MAX);

    memset(calls, 0, sizeof calls);
    for (int i = 0; i < 200 * N_MAX; i++)
        calls[world_ask_who(w->channel)]++;
    for (size_t i = 0; i < N_MAX; i++)
        assert_int_equal(calls[i], 200);
}

/* ---------------------------------------------------------------------------------------- */

int run_calls(void)
{
    const struct CMUnitTest cases[] = {
        CASE(unary_echoes),
        CASE(metadata_travels_both_ways),
        CASE(error_status_keeps_its_text),
        CASE(unknown_method_is_unimplemented),
        CASE(deadline_ends_the_call_on_both_sides),
        CASE(cancellation_reaches_the_server),
        CASE(large_messages_arrive_whole),
        CASE(too_large_a_response_is_refused),
        CASE(tls_serves),
        CASE(tls_by_address_serves),
        CASE(tls_with_a_wrong_name_fails),
        CASE(tls_serves_calls_for_all_names_of_the_certificate),
        CASE(tls_fails_calls_for_other_names),
        CASE(mtls_serves),
        CASE(mtls_without_a_certificate_fails),
        CASE(plaintext_to_a_tls_port_fails),
        CASE(graceful_stop_loses_nothing_with_round_robin),
        CASE(graceful_stop_loses_nothing_with_pick_first),
        CASE(connections_told_to_go_away_lose_nothing),
        CASE(killed_server_is_found_again),
        CASE(round_robin_shares_are_exact),
    };

    return cmocka_run_group_tests_name("calls", cases, NULL, NULL);
}
