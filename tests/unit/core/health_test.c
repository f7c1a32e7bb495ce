/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks of connected backends: gRFC A17, A61.  A whole channel against servers
 * that say how they are. */
#include "support/test.h"

#include <grebe/base_balancer.h>
#include <grebe/producer.h>
#include <grebe/registry.h>

#include "base/assert.h"
#include "core/health.h"
#include "core/subconn.h"
#include "messages/health.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

#define SERVICE   "my.Service"
#define CHECKED   "\"healthCheckConfig\":{\"serviceName\":\"" SERVICE "\"}"
#define ROUND     "{\"loadBalancingConfig\":[{\"round_robin\":{}}]," CHECKED "}"
#define ONE       "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]," CHECKED "}"
#define UNCHECKED "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}"
#define NOT_WELL  "connection active but health check failed. status="
#define NOT_ASKED "connection active but received health check RPC error: "

enum { UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN };

static struct sim_server *server(struct channel_bench *b, const char *name)
{
    struct sim_server *found = sim_server_find(&b->sim, name);

    assert_non_null(found);
    return found;
}

static void say(struct channel_bench *b, const char *name, int status)
{
    sim_server_set_health(server(b, name), SERVICE, status);
    sim_settle(&b->sim);
}

static struct grebe__subconn *subconn_at(struct channel_bench *b, unsigned n)
{
    struct grebe__list *link = b->channel->subconns.next;

    while (n-- > 0)
        link = link->next;
    assert_ptr_not_equal(link, &b->channel->subconns);
    return grebe_container_of(link, struct grebe__subconn, link);
}

/* The Watch that server "a" got. */
static struct sim_request *watch(struct channel_bench *b)
{
    return sim_server_request_of(server(b, "a"), GREBE__HEALTH_WATCH);
}

static void answer(struct channel_bench *b, int status)
{
    unsigned char bytes[] = {8, (unsigned char)status};

    sim_push(watch(b), bytes, sizeof bytes);
    sim_settle(&b->sim);
}

static void end_watch(struct channel_bench *b, int code)
{
    sim_end(watch(b), code, "because");
    sim_settle(&b->sim);
}

/* ---- round_robin ----------------------------------------------------------------------------- */

/* A channel over server "a", which echoes, and says what a test has it say. */
static void start(struct channel_bench *b, const char *config)
{
    channel_bench_start(b, config);
    channel_bench_servers(b, "a b");
    b->resolves_to = "a";
}

/* HC-1 */
TEST(only_serving_is_ready)
{
    struct channel_bench b;

    start(&b, ROUND);
    say(&b, "a", NOT_SERVING);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  NOT_WELL "NOT_SERVING");
    say(&b, "a", SERVING);
    assert_string_equal(channel_bench_states(&b), "READY");
    expect_echo(channel_bench_call(&b, NULL), "a");
    say(&b, "a", SERVICE_UNKNOWN);
    assert_string_equal(channel_bench_states(&b), "TRANSIENT_FAILURE");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  NOT_WELL "SERVICE_UNKNOWN");
    say(&b, "a", SERVING);
    assert_string_equal(channel_bench_states(&b), "READY");
    say(&b, "a", UNKNOWN);
    assert_string_equal(channel_bench_states(&b), "TRANSIENT_FAILURE");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  NOT_WELL "UNKNOWN");
    say(&b, "a", 77);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE, NOT_WELL "77");
    /* One connection, one Watch, and no new resolution, all the time. */
    assert_int_equal(server(&b, "a")->n_dials, 1);
    assert_int_equal(b.n_resolve_now, 0);
    assert_int_equal(times_logged(&b, "healthCheckConfig"), 1); /* SERVICE_UNKNOWN */
    channel_bench_fini(&b);
}

TEST(an_unhealthy_backend_takes_no_calls_and_keeps_its_connection)
{
    struct channel_bench b;

    start(&b, ROUND);
    b.resolves_to = "a b";
    say(&b, "a", SERVING);
    say(&b, "b", SERVING);
    channel_bench_connect(&b);
    say(&b, "a", NOT_SERVING);
    for (int i = 0; i < 4; i++)
        expect_echo(channel_bench_call(&b, NULL), "b");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    say(&b, "a", SERVING);
    for (int i = 0; i < 2; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(server(&b, "a")->n_requests, 2); /* the Watch, and a call again */
    assert_int_equal(server(&b, "a")->n_connections, 1);
    assert_int_equal(server(&b, "b")->n_connections, 1);
    channel_bench_fini(&b);
}

/* HC-2: a server without the service is well. */
TEST(a_backend_without_a_health_service_is_ready_and_named)
{
    struct channel_bench b;

    start(&b, ROUND);
    server(&b, "a")->echoes = false;
    channel_bench_connect(&b);
    end_watch(&b, GREBE_STATUS_UNIMPLEMENTED);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_advance_ms(&b, 300000);
    assert_null(watch(&b));
    assert_int_equal(times_logged(&b, "a: Subchannel health check is unimplemented at "
                                      "server side, thus health check is disabled"),
                     1);
    assert_string_equal(grebe__health_text(subconn_at(&b, 0), NULL), "unimplemented");
    /* A new connection is another matter. */
    sim_server_kill(server(&b, "a"), "reset");
    sim_settle(&b.sim);
    channel_bench_connect(&b);
    assert_non_null(watch(&b));
    channel_bench_fini(&b);
}

static unsigned n_watches(struct channel_bench *b)
{
    unsigned n = 0;

    grebe__list_foreach (link, &server(b, "a")->requests) {
        struct sim_request *request = grebe_container_of(link, struct sim_request, link);

        if (strcmp(request->path, GREBE__HEALTH_WATCH) == 0)
            n++;
    }
    return n;
}

/* HC-3: whatever ends the connection ends the Watch, and nothing else on it. */
TEST(the_watch_ends_with_the_use_of_the_connection)
{
    enum { GOAWAY, BREAK, REMOVED, CLOSED, CASES };

    for (int how = 0; how < CASES; how++) {
        struct grebe_call *call;
        struct channel_bench b;

        start(&b, ROUND);
        server(&b, "a")->latency_ns = 50 * MS;
        say(&b, "a", SERVING);
        channel_bench_connect(&b);
        channel_bench_advance_ms(&b, 50);
        assert_true(sim_server_is_watched(server(&b, "a"), SERVICE));
        call = channel_bench_call(&b, NULL);
        if (how == GOAWAY)
            sim_server_goaway(server(&b, "a"), 0, false);
        else if (how == BREAK)
            sim_server_kill(server(&b, "a"), "reset");
        else if (how == REMOVED)
            channel_bench_resolve(&b, "b");
        else
            channel_bench_close(&b);
        sim_settle(&b.sim);
        /* round_robin has connected again where it may: that is another Watch. */
        assert_int_equal(n_watches(&b), how == GOAWAY || how == BREAK ? 1 : 0);
        channel_bench_advance_ms(&b, 100);
        assert_int_equal(sim_server_n_open(server(&b, "a")), n_watches(&b));
        if (how == BREAK)
            expect_status(call, GREBE_STATUS_UNAVAILABLE, "reset");
        else if (how == CLOSED)
            expect_status(call, GREBE_STATUS_CANCELLED, "closing");
        else
            expect_echo(call, "a");
        channel_bench_fini(&b);
    }
}

/* HC-4 */
TEST(a_backend_that_does_not_answer_stays_connecting)
{
    struct grebe_call_options soon = timeout_ms(5000);
    struct grebe_call *call;
    struct channel_bench b;

    start(&b, ROUND);
    server(&b, "a")->echoes = false;
    channel_bench_connect(&b);
    assert_non_null(watch(&b));
    call = channel_bench_call(&b, &soon);
    channel_bench_advance_ms(&b, 5000);
    assert_string_equal(channel_bench_states(&b), "CONNECTING");
    assert_string_equal(
        grebe_failure_address(grebe_call_status(call)->failure, 0)->health,
        "no answer yet");
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                  "waiting for connections to become ready");
    channel_bench_advance_ms(&b, 600000); /* and no retry: the stream is open */
    assert_int_equal(server(&b, "a")->n_requests, 1);
    channel_bench_fini(&b);
}

/* ---- When nobody is asked --------------------------------------------------------------------- */

/* HC-5, HC-12 */
TEST(nothing_is_asked_without_config_without_wish_and_without_a_policy_that_wants_it)
{
    static const struct {
        const char *config;
        bool ignores;
        const char *logged; /* NULL: nothing */
    } cases[] = {
        {"{\"loadBalancingConfig\":[{\"round_robin\":{}}]}", false, NULL},
        {ROUND, true,
         "healthCheckConfig names \"my.Service\", but the channel's options"},
        {"{\"loadBalancingConfig\":[{\"pick_first\":{}}]," CHECKED "}", false,
         "healthCheckConfig names \"my.Service\", but policy \"pick_first\" does not ask"},
        {"{" CHECKED "}", false, "but policy \"pick_first\" does not ask for health"},
        {"{\"loadBalancingConfig\":[{\"pick_first\":{}}]," CHECKED "}", true,
         "but the channel's options say ignores_health_check"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = cases[i].config;
        b.options.ignores_health_check = cases[i].ignores;
        assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
        channel_bench_servers(&b, "a");
        b.resolves_to = "a";
        say(&b, "a", NOT_SERVING);
        channel_bench_connect(&b);
        assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
        assert_int_equal(server(&b, "a")->n_requests, 0);
        assert_null(grebe__health_text(subconn_at(&b, 0), NULL));
        /* A second connection and a second config of the same kind are no news. */
        sim_server_kill(server(&b, "a"), "reset");
        sim_settle(&b.sim);
        channel_bench_connect(&b);
        channel_bench_resolve(&b, "a");
        assert_int_equal(times_logged(&b, "healthCheckConfig"),
                         cases[i].logged == NULL ? 0 : 1);
        if (cases[i].logged != NULL)
            assert_true(channel_bench_logged(&b, cases[i].logged));
        channel_bench_fini(&b);
    }
}

/* HC-13 */
TEST(the_empty_name_is_asked_for_and_a_missing_one_is_not)
{
    struct channel_bench b;

    start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
              "\"healthCheckConfig\":{\"serviceName\":\"\"}}");
    sim_server_set_health(server(&b, "a"), "", NOT_SERVING);
    channel_bench_connect(&b);
    assert_true(sim_server_is_watched(server(&b, "a"), ""));
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    channel_bench_fini(&b);

    start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
              "\"healthCheckConfig\":{}}");
    sim_server_set_health(server(&b, "a"), "", NOT_SERVING);
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a"); /* the same config again */
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    assert_int_equal(server(&b, "a")->n_requests, 0);
    assert_int_equal(times_logged(&b, "healthCheckConfig has no serviceName"), 1);
    channel_bench_fini(&b);
}

/* A name that the server does not have looks like an outage: the log says what it is. */
TEST(a_service_that_nobody_knows_is_named_once)
{
    struct channel_bench b;

    start(&b, ROUND);
    b.resolves_to = "a b";
    sim_server_set_health(server(&b, "a"), "other", SERVING);
    sim_server_set_health(server(&b, "b"), "other", SERVING);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    assert_int_equal(times_logged(&b, "does not know \"my.Service\""), 1);

    /* Another name is another matter. */
    b.service_config = "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
                       "\"healthCheckConfig\":{\"serviceName\":\"nor.This\"}}";
    channel_bench_resolve(&b, "a b");
    sim_server_kill(server(&b, "a"), "reset");
    channel_bench_advance_ms(&b, 10000);
    assert_int_equal(times_logged(&b, "does not know \"nor.This\""), 1);
    channel_bench_fini(&b);
}

/* 10.2: what was asked for when the connection came is asked for until it goes. */
TEST(a_new_config_is_for_later_connections)
{
    struct channel_bench b;

    start(&b, NULL);
    b.service_config = ROUND;
    say(&b, "a", SERVING);
    sim_server_set_health(server(&b, "a"), "other", NOT_SERVING);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    b.service_config = "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
                       "\"healthCheckConfig\":{\"serviceName\":\"other\"}}";
    channel_bench_resolve(&b, "a");
    assert_true(sim_server_is_watched(server(&b, "a"), SERVICE));
    assert_string_equal(channel_bench_states(&b), "");
    sim_server_kill(server(&b, "a"), "reset");
    sim_settle(&b.sim);
    channel_bench_connect(&b);
    assert_true(sim_server_is_watched(server(&b, "a"), "other"));
    assert_false(sim_server_is_watched(server(&b, "a"), SERVICE));
    channel_bench_fini(&b);
}

/* ---- A listener by hand ---------------------------------------------------------------------------- */

static char heard[512]; /* "1 CONNECTING, 1 READY" */
static char why[256];   /* with the last TRANSIENT_FAILURE */
static bool listens_again;

static void on_health(void *arg, struct grebe_subconn *subconn,
                      enum grebe_connectivity state, const struct grebe_status *error)
{
    size_t used = strlen(heard);

    snprintf(heard + used, sizeof heard - used, "%s%s %s", used > 0 ? ", " : "",
             (const char *)arg, grebe_connectivity_name(state));
    assert_int_equal(error != NULL, state == GREBE_TRANSIENT_FAILURE);
    if (error != NULL)
        snprintf(why, sizeof why, "%s", error->message);
    if (listens_again) {
        listens_again = false;
        grebe_client_conn_watch_health(one.cc, subconn, on_health,
                                       (void *)(uintptr_t) "again");
    }
}

static const char *hears(void)
{
    static char text[sizeof heard];

    memcpy(text, heard, sizeof text);
    heard[0] = '\0';
    return text;
}

/* `name` NULL: no listener. */
static void listen(struct channel_bench *b, const char *name)
{
    grebe__env_enter(&b->sim.env);
    grebe_client_conn_watch_health(one.cc, one.subconn, name == NULL ? NULL : on_health,
                                   (void *)(uintptr_t)name);
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

/* A READY subconn to a server whose Watch the test answers itself. */
static void start_one(struct channel_bench *b, const char *config)
{
    heard[0] = why[0] = '\0';
    listens_again = false;
    one_subconn_register();
    start(b, config);
    server(b, "a")->echoes = false;
    channel_bench_connect(b);
    assert_int_equal(one.state, GREBE_READY);
    assert_null(watch(b)); /* HC-12: nobody listens */
}

static void finish_one(struct channel_bench *b)
{
    channel_bench_fini(b);
    one_subconn_unregister();
}

TEST(a_listener_hears_what_the_backend_says)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    assert_non_null(watch(&b));
    assert_true(watch(&b)->is_half_closed);
    assert_int_equal(watch(&b)->length, 12);
    assert_memory_equal(watch(&b)->bytes, "\x0a\x0amy.Service", 12);
    assert_string_equal(hears(), "1 CONNECTING");
    answer(&b, SERVING);
    answer(&b, SERVING); /* no news */
    answer(&b, NOT_SERVING);
    answer(&b, NOT_SERVING);
    answer(&b, UNKNOWN); /* the same state for another reason */
    answer(&b, SERVING);
    assert_string_equal(hears(),
                        "1 READY, 1 TRANSIENT_FAILURE, 1 TRANSIENT_FAILURE, 1 READY");
    assert_string_equal(why, NOT_WELL "UNKNOWN");
    assert_int_equal(one.state, GREBE_READY); /* of the connection */
    finish_one(&b);
}

TEST(without_a_service_to_ask_for_a_listener_hears_ready_once)
{
    struct channel_bench b;

    start_one(&b, UNCHECKED);
    grebe__env_enter(&b.sim.env);
    grebe_client_conn_watch_health(one.cc, one.subconn, on_health,
                                   (void *)(uintptr_t) "1");
    assert_string_equal(hears(), ""); /* not before the turn ends */
    grebe__env_leave(&b.sim.env);
    assert_string_equal(hears(), "1 READY");
    channel_bench_advance_ms(&b, 300000);
    assert_string_equal(hears(), "");
    assert_null(watch(&b));
    finish_one(&b);
}

/* HC-6: every attempt to open the stream fails, and nothing is told but that it is tried. */
TEST(streams_that_cannot_be_opened_are_tried_after_the_backoff)
{
    static const uint64_t at_least_ms[] = {1000, 1280, 2048, 3276, 5242};
    static const uint64_t at_most_ms[] = {1000, 1920, 3072, 4916, 7865};
    struct channel_bench b;

    start_one(&b, ONE);
    grebe__env_enter(&b.sim.env);
    grebe_client_conn_watch_health(one.cc, one.subconn, on_health,
                                   (void *)(uintptr_t) "1");
    b.mem.fail_at = b.mem.n_allocs + 8; /* seven to begin with; then the stream */
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(b.mem.has_failed);
        b.mem.has_failed = false;
        assert_null(watch(&b));
        b.mem.fail_at = b.mem.n_allocs + 1;
        channel_bench_advance_ms(&b, at_least_ms[i] - 1);
        assert_false(b.mem.has_failed);
        if (i == 4)
            b.mem.fail_at = 0;
        channel_bench_advance_ms(&b, at_most_ms[i] - at_least_ms[i] + 1);
    }
    assert_non_null(watch(&b));
    assert_string_equal(hears(), "1 CONNECTING");
    answer(&b, SERVING);
    assert_string_equal(hears(), "1 READY");
    finish_one(&b);
}

/* HC-7 */
TEST(a_stream_that_said_something_is_opened_again_at_once)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    answer(&b, SERVING);
    end_watch(&b, GREBE_STATUS_UNAVAILABLE);
    assert_non_null(watch(&b));
    assert_string_equal(hears(),
                        "1 CONNECTING, 1 READY, 1 TRANSIENT_FAILURE, 1 CONNECTING");
    assert_string_equal(grebe__health_text(subconn_at(&b, 0), NULL), "no answer yet");
    end_watch(&b, GREBE_STATUS_UNAVAILABLE);
    assert_null(watch(&b));
    channel_bench_advance_ms(&b, 999);
    assert_null(watch(&b));
    channel_bench_advance_ms(&b, 1);
    assert_non_null(watch(&b));
    finish_one(&b);
}

/* HC-8 */
TEST(an_end_without_an_answer_is_a_failure_whatever_its_status)
{
    const struct grebe__call_counts *counts;
    struct channel_bench b;

    start_one(&b, ONE);
    counts = &subconn_at(&b, 0)->counts;
    listen(&b, "1");
    end_watch(&b, GREBE_STATUS_OK);
    assert_string_equal(hears(), "1 CONNECTING, 1 TRANSIENT_FAILURE");
    assert_string_equal(why, NOT_ASKED "OK: because");
    assert_int_equal(counts->n_succeeded, 1);
    channel_bench_advance_ms(&b, 1000);
    end_watch(&b, GREBE_STATUS_INTERNAL);
    assert_string_equal(hears(), "1 CONNECTING, 1 TRANSIENT_FAILURE");
    assert_string_equal(why, NOT_ASKED "INTERNAL: because");
    assert_int_equal(counts->n_failed, 1);
    assert_int_equal(counts->n_started, 2);
    assert_string_equal(grebe__health_text(subconn_at(&b, 0), NULL), "INTERNAL: because");
    finish_one(&b);
}

TEST(garbage_ends_the_watch_and_is_a_failure)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    sim_push(watch(&b), "garbage", 7);
    sim_settle(&b.sim);
    assert_null(watch(&b));
    assert_string_equal(hears(), "1 CONNECTING, 1 TRANSIENT_FAILURE");
    assert_string_equal(why, NOT_ASKED "INTERNAL: the message cannot be understood");
    channel_bench_advance_ms(&b, 1000);
    answer(&b, SERVING);
    assert_string_equal(hears(), "1 CONNECTING, 1 READY");
    finish_one(&b);
}

TEST(what_a_backend_says_is_made_safe_to_print)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    sim_end(watch(&b), GREBE_STATUS_INTERNAL, "\x1b[31mred");
    sim_settle(&b.sim);
    assert_string_equal(why, NOT_ASKED "INTERNAL: \\x1b[31mred");
    finish_one(&b);
}

/* HC-9 */
TEST(a_second_listener_takes_the_place_of_the_first)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    answer(&b, NOT_SERVING);
    assert_string_equal(hears(), "1 CONNECTING, 1 TRANSIENT_FAILURE");
    listen(&b, "2");
    assert_non_null(watch(&b));
    answer(&b, SERVING);
    assert_string_equal(hears(), "2 CONNECTING, 2 READY");
    assert_int_equal(server(&b, "a")->n_requests, 2);
    finish_one(&b);
}

/* HC-10 */
TEST(without_a_listener_the_watch_ends)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    answer(&b, SERVING);
    assert_string_equal(hears(), "1 CONNECTING, 1 READY");
    listen(&b, NULL);
    assert_null(watch(&b));
    channel_bench_advance_ms(&b, 300000);
    assert_null(watch(&b));
    assert_string_equal(hears(), "");
    assert_null(grebe__health_text(subconn_at(&b, 0), NULL));
    finish_one(&b);
}

/* HC-11 */
TEST(a_listener_of_a_subconn_that_is_not_ready_is_ignored)
{
    struct channel_bench b;

    start_one(&b, ONE);
    sim_server_kill(server(&b, "a"), "reset");
    sim_settle(&b.sim);
    assert_int_equal(one.state, GREBE_IDLE);
    listen(&b, "1");
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    assert_null(watch(&b));
    assert_string_equal(hears(), "");
    finish_one(&b);
}

/* D19: grpc-go would wait for itself. */
TEST(a_listener_may_be_replaced_from_inside_itself)
{
    struct channel_bench b;

    start_one(&b, ONE);
    listen(&b, "1");
    assert_string_equal(hears(), "1 CONNECTING");
    listens_again = true;
    grebe__env_enter(&b.sim.env);
    sim_respond(watch(&b), "\x08\x01", 2);
    sim_respond(watch(&b), "\x08\x02", 2); /* for a listener that is gone */
    assert_string_equal(hears(), "1 READY");
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_string_equal(hears(), "again CONNECTING");
    answer(&b, SERVING);
    assert_string_equal(hears(), "again READY");
    assert_int_equal(
        times_logged(&b, "watch_health() from inside a health listener of the same"), 1);
    finish_one(&b);
}

/* ---- READY depends on it -------------------------------------------------------------------------- */

static struct grebe_picker *pick_the_first(void *arg, struct grebe_client_conn *cc,
                                           const struct grebe_ready_subconn *ready,
                                           size_t n)
{
    (void)arg;
    return n == 0 ? grebe_picker_queueing()
                  : grebe_picker_fixed(grebe_client_conn_mem(cc), ready[0].subconn);
}

static int build_checked(struct grebe_client_conn *cc,
                         const struct grebe_build_options *build_options,
                         struct grebe_balancer **out)
{
    struct grebe_base_balancer_options options = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)build_options;
    options.build_picker = pick_the_first;
    options.wants_health_check = true;
    return grebe_base_balancer_new(cc, &options, out);
}

static const struct grebe_balancer_builder checked_policy = {
    .api = GREBE_BALANCER_API,
    .name = "checked",
    .build = build_checked,
};

static void start_checked(struct channel_bench *b, const char *config)
{
    assert_int_equal(grebe_balancer_register(&checked_policy), GREBE_OK);
    start(b, config);
}

static void finish_checked(struct channel_bench *b)
{
    channel_bench_fini(b);
    grebe_balancer_unregister("checked");
}

#define BASE "{\"loadBalancingConfig\":[{\"checked\":{}}]," CHECKED "}"

/* HC-14 */
TEST(a_subconn_that_wants_health_checks_is_ready_when_the_backend_is)
{
    const struct grebe_failure_address *address;
    struct grebe_call *call;
    struct channel_bench b;

    start_checked(&b, BASE);
    server(&b, "a")->echoes = false;
    channel_bench_connect(&b);
    assert_int_equal(sim_server_n_open(server(&b, "a")), 1);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_CONNECTING);
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 60000);
    expect_pending(call);
    answer(&b, SERVING);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_READY);
    sim_answer(sim_server_request_of(server(&b, "a"), "/s/m"), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    answer(&b, NOT_SERVING);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_TRANSIENT_FAILURE);
    call = channel_bench_call(&b, NULL);
    address = grebe_failure_address(grebe_call_status(call)->failure, 0);
    assert_int_equal(address->state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(address->health, "NOT_SERVING");
    assert_false(address->has_next_attempt); /* it is connected */
    expect_status(call, GREBE_STATUS_UNAVAILABLE,
                  "last connection error: " NOT_WELL "NOT_SERVING");
    answer(&b, SERVING);
    assert_string_equal(channel_bench_states(&b),
                        "CONNECTING, READY, TRANSIENT_FAILURE, READY");
    /* The end of the Watch shows as well. */
    end_watch(&b, GREBE_STATUS_INTERNAL);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_CONNECTING);
    assert_int_equal(server(&b, "a")->n_dials, 1);
    answer(&b, SERVING);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_READY);
    assert_int_equal(times_logged(&b, "healthCheckConfig"), 0);
    finish_checked(&b);
}

static bool ignore_message(void *arg, const void *bytes, size_t length)
{
    (void)arg, (void)bytes, (void)length;
    return true;
}

static bool note_end(void *arg, const struct grebe_feed_end *end)
{
    assert_false(end->was_open);
    assert_int_equal(end->status->code, GREBE_STATUS_UNAVAILABLE);
    ++*(unsigned *)arg;
    return true;
}

/* For everyone else the subconn is not READY. */
TEST(feeds_of_others_find_no_connection_while_the_backend_is_not_well)
{
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;
    struct grebe_feed *feed;
    struct channel_bench b;
    unsigned n_ends = 0;

    options.method = "/s/feed";
    options.on_message = ignore_message;
    options.on_end = note_end;
    options.arg = &n_ends;
    start_checked(&b, BASE);
    server(&b, "a")->echoes = false;
    channel_bench_connect(&b);
    grebe__env_enter(&b.sim.env);
    assert_int_equal(grebe_feed_start(&subconn_at(&b, 0)->base, &options, &feed),
                     GREBE_OK);
    grebe__env_leave(&b.sim.env);
    assert_int_equal(n_ends, 1);
    answer(&b, SERVING);
    channel_bench_advance_ms(&b, 1000);
    assert_non_null(sim_server_request_of(server(&b, "a"), "/s/feed"));
    grebe__env_enter(&b.sim.env);
    grebe_feed_stop(&feed);
    grebe__env_leave(&b.sim.env);
    finish_checked(&b);
}

TEST(a_subconn_in_any_state_of_health_goes_idle_with_its_connection)
{
    static const int statuses[] = {-1, SERVING, NOT_SERVING};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(statuses); i++) {
        struct channel_bench b;

        start_checked(&b, BASE);
        server(&b, "a")->echoes = false;
        channel_bench_connect(&b);
        if (statuses[i] >= 0)
            answer(&b, statuses[i]);
        server(&b, "a")->behaviour = SIM_HANGS;
        sim_server_kill(server(&b, "a"), "reset");
        sim_settle(&b.sim);
        assert_null(subconn_at(&b, 0)->health);
        assert_int_equal(subconn_at(&b, 0)->state, GREBE_CONNECTING); /* dialled again */
        assert_int_equal(server(&b, "a")->n_dials, 2);
        finish_checked(&b);
    }
}

TEST(a_subconn_without_a_service_to_ask_for_is_ready_when_it_is_connected)
{
    struct channel_bench b;

    start_checked(&b, "{\"loadBalancingConfig\":[{\"checked\":{}}]}");
    say(&b, "a", NOT_SERVING);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    finish_checked(&b);
}

/* The backend has its new addresses while it is not well: it is dialled anew. */
TEST(new_addresses_for_an_unhealthy_subconn_start_a_round)
{
    struct channel_bench b;
    struct grebe_address *address;
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;

    start_checked(&b, BASE);
    server(&b, "a")->echoes = false;
    channel_bench_connect(&b);
    answer(&b, NOT_SERVING);
    assert_int_equal(grebe_address_new(NULL, "b", &plain, &address), GREBE_OK);
    say(&b, "b", SERVING);
    grebe__env_enter(&b.sim.env);
    assert_int_equal(
        grebe_subconn_update_addresses(&subconn_at(&b, 0)->base, &address, 1), GREBE_OK);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    grebe_address_unref(address);
    assert_int_equal(server(&b, "b")->n_dials, 1);
    assert_int_equal(subconn_at(&b, 0)->state, GREBE_READY);
    assert_int_equal(sim_server_n_open(server(&b, "a")), 0);
    finish_checked(&b);
}

/* ---- What people see ---------------------------------------------------------------------------------- */

TEST(a_failed_call_tells_the_health_of_every_backend)
{
    const struct grebe_failure *failure;
    struct grebe_call *call;
    struct channel_bench b;
    char text[512];

    start(&b, ROUND);
    b.resolves_to = "a b c";
    say(&b, "a", NOT_SERVING);
    sim_server_set_health(server(&b, "b"), "other", SERVING);
    channel_bench_connect(&b);
    call = channel_bench_call(&b, NULL);
    failure = grebe_call_status(call)->failure;
    assert_int_equal(grebe_failure_n_addresses(failure, NULL), 3);
    grebe_failure_format(failure, text, sizeof text);
    assert_non_null(strstr(text, "; a READY, health: NOT_SERVING"));
    assert_non_null(strstr(text, "; b READY, health: SERVICE_UNKNOWN"));
    assert_non_null(strstr(text, "; c TRANSIENT_FAILURE, last error "));
    for (size_t i = 0; i < 3; i++)
        if (strcmp(grebe_failure_address(failure, i)->address, "c") == 0)
            assert_null(grebe_failure_address(failure, i)->health);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "");
    channel_bench_fini(&b);
}

/* ---- What a backend may do to it --------------------------------------------------------------------- */

static unsigned n_states(struct channel_bench *b)
{
    const char *states = channel_bench_states(b);
    unsigned n = states[0] != '\0';

    while ((states = strchr(states, ',')) != NULL) {
        states++;
        n++;
    }
    return n;
}

TEST(a_health_service_that_floods_is_bounded_and_calls_go_on)
{
    struct channel_bench b;

    start(&b, ROUND);
    say(&b, "a", SERVING);
    channel_bench_connect(&b);
    channel_bench_states(&b);
    for (int i = 0; i < 5000; i++)
        answer(&b, i % 2 == 0 ? NOT_SERVING : SERVING);
    assert_int_equal(n_states(&b), 99); /* of 5000; it had one before */
    for (int second = 0; second < 50; second++) {
        channel_bench_advance_ms(&b, 1000);
        assert_true(n_states(&b) <= 100);
    }
    assert_int_equal(times_logged(&b, "faster than they are of use"), 1);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

/* ---- Out of memory -------------------------------------------------------------------------------------- */

/* A channel that comes to one backend, through health, by a call. */
static bool run_with_failure(uint32_t fail_at, const char *config)
{
    struct channel_bench b;
    struct grebe_call *call;
    bool has_failed;

    channel_bench_init(&b);
    b.options.service_config = config;
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    say(&b, "a", SERVING);
    b.mem.fail_at = b.mem.n_allocs + fail_at;
    channel_bench_connect(&b);
    say(&b, "a", NOT_SERVING);
    say(&b, "a", SERVING);
    channel_bench_advance_ms(&b, 5000);
    has_failed = b.mem.has_failed;
    b.mem.fail_at = 0;
    channel_bench_connect(&b); /* a policy that could not be built */
    channel_bench_resolve(&b, "a");
    channel_bench_advance_ms(&b, 200000);
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 1000);
    if (strstr(grebe_call_status(call)->message, "out of memory") != NULL)
        expect_status(call, GREBE_STATUS_UNAVAILABLE, "out of memory");
    else
        expect_echo(call, "a");
    channel_bench_fini(&b);
    return has_failed;
}

/* The backend is found all the same, unless it was the picker for which memory was short:
 * then pick_first says so. */
TEST(each_allocation_may_fail)
{
    static const char *const configs[] = {ROUND, BASE};

    assert_int_equal(grebe_balancer_register(&checked_policy), GREBE_OK);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(configs); i++)
        for (uint32_t n = 1; run_with_failure(n, configs[i]); n++)
            assert_true(n < 1000);
    grebe_balancer_unregister("checked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_serving_is_ready),
        cmocka_unit_test(an_unhealthy_backend_takes_no_calls_and_keeps_its_connection),
        cmocka_unit_test(a_backend_without_a_health_service_is_ready_and_named),
        cmocka_unit_test(the_watch_ends_with_the_use_of_the_connection),
        cmocka_unit_test(a_backend_that_does_not_answer_stays_connecting),
        cmocka_unit_test(
            nothing_is_asked_without_config_without_wish_and_without_a_policy_that_wants_it),
        cmocka_unit_test(the_empty_name_is_asked_for_and_a_missing_one_is_not),
        cmocka_unit_test(a_service_that_nobody_knows_is_named_once),
        cmocka_unit_test(a_new_config_is_for_later_connections),
        cmocka_unit_test(a_listener_hears_what_the_backend_says),
        cmocka_unit_test(without_a_service_to_ask_for_a_listener_hears_ready_once),
        cmocka_unit_test(streams_that_cannot_be_opened_are_tried_after_the_backoff),
        cmocka_unit_test(a_stream_that_said_something_is_opened_again_at_once),
        cmocka_unit_test(an_end_without_an_answer_is_a_failure_whatever_its_status),
        cmocka_unit_test(garbage_ends_the_watch_and_is_a_failure),
        cmocka_unit_test(what_a_backend_says_is_made_safe_to_print),
        cmocka_unit_test(a_second_listener_takes_the_place_of_the_first),
        cmocka_unit_test(without_a_listener_the_watch_ends),
        cmocka_unit_test(a_listener_of_a_subconn_that_is_not_ready_is_ignored),
        cmocka_unit_test(a_listener_may_be_replaced_from_inside_itself),
        cmocka_unit_test(a_subconn_that_wants_health_checks_is_ready_when_the_backend_is),
        cmocka_unit_test(
            feeds_of_others_find_no_connection_while_the_backend_is_not_well),
        cmocka_unit_test(a_subconn_in_any_state_of_health_goes_idle_with_its_connection),
        cmocka_unit_test(
            a_subconn_without_a_service_to_ask_for_is_ready_when_it_is_connected),
        cmocka_unit_test(new_addresses_for_an_unhealthy_subconn_start_a_round),
        cmocka_unit_test(a_failed_call_tells_the_health_of_every_backend),
        cmocka_unit_test(a_health_service_that_floods_is_bounded_and_calls_go_on),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
