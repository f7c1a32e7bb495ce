/* SPDX-License-Identifier: Apache-2.0 */
/* interop/orca.c -- load reports of servers that others wrote (gRFC A51).
 *
 * grpc-go sends reports out of band at least 30 s apart, but the first at once; grpc-js
 * sends the first when the interval has passed.  A case that wants the next report watches
 * anew: both then come soon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "load_policy.h"
#include "support/client.h"
#include "world.h"

#define WAIT_MS     10000 /* for what ought to happen soon */
#define INTERVAL_NS ((uint64_t)(50 * CLIENT_MS))

static void open_world(struct world *w, bool has_orca, uint64_t interval_ns)
{
    const char *flags[] = {"--name", "a", has_orca ? "--orca" : NULL, NULL};

    world_start(&w->server[0], flags);
    load_policy_begin(interval_ns);
    w->channel = client_open(world_target(w, 1), LOAD_POLICY, NULL);
}

/* Calls Load, SetLoad or Who. */
static void call(struct grebe_channel *channel, const char *method, const char *load)
{
    struct client_request request = {.method = method};
    struct grebe_call *done;

    if (load != NULL)
        request.metadata = client_metadata("x-load", load, NULL);
    done = client_call(channel, &request);
    client_expect(done, GREBE_STATUS_OK, NULL);
    grebe_call_unref(done);
}

/* Runs the channel until the last report says `text`. */
static void wait_for_report(struct grebe_channel *channel, const char *text)
{
    struct grebe_loop *loop = grebe_channel_loop(channel);
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(WAIT_MS * CLIENT_MS);

    while (strcmp(load_notes.last_report, text) != 0 && grebe_now_ns() < end_ns)
        assert_int_equal(grebe_loop_turn(loop, 10), GREBE_OK);
    assert_string_equal(load_notes.last_report, text);
}

static void loads_come_with_calls(void **state)
{
    struct world *w = *state;

    open_world(w, true, 0);
    call(w->channel, ECHO "Load",
         "cpu=0.25,mem=0.5,app=1.5,qps=100,eps=2,util.disk=0.75,named.queue=-3,"
         "cost.rows=7");
    assert_string_equal(load_notes.last_call,
                        "cpu=0.25 mem=0.5 app=1.5 qps=100 eps=2 util.disk=0.75 "
                        "named.queue=-3 cost.rows=7");
    call(w->channel, ECHO "Load", "cpu=1.25");
    assert_string_equal(load_notes.last_call, "cpu=1.25 mem=0 app=0 qps=0 eps=0");
    assert_int_equal(load_notes.n_reports, 0);
}

/* A handler that records nothing sends nothing, or, if it is grpc-js's, an empty report;
 * what another call has said is forgotten. */
static void calls_without_a_load_have_none(void **state)
{
    struct world *w = *state;

    open_world(w, true, 0);
    call(w->channel, ECHO "Load", "cpu=0.5");
    call(w->channel, ECHO "Who", NULL);
    assert_int_equal(load_notes.n_calls, 2);
    if (load_notes.last_call[0] != '\0')
        assert_string_equal(load_notes.last_call, "cpu=0 mem=0 app=0 qps=0 eps=0");
}

static void loads_come_out_of_band(void **state)
{
    struct world *w = *state;

    open_world(w, true, INTERVAL_NS);
    call(w->channel, ECHO "SetLoad", "cpu=0.25,app=1.5,qps=100,eps=2,util.disk=0.75");
    load_policy_watch_again();
    wait_for_report(w->channel, "cpu=0.25 mem=0 app=1.5 qps=100 eps=2 util.disk=0.75");
    call(w->channel, ECHO "SetLoad", "cpu=0.5");
    load_policy_watch_again();
    wait_for_report(w->channel, "cpu=0.5 mem=0 app=1.5 qps=100 eps=2 util.disk=0.75");
}

static void reports_come_again_after_a_reconnect(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "SetLoad", .waits_for_ready = true};
    struct grebe_call *lost, *set;
    char port[8];
    const char *flags[] = {"--name", "a", "--orca", "--port", port, NULL};

    open_world(w, true, INTERVAL_NS);
    call(w->channel, ECHO "SetLoad", "cpu=0.25");
    load_policy_watch_again();
    wait_for_report(w->channel, "cpu=0.25 mem=0 app=0 qps=0 eps=0");

    snprintf(port, sizeof port, "%s", process_port(&w->server[0]));
    process_kill(&w->server[0]);
    lost = client_call(w->channel, &(struct client_request){.method = ECHO "Who"});
    client_expect(lost, GREBE_STATUS_UNAVAILABLE, NULL);
    grebe_call_unref(lost);
    world_start(&w->server[0], flags);
    request.metadata = client_metadata("x-load", "cpu=0.75", NULL);
    set = client_call(w->channel, &request);
    client_expect(set, GREBE_STATUS_OK, NULL);
    grebe_call_unref(set);
    load_policy_watch_again();
    wait_for_report(w->channel, "cpu=0.75 mem=0 app=0 qps=0 eps=0");
}

static void server_without_load_reports_serves(void **state)
{
    struct world *w = *state;

    open_world(w, false, INTERVAL_NS);
    for (int i = 0; i < 50; i++)
        call(w->channel, ECHO "Who", NULL);
    assert_int_equal(load_notes.n_calls, 50);
    assert_int_equal(load_notes.n_reports, 0);
    assert_string_equal(load_notes.last_call, "");
}

/* ---- weighted_round_robin ------------------------------------------------------------ */

enum { N_WEIGHTED = 3, BATCH = 60 };

/* How many of BATCH calls each server answers. */
static void count_batch(struct grebe_channel *channel, unsigned counts[N_WEIGHTED])
{
    memset(counts, 0, N_WEIGHTED * sizeof counts[0]);
    for (int i = 0; i < BATCH; i++)
        counts[world_ask_who(channel)]++;
}

static bool is_one_two_three(const unsigned counts[N_WEIGHTED])
{
    return counts[0] == BATCH / 6 && counts[1] == BATCH / 3 && counts[2] == BATCH / 2;
}

/* The channel's loop runs for a while, so that reports come and weights are looked at. */
static void run_for_ms(struct grebe_channel *channel, int64_t ms)
{
    struct grebe_loop *loop = grebe_channel_loop(channel);
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(ms * CLIENT_MS);

    while (grebe_now_ns() < end_ns)
        assert_int_equal(grebe_loop_turn(loop, 10), GREBE_OK);
}

static void tell_load(const struct world *w, size_t i, const char *load)
{
    char target[64];
    struct grebe_channel *channel;

    snprintf(target, sizeof target, "ipv4:%s", w->server[i].address);
    channel = client_open(target, "pick_first", NULL);
    call(channel, ECHO "SetLoad", load);
    grebe_channel_destroy(channel);
}

/* W-7: servers of one use and unequal rates, and the shares that follow, exactly. */
static void shares_follow_the_reports(void **state)
{
    static const char *const loads[N_WEIGHTED] = {"app=0.5,qps=10", "app=0.5,qps=20",
                                                  "app=0.5,qps=30"};
    static const char *const names[N_WEIGHTED] = {"a", "b", "c"};
    struct grebe_channel_options options;
    struct world *w = *state;
    unsigned counts[N_WEIGHTED];

    for (size_t i = 0; i < N_WEIGHTED; i++) {
        world_start(&w->server[i],
                    (const char *const[]){"--name", names[i], "--orca", NULL});
        tell_load(w, i, loads[i]);
    }
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.service_config =
        "{\"loadBalancingConfig\":[{\"weighted_round_robin\":{\"blackoutPeriod\":\"0s\","
        "\"weightUpdatePeriod\":\"0.1s\",\"enableOobLoadReport\":true,"
        "\"oobReportingPeriod\":\"0.05s\"}}]}";
    assert_int_equal(
        grebe_channel_new(world_target(w, N_WEIGHTED), &options, NULL, &w->channel),
        GREBE_OK);
    for (int ms = 0; ms < WAIT_MS; ms += 200) {
        count_batch(w->channel, counts);
        if (is_one_two_three(counts))
            break;
        run_for_ms(w->channel, 200);
    }
    for (int i = 0; i < 10; i++)
        count_batch(w->channel, counts);
    assert_true(is_one_two_three(counts));
}

int run_orca(void)
{
    const struct CMUnitTest cases[] = {
        CASE(loads_come_with_calls),
        CASE(calls_without_a_load_have_none),
        CASE(loads_come_out_of_band),
        CASE(reports_come_again_after_a_reconnect),
        CASE(server_without_load_reports_serves),
        CASE(shares_follow_the_reports),
    };
    const char *reason = getenv("GREBE_PEER_HAS_NO_ORCA");

    if (reason != NULL) {
        printf("1..1\nok 1 - orca # SKIP %s\n", reason);
        return 0;
    }
    return cmocka_run_group_tests_name("orca", cases, NULL, NULL);
}
