/* SPDX-License-Identifier: Apache-2.0 */
/* What channels, subconns and connections tell the book, on virtual time: gRFC A14, A3. */
#include "support/test.h"

#include "core/channel.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/look.h"

#define CHANNEL    GREBE_CHANNELZ_CHANNEL
#define SUBCHANNEL GREBE_CHANNELZ_SUBCHANNEL
#define SOCKET     GREBE_CHANNELZ_SOCKET

/* A channel with this policy, connected to servers that echo. */
static void connect_to(struct channel_bench *b, const char *policy, const char *addresses)
{
    channel_bench_init(b);
    b->options.policy = policy;
    b->resolves_to = addresses;
    assert_int_equal(channel_bench_open(b, "manual:///test"), GREBE_OK);
    channel_bench_servers(b, addresses);
    channel_bench_connect(b);
}

static int64_t subchannel(struct channel_bench *b, size_t i)
{
    return look_child(&b->sim.book, CHANNEL, 1, i);
}

static void finish(struct channel_bench *b)
{
    struct grebe__book *book = &b->sim.book;

    channel_bench_close(b);
    assert_int_equal(look_first_channel(book), 0);
    for (size_t i = 0; i < GREBE__BOOK_BUCKETS; i++)
        assert_null(book->buckets[i]);
    channel_bench_fini(b);
}

/* ---- Channels -------------------------------------------------------------------------------- */

/* CZ-1: and the target is what the application wrote. */
TEST(target_and_state_of_a_channel_are_visible)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:test"), GREBE_OK);
    assert_int_equal(look_first_channel(&b.sim.book), 1);
    assert_string_equal(look_channel(&b.sim.book, CHANNEL, 1),
                        "manual:test IDLE: 0 started, 0 succeeded, 0 failed");
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    assert_string_equal(look_channel(&b.sim.book, CHANNEL, 1),
                        "manual:test READY: 0 started, 0 succeeded, 0 failed");
    finish(&b);
}

/* CZ-2 */
TEST(channel_that_could_not_be_made_was_never_there)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.service_config = "not JSON";
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_ERR_CONFIG);
    assert_int_equal(look_first_channel(&b.sim.book), 0);
    assert_int_equal(b.sim.book.last_id, 0);
    channel_bench_fini(&b);
}

/* CZ-4 */
TEST(address_that_is_gone_takes_its_subchannel_and_its_socket_along)
{
    struct channel_bench b;

    connect_to(&b, "round_robin", "a b c");
    assert_int_equal(subchannel(&b, 3), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_not_equal(look_child(&b.sim.book, SUBCHANNEL, subchannel(&b, i), 0),
                             0);
    channel_bench_resolve(&b, "b c");
    assert_int_not_equal(subchannel(&b, 1), 0);
    assert_int_equal(subchannel(&b, 2), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_not_equal(look_child(&b.sim.book, SUBCHANNEL, subchannel(&b, i), 0),
                             0);
        assert_int_equal(look_child(&b.sim.book, SUBCHANNEL, subchannel(&b, i), 1), 0);
    }
    finish(&b);
}

/* CZ-6 */
TEST(calls_are_counted_on_both_levels)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *failing, *open;

    connect_to(&b, "pick_first", "a");
    server = sim_server_find(&b.sim, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    server->echoes = false;
    failing = channel_bench_call(&b, NULL);
    sim_end(sim_server_request(server), GREBE_STATUS_ABORTED, "no");
    sim_settle(&b.sim);
    expect_status(failing, GREBE_STATUS_ABORTED, "no");
    open = channel_bench_call(&b, NULL);
    assert_string_equal(look_channel(&b.sim.book, CHANNEL, 1),
                        "manual:///test READY: 3 started, 1 succeeded, 1 failed");
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, subchannel(&b, 0)),
                        "a READY: 3 started, 1 succeeded, 1 failed");
    channel_bench_cancel(&b, open);
    expect_status(open, GREBE_STATUS_CANCELLED, "");
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, subchannel(&b, 0)),
                        "a READY: 3 started, 1 succeeded, 2 failed");
    finish(&b);
}

/* A call is one of the channel however many attempts it takes; each is one of a subchannel. */
TEST(attempts_count_below_and_calls_above)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call;

    connect_to(&b, "pick_first", "a");
    server = sim_server_find(&b.sim, "a");
    server->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_refuse(sim_server_request(server));
    sim_settle(&b.sim);
    sim_bounce(sim_server_request(server));
    sim_settle(&b.sim);
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_string_equal(look_channel(&b.sim.book, CHANNEL, 1),
                        "manual:///test READY: 1 started, 1 succeeded, 0 failed");
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, subchannel(&b, 0)),
                        "a READY: 3 started, 1 succeeded, 2 failed");
    finish(&b);
}

/* It waited for a stream when the connection went, and had a new one. */
TEST(attempt_that_never_had_a_stream_is_no_success)
{
    struct grebe_call *calls[2];
    struct channel_bench b;
    struct sim_server *server;

    connect_to(&b, "pick_first", "a");
    server = sim_server_find(&b.sim, "a");
    server->echoes = false;
    sim_server_set_max_streams(server, 1);
    for (size_t i = 0; i < 2; i++)
        calls[i] = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    for (size_t i = 0; i < 2; i++) {
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
    }
    for (size_t i = 0; i < 2; i++)
        expect_echo(calls[i], "a");
    assert_string_equal(look_channel(&b.sim.book, CHANNEL, 1),
                        "manual:///test READY: 2 started, 2 succeeded, 0 failed");
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, subchannel(&b, 0)),
                        "a READY: 3 started, 2 succeeded, 1 failed");
    finish(&b);
}

TEST(moments_and_latencies_are_exact)
{
    struct channel_bench b;
    struct grebe__channel_snapshot *channel, *below;
    struct grebe_call *call;
    uint64_t started_ns;

    connect_to(&b, "pick_first", "a");
    sim_server_find(&b.sim, "a")->latency_ns = 250 * MS;
    channel_bench_advance_ms(&b, 1000);
    started_ns = b.sim.env.now_ns;
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 250);
    expect_echo(call, "a");
    assert_int_equal(grebe__snapshot_channel(&b.sim.book, CHANNEL, 1, NULL, &channel),
                     GREBE_OK);
    assert_int_equal(channel->view.last_call_started_ns, started_ns);
    assert_int_equal(channel->view.created_ns, started_ns - 1000 * MS);
    assert_int_equal(channel->view.latency_ns, 250 * MS);
    assert_int_equal(channel->view.max_connections, 1);
    assert_int_equal(
        grebe__snapshot_channel(&b.sim.book, SUBCHANNEL, subchannel(&b, 0), NULL, &below),
        GREBE_OK);
    assert_int_equal(below->view.last_call_started_ns, started_ns);
    assert_int_equal(below->view.latency_ns, 250 * MS);
    assert_int_equal(below->view.max_connections, 0);
    grebe_channelz_channel_free(&channel->view);
    grebe_channelz_channel_free(&below->view);
    finish(&b);
}

/* gRFC A105 */
TEST(number_of_connections_allowed_is_visible)
{
    struct channel_bench b;
    struct grebe__channel_snapshot *channel;

    channel_bench_start(&b,
                        "{\"connectionScaling\":{\"maxConnectionsPerSubchannel\":3}}");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    assert_int_equal(grebe__snapshot_channel(&b.sim.book, CHANNEL, 1, NULL, &channel),
                     GREBE_OK);
    assert_int_equal(channel->view.max_connections, 3);
    grebe_channelz_channel_free(&channel->view);
    finish(&b);
}

/* ---- Deletion ----------------------------------------------------------------------------------- */

/* CZ-5: the application closes the channel while a connection still drains. */
TEST(subchannel_stays_while_its_connection_drains)
{
    struct channel_bench b;
    struct grebe_call *call;
    int64_t id;

    connect_to(&b, "round_robin", "a");
    sim_server_find(&b.sim, "a")->echoes = false;
    call = channel_bench_call(&b, NULL);
    id = subchannel(&b, 0);
    channel_bench_servers(&b, "b");
    channel_bench_resolve(&b, "b");
    assert_int_equal(subchannel(&b, 0), id);
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, id),
                        "a SHUTDOWN: 1 started, 0 succeeded, 0 failed");
    assert_int_not_equal(look_child(&b.sim.book, SUBCHANNEL, id, 0), 0);
    sim_answer(sim_server_request(sim_server_find(&b.sim, "a")), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_int_not_equal(subchannel(&b, 0), id);
    /* CZ-7: off the list, and still there to be looked up, its last call counted. */
    assert_string_equal(look_channel(&b.sim.book, SUBCHANNEL, id),
                        "a SHUTDOWN: 1 started, 1 succeeded, 0 failed");
    finish(&b);
}

TEST(channel_that_goes_idle_remembers_what_addresses_carried)
{
    struct channel_bench b;

    connect_to(&b, "pick_first", "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 1/1/0 READY");
    grebe__env_enter(&b.sim.env);
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 1/1/0 SHUTDOWN");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 2/2/0 READY");
    finish(&b);
}

static void say(struct channel_bench *b, int status)
{
    sim_server_set_health(sim_server_find(&b->sim, "a"), "s", status);
    sim_settle(&b->sim);
}

/* gRFC A17: the connection is READY whatever the backend says. */
TEST(health_of_a_backend_is_visible)
{
    enum { SERVING = 1, NOT_SERVING = 2 };
    struct channel_bench b;
    const char *events;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
                            "\"healthCheckConfig\":{\"serviceName\":\"s\"}}");
    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    say(&b, SERVING);
    channel_bench_connect(&b);
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 1/0/0 READY, healthy");
    say(&b, NOT_SERVING);
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 1/0/0 READY, unhealthy");
    events = look_events(&b.sim.book, SUBCHANNEL, subchannel(&b, 0));
    assert_non_null(strstr(events, " | Subchannel Connectivity change to READY"
                                   " | Subchannel health change to CONNECTING"
                                   " | Subchannel health change to READY"
                                   " | Subchannel health change to TRANSIENT_FAILURE, "
                                   "last error: connection active but health check "
                                   "failed. status=NOT_SERVING"));
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_string_equal(look_endpoints(&b.sim.book, 1), "a 1/0/1 TRANSIENT_FAILURE");
    channel_bench_fini(&b);
}

/* ---- Events ---------------------------------------------------------------------------------------- */

/* CZ-8 */
TEST(life_of_a_subchannel_is_told_in_order)
{
    struct channel_bench b;
    int64_t id;

    connect_to(&b, "pick_first", "a");
    id = subchannel(&b, 0);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "b");
    assert_string_equal(
        look_events(&b.sim.book, SUBCHANNEL, id),
        "Subchannel created"
        " | Subchannel Connectivity change to CONNECTING"
        " | Subchannel picks a new address \"a\" to connect"
        " | Subchannel Connectivity change to READY"
        " | Subchannel Connectivity change to IDLE"
        " | Subchannel Connectivity change to CONNECTING"
        " | Subchannel picks a new address \"a\" to connect"
        " | Subchannel Connectivity change to TRANSIENT_FAILURE, last error: "
        "connection error: a: connect: connection refused"
        " | Subchannel Connectivity change to SHUTDOWN"
        " | Subchannel deleted");
    finish(&b);
}

/* CZ-8, CFG-31: with what the channel has to say. */
TEST(life_of_a_channel_is_told_in_order)
{
    struct channel_bench b;

    connect_to(&b, NULL, "a");
    b.service_config = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";
    channel_bench_resolve(&b, "a");
    assert_string_equal(
        look_events(&b.sim.book, CHANNEL, 1),
        "Channel created for target \"manual:///test\""
        " | Channel exiting idle mode"
        " | Channel Connectivity change to CONNECTING"
        " | Resolver state updated: 1 endpoint (resolver returned new addresses)"
        " | Channel switches to new LB policy \"pick_first\""
        " | Subchannel(id:2) created -> subchannel 2"
        " | Channel Connectivity change to READY"
        " | Resolver state updated: 1 endpoint (service config updated)"
        " | Channel switches to new LB policy \"round_robin\""
        " | Subchannel(id:4) created -> subchannel 4"
        " | Subchannel(id:2) deleted -> subchannel 2");
    grebe__env_enter(&b.sim.env);
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    assert_non_null(strstr(look_events(&b.sim.book, CHANNEL, 1),
                           " | Channel entering idle mode"
                           " | Channel Connectivity change to IDLE"
                           " | Subchannel(id:4) deleted -> subchannel 4"));
    finish(&b);
}

static const char *resolver_events(struct channel_bench *b)
{
    static char found[2048];
    char copy[4096], *save = NULL;
    struct grebe__text text = grebe__text_init(found, sizeof found);

    snprintf(copy, sizeof copy, "%s", look_events(&b->sim.book, CHANNEL, 1));
    for (char *event = strtok_r(copy, "|", &save); event != NULL;
         event = strtok_r(NULL, "|", &save))
        if (strstr(event, "Resolver state updated") != NULL)
            grebe__text_printf(&text, "%s", strchr(event, ':') + 1);
    return found;
}

/* CZ-9 */
TEST(resolver_is_heard_when_it_has_news)
{
    struct channel_bench b;

    connect_to(&b, NULL, "a");
    channel_bench_resolve(&b, "a");
    channel_bench_resolve(&b, "a b");
    assert_string_equal(resolver_events(&b),
                        " 1 endpoint (resolver returned new addresses) ");
    channel_bench_resolve(&b, "");
    channel_bench_resolve(&b, "");
    b.service_config = "{}";
    channel_bench_resolve(&b, "a b");
    channel_bench_resolve(&b, "a b");
    b.service_config = "{ }";
    channel_bench_resolve(&b, "a b");
    b.service_config = NULL;
    channel_bench_resolve(&b, "a b");
    assert_string_equal(
        resolver_events(&b),
        " 1 endpoint (resolver returned new addresses) "
        " 0 endpoints (resolver returned an empty address list) "
        " 2 endpoints (service config updated; resolver returned new addresses) "
        " 2 endpoints (service config updated) "
        " 2 endpoints (service config updated)");
    finish(&b);
}

/* What was known before idle mode is news again. */
TEST(resolver_that_was_built_anew_is_heard_from_the_beginning)
{
    struct channel_bench b;

    connect_to(&b, NULL, "a");
    b.service_config = "{}";
    channel_bench_resolve(&b, "a");
    b.resolves_to = "a";
    grebe__env_enter(&b.sim.env);
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    channel_bench_connect(&b);
    assert_string_equal(
        resolver_events(&b),
        " 1 endpoint (resolver returned new addresses) "
        " 1 endpoint (service config updated) "
        " 1 endpoint (service config updated; resolver returned new addresses) ");
    finish(&b);
}

TEST(warnings_and_errors_have_their_severity)
{
    struct channel_bench b;
    struct grebe__channel_snapshot *channel;
    const struct grebe_channelz_event *event;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    channel_bench_resolver_error(&b, "no such name");
    assert_int_equal(grebe__snapshot_channel(&b.sim.book, CHANNEL, 1, NULL, &channel),
                     GREBE_OK);
    event = NULL;
    for (size_t i = 0; i < channel->view.n_events; i++) {
        const struct grebe_channelz_event *at =
            grebe_channelz_channel_event(&channel->view, i);

        if (strstr(at->description, "name resolution failed: no such name") != NULL)
            event = at;
    }
    assert_non_null(event);
    assert_int_equal(event->severity, GREBE_CHANNELZ_WARNING);
    assert_int_equal(event->at_ns, b.sim.env.now_ns);
    grebe_channelz_channel_free(&channel->view);
    finish(&b);
}

/* What people read and what the trace has are the same words. */
TEST(log_says_what_the_trace_says)
{
    struct channel_bench b;

    connect_to(&b, "pick_first", "a");
    assert_true(channel_bench_logged(&b, "Channel exiting idle mode\n"));
    assert_true(
        channel_bench_logged(&b, "Subchannel picks a new address \"a\" to connect\n"));
    assert_true(channel_bench_logged(&b, "Subchannel Connectivity change to READY\n"));
    finish(&b);
}

TEST(channel_without_a_trace_counts_its_events)
{
    struct channel_bench b;
    struct grebe__channel_snapshot *channel;

    channel_bench_init(&b);
    b.options.trace_events = 0;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    assert_int_equal(grebe__snapshot_channel(&b.sim.book, CHANNEL, 1, NULL, &channel),
                     GREBE_OK);
    assert_int_equal(channel->view.n_events, 0);
    assert_true(channel->view.n_events_logged > 3);
    grebe_channelz_channel_free(&channel->view);
    finish(&b);
}

/* ---- Sockets --------------------------------------------------------------------------------------- */

TEST(socket_counts_streams_and_messages)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe__socket_snapshot *socket;
    struct grebe_call *call;

    connect_to(&b, "pick_first", "a");
    server = sim_server_find(&b.sim, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    server->echoes = false;
    call = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    assert_int_equal(
        grebe__snapshot_socket(&b.sim.book,
                               look_child(&b.sim.book, SUBCHANNEL, subchannel(&b, 0), 0),
                               NULL, &socket),
        GREBE_OK);
    assert_string_equal(socket->view.remote, "a");
    assert_string_equal(socket->view.local, "");
    assert_int_equal(socket->view.streams_started, 2);
    assert_int_equal(socket->view.streams_succeeded, 1);
    assert_int_equal(socket->view.streams_failed, 0);
    assert_int_equal(socket->view.messages_sent, 2);
    assert_int_equal(socket->view.messages_received, 1);
    assert_true(socket->view.has_goaway);
    assert_int_equal(socket->view.goaway, 0);
    grebe_channelz_socket_free(&socket->view);
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    finish(&b);
}

TEST(world_without_a_book_needs_none)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.sim.env.book = NULL;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_and_state_of_a_channel_are_visible),
        cmocka_unit_test(channel_that_could_not_be_made_was_never_there),
        cmocka_unit_test(address_that_is_gone_takes_its_subchannel_and_its_socket_along),
        cmocka_unit_test(calls_are_counted_on_both_levels),
        cmocka_unit_test(attempts_count_below_and_calls_above),
        cmocka_unit_test(attempt_that_never_had_a_stream_is_no_success),
        cmocka_unit_test(moments_and_latencies_are_exact),
        cmocka_unit_test(number_of_connections_allowed_is_visible),
        cmocka_unit_test(subchannel_stays_while_its_connection_drains),
        cmocka_unit_test(channel_that_goes_idle_remembers_what_addresses_carried),
        cmocka_unit_test(health_of_a_backend_is_visible),
        cmocka_unit_test(life_of_a_subchannel_is_told_in_order),
        cmocka_unit_test(life_of_a_channel_is_told_in_order),
        cmocka_unit_test(resolver_is_heard_when_it_has_news),
        cmocka_unit_test(resolver_that_was_built_anew_is_heard_from_the_beginning),
        cmocka_unit_test(warnings_and_errors_have_their_severity),
        cmocka_unit_test(log_says_what_the_trace_says),
        cmocka_unit_test(channel_without_a_trace_counts_its_events),
        cmocka_unit_test(socket_counts_streams_and_messages),
        cmocka_unit_test(world_without_a_book_needs_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
