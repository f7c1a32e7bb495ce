/* SPDX-License-Identifier: Apache-2.0 */
/* interop/health.c -- health checks of servers that others wrote (gRFC A17). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cases.h"
#include "support/client.h"
#include "traffic.h"
#include "world.h"

#define WAIT_MS 10000 /* for what ought to happen soon */

/* Servers, with the health service or without, and a channel that asks for `service`. */
static void open_world(struct world *w, size_t n, bool has_health, const char *service)
{
    static const char *const names[] = {"a", "b"};
    struct grebe_channel_options options;
    struct grebe_diag diag = {""};
    char config[256];

    for (size_t i = 0; i < n; i++) {
        const char *flags[] = {"--name", names[i], has_health ? "--health" : NULL, NULL};

        world_start(&w->server[i], flags);
    }
    snprintf(config, sizeof config,
             "{\"loadBalancingConfig\": [{\"round_robin\": {}}],"
             " \"healthCheckConfig\": {\"serviceName\": \"%s\"}}",
             service);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.service_config = config;
    if (grebe_channel_new(world_target(w, n), &options, &diag, &w->channel) != GREBE_OK)
        fail_msg("%s", diag.text);
}

static void set_health(const struct world *w, size_t i, const char *status)
{
    struct grebe_channel *channel = client_open(w->server[i].address, NULL, NULL);
    struct client_request request = {.method = ECHO "SetHealth"};
    struct grebe_call *call;

    request.metadata = client_metadata("x-status", status, NULL);
    call = client_call(channel, &request);
    client_expect(call, GREBE_STATUS_OK, NULL);
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
}

/* Until ten calls in a row are answered by just the servers with a bit in `wanted`. */
static void wait_until_served_by(struct grebe_channel *channel, unsigned wanted)
{
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(WAIT_MS * CLIENT_MS);
    unsigned seen;

    do {
        seen = 0;
        for (int i = 0; i < 10; i++)
            seen |= 1u << world_ask_who(channel);
    } while (seen != wanted && grebe_now_ns() < end_ns);
    assert_int_equal(seen, wanted);
}

static void who_is_not_well_leaves_the_rotation_and_comes_back(void **state)
{
    struct world *w = *state;
    struct traffic traffic;

    open_world(w, 2, true, "grebe.test.Echo");
    wait_until_served_by(w->channel, 3);
    traffic_begin(&traffic, w->channel);
    for (size_t round = 0; round < 4; round++) {
        size_t sick = round % 2, well = 1 - sick;

        set_health(w, sick, round < 2 ? "NOT_SERVING" : "UNKNOWN");
        wait_until_served_by(w->channel, 1u << well);
        for (int i = 0; i < 100; i++)
            assert_int_equal(world_ask_who(w->channel), well);
        set_health(w, sick, "SERVING");
        wait_until_served_by(w->channel, 3);
    }
    traffic_end(&traffic);
}

static void nobody_well_is_told_and_overcome(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Who"};
    struct grebe_call *call;
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(WAIT_MS * CLIENT_MS);
    int code;

    open_world(w, 1, true, "grebe.test.Echo");
    assert_int_equal(world_ask_who(w->channel), 0);
    set_health(w, 0, "NOT_SERVING");
    do {
        call = client_call(w->channel, &request);
        code = grebe_call_status(call)->code;
        if (code == GREBE_STATUS_OK)
            grebe_call_unref(call);
    } while (code == GREBE_STATUS_OK && grebe_now_ns() < end_ns);
    client_expect(call, GREBE_STATUS_UNAVAILABLE, "NOT_SERVING");
    grebe_call_unref(call);

    request.waits_for_ready = true;
    call = client_start(w->channel, &request, NULL, NULL);
    set_health(w, 0, "SERVING");
    assert_int_equal(grebe_call_wait(call, WAIT_MS * CLIENT_MS), GREBE_OK);
    client_expect_text(call, "a");
    grebe_call_unref(call);
}

static void unknown_service_is_not_well(void **state)
{
    struct world *w = *state;
    struct grebe_call *call;

    open_world(w, 1, true, "nobody.knows.It");
    call = client_call(w->channel, &(struct client_request){.method = ECHO "Who"});
    client_expect(call, GREBE_STATUS_UNAVAILABLE, "SERVICE_UNKNOWN");
    grebe_call_unref(call);
}

static void server_without_the_service_serves(void **state)
{
    struct world *w = *state;

    open_world(w, 2, false, "grebe.test.Echo");
    wait_until_served_by(w->channel, 3);
}

/* A server that stops waits for its streams: Watch must not be what it waits for. */
static void watching_does_not_hold_up_a_graceful_stop(void **state)
{
    struct world *w = *state;

    open_world(w, 2, true, "grebe.test.Echo");
    wait_until_served_by(w->channel, 3);
    traffic_survives_graceful_stop(w);
}

int run_health(void)
{
    const struct CMUnitTest cases[] = {
        CASE(who_is_not_well_leaves_the_rotation_and_comes_back),
        CASE(nobody_well_is_told_and_overcome),
        CASE(unknown_service_is_not_well),
        CASE(server_without_the_service_serves),
        CASE(watching_does_not_hold_up_a_graceful_stop),
    };

    return cmocka_run_group_tests_name("health", cases, NULL, NULL);
}
