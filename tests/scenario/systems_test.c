/* SPDX-License-Identifier: Apache-2.0 */
/* Four stories of a whole system under round_robin: every call to its share, a backend that
 * fails and comes back, one that is not well for a while, and backends that come and go.  No
 * call is lost in any. */
#include "scenario/world.h"

static const char config[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";

/* `n` calls, one after the other, all of them good; counts of those to 'a', 'b', ... */
static void make_calls(struct world *world, unsigned n, unsigned counts[26])
{
    memset(counts, 0, 26 * sizeof counts[0]);
    for (unsigned i = 0; i < n; i++) {
        char peer;

        assert_int_equal(world_finish(world, world_call(world, false), &peer),
                         GREBE_STATUS_OK);
        counts[peer - 'a']++;
    }
}

/* Calls until the last `n` of them went to `n` different servers: all are in rotation. */
static void until_in_rotation(struct world *world, unsigned n)
{
    for (unsigned i = 0, different = 0; different < n; i++) {
        unsigned counts[26];

        assert_true(i < 2000);
        make_calls(world, n, counts);
        different = 0;
        for (unsigned k = 0; k < 26; k++)
            different += counts[k] > 0;
        world_run_ms(world, 1);
    }
}

/* ---- The whole way of a call under round_robin ------------------------------------------------ */

TEST(five_backends_take_equal_shares_of_all_calls)
{
    struct world *world = world_open(config);
    unsigned counts[26];

    for (const char *name = "abcde"; *name != '\0'; name++)
        world_server(world, (char[]){*name, '\0'}, 0);
    world_resolve(world, "a b c d e");
    /* The first call leaves idle mode, and waits for name, connection and picker. */
    assert_int_equal(world_finish(world, world_call(world, false), NULL),
                     GREBE_STATUS_OK);
    until_in_rotation(world, 5);
    make_calls(world, 100, counts);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], 20);
    world_close(world);
}

/* ---- A backend fails and comes back ------------------------------------------------------------ */

/* RR-5 */
TEST(a_backend_that_fails_leaves_the_rotation_and_returns_by_itself)
{
    struct world *world = world_open(config);
    unsigned counts[26];

    world_server(world, "a", 0);
    world_server(world, "b", 0);
    world_server(world, "c", 0);
    world_resolve(world, "a b c");
    world_connect(world);
    until_in_rotation(world, 3);
    assert_int_equal(world_n_dials(world, "b"), 1);
    world_kill(world, "b");
    world_run_ms(world, 50); /* the loss is noticed */
    make_calls(world, 30, counts);
    assert_int_equal(counts[0], 15);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 15);
    /* It is dialled in vain, at once and after 100, 260 and 516 ms, more or less. */
    world_run_ms(world, 500);
    while (world_n_dials(world, "b") < 3) /* a busy machine */
        world_run_ms(world, 10);
    assert_true(world_n_dials(world, "b") < 20); /* for that the backoffs are too long */
    assert_int_equal(world_state(world), GREBE_READY);
    make_calls(world, 30, counts);
    assert_int_equal(counts[1], 0);
    world_server(world, "b", 0);
    until_in_rotation(world, 3);
    make_calls(world, 30, counts);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(counts[i], 10);
    assert_int_equal(world_n_dials(world, "a") + world_n_dials(world, "c"), 2);
    world_close(world);
}

/* ---- A backend is not well ---------------------------------------------------------------------- */

static bool is_failing(const void *world)
{
    return world_state((struct world *)(uintptr_t)world) == GREBE_TRANSIENT_FAILURE;
}

/* HC-1 */
TEST(a_backend_that_is_not_well_takes_no_calls_and_no_call_is_lost)
{
    struct world *world = world_open("{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
                                     "\"healthCheckConfig\":{\"serviceName\":\"s\"}}");
    const struct grebe_failure *failure;
    struct grebe_call *call;
    unsigned counts[26];

    for (const char *name = "abc"; *name != '\0'; name++)
        world_server(world, (char[]){*name, '\0'}, 0);
    world_resolve(world, "a b c");
    world_connect(world);
    until_in_rotation(world, 3);
    world_set_serving(world, "b", false);
    world_run_ms(world, 200);
    make_calls(world, 30, counts);
    assert_int_equal(counts[0], 15);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 15);
    world_set_serving(world, "b", true);
    until_in_rotation(world, 3);

    for (const char *name = "abc"; *name != '\0'; name++)
        world_set_serving(world, (char[]){*name, '\0'}, false);
    world_until(world, is_failing, world);
    call = world_call(world, false);
    world_run_ms(world, 50);
    assert_true(grebe_call_is_done(call));
    failure = grebe_call_status(call)->failure;
    assert_non_null(strstr(grebe_call_status(call)->message, "status=NOT_SERVING"));
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(grebe_failure_address(failure, i)->health, "NOT_SERVING");
    grebe_call_unref(call);
    call = world_call(world, true);
    world_set_serving(world, "c", true);
    assert_int_equal(world_finish(world, call, NULL), GREBE_STATUS_OK);
    world_close(world);
}

/* ---- Backends come and go ---------------------------------------------------------------------- */

TEST(scaling_up_and_down_loses_no_call)
{
    struct world *world = world_open(config);
    struct grebe_call *in_flight[12];
    unsigned counts[26];
    char peer;

    for (const char *name = "abcde"; *name != '\0'; name++)
        world_server(world, (char[]){*name, '\0'}, 30);
    world_resolve(world, "a b");
    world_connect(world);
    until_in_rotation(world, 2);
    for (unsigned i = 0; i < 12; i++) {
        in_flight[i] = world_call(world, false);
        if (i == 3)
            world_resolve(world, "a b c d e");
    }
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(world_finish(world, in_flight[i], NULL), GREBE_STATUS_OK);
    until_in_rotation(world, 5);
    make_calls(world, 10, counts);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], 2);

    /* Calls on a backend that leaves the list may finish there. */
    for (unsigned i = 0; i < 10; i++)
        in_flight[i] = world_call(world, false);
    world_run_ms(world, 5);
    world_resolve(world, "c d e");
    memset(counts, 0, sizeof counts);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(world_finish(world, in_flight[i], &peer), GREBE_STATUS_OK);
        counts[peer - 'a']++;
    }
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 2);
    make_calls(world, 9, counts);
    assert_int_equal(counts[0] + counts[1], 0);
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(counts[i], 3);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_backends_take_equal_shares_of_all_calls),
        cmocka_unit_test(a_backend_that_fails_leaves_the_rotation_and_returns_by_itself),
        cmocka_unit_test(a_backend_that_is_not_well_takes_no_calls_and_no_call_is_lost),
        cmocka_unit_test(scaling_up_and_down_loses_no_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
