/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that do what they must not: the library names them once and goes on.  The
 * contract is that of grebe/balancer.h. */
#include "support/test.h"

#include <grebe/parent.h>

#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/one_subconn.h"
#include "support/stub_policy.h"

static char told[1024];

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    size_t used = strlen(told);

    (void)arg;
    assert_int_equal(level, GREBE_LOG_ERROR);
    snprintf(told + used, sizeof told - used, "%s%s", used > 0 ? "; " : "", message);
}

static void start(struct lb_bench *b, const struct grebe_balancer_builder *builder)
{
    stub_reset();
    told[0] = '\0';
    assert_true(lb_bench_init(b, builder, 1));
    b->lab.host.on_log = on_log;
    b->lab.host.on_fault = NULL; /* as in a channel: to the log */
}

static int new_subconn(struct grebe_client_conn *cc, struct grebe_subconn **out)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address;
    int result;

    assert_int_equal(grebe_address_new(NULL, "a", &plain, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    result = grebe_client_conn_new_subconn(cc, &options, out);
    grebe_address_unref(address);
    return result;
}

TEST(requests_after_destroy_are_refused_and_named_once)
{
    struct grebe_status late = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "too late");
    struct grebe_client_conn *kept;
    struct grebe_subconn *subconn;
    struct lb_bench b;

    start(&b, &stub_x);
    kept = grebe_client_conn_ref(b.lab.root);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    assert_int_equal(new_subconn(kept, &subconn), GREBE_ERR_CLOSED);
    assert_int_equal(new_subconn(kept, &subconn), GREBE_ERR_CLOSED);
    grebe_client_conn_update_state(
        kept, GREBE_READY, grebe_picker_failing(grebe_client_conn_mem(kept), &late));
    grebe_client_conn_resolve_now(kept);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(told, "balancer \"x\": new_subconn() after it was destroyed");
    assert_string_equal(lb_bench_log(&b), "");
    grebe_client_conn_unref(kept);
    lb_bench_fini(&b);
}

/* A picker may be asked, and ask for a connection, after its policy is gone: no mistake. */
TEST(a_picker_that_outlives_its_policy_is_no_mistake)
{
    struct grebe_client_conn *kept;
    struct lb_bench b;

    start(&b, &stub_x);
    kept = grebe_client_conn_ref(b.lab.root);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    grebe__env_leave(&b.lab.sim.env);
    grebe_client_conn_request_exit_idle(kept);
    sim_settle(&b.lab.sim);
    assert_string_equal(told, "");
    grebe_client_conn_unref(kept);
    lb_bench_fini(&b);
}

/* The subconn stays usable for whoever has a right to it, and its memory is kept.  The lab
 * has a reference of its own. */
TEST(a_reference_too_many_given_up_is_survived_and_named)
{
    struct grebe_subconn *subconn;
    struct lb_bench b;

    start(&b, &stub_x);
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(new_subconn(stub_at(0)->cc, &subconn), GREBE_OK);
    grebe__env_leave(&b.lab.sim.env);
    grebe_subconn_unref(subconn); /* it was only borrowed */
    grebe_subconn_unref(subconn);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(told,
                        "balancer \"x\": it gave up a reference to a subconn that it "
                        "did not hold; the subconn's memory is kept");
    lb_bench_fini(&b);
}

/* Whoever still has a right to it may use it; it is never freed. */
TEST(a_reference_to_the_client_conn_too_many_given_up_is_survived_and_named)
{
    struct grebe_client_conn *cc;
    struct lb_bench b;

    start(&b, &stub_x);
    cc = stub_at(0)->cc;
    grebe_client_conn_unref(cc); /* it was only borrowed */
    grebe_client_conn_unref(cc);
    lb_bench_update(&b, "a", NULL);
    assert_string_equal(told, "");
    b.n_violations_expected = 1; /* the lab misses it too */
    lb_bench_fini(&b);
    assert_string_equal(told, "balancer \"x\": it gave up a reference to its client_conn "
                              "that it did not hold; the client_conn's memory is kept");
}

static void never_fires(void *arg)
{
    fail_msg("%p: fired", arg);
}

TEST(a_timer_that_is_left_is_named_and_does_not_fire)
{
    struct grebe_timer *timer;
    struct lb_bench b;

    start(&b, &stub_x);
    assert_int_equal(grebe_timer_new(b.lab.root, never_fires, NULL, &timer), GREBE_OK);
    grebe_timer_start(timer, grebe_client_conn_now_ns(b.lab.root) + MS);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(told, "balancer \"x\": it was destroyed and left a timer; the "
                              "timer's memory is kept");
    lb_bench_advance_ms(&b, 10);
    grebe_timer_destroy(timer); /* late, and good all the same */
    lb_bench_fini(&b);
}

TEST(states_that_are_not_a_policys_are_a_failure)
{
    static const enum grebe_connectivity states[] = {GREBE_SHUTDOWN,
                                                     (enum grebe_connectivity)99};

    for (size_t i = 0; i < 2; i++) {
        struct lb_bench b;

        start(&b, &stub_x);
        grebe__env_enter(&b.lab.sim.env);
        stub_publish(stub_at(0), states[i], "text");
        grebe__env_leave(&b.lab.sim.env);
        assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
        assert_string_equal(told,
                            "balancer \"x\": it published SHUTDOWN, or a state that does "
                            "not exist; TRANSIENT_FAILURE is taken instead");
        lb_bench_fini(&b);
    }
}

TEST(no_picker_is_one_that_queues)
{
    struct lb_bench b;

    start(&b, &stub_x);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_update_state(stub_at(0)->cc, GREBE_CONNECTING, NULL);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(told, "");
    lb_bench_fini(&b);
}

TEST(a_result_that_is_none_counts_as_a_bad_update)
{
    struct lb_bench b;

    start(&b, &stub_x);
    stub_at(0)->update_result = 7;
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(
        told, "balancer \"x\": update() returned a number that is no GREBE_ERR");
    lb_bench_fini(&b);
}

static int build_nothing(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    (void)cc, (void)options, (void)out;
    return GREBE_OK;
}

static int no_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    (void)base, (void)update;
    return GREBE_OK;
}

static void no_destroy(struct grebe_balancer *base)
{
    fail_msg("%p was never a whole balancer", (void *)base);
}

static struct grebe_balancer half;
static int build_result;

static int build_half(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)cc, (void)options;
    *out = &half;
    return build_result;
}

/* Without one of the functions that every balancer has, or with an error beside it. */
TEST(a_balancer_that_is_not_whole_is_not_used)
{
    static const struct grebe_balancer_ops without_update = {.destroy = no_destroy};
    static const struct grebe_balancer_ops without_destroy = {.update = no_update};
    static const struct grebe_balancer_ops whole = {.update = no_update,
                                                    .destroy = no_destroy};
    static const struct {
        const struct grebe_balancer_ops *ops;
        int result, expected;
    } cases[] = {
        {&without_update, GREBE_OK, GREBE_ERR_INVALID},
        {&without_destroy, GREBE_OK, GREBE_ERR_INVALID},
        {&whole, GREBE_ERR_NOMEM, GREBE_ERR_NOMEM},
    };
    static const struct grebe_balancer_builder builder = {
        .api = GREBE_BALANCER_API, .name = "half", .build = build_half};
    static const struct grebe_client_conn_ops nothing = {0};
    const struct grebe_balancer_update update = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_client_conn *child;
        struct lb_bench b;

        start(&b, &stub_x);
        grebe_balancer_init(&half, cases[i].ops);
        build_result = cases[i].result;
        assert_int_equal(grebe_client_conn_new_child(b.lab.root, &nothing, NULL, &child),
                         GREBE_OK);
        assert_int_equal(grebe_client_conn_build(child, &builder), cases[i].expected);
        assert_string_equal(told, cases[i].result == GREBE_OK
                                      ? "balancer \"half\": build() returned GREBE_OK "
                                        "without a whole balancer"
                                      : "");
        assert_int_equal(grebe_client_conn_update(child, &update), GREBE_ERR_CLOSED);
        grebe__env_enter(&b.lab.sim.env);
        grebe_client_conn_close(child);
        grebe__env_leave(&b.lab.sim.env);
        lb_bench_fini(&b);
    }
}

TEST(a_build_that_makes_nothing_is_an_error)
{
    static const struct grebe_balancer_builder empty = {
        .api = GREBE_BALANCER_API, .name = "empty", .build = build_nothing};
    static const struct grebe_client_conn_ops nothing = {0};
    struct grebe_client_conn *child;
    struct lb_bench b;

    start(&b, &stub_x);
    assert_int_equal(grebe_client_conn_new_child(b.lab.root, &nothing, NULL, &child),
                     GREBE_OK);
    assert_int_equal(grebe_client_conn_build(child, &empty), GREBE_ERR_INVALID);
    assert_string_equal(told, "balancer \"empty\": build() returned GREBE_OK without a "
                              "whole balancer");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(child);
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_fini(&b);
}

static void watch_again(void *arg, struct grebe_subconn *subconn,
                        enum grebe_connectivity state, const struct grebe_status *error)
{
    struct stub *stub = arg;

    (void)error;
    if (state == GREBE_TRANSIENT_FAILURE)
        grebe_client_conn_watch_health(stub->cc, subconn, watch_again, stub);
}

TEST(watching_health_anew_from_a_health_listener_is_named_and_works)
{
    struct grebe_subconn *subconn;
    struct lb_bench b;

    start(&b, &stub_x);
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(new_subconn(stub_at(0)->cc, &subconn), GREBE_OK);
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_watch_health(stub_at(0)->cc, subconn, watch_again, stub_at(0));
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "sick");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "sick");
    assert_string_equal(told, "balancer \"x\": watch_health() from inside a health "
                              "listener of the same subconn");
    assert_string_equal(lb_bench_log(&b), "new a, watch a, watch a, watch a");
    lb_bench_fini(&b);
}

/* ---- Slots that a policy may leave empty ------------------------------------------------- */

static struct grebe_client_conn *bare_cc;
static char heard[256];

static int bare_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct grebe_subconn *subconn;

    (void)base;
    for (size_t i = 0; i < update->n_endpoints; i++)
        assert_int_equal(new_subconn(bare_cc, &subconn), GREBE_OK);
    return GREBE_OK;
}

static void bare_subconn_state(struct grebe_balancer *base, struct grebe_subconn *subconn,
                               enum grebe_connectivity state,
                               const struct grebe_status *error)
{
    (void)base;
    (void)subconn;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s%s ",
             grebe_connectivity_name(state), error == NULL ? "" : "!");
}

static void bare_destroy(struct grebe_balancer *base)
{
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops bare_ops = {
    .update = bare_update,
    .destroy = bare_destroy,
    .update_subconn_state = bare_subconn_state,
};

static int bare_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &bare_ops);
    bare_cc = cc;
    return GREBE_OK;
}

static const struct grebe_balancer_builder bare = {
    .api = GREBE_BALANCER_API, .name = "bare", .build = bare_build};

TEST(without_exit_idle_the_library_connects_idle_subconns)
{
    struct lb_bench b;

    start(&b, &bare);
    heard[0] = '\0';
    lb_bench_update(&b, "a a", NULL);
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "connect a, connect a");
    lb_bench_resolver_error(&b, "ignored"); /* no such slot either */
    lb_bench_fini(&b);
}

TEST(states_of_subconns_without_a_listener_go_to_the_policy)
{
    struct lb_bench b;

    start(&b, &bare);
    heard[0] = '\0';
    lb_bench_update(&b, "a", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(heard, "CONNECTING TRANSIENT_FAILURE! ");
    assert_string_equal(grebe_client_conn_target(bare_cc), "bench:///");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_remove_subconn(bare_cc, &lab_subconn_at(&b.lab, 0)->base);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(heard, "CONNECTING TRANSIENT_FAILURE! SHUTDOWN ");
    lb_bench_fini(&b);
}

/* ---- References that are never given back ---------------------------------------------------- */

TEST(references_kept_beyond_the_channel_are_counted_and_named)
{
    struct grebe_subconn *kept;
    struct channel_bench b;

    one_subconn_register();
    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    kept = grebe_subconn_ref(one.subconn);
    channel_bench_close(&b);
    assert_true(channel_bench_logged(
        &b, "balancer \"one_subconn\": 1 references to subconns were not given back when "
            "the channel closed; their memory is kept"));
    grebe_subconn_unref(kept);
    channel_bench_fini(&b);
    one_subconn_unregister();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_after_destroy_are_refused_and_named_once),
        cmocka_unit_test(a_picker_that_outlives_its_policy_is_no_mistake),
        cmocka_unit_test(a_reference_too_many_given_up_is_survived_and_named),
        cmocka_unit_test(
            a_reference_to_the_client_conn_too_many_given_up_is_survived_and_named),
        cmocka_unit_test(a_timer_that_is_left_is_named_and_does_not_fire),
        cmocka_unit_test(states_that_are_not_a_policys_are_a_failure),
        cmocka_unit_test(no_picker_is_one_that_queues),
        cmocka_unit_test(a_result_that_is_none_counts_as_a_bad_update),
        cmocka_unit_test(a_balancer_that_is_not_whole_is_not_used),
        cmocka_unit_test(a_build_that_makes_nothing_is_an_error),
        cmocka_unit_test(watching_health_anew_from_a_health_listener_is_named_and_works),
        cmocka_unit_test(without_exit_idle_the_library_connects_idle_subconns),
        cmocka_unit_test(states_of_subconns_without_a_listener_go_to_the_policy),
        cmocka_unit_test(references_kept_beyond_the_channel_are_counted_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
