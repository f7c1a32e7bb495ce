/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on virtual time: picking, waiting, deadlines, cancelling, repeating, limits, and
 * what a failed one says.  Sources: gRPC over HTTP/2, wait-for-ready semantics, gRFC A6
 * (transparent retries), A54. */
#include "support/test.h"

#include <grebe/parent.h>

#include "core/subconn.h"
#include "support/scripted_policy.h"
#include "support/stub_policy.h"

/* ---- Deadlines and cancelling --------------------------------------------------------------------- */

/* PK-1: the policy has not published anything yet. */
TEST(a_call_without_any_picker_ends_at_its_deadline)
{
    struct channel_bench b;
    struct grebe_call_options options = timeout_ms(1);
    struct grebe_call *call;

    stub_reset();
    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"x\":{}}]}");
    grebe_balancer_unregister("x");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    assert_null(b.channel->picker);
    call = channel_bench_call(&b, &options);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                  "context deadline exceeded while waiting for connections to become "
                  "ready");
    channel_bench_fini(&b);
}

/* PK-1 */
TEST(deadline_says_where_the_time_went)
{
    struct channel_bench b;
    struct grebe_call_options options = timeout_ms(10);
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 10);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                  "while waiting for name resolution");
    channel_bench_fini(&b);

    scripted_start(&b, GREBE_PICK_QUEUE);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 10);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                  "while waiting for connections to become ready");
    channel_bench_fini(&b);

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 9);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    assert_null(sim_server_request(scripted_server(&b)));
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "context deadline exceeded");
    channel_bench_fini(&b);
}

TEST(deadline_that_has_passed_fails_without_a_pick)
{
    struct channel_bench b;
    struct grebe_call_options options = timeout_ms(-1);

    scripted_start(&b, GREBE_PICK_COMPLETE);
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_DEADLINE_EXCEEDED, "");
    options.timeout_ns = INT64_MIN;
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_DEADLINE_EXCEEDED, "");
    assert_int_equal(script.n_picks, 0);
    channel_bench_fini(&b);
}

/* A configured timeout counts from the start of the call, like its own: waiting for the
 * first configuration is part of the call. */
TEST(configured_timeout_counts_from_the_start)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 300);
    b.service_config = "{\"methodConfig\":[{\"name\":[{}],\"timeout\":\"1s\"}]}";
    channel_bench_resolve(&b, "a");
    channel_bench_advance_ms(&b, 699);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "");
    channel_bench_fini(&b);
}

TEST(negative_configured_timeout_is_none)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b,
                        "{\"methodConfig\":[{\"name\":[{}],\"timeout\":\"-0.001s\"}]}");
    b.resolves_to = "a";
    sim_server_new(&b.sim, "a");
    channel_bench_advance_ms(&b, 10);
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 60000);
    expect_pending(call);
    sim_answer(sim_server_request(sim_server_find(&b.sim, "a")), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* CFG-28 */
TEST(earlier_of_deadline_and_configured_timeout_counts)
{
    static const struct {
        const char *timeout;
        int64_t of_call_ms, at_ms;
    } cases[] = {
        {"1s", 10000, 1000}, {"10s", 1000, 1000}, {"1s", 0, 1000},
        {"0s", 10000, 0},    {"-1s", 1000, 1000},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;
        struct grebe_call_options options = timeout_ms(cases[i].of_call_ms);
        struct grebe_call *call;
        char config[256];

        snprintf(
            config, sizeof config,
            "{\"methodConfig\":[{\"name\":[{\"service\":\"s\"}],\"timeout\":\"%s\"}]}",
            cases[i].timeout);
        channel_bench_start(&b, config);
        b.resolves_to = "a";
        sim_server_new(&b.sim, "a");
        call = channel_bench_call(&b, &options);
        if (cases[i].at_ms > 0) {
            channel_bench_advance_ms(&b, (uint64_t)cases[i].at_ms - 1);
            expect_pending(call);
            channel_bench_advance_ms(&b, 1);
        }
        expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "");
        channel_bench_fini(&b);
    }
}

TEST(cancel_works_anywhere_and_only_once)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    call = channel_bench_call(&b, NULL);
    channel_bench_cancel(&b, call);
    channel_bench_cancel(&b, call);
    expect_status(call, GREBE_STATUS_CANCELLED, "while waiting for name resolution");
    assert_int_equal(b.sim.n_dials, 0);
    channel_bench_fini(&b);

    scripted_start(&b, GREBE_PICK_COMPLETE);
    call = channel_bench_call(&b, NULL);
    channel_bench_cancel(&b, call); /* too late */
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

static void count_done(void *arg, struct grebe_call *call)
{
    (void)call;
    ++*(unsigned *)arg;
}

/* CH-23: on a channel that is READY, and in the very turn in which it is started. */
TEST(a_call_that_is_cancelled_at_once_is_done_once)
{
    struct channel_bench b;
    struct grebe_call *call;
    unsigned n_done = 0;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_int_equal(grebe__call_new(b.channel, "/s/m", NULL, sim_now(&b.sim),
                                     &grebe__unary_handler, &call),
                     GREBE_OK);
    grebe__unary_init(call, "ping", 4, count_done, &n_done);
    grebe__env_enter(&b.sim.env);
    grebe__call_cancel(call); /* there is nothing to cancel yet */
    grebe__call_start(call);
    grebe__call_cancel(call);
    grebe__call_cancel(call);
    grebe__call_finish(call, GREBE_STATUS_INTERNAL, "too late");
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(n_done, 1);
    expect_status(call, GREBE_STATUS_CANCELLED, "context canceled");
    assert_int_equal(script.n_done, script.n_picks);
    assert_null(sim_server_request(scripted_server(&b)));
    channel_bench_fini(&b);
}

/* ---- wait_for_ready -------------------------------------------------------------------------------- */

/* PK-21: and the call that does not wait is told why */
TEST(waiting_call_survives_an_outage)
{
    struct channel_bench b;
    struct grebe_call_options options = waiting_ms(0);
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 500);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "connection refused");
    expect_pending(call);
    channel_bench_servers(&b, "a");
    channel_bench_advance_ms(&b, 500);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* CFG-27 */
TEST(option_of_the_call_beats_the_config)
{
    static const struct {
        const char *config;
        enum grebe_choice of_call;
        bool waits;
    } cases[] = {
        {"true", GREBE_DEFAULT, true}, {"true", GREBE_NO, false},
        {"true", GREBE_YES, true},     {"false", GREBE_DEFAULT, false},
        {"false", GREBE_YES, true},    {"null", GREBE_DEFAULT, false},
        {"null", GREBE_YES, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_call_options options = timeout_ms(100);
        struct channel_bench b;
        struct grebe_call *call;
        char config[128];

        snprintf(config, sizeof config,
                 "{\"methodConfig\":[{\"name\":[{}],\"waitForReady\":%s}]}",
                 cases[i].config);
        channel_bench_start(&b, config);
        b.resolves_to = "a";
        options.wait_for_ready = cases[i].of_call;
        call = channel_bench_call(&b, &options);
        if (cases[i].waits) {
            channel_bench_advance_ms(&b, 99);
            expect_pending(call);
            channel_bench_advance_ms(&b, 1);
        }
        expect_status(call,
                      cases[i].waits ? GREBE_STATUS_DEADLINE_EXCEEDED
                                     : GREBE_STATUS_UNAVAILABLE,
                      "connection refused");
        channel_bench_fini(&b);
    }
}

/* ---- Repeating --------------------------------------------------------------------------------------- */

/* PK-25, gRFC A6 */
TEST(refused_stream_is_repeated_once)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    assert_int_equal(grebe__metadata_append(&call->trailers, "k", 1, "v", 1), GREBE_OK);
    sim_refuse(sim_server_request(scripted_server(&b)));
    assert_int_equal(scripted_server(&b)->n_requests, 2);
    /* What the refused attempt left is no part of the next one. */
    assert_int_equal(grebe_metadata_count(grebe_call_trailers(call)), 0);
    assert_int_equal(sim_server_request(scripted_server(&b))->stream->n_previous_attempts,
                     0);
    assert_memory_equal(sim_server_request(scripted_server(&b))->bytes, "ping", 4);
    sim_refuse(sim_server_request(scripted_server(&b)));
    sim_settle(&b.sim);
    assert_int_equal(scripted_server(&b)->n_requests, 2);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "refused");
    assert_int_equal(script.n_done, 2);
    channel_bench_fini(&b);
}

TEST(request_that_never_left_is_repeated_without_end)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    for (int i = 0; i < 5; i++)
        sim_bounce(sim_server_request(scripted_server(&b)));
    assert_int_equal(script.n_done, 5);
    assert_false(script.done_sent || script.done_received);
    sim_refuse(sim_server_request(scripted_server(&b))); /* that one is still free */
    assert_int_equal(scripted_server(&b)->n_requests, 7);
    sim_answer(sim_server_request(scripted_server(&b)), "ping", 4);
    sim_settle(&b.sim);
    assert_int_equal(grebe_call_times(call).n_attempts, 7);
    expect_echo(call, "a");
    assert_int_equal(script.n_done, 7);
    channel_bench_fini(&b);
}

/* SC-13 */
TEST(calls_a_draining_server_did_not_look_at_are_repeated_elsewhere)
{
    static const char round_robin[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";
    struct channel_bench b;
    struct grebe_call *calls[4];

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    sim_server_find(&b.sim, "a")->echoes = false;
    sim_server_find(&b.sim, "b")->echoes = false;
    for (size_t i = 0; i < 4; i++)
        calls[i] = channel_bench_call(&b, NULL);
    sim_server_find(&b.sim, "b")->echoes = true;
    sim_server_goaway(sim_server_find(&b.sim, "a"), 1, false);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 3);
    while (sim_server_request(sim_server_find(&b.sim, "a")) != NULL)
        sim_answer(sim_server_request(sim_server_find(&b.sim, "a")), "ping", 4);
    while (sim_server_request(sim_server_find(&b.sim, "b")) != NULL)
        sim_answer(sim_server_request(sim_server_find(&b.sim, "b")), "ping", 4);
    sim_settle(&b.sim);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(grebe_call_status(calls[i])->code, GREBE_STATUS_OK);
        grebe_call_unref(calls[i]);
    }
    channel_bench_fini(&b);
}

TEST(call_that_reached_the_server_is_not_repeated)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_server_kill(scripted_server(&b), "connection reset by peer");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "connection reset by peer");
    assert_int_equal(scripted_server(&b)->n_requests, 1);
    channel_bench_fini(&b);
}

/* What is kept for repeating is bounded: 256 KiB, framing included. */
TEST(request_too_big_to_keep_is_not_repeated)
{
    static char bytes[262144];
    static const struct {
        size_t length;
        uint32_t n_requests;
    } cases[] = {{262139, 2}, {262140, 1}};

    for (size_t i = 0; i < 2; i++) {
        struct channel_bench b;
        struct grebe_call *call;

        scripted_start(&b, GREBE_PICK_COMPLETE);
        scripted_server(&b)->echoes = false;
        call = channel_bench_call_method(&b, "/s/m", bytes, cases[i].length, NULL);
        sim_refuse(sim_server_request(scripted_server(&b)));
        sim_settle(&b.sim);
        assert_int_equal(scripted_server(&b)->n_requests, cases[i].n_requests);
        channel_bench_cancel(&b, call);
        grebe_call_unref(call);
        channel_bench_fini(&b);
    }
}

static int start_result;

static int refuse_start(struct grebe__transport *transport, struct grebe__stream *stream)
{
    (void)transport, (void)stream;
    return start_result;
}

/* Nothing was sent then, and the policy that chose the connection hears that. */
TEST(stream_that_cannot_be_opened_ends_the_call)
{
    static const struct {
        int result, code;
        const char *message;
    } cases[] = {
        {GREBE_ERR_TOO_LARGE, GREBE_STATUS_INTERNAL,
         "header list size to send violates the maximum size set by "},
        {GREBE_ERR_TLS, GREBE_STATUS_UNAVAILABLE,
         "the certificate of a is not for the call's authority, db.example"},
        {GREBE_ERR_NOMEM, GREBE_STATUS_RESOURCE_EXHAUSTED, "out of memory"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe__transport_ops ops;
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct grebe__transport *transport;
        struct channel_bench b;
        struct grebe_call *call;

        options.authority = "db.example";
        scripted_start(&b, GREBE_PICK_COMPLETE);
        transport = grebe__subconn_oldest(
            grebe_container_of(script.subconn, struct grebe__subconn, base));
        ops = *transport->ops;
        ops.start = refuse_start;
        transport->ops = &ops;
        start_result = cases[i].result;
        call = channel_bench_call(&b, &options);
        assert_int_equal(script.n_done, 1);
        assert_int_equal(script.done_code, cases[i].code);
        assert_false(script.done_sent || script.done_received);
        assert_int_equal(grebe_call_times(call).n_attempts, 1);
        expect_status(call, cases[i].code, cases[i].message);
        channel_bench_fini(&b);
    }
}

TEST(answered_call_is_not_repeated)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_respond(sim_server_request(scripted_server(&b)), "ping", 4);
    sim_refuse(sim_server_request(scripted_server(&b)));
    sim_settle(&b.sim);
    assert_int_equal(scripted_server(&b)->n_requests, 1);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "refused");
    channel_bench_fini(&b);
}

/* ---- Unary ------------------------------------------------------------------------------------------- */

TEST(unary_call_wants_exactly_one_message)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_end(sim_server_request(scripted_server(&b)), GREBE_STATUS_OK, "");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_INTERNAL,
                  "a: cardinality violation: no response message");

    call = channel_bench_call(&b, NULL);
    sim_respond(sim_server_request(scripted_server(&b)), "one", 3);
    sim_respond(sim_server_request(scripted_server(&b)), "two", 3);
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_INTERNAL,
                  "a: cardinality violation: more than one response message");
    assert_null(sim_server_request(scripted_server(&b))); /* it was cancelled */
    channel_bench_fini(&b);
}

TEST(message_before_an_error_is_not_delivered)
{
    struct channel_bench b;
    struct grebe_call *call;
    size_t length = 1;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_respond(sim_server_request(scripted_server(&b)), "half", 4);
    sim_end(sim_server_request(scripted_server(&b)), GREBE_STATUS_FAILED_PRECONDITION,
            "no");
    sim_settle(&b.sim);
    assert_null(grebe_call_response(call, &length));
    assert_int_equal(length, 0);
    expect_status(call, GREBE_STATUS_FAILED_PRECONDITION, "no");
    channel_bench_fini(&b);
}

TEST(empty_response_is_a_response)
{
    struct channel_bench b;
    struct grebe_call *call;
    size_t length = 1;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    call = channel_bench_call_method(&b, "/s/m", "", 0, NULL);
    assert_non_null(grebe_call_response(call, &length));
    assert_int_equal(length, 0);
    expect_status(call, GREBE_STATUS_OK, "");
    channel_bench_fini(&b);
}

TEST(options_of_a_call_must_fit_into_headers)
{
    static const struct {
        const char *authority, *content_subtype;
        int result;
    } cases[] = {
        {"", NULL, GREBE_ERR_INVALID},
        {"a b", NULL, GREBE_ERR_INVALID},
        {"a\x7f", NULL, GREBE_ERR_INVALID},
        {NULL, "proto\n", GREBE_ERR_INVALID},
        {NULL, "\xc3\xa4", GREBE_ERR_INVALID},
        {"[::1]:80", "JSON", GREBE_OK},
        {NULL, "", GREBE_OK},
    };
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct grebe_call *call = NULL;

        options.authority = cases[i].authority;
        options.content_subtype = cases[i].content_subtype;
        assert_int_equal(
            grebe__call_new(b.channel, "/s/m", &options, 0, &grebe__unary_handler, &call),
            cases[i].result);
        grebe_call_unref(call);
    }
    channel_bench_fini(&b);
}

TEST(method_must_be_service_and_method)
{
    static const char *const bad[] = {"", "/", "s/m", "/s", "/s/", "//m"};
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            grebe__call_new(b.channel, bad[i], NULL, 0, &grebe__unary_handler, &call),
            GREBE_ERR_INVALID);
    channel_bench_fini(&b);
}

/* ---- Limits ------------------------------------------------------------------------------------------- */

TEST(request_over_the_limit_is_not_sent)
{
    static const struct {
        const char *config;
        uint32_t of_call, of_channel;
        bool is_sent; /* four bytes */
    } cases[] = {
        {"{}", 0, 0, true},
        {"{}", 3, 0, false},
        {"{}", 0, 3, false},
        {"{}", 4, 3, true}, /* the call's own option replaces the channel's */
        {"{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":3}]}", 0, 0,
         false},
        {"{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":0}]}", 0, 0,
         false},
        {"{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":9}]}", 3, 0,
         false},
        {"{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":3}]}", 9, 0,
         false},
        {"{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":4}]}", 9, 9, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = cases[i].config;
        b.options.max_send_bytes = cases[i].of_channel;
        b.resolves_to = "a";
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
        channel_bench_servers(&b, "a");
        options.max_send_bytes = cases[i].of_call;
        if (cases[i].is_sent)
            expect_echo(channel_bench_call(&b, &options), "a");
        else
            expect_status(channel_bench_call(&b, &options),
                          GREBE_STATUS_RESOURCE_EXHAUSTED,
                          "trying to send message larger than max (4 vs. ");
        channel_bench_fini(&b);
    }
}

/* CFG-29 */
TEST(limit_of_a_first_config_holds_for_calls_that_waited_for_it)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a");
    call = channel_bench_call(&b, NULL);
    b.service_config =
        "{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":0}]}";
    channel_bench_resolve(&b, "a");
    expect_status(call, GREBE_STATUS_RESOURCE_EXHAUSTED, "larger than max");
    channel_bench_fini(&b);
}

TEST(what_was_asked_for_is_handed_to_the_transport)
{
    struct grebe_call_options options = timeout_ms(5000);
    const struct grebe__stream *stream;
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    options.authority = "other.example";
    options.content_subtype = "proto";
    call = channel_bench_call(&b, &options);
    stream = sim_server_request(scripted_server(&b))->stream;
    assert_string_equal(stream->path, "/s/m");
    assert_string_equal(stream->authority, "other.example");
    assert_string_equal(stream->content_subtype, "proto");
    assert_int_equal(stream->deadline_ns, sim_now(&b.sim) + 5 * SECOND);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    call = channel_bench_call(&b, NULL);
    stream = sim_server_request(scripted_server(&b))->stream;
    assert_null(stream->authority);
    assert_null(stream->content_subtype);
    assert_int_equal(stream->deadline_ns, UINT64_MAX);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(receive_limit_is_handed_to_the_transport)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    assert_int_equal(sim_server_request(scripted_server(&b))->stream->max_receive_bytes,
                     4194304);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    options.max_receive_bytes = 77;
    call = channel_bench_call(&b, &options);
    assert_int_equal(sim_server_request(scripted_server(&b))->stream->max_receive_bytes,
                     77);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* ---- What a failed call says ------------------------------------------------------------------------------ */

TEST(failure_tells_resolver_addresses_errors_and_next_attempts)
{
    struct channel_bench b;
    struct grebe_call *call;
    const struct grebe_failure *failure;
    const struct grebe_failure_address *address;
    size_t n_omitted;
    char text[1024];

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}");
    b.resolves_to = "a b";
    channel_bench_servers(&b, "b");
    sim_server_find(&b.sim, "b")->behaviour = SIM_REFUSES;
    sim_server_find(&b.sim, "b")->refusal = "tls handshake: certificate has expired";
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 300);
    channel_bench_resolver_error(&b, "DNS says no");
    channel_bench_advance_ms(&b, 100);
    call = channel_bench_call(&b, NULL);
    failure = grebe_call_status(call)->failure;
    assert_non_null(failure);
    assert_true(grebe_failure_resolver(failure)->has_result);
    assert_int_equal(grebe_failure_resolver(failure)->result_age_ns, 400 * MS);
    assert_int_equal(grebe_failure_resolver(failure)->n_endpoints, 2);
    assert_string_equal(grebe_failure_resolver(failure)->last_error, "DNS says no");
    assert_int_equal(grebe_failure_resolver(failure)->error_age_ns, 100 * MS);
    assert_int_equal(grebe_failure_n_addresses(failure, &n_omitted), 2);
    assert_int_equal(n_omitted, 0);
    assert_null(grebe_failure_address(failure, 2));
    address = grebe_failure_address(failure, 0);
    if (strcmp(address->address, "b") != 0)
        address = grebe_failure_address(failure, 1);
    assert_string_equal(address->address, "b");
    assert_int_equal(address->state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(address->last_error, "certificate has expired"));
    assert_int_equal(address->error_age_ns, 400 * MS);
    assert_true(address->has_next_attempt);
    assert_int_equal(address->next_attempt_ns, 600 * MS);
    grebe_failure_format(failure, text, sizeof text);
    assert_non_null(strstr(text,
                           "resolver: 2 endpoints, 400ms ago; last error 100ms ago: "
                           "DNS says no"));
    assert_non_null(strstr(text, "b TRANSIENT_FAILURE, last error 400ms ago: connection "
                                 "error: b: tls handshake: certificate has expired, next "
                                 "attempt in 600ms"));
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* Who waited for a backend is told what is known of them; who had one is not. */
TEST(interrupted_call_tells_what_is_known_of_the_backends)
{
    struct grebe_call_options options = waiting_ms(100);
    const struct grebe_failure *failure;
    struct channel_bench b;
    struct grebe_call *call;
    struct sim_server *server;

    channel_bench_start(&b, NULL);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 100);
    assert_false(grebe_failure_resolver(grebe_call_status(call)->failure)->has_result);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "name resolution");

    server = sim_server_new(&b.sim, "a");
    channel_bench_resolve(&b, "a");
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 100);
    assert_null(grebe_call_status(call)->failure);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "");

    server->behaviour = SIM_HANGS;
    sim_server_kill(server, "connection reset by peer");
    sim_settle(&b.sim);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 100);
    failure = grebe_call_status(call)->failure;
    assert_int_equal(grebe_failure_address(failure, 0)->state, GREBE_CONNECTING);
    assert_string_equal(grebe_failure_address(failure, 0)->last_error,
                        "connection reset by peer");
    assert_int_equal(grebe_failure_address(failure, 0)->error_age_ns, 100 * MS);
    assert_false(grebe_failure_address(failure, 0)->has_next_attempt);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "connections to become ready");
    channel_bench_fini(&b);
}

TEST(a_good_result_makes_the_resolvers_error_a_thing_of_the_past)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    channel_bench_resolver_error(&b, "DNS says no");
    channel_bench_resolve(&b, "a");
    call = channel_bench_call(&b, NULL);
    assert_null(grebe_failure_resolver(grebe_call_status(call)->failure)->last_error);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "connection refused");
    channel_bench_fini(&b);
}

/* As resolvers say it that look again by themselves. */
TEST(failure_tells_when_the_resolver_looks_again)
{
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    const struct grebe_failure_resolver *resolver;
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    for (int i = 0; i < 2; i++) {
        found.next_refresh_ns = i == 0 ? sim_now(&b.sim) + 30 * SECOND : 0;
        assert_int_equal(grebe_resolver_conn_update(b.conn, &found),
                         GREBE_ERR_BAD_RESOLVER_STATE);
        sim_settle(&b.sim);
        channel_bench_advance_ms(&b, 10000);
        call = channel_bench_call(&b, NULL);
        resolver = grebe_failure_resolver(grebe_call_status(call)->failure);
        assert_int_equal(resolver->has_next_attempt, i == 0);
        assert_int_equal(resolver->next_attempt_ns, i == 0 ? 20 * SECOND : 0);
        expect_status(call, GREBE_STATUS_UNAVAILABLE, "");
    }
    channel_bench_fini(&b);
}

TEST(failure_outlives_the_channel)
{
    struct channel_bench b;
    struct grebe_call *call;
    char text[16];

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    call = channel_bench_call(&b, NULL);
    channel_bench_close(&b);
    assert_true(grebe_failure_format(grebe_call_status(call)->failure, text,
                                     sizeof text) > sizeof text);
    assert_string_equal(text, "resolver: 1 end");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(long_lists_of_addresses_are_cut_at_64)
{
    for (unsigned n = 64; n <= 66; n++) {
        struct channel_bench b;
        struct grebe_call *call;
        const struct grebe_failure *failure;
        size_t n_omitted;
        char names[66 * 4] = "", text[8192];

        for (unsigned i = 0; i < n; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%u ", i);
        channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}");
        b.resolves_to = names;
        channel_bench_connect(&b);
        channel_bench_advance_ms(&b, 10);
        call = channel_bench_call(&b, NULL);
        failure = grebe_call_status(call)->failure;
        assert_int_equal(grebe_failure_n_addresses(failure, &n_omitted), 64);
        assert_int_equal(n_omitted, n - 64);
        assert_null(grebe_failure_address(failure, 64));
        assert_true(grebe_failure_format(failure, text, sizeof text) < sizeof text);
        assert_int_equal(strstr(text, "; and 2 more") != NULL, n == 66);
        grebe_call_unref(call);
        channel_bench_fini(&b);
    }
}

TEST(call_from_the_server_with_an_error_has_no_failure_report)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_end(sim_server_request(scripted_server(&b)), GREBE_STATUS_UNAVAILABLE,
            "overloaded");
    sim_settle(&b.sim);
    assert_null(grebe_call_status(call)->failure);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "overloaded");
    channel_bench_fini(&b);
}

TEST(times_tell_the_way_of_a_call)
{
    struct channel_bench b;
    struct grebe_call *call;
    struct grebe_call_times times;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->latency_ns = 30 * MS;
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 30);
    times = grebe_call_times(call);
    assert_int_equal(times.picked_ns, times.started_ns);
    assert_int_equal(times.headers_ns - times.started_ns, 30 * MS);
    assert_int_equal(times.done_ns - times.started_ns, 30 * MS);
    assert_int_equal(times.n_attempts, 1);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

TEST(results_of_no_call_are_nothing)
{
    size_t length = 7;

    assert_int_equal(grebe_call_status(NULL)->code, GREBE_STATUS_UNKNOWN);
    assert_null(grebe_call_response(NULL, &length));
    assert_int_equal(length, 0);
    assert_string_equal(grebe_call_peer(NULL), "");
    grebe_call_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_without_any_picker_ends_at_its_deadline),
        cmocka_unit_test(deadline_says_where_the_time_went),
        cmocka_unit_test(deadline_that_has_passed_fails_without_a_pick),
        cmocka_unit_test(configured_timeout_counts_from_the_start),
        cmocka_unit_test(negative_configured_timeout_is_none),
        cmocka_unit_test(earlier_of_deadline_and_configured_timeout_counts),
        cmocka_unit_test(cancel_works_anywhere_and_only_once),
        cmocka_unit_test(a_call_that_is_cancelled_at_once_is_done_once),
        cmocka_unit_test(waiting_call_survives_an_outage),
        cmocka_unit_test(option_of_the_call_beats_the_config),
        cmocka_unit_test(refused_stream_is_repeated_once),
        cmocka_unit_test(request_that_never_left_is_repeated_without_end),
        cmocka_unit_test(calls_a_draining_server_did_not_look_at_are_repeated_elsewhere),
        cmocka_unit_test(call_that_reached_the_server_is_not_repeated),
        cmocka_unit_test(request_too_big_to_keep_is_not_repeated),
        cmocka_unit_test(stream_that_cannot_be_opened_ends_the_call),
        cmocka_unit_test(answered_call_is_not_repeated),
        cmocka_unit_test(unary_call_wants_exactly_one_message),
        cmocka_unit_test(message_before_an_error_is_not_delivered),
        cmocka_unit_test(empty_response_is_a_response),
        cmocka_unit_test(options_of_a_call_must_fit_into_headers),
        cmocka_unit_test(method_must_be_service_and_method),
        cmocka_unit_test(request_over_the_limit_is_not_sent),
        cmocka_unit_test(limit_of_a_first_config_holds_for_calls_that_waited_for_it),
        cmocka_unit_test(what_was_asked_for_is_handed_to_the_transport),
        cmocka_unit_test(receive_limit_is_handed_to_the_transport),
        cmocka_unit_test(failure_tells_resolver_addresses_errors_and_next_attempts),
        cmocka_unit_test(interrupted_call_tells_what_is_known_of_the_backends),
        cmocka_unit_test(a_good_result_makes_the_resolvers_error_a_thing_of_the_past),
        cmocka_unit_test(failure_tells_when_the_resolver_looks_again),
        cmocka_unit_test(failure_outlives_the_channel),
        cmocka_unit_test(long_lists_of_addresses_are_cut_at_64),
        cmocka_unit_test(call_from_the_server_with_an_error_has_no_failure_report),
        cmocka_unit_test(times_tell_the_way_of_a_call),
        cmocka_unit_test(results_of_no_call_are_nothing),
    };

    scripted_register();
    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
