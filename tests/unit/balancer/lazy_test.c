/* SPDX-License-Identifier: Apache-2.0 */
/* A child that is built when it is needed: grpc-go package balancer/lazy. */
#include "support/test.h"

#include <grebe/lazy.h>
#include <grebe/registry.h>

#include "balancer/pick_first.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"

static int build_lazy_x(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, &stub_x, out);
}

static const struct grebe_balancer_builder lazy_x = {
    .api = GREBE_BALANCER_API, .name = "lazy_x", .build = build_lazy_x};

static int build_lazy_pick_first(struct grebe_client_conn *cc,
                                 const struct grebe_build_options *options,
                                 struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, &grebe__pick_first, out);
}

static const struct grebe_balancer_builder lazy_pick_first = {
    .api = GREBE_BALANCER_API,
    .name = "lazy_pick_first",
    .build = build_lazy_pick_first,
};

static void start(struct lb_bench *b)
{
    stub_reset();
    assert_true(lb_bench_init(b, &lazy_x, 1));
}

/* C-9 */
TEST(nothing_is_built_until_a_call_comes)
{
    struct lb_bench b;

    start(&b);
    sim_settle(&b.lab.sim);
    assert_string_equal(lb_bench_log(&b), "IDLE");
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_string_equal(stub_log(), "");
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_string_equal(stub_at(0)->first_address, "a");
    assert_string_equal(lb_bench_pick(&b), "queue"); /* one wish is enough */
    assert_string_equal(stub_log(), "");
    lb_bench_fini(&b);
}

/* LZ-3 */
TEST(an_update_and_a_later_error_are_handed_on_in_order)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a", NULL);
    lb_bench_resolver_error(&b, "first");
    lb_bench_resolver_error(&b, "second");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.build, x.update, x.error");
    assert_string_equal(stub_at(0)->error, "second");
    assert_int_equal(stub_at(0)->error_code, GREBE_STATUS_UNAVAILABLE);
    lb_bench_fini(&b);
}

TEST(an_update_is_handed_on_whole)
{
    static const char config[] = "config";
    struct lb_bench b;

    start(&b);
    b.wants_health = true;
    lb_bench_update(&b, "a", config);
    lb_bench_exit_idle(&b);
    assert_ptr_equal(stub_at(0)->config, config);
    assert_true(stub_at(0)->has_health);
    lb_bench_fini(&b);
}

/* The next wish tries again, with what was kept. */
TEST(a_child_that_cannot_be_built_is_a_failure_until_it_can)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a", NULL);
    stubs.is_short = true;
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: out of memory");
    stubs.is_short = false;
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_string_equal(stub_at(0)->first_address, "a");
    lb_bench_fini(&b);
}

/* LZ-4, C-10 */
TEST(an_update_makes_an_earlier_error_a_thing_of_the_past)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "old", NULL);
    lb_bench_resolver_error(&b, "gone");
    lb_bench_update(&b, "a b", NULL);
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_int_equal(stub_at(0)->n_endpoints, 2);
    lb_bench_fini(&b);
}

TEST(an_error_alone_reaches_the_child)
{
    const struct grebe_status no_access =
        grebe_status_of(GREBE_STATUS_PERMISSION_DENIED, "no access");
    struct lb_bench b;

    start(&b);
    lab_resolver_error(&b.lab, &no_access);
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.build, x.error");
    assert_string_equal(stub_at(0)->error, "no access");
    assert_int_equal(stub_at(0)->error_code, GREBE_STATUS_PERMISSION_DENIED);
    lb_bench_fini(&b);
}

/* LZ-5 */
TEST(everything_passes_through_once_the_child_is_there)
{
    struct lb_bench b;

    start(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.build");
    grebe__env_enter(&b.lab.sim.env);
    stub_publish(stub_at(0), GREBE_IDLE, "lost");
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_log(&b);
    stub_at(0)->update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(lb_bench_log(&b), ""); /* an update alone wakes nobody */
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.update, x.error, x.exit_idle");
    lb_bench_fini(&b);
    assert_string_equal(stub_log(), "x.destroy");
}

/* LZ-6, C-12 */
TEST(a_kept_update_that_the_child_rejects_asks_the_resolver_again)
{
    struct lb_bench b;

    start(&b);
    stubs.next_update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    lb_bench_update(&b, "a", NULL);
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "resolve");
    lb_bench_fini(&b);

    start(&b); /* other errors are not the resolver's business */
    stubs.next_update_result = GREBE_ERR_INVALID;
    lb_bench_update(&b, "a", NULL);
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

TEST(a_child_that_memory_was_short_for_is_built_again_a_second_later)
{
    struct lb_bench b;

    start(&b);
    stubs.next_update_result = GREBE_ERR_NOMEM;
    lb_bench_update(&b, "a", NULL);
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: out of memory");
    assert_string_equal(stub_log(), "x.build, x.update, x.destroy");
    lb_bench_advance_ms(&b, 999);
    assert_string_equal(stub_log(), "");
    stubs.next_update_result = GREBE_OK;
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_string_equal(stub_at(1)->first_address, "a");
    lb_bench_advance_ms(&b, 10000);
    assert_string_equal(stub_log(), "");
    lb_bench_fini(&b);
}

/* A child that never heard of its endpoints would have calls wait without end. */
TEST(an_update_that_memory_was_short_for_fails_calls_until_the_next)
{
    struct lb_bench b;

    start(&b);
    lb_bench_log(&b);
    lab_fail_allocation(&b.lab, 1);
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_NOMEM);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_pick(&b), "fail: out of memory");
    assert_string_equal(stub_log(), "");
    assert_int_equal(lb_bench_update(&b, "b", NULL), GREBE_OK);
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_string_equal(stub_at(0)->first_address, "b");
    lb_bench_fini(&b);
}

TEST(a_picker_may_outlive_its_lazy_policy)
{
    struct grebe_picker *kept;
    struct grebe_pick pick = {0};
    struct lb_bench b;

    start(&b);
    sim_settle(&b.lab.sim);
    kept = grebe_picker_ref(b.lab.picker);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    grebe__env_leave(&b.lab.sim.env);
    b.lab.root = NULL;
    grebe_picker_pick(kept, &(struct grebe_pick_args){0}, &pick);
    assert_int_equal(pick.kind, GREBE_PICK_QUEUE);
    sim_settle(&b.lab.sim);
    assert_string_equal(stub_log(), "");
    grebe_picker_unref(kept);
    lb_bench_fini(&b);
}

static void script(struct lb_bench *b)
{
    lb_bench_update(b, "a b", NULL);
    lb_bench_resolver_error(b, "gone");
    lb_bench_pick(b);
    lb_bench_update(b, "c", NULL);
    lb_bench_exit_idle(b);
    lb_bench_pick(b);
}

TEST(survives_each_allocation_failing)
{
    lb_bench_sweep(&lazy_pick_first, script);
}

/* ---- In a channel ------------------------------------------------------------------------- */

static void open_lazy(struct channel_bench *b)
{
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"lazy_pick_first\":{}}]}");
    channel_bench_servers(b, "a b");
    b->resolves_to = "a";
}

/* LZ-1 */
TEST(connect_builds_the_child_and_later_updates_reach_it)
{
    struct channel_bench b;

    open_lazy(&b);
    b.resolves_to = NULL;
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a");
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_int_equal(b.sim.n_dials, 0);
    channel_bench_connect(&b);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_resolve(&b, "b");
    expect_echo(channel_bench_call(&b, NULL), "b");
    channel_bench_fini(&b);
}

/* LZ-2 */
TEST(the_first_call_builds_the_child_and_succeeds)
{
    struct channel_bench b;

    open_lazy(&b);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_built_until_a_call_comes),
        cmocka_unit_test(an_update_and_a_later_error_are_handed_on_in_order),
        cmocka_unit_test(an_update_is_handed_on_whole),
        cmocka_unit_test(a_child_that_cannot_be_built_is_a_failure_until_it_can),
        cmocka_unit_test(an_update_makes_an_earlier_error_a_thing_of_the_past),
        cmocka_unit_test(an_error_alone_reaches_the_child),
        cmocka_unit_test(everything_passes_through_once_the_child_is_there),
        cmocka_unit_test(a_kept_update_that_the_child_rejects_asks_the_resolver_again),
        cmocka_unit_test(a_child_that_memory_was_short_for_is_built_again_a_second_later),
        cmocka_unit_test(an_update_that_memory_was_short_for_fails_calls_until_the_next),
        cmocka_unit_test(a_picker_may_outlive_its_lazy_policy),
        cmocka_unit_test(survives_each_allocation_failing),
        cmocka_unit_test(connect_builds_the_child_and_later_updates_reach_it),
        cmocka_unit_test(the_first_call_builds_the_child_and_succeeds),
    };

    assert_int_equal(grebe_balancer_register(&lazy_pick_first), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
