/* SPDX-License-Identifier: Apache-2.0 */
/* The seven sequences of a balancer's life, as traces of who calls whom: registration,
 * initialisation, address update, life of a subconn, dispatch, change of state, close.
 * Each is exact, and the same on virtual time and on real sockets. */
#include "scenario/recorder.h"
#include "scenario/world.h"

#include <stdlib.h>

#include <grebe/registry.h>

static const char config[] = "{\"loadBalancingConfig\":[{\"recorder\":{}}]}";

static char warnings[512];

static void on_warning(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    assert_int_equal(level, GREBE_LOG_WARNING);
    snprintf(warnings, sizeof warnings, "%s", message);
}

/* A channel to "a", READY; what led there is not traced. */
static struct world *start_with_a(void)
{
    struct world *world = world_open(config);

    world_server(world, "a", 0);
    world_resolve(world, "a");
    world_connect(world);
    world_until_state(world, GREBE_READY);
    recorder_trace();
    return world;
}

/* ---- 1. Registration ----------------------------------------------------------------------- */

TEST(a_builder_is_registered_once_and_found_by_name_when_a_channel_needs_it)
{
    struct world *world;

    warnings[0] = '\0';
    grebe_registry_set_log(on_warning, NULL);
    assert_int_equal(grebe_balancer_register(&recorder), GREBE_OK);
    assert_non_null(strstr(warnings, "Recorder")); /* folded to lower case, and said so */
    warnings[0] = '\0';
    assert_ptr_equal(grebe_balancer_get("recorder"), &recorder);
    assert_string_equal(warnings, "");
    assert_ptr_equal(grebe_balancer_get("RECORDER"), &recorder);
    assert_non_null(strstr(warnings, "RECORDER"));
    assert_null(grebe_balancer_get("nobody"));

    world = world_open(config);
    world_server(world, "a", 0);
    world_resolve(world, "a");
    assert_string_equal(recorder_trace(), ""); /* a channel is made without a balancer */
    world_connect(world);
    world_until_state(world, GREBE_READY);
    assert_string_equal(recorder_trace(),
                        "build, update a, new a, connect a, publish IDLE, exit_idle, "
                        "a CONNECTING, publish CONNECTING, a READY, publish READY");
    world_close(world);
    assert_string_equal(recorder_trace(), "close, remove a");
}

/* ---- 2. Initialisation ---------------------------------------------------------------------- */

TEST(a_channel_builds_its_balancer_when_the_first_addresses_come)
{
    struct world *world = world_open(config);

    assert_int_equal(world_state(world), GREBE_IDLE);
    world_connect(world);
    world_run_ms(world, 20);
    assert_int_equal(world_state(world), GREBE_CONNECTING); /* it waits for addresses */
    assert_string_equal(recorder_trace(), "");
    world_server(world, "a", 0);
    world_resolve(world, "a");
    world_until_state(world, GREBE_READY);
    assert_string_equal(recorder_trace(),
                        "build, update a, new a, connect a, publish IDLE, a CONNECTING, "
                        "publish CONNECTING, a READY, publish READY");
    world_close(world);
    recorder_trace();
}

TEST(a_name_that_nobody_registered_gives_the_default_balancer)
{
    struct world *world = world_open("{\"loadBalancingPolicy\":\"nobody\"}");
    char peer = '?';

    world_server(world, "a", 0);
    world_server(world, "b", 0);
    world_resolve(world, "a b");
    for (int i = 0; i < 4; i++) { /* pick_first: all to one */
        assert_int_equal(world_finish(world, world_call(world, false), &peer),
                         GREBE_STATUS_OK);
        assert_int_equal(peer, 'a');
    }
    assert_string_equal(recorder_trace(), "");
    world_close(world);
}

/* ---- 3. Address update ---------------------------------------------------------------------- */

TEST(an_update_makes_and_removes_subconns_and_leaves_the_others_alone)
{
    static const char b_ready[] = "b READY, publish READY";
    static const char c_ready[] = "c READY, publish READY";
    struct world *world = start_with_a();

    world_server(world, "b", 0);
    world_resolve(world, "a b");
    world_until(world, recorder_ends_with, b_ready);
    assert_string_equal(recorder_trace(),
                        "update a b, new b, connect b, publish READY, b CONNECTING, "
                        "publish READY, b READY, publish READY");
    world_server(world, "c", 0);
    world_resolve(world, "b c");
    world_until(world, recorder_ends_with, c_ready);
    /* What was asked for takes effect in the order it was asked for. */
    assert_string_equal(recorder_trace(),
                        "update b c, new c, connect c, remove a, publish READY, "
                        "c CONNECTING, publish READY, a SHUTDOWN, publish READY, "
                        "c READY, publish READY");
    world_resolve(world, "");
    assert_string_equal(recorder_trace(),
                        "update, remove b, remove c, publish READY, b SHUTDOWN, "
                        "publish READY, c SHUTDOWN, publish TRANSIENT_FAILURE");
    world_close(world);
    recorder_trace();
}

/* ---- 4. Life of a subconn ------------------------------------------------------------------- */

TEST(a_subconn_connects_fails_backs_off_connects_again_and_is_shut_down)
{
    static const char failed[] = "a TRANSIENT_FAILURE, publish TRANSIENT_FAILURE";
    static const char ready[] = "a READY, publish READY";
    struct world *world = start_with_a();

    world_kill(world, "a");
    world_until(world, recorder_ends_with, failed);
    assert_string_equal(recorder_trace(),
                        "a IDLE, connect a, publish IDLE, a CONNECTING, publish "
                        "CONNECTING, a TRANSIENT_FAILURE, publish TRANSIENT_FAILURE");
    world_server(world, "a", 0);
    world_until(world, recorder_ends_with, ready);
    assert_string_equal(recorder_trace(),
                        "a IDLE, connect a, publish IDLE, a CONNECTING, publish "
                        "CONNECTING, a READY, publish READY");
    world_resolve(world, "");
    assert_string_equal(recorder_trace(), "update, remove a, publish READY, a SHUTDOWN, "
                                          "publish TRANSIENT_FAILURE");
    world_close(world);
    assert_string_equal(recorder_trace(), "close");
}

/* ---- 5. Dispatch ---------------------------------------------------------------------------- */

TEST(a_call_is_picked_sent_answered_and_done)
{
    struct world *world = start_with_a();
    char peer = '?';

    assert_int_equal(world_finish(world, world_call(world, false), &peer),
                     GREBE_STATUS_OK);
    assert_int_equal(peer, 'a');
    assert_string_equal(recorder_trace(), "pick a, done a OK");
    world_close(world);
    recorder_trace();
}

TEST(a_call_waits_for_a_picker_that_knows_a_backend)
{
    static const char failed[] = "a TRANSIENT_FAILURE, publish TRANSIENT_FAILURE";
    struct world *world = start_with_a();
    struct grebe_call *call;

    world_kill(world, "a");
    world_until(world, recorder_ends_with, failed);
    call = world_call(world, true);
    world_server(world, "a", 0);
    recorder_trace();
    assert_int_equal(world_finish(world, call, NULL), GREBE_STATUS_OK);
    /* It asks each new picker once, until one has a backend.  A picker reaches the channel
     * after what was asked for before it: the connect. */
    assert_string_equal(recorder_trace(),
                        "a IDLE, connect a, publish IDLE, a CONNECTING, publish "
                        "CONNECTING, pick queue, pick queue, a READY, publish READY, "
                        "pick a, done a OK");
    world_close(world);
    recorder_trace();
}

TEST(a_call_that_fails_is_done_with_its_error)
{
    struct world *world = world_open(config);
    struct grebe_call *call;

    world_server(world, "a", 10000);
    world_resolve(world, "a");
    world_connect(world);
    world_until_state(world, GREBE_READY);
    recorder_trace();
    call = world_call(world, false);
    world_run_ms(world, 50);
    world_kill(world, "a");
    assert_int_equal(world_finish(world, call, NULL), GREBE_STATUS_UNAVAILABLE);
    assert_non_null(strstr(recorder_trace(), "pick a, done a UNAVAILABLE"));
    world_close(world);
    recorder_trace();
}

/* ---- 6. Change of state --------------------------------------------------------------------- */

TEST(each_change_of_a_subconn_has_a_new_picker_and_wakes_the_calls_that_wait)
{
    static const char b_ready[] = "b READY, publish READY";
    static const char b_failed[] = "b TRANSIENT_FAILURE, publish READY";
    static const char all_failed[] = "a TRANSIENT_FAILURE, publish TRANSIENT_FAILURE";
    struct world *world = start_with_a();
    char peer = '?';

    world_server(world, "b", 0);
    world_resolve(world, "a b");
    world_until(world, recorder_ends_with, b_ready);
    recorder_trace();
    world_kill(world, "b");
    world_until(world, recorder_ends_with, b_failed);
    assert_string_equal(recorder_trace(),
                        "b IDLE, connect b, publish READY, b CONNECTING, publish READY, "
                        "b TRANSIENT_FAILURE, publish READY");
    for (int i = 0; i < 3; i++) { /* the rotation goes on without it */
        assert_int_equal(world_finish(world, world_call(world, false), &peer),
                         GREBE_STATUS_OK);
        assert_int_equal(peer, 'a');
    }
    world_resolve(world, "a");
    recorder_trace();
    world_kill(world, "a");
    world_until(world, recorder_ends_with, all_failed);
    assert_int_equal(world_finish(world, world_call(world, false), NULL),
                     GREBE_STATUS_UNAVAILABLE);
    world_close(world);
    recorder_trace();
}

/* ---- 7. Close ------------------------------------------------------------------------------- */

TEST(closing_a_channel_ends_its_calls_its_balancer_and_its_subconns)
{
    struct world *world = world_open(config);
    struct grebe_call *call;

    world_server(world, "a", 10000);
    world_server(world, "b", 10000);
    world_resolve(world, "a b");
    world_connect(world);
    world_until_state(world, GREBE_READY);
    world_run_ms(world, 100);
    call = world_call(world, false);
    world_run_ms(world, 20);
    recorder_trace();
    world_close_channel(world);
    assert_true(grebe_call_is_done(call));
    assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_CANCELLED);
    assert_non_null(
        strstr(grebe_call_status(call)->message, "the client connection is closing"));
    /* The last it hears is its own end: no state of a subconn comes after it. */
    assert_non_null(strstr(recorder_trace(), "CANCELLED, close, remove a, remove b"));
    grebe_call_unref(call);
    world_close(world);
    assert_string_equal(recorder_trace(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_builder_is_registered_once_and_found_by_name_when_a_channel_needs_it),
        cmocka_unit_test(a_channel_builds_its_balancer_when_the_first_addresses_come),
        cmocka_unit_test(a_name_that_nobody_registered_gives_the_default_balancer),
        cmocka_unit_test(
            an_update_makes_and_removes_subconns_and_leaves_the_others_alone),
        cmocka_unit_test(
            a_subconn_connects_fails_backs_off_connects_again_and_is_shut_down),
        cmocka_unit_test(a_call_is_picked_sent_answered_and_done),
        cmocka_unit_test(a_call_waits_for_a_picker_that_knows_a_backend),
        cmocka_unit_test(a_call_that_fails_is_done_with_its_error),
        cmocka_unit_test(
            each_change_of_a_subconn_has_a_new_picker_and_wakes_the_calls_that_wait),
        cmocka_unit_test(closing_a_channel_ends_its_calls_its_balancer_and_its_subconns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
