/* SPDX-License-Identifier: Apache-2.0 */
/* The graceful switch between stub policies "x" and "y".  Source of the behaviour:
 * grpc-go package gracefulswitch. */
#include "support/test.h"

#include <grebe/json.h>
#include <grebe/parent.h>
#include <grebe/registry.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

static void start(struct lb_bench *b)
{
    stub_reset();
    assert_true(lb_bench_init(b, &grebe_graceful_switch, 1));
}

static int update(struct lb_bench *b, const struct grebe_balancer_builder *builder)
{
    struct grebe_lb_config *config;
    int result;

    assert_int_equal(grebe_lb_config_new(builder, &config), GREBE_OK);
    result = lb_bench_update(b, "a", config);
    grebe_lb_config_unref(config);
    return result;
}

/* Stub number `i` publishes; its picker fails with `text`. */
static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state,
                    const char *text)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

/* For address `name`, which is also what `on_state` is given; "s" if it is NULL. */
static int make_subconn(struct grebe_client_conn *cc, char *name,
                        grebe_subconn_state_fn on_state, struct grebe_subconn **out)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address;
    int result;

    assert_int_equal(grebe_address_new(NULL, name == NULL ? "s" : name, &plain, &address),
                     GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = name;
    result = grebe_client_conn_new_subconn(cc, &options, out);
    grebe_address_unref(address);
    return result;
}

static void new_subconn(struct lb_bench *b, size_t i)
{
    struct grebe_subconn *subconn;

    grebe__env_enter(&b->lab.sim.env);
    assert_int_equal(make_subconn(stub_at(i)->cc, NULL, NULL, &subconn), GREBE_OK);
    grebe__env_leave(&b->lab.sim.env);
}

/* GS-1 */
TEST(first_policy_is_current_at_once)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    assert_string_equal(stub_log(), "x.build, x.update");
    publish(&b, 0, GREBE_CONNECTING, "x connecting");
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    update(&b, &stub_x);
    assert_string_equal(stub_log(), "x.update");
    lb_bench_fini(&b);
}

static const struct {
    enum grebe_connectivity current, pending;
    bool swaps;
} races[] = {
    {GREBE_READY, GREBE_CONNECTING, false},
    {GREBE_READY, GREBE_READY, true},
    {GREBE_READY, GREBE_TRANSIENT_FAILURE, true},
    {GREBE_READY, GREBE_IDLE, true},
    {GREBE_CONNECTING, GREBE_CONNECTING, true},
    {GREBE_TRANSIENT_FAILURE, GREBE_CONNECTING, true},
    {GREBE_IDLE, GREBE_CONNECTING, true},
};

/* GS-3, GS-4, GS-5, C-13, C-15 */
TEST(pending_policy_takes_over_unless_it_connects_under_a_ready_one)
{
    for (size_t i = 0; i < sizeof races / sizeof races[0]; i++) {
        struct lb_bench b;

        start(&b);
        update(&b, &stub_x);
        publish(&b, 0, races[i].current, "x");
        update(&b, &stub_y);
        stub_log();
        publish(&b, 1, races[i].pending, "y");
        assert_string_equal(stub_log(), races[i].swaps ? "x.destroy" : "");
        assert_string_equal(lb_bench_pick(&b), races[i].swaps ? "fail: y" : "fail: x");
        assert_int_equal(b.lab.state, races[i].swaps ? races[i].pending : GREBE_READY);
        lb_bench_fini(&b);
    }
}

/* GS-6, C-14: whatever else it is then. */
TEST(current_policy_that_is_not_ready_any_more_gives_way)
{
    static const enum grebe_connectivity others[] = {GREBE_TRANSIENT_FAILURE,
                                                     GREBE_CONNECTING, GREBE_IDLE};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct lb_bench b;

        start(&b);
        update(&b, &stub_x);
        publish(&b, 0, GREBE_READY, "x");
        update(&b, &stub_y);
        publish(&b, 1, GREBE_CONNECTING, "y cached");
        stub_log();
        lb_bench_log(&b);
        publish(&b, 0, others[i], "x lost");
        assert_string_equal(stub_log(), "x.destroy");
        assert_string_equal(lb_bench_log(&b), "CONNECTING");
        assert_string_equal(lb_bench_pick(&b), "fail: y cached");
        lb_bench_fini(&b);
    }
}

TEST(current_policy_may_still_renew_its_picker)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    publish(&b, 0, GREBE_READY, "x again");
    assert_string_equal(lb_bench_pick(&b), "fail: x again");
    lb_bench_fini(&b);
}

/* GS-7, GS-15, C-16 */
TEST(third_policy_replaces_the_pending_one)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    new_subconn(&b, 1);
    publish(&b, 1, GREBE_CONNECTING, "y");
    stub_log();
    lb_bench_log(&b);
    /* Naming the running one again builds a new instance: the old is on its way out. */
    update(&b, &stub_x);
    assert_string_equal(stub_log(), "x.build, y.destroy, x.update");
    assert_string_equal(lb_bench_log(&b), "drop s");
    /* Nothing of y is left: what takes over has said nothing yet. */
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "x down");
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(stub_log(), "x.destroy");
    lb_bench_fini(&b);
}

/* GS-10, GS-13 */
TEST(updates_errors_and_exit_idle_go_to_the_newest)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.build, x.update, x.error, x.exit_idle, y.build, "
                                    "y.update, y.error, y.exit_idle");
    lb_bench_fini(&b);
}

/* GS-14, C-17 */
TEST(resolve_now_is_heard_from_the_newest_only)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    lb_bench_log(&b);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(1)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "resolve");
    lb_bench_fini(&b);
}

/* GS-10 */
TEST(resolver_error_without_a_policy_fails_calls)
{
    struct lb_bench b;

    start(&b);
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: no such host");
    lb_bench_fini(&b);
}

/* A builder that uses its client_conn before it returns, in every way. */
static int build_busy(struct grebe_client_conn *cc,
                      const struct grebe_build_options *build_options,
                      struct grebe_balancer **out)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *kept, *dropped;
    struct grebe_address *addresses[2];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            grebe_address_new(NULL, i == 0 ? "s" : "t", &plain, &addresses[i]), GREBE_OK);
    options.addresses = addresses;
    options.n_addresses = 1;
    assert_int_equal(grebe_client_conn_new_subconn(cc, &options, &kept), GREBE_OK);
    assert_int_equal(grebe_client_conn_new_subconn(cc, &options, &dropped), GREBE_OK);
    assert_int_equal(grebe_subconn_update_addresses(kept, &addresses[1], 1), GREBE_OK);
    grebe_subconn_connect(kept);
    grebe_subconn_shutdown(dropped);
    grebe_client_conn_resolve_now(cc);
    grebe_client_conn_update_state(cc, GREBE_CONNECTING, NULL);
    for (size_t i = 0; i < 2; i++)
        grebe_address_unref(addresses[i]);
    return stub_y.build(cc, build_options, out);
}

/* GS-12: its CONNECTING takes over, because the current one is not READY. */
TEST(policy_may_use_its_client_conn_while_it_is_built)
{
    static const struct grebe_balancer_builder busy = {
        .api = GREBE_BALANCER_API, .name = "busy", .build = build_busy};
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_IDLE, "x");
    stub_log();
    lb_bench_log(&b);
    update(&b, &busy);
    assert_string_equal(stub_log(), "y.build, y.update, x.destroy");
    assert_string_equal(lb_bench_log(&b), "new s, new s, update to t, connect t, "
                                          "drop s, resolve, CONNECTING");
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* GS-12 */
TEST(policy_that_publishes_while_it_is_built_takes_over)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_CONNECTING, "x");
    stubs.publishes_at_build = GREBE_READY;
    update(&b, &stub_y);
    assert_string_equal(stub_log(), "x.build, x.update, y.build, y.update, x.destroy");
    assert_string_equal(lb_bench_pick(&b), "fail: at build");
    lb_bench_fini(&b);
}

TEST(a_policy_that_cannot_be_built_replaces_nobody)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    stub_log();
    stubs.is_short = true;
    assert_int_equal(update(&b, &stub_x), GREBE_ERR_NOMEM);
    assert_string_equal(stub_log(), "");
    publish(&b, 1, GREBE_READY, "y");
    assert_string_equal(lb_bench_pick(&b), "fail: y");
    lb_bench_fini(&b);
}

TEST(subconns_left_by_a_replaced_policy_are_shut_down)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    new_subconn(&b, 0);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    new_subconn(&b, 1);
    lb_bench_log(&b);
    publish(&b, 1, GREBE_READY, "y");
    assert_string_equal(lb_bench_log(&b), "READY, drop s");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* ---- Configurations ------------------------------------------------------------------- */

static unsigned n_parsed, n_freed;

static int parse_number(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    (void)json, (void)diag;
    n_parsed++;
    *out = &n_parsed;
    return GREBE_OK;
}

static void free_number(void *config)
{
    (void)config;
    n_freed++;
}

static unsigned n_freed_in_update;

static int update_noting(struct grebe_balancer *base,
                         const struct grebe_balancer_update *update)
{
    (void)base, (void)update;
    n_freed_in_update = n_freed;
    return GREBE_OK;
}

static void destroy_noting(struct grebe_balancer *base)
{
    grebe_mem_free(NULL, base);
}

static int build_noting(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    static const struct grebe_balancer_ops ops = {.update = update_noting,
                                                  .destroy = destroy_noting};

    (void)cc, (void)options;
    *out = grebe_mem_zalloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder noting = {
    .api = GREBE_BALANCER_API,
    .name = "noting",
    .build = build_noting,
    .parse_config = parse_number,
    .free_config = free_number,
};

static void update_parsed(struct lb_bench *b)
{
    static const char text[] = "[{\"noting\":{}}]";
    struct grebe_lb_config *config;
    const struct grebe_json *json;

    assert_int_equal(grebe_json_parse(text, strlen(text), NULL, &json), GREBE_OK);
    assert_int_equal(grebe_lb_config_parse(json, NULL, &config), GREBE_OK);
    grebe_json_free(json);
    assert_int_equal(lb_bench_update(b, "a", config), GREBE_OK);
    grebe_lb_config_unref(config);
}

TEST(a_configuration_lives_until_the_policy_has_the_next_one)
{
    struct lb_bench b;

    assert_int_equal(grebe_balancer_register(&noting), GREBE_OK);
    start(&b);
    n_parsed = n_freed = 0;
    update_parsed(&b);
    assert_int_equal(n_freed, 0);
    update_parsed(&b);
    assert_int_equal(n_freed_in_update, 0); /* it may look at both */
    assert_int_equal(n_freed, 1);
    lb_bench_fini(&b);
    assert_int_equal(n_freed, n_parsed);
    grebe_balancer_unregister("noting");
}

TEST(result_of_the_policy_is_the_result)
{
    struct lb_bench b;

    start(&b);
    stubs.next_update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(update(&b, &stub_x), GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_fini(&b);
}

/* GS-2 */
TEST(an_explicit_switch_builds_another_instance_of_the_same_policy)
{
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_READY, "old");
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(grebe_graceful_switch_to(b.lab.root->balancer, &stub_x), GREBE_OK);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(stub_log(), "x.build, x.update, x.build");
    update(&b, &stub_x); /* goes to the new one only */
    assert_int_equal(stub_at(0)->n_endpoints, 1);
    assert_string_equal(stub_log(), "x.update");
    publish(&b, 1, GREBE_READY, "new");
    assert_string_equal(lb_bench_pick(&b), "fail: new");
    assert_string_equal(stub_log(), "x.destroy");
    lb_bench_fini(&b);
}

/* GS-6: what the old one says after it was replaced is not heard. */
TEST(a_replaced_policy_is_not_heard_and_makes_no_subconns)
{
    struct grebe_client_conn *old;
    struct grebe_subconn *subconn;
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    publish(&b, 0, GREBE_CONNECTING, "x");
    old = grebe_client_conn_ref(stub_at(0)->cc);
    update(&b, &stub_y);
    publish(&b, 1, GREBE_READY, "y");
    lb_bench_log(&b);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_update_state(old, GREBE_READY, grebe_picker_queueing());
    assert_int_equal(make_subconn(old, NULL, NULL, &subconn), GREBE_ERR_CLOSED);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(lb_bench_pick(&b), "fail: y");
    grebe_client_conn_unref(old);
    b.n_violations_expected = 1; /* its requests, told once */
    lb_bench_fini(&b);
}

static char heard[64];

static void on_subconn(void *arg, struct grebe_subconn *subconn,
                       enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)subconn, (void)error;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s %s, ",
             (const char *)arg, grebe_connectivity_name(state));
}

static struct grebe_subconn *listened_subconn(struct lb_bench *b, size_t i, char *name)
{
    struct grebe_subconn *subconn;

    grebe__env_enter(&b->lab.sim.env);
    assert_int_equal(make_subconn(stub_at(i)->cc, name, on_subconn, &subconn), GREBE_OK);
    grebe__env_leave(&b->lab.sim.env);
    return subconn;
}

/* GS-8 */
TEST(each_policy_hears_of_its_own_subconns)
{
    static char s[] = "s", t[] = "t";
    struct grebe_address *none[1] = {NULL};
    struct grebe_subconn *of_x;
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    of_x = listened_subconn(&b, 0, s);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    listened_subconn(&b, 1, t);
    heard[0] = '\0';
    lb_bench_subconn(&b, "s", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "t", GREBE_CONNECTING, NULL);
    assert_string_equal(heard, "s CONNECTING, t CONNECTING, ");
    lb_bench_log(&b);
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(grebe_subconn_update_addresses(of_x, none, 0), GREBE_OK);
    grebe__env_leave(&b.lab.sim.env);
    grebe__env_enter(&b.lab.sim.env);
    grebe_subconn_shutdown(of_x);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "update to nothing, drop nothing");
    lb_bench_fini(&b);
}

/* GS-9, C-18 */
TEST(closing_ends_both_policies_and_all_their_subconns)
{
    const struct grebe_status gone = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "gone");
    const struct grebe_balancer_update nothing = {0};
    struct grebe_client_conn *kept;
    struct lb_bench b;

    start(&b);
    update(&b, &stub_x);
    new_subconn(&b, 0);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, &stub_y);
    new_subconn(&b, 1);
    stub_log();
    lb_bench_log(&b);
    kept = grebe_client_conn_ref(b.lab.root);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    grebe__env_leave(&b.lab.sim.env);
    b.lab.root = NULL;
    assert_string_equal(stub_log(), "y.destroy, x.destroy");
    assert_string_equal(lb_bench_log(&b), "drop s, drop s");
    assert_int_equal(grebe_client_conn_update(kept, &nothing), GREBE_ERR_CLOSED);
    grebe_client_conn_resolver_error(kept, &gone);
    assert_string_equal(stub_log(), "");
    grebe_client_conn_unref(kept);
    lb_bench_fini(&b);
}

/* A change of state that comes in the middle of a turn. */
struct delivery {
    struct grebe__effect effect;
    struct grebe_subconn *subconn;
};

static void deliver_connecting(struct grebe__effect *effect)
{
    grebe__subconn_deliver(grebe_container_of(effect, struct delivery, effect)->subconn,
                           GREBE_CONNECTING, NULL);
}

/* GS-11: the state is on its way when the policy it is for is replaced. */
TEST(a_state_that_meets_the_end_of_its_policy_is_not_delivered)
{
    for (int is_replaced = 0; is_replaced < 2; is_replaced++) {
        static char s[] = "s";
        struct delivery delivery;
        struct lb_bench b;

        start(&b);
        update(&b, &stub_x);
        delivery.subconn = listened_subconn(&b, 0, s);
        publish(&b, 0, GREBE_READY, "x");
        update(&b, &stub_y);
        heard[0] = '\0';
        grebe__effect_init(&delivery.effect, deliver_connecting);
        grebe__env_enter(&b.lab.sim.env);
        stub_publish(stub_at(1), is_replaced ? GREBE_READY : GREBE_CONNECTING, "y");
        grebe__env_do(&b.lab.sim.env, &delivery.effect);
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(heard, is_replaced ? "" : "s CONNECTING, ");
        assert_int_equal(lb_bench_n_live(&b), is_replaced ? 0 : 1);
        lb_bench_fini(&b);
    }
}

static void live_a_life(struct lb_bench *b)
{
    struct grebe_lb_config *x, *y;

    stub_reset();
    assert_int_equal(grebe_lb_config_new(&stub_x, &x), GREBE_OK);
    assert_int_equal(grebe_lb_config_new(&stub_y, &y), GREBE_OK);
    stubs.publishes_at_build = GREBE_READY;
    lb_bench_update(b, "a", x);
    lb_bench_update(b, "a", y);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "a", x);
    lb_bench_pick(b);
    grebe_lb_config_unref(x);
    grebe_lb_config_unref(y);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe_graceful_switch, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_policy_is_current_at_once),
        cmocka_unit_test(pending_policy_takes_over_unless_it_connects_under_a_ready_one),
        cmocka_unit_test(current_policy_that_is_not_ready_any_more_gives_way),
        cmocka_unit_test(current_policy_may_still_renew_its_picker),
        cmocka_unit_test(third_policy_replaces_the_pending_one),
        cmocka_unit_test(updates_errors_and_exit_idle_go_to_the_newest),
        cmocka_unit_test(resolve_now_is_heard_from_the_newest_only),
        cmocka_unit_test(resolver_error_without_a_policy_fails_calls),
        cmocka_unit_test(policy_may_use_its_client_conn_while_it_is_built),
        cmocka_unit_test(policy_that_publishes_while_it_is_built_takes_over),
        cmocka_unit_test(a_policy_that_cannot_be_built_replaces_nobody),
        cmocka_unit_test(a_configuration_lives_until_the_policy_has_the_next_one),
        cmocka_unit_test(subconns_left_by_a_replaced_policy_are_shut_down),
        cmocka_unit_test(result_of_the_policy_is_the_result),
        cmocka_unit_test(an_explicit_switch_builds_another_instance_of_the_same_policy),
        cmocka_unit_test(a_replaced_policy_is_not_heard_and_makes_no_subconns),
        cmocka_unit_test(each_policy_hears_of_its_own_subconns),
        cmocka_unit_test(closing_ends_both_policies_and_all_their_subconns),
        cmocka_unit_test(a_state_that_meets_the_end_of_its_policy_is_not_delivered),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("graceful_switch", tests, NULL, NULL);
}
