/* SPDX-License-Identifier: Apache-2.0 */
/* A policy between its channel and its child: what it may intercept, what goes past it, and
 * what is left of the child when one of the two is gone.  The contract is that of
 * grebe/parent.h. */
#include "support/test.h"

#include <grebe/parent.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

/* ---- A parent of one child, "x", that intercepts what the test says ---------------------- */

static struct {
    struct grebe_client_conn *cc, *child;
    const struct grebe_client_conn_ops *child_ops;
    bool forgets_child;
    unsigned n_new_subconns, n_resolves, n_settled;
    char heard[128];                 /* of the child's subconns, by the interceptor */
    grebe_subconn_state_fn on_state; /* the child's own listener */
    void *arg;
} parent;

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    (void)base;
    return grebe_client_conn_update(parent.child, update);
}

static void settled(struct grebe_balancer *base)
{
    (void)base;
    parent.n_settled++;
}

static void destroy(struct grebe_balancer *base)
{
    if (!parent.forgets_child)
        grebe_client_conn_close(parent.child);
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops ops = {
    .update = update, .settled = settled, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    parent.cc = cc;
    assert_int_equal(
        grebe_client_conn_new_child(cc, parent.child_ops, &parent, &parent.child),
        GREBE_OK);
    assert_int_equal(grebe_client_conn_build(parent.child, &stub_x), GREBE_OK);
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API, .name = "parent", .build = build};

static char told[512];

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    assert_int_equal(level, GREBE_LOG_ERROR);
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", message);
}

static void start(struct lb_bench *b, const struct grebe_client_conn_ops *child_ops)
{
    memset(&parent, 0, sizeof parent);
    parent.child_ops = child_ops;
    told[0] = '\0';
    stub_reset();
    assert_true(lb_bench_init(b, &builder, 1));
    b->lab.host.on_log = on_log;
    b->lab.host.on_fault = NULL; /* as in a channel: to the log */
}

/* ---- Interception --------------------------------------------------------------------- */

static void hear(const char *who, enum grebe_connectivity state)
{
    size_t used = strlen(parent.heard);

    snprintf(parent.heard + used, sizeof parent.heard - used, "%s%s %s",
             used > 0 ? ", " : "", who, grebe_connectivity_name(state));
}

static void on_childs_state(void *arg, struct grebe_subconn *subconn,
                            enum grebe_connectivity state,
                            const struct grebe_status *error)
{
    (void)arg, (void)subconn, (void)error;
    hear("child", state);
}

/* Shows the child IDLE where its subconn is CONNECTING. */
static void on_state_between(void *arg, struct grebe_subconn *subconn,
                             enum grebe_connectivity state,
                             const struct grebe_status *error)
{
    (void)arg;
    hear("parent", state);
    parent.on_state(parent.arg, subconn, state == GREBE_CONNECTING ? GREBE_IDLE : state,
                    error);
}

static int new_subconn_between(void *arg, const struct grebe_subconn_options *options,
                               struct grebe_subconn **out)
{
    struct grebe_subconn_options changed = *options;

    assert_ptr_equal(arg, &parent);
    parent.n_new_subconns++;
    parent.on_state = options->on_state;
    parent.arg = options->arg;
    changed.on_state = on_state_between;
    return grebe_client_conn_new_subconn(parent.cc, &changed, out);
}

static void resolve_now_between(void *arg)
{
    assert_ptr_equal(arg, &parent);
    parent.n_resolves++;
}

static const struct grebe_client_conn_ops intercepting = {
    .new_subconn = new_subconn_between,
    .resolve_now = resolve_now_between,
};
static const struct grebe_client_conn_ops transparent = {0};

static struct grebe_subconn *new_subconn(struct lb_bench *b, struct grebe_client_conn *cc)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *subconn;
    struct grebe_address *address;

    assert_int_equal(grebe_address_new(NULL, "a", &plain, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_childs_state;
    grebe__env_enter(&b->lab.sim.env);
    assert_int_equal(grebe_client_conn_new_subconn(cc, &options, &subconn), GREBE_OK);
    grebe__env_leave(&b->lab.sim.env);
    grebe_address_unref(address);
    return subconn;
}

TEST(a_parent_may_stand_between_a_child_and_its_subconns)
{
    struct lb_bench b;

    start(&b, &intercepting);
    new_subconn(&b, stub_at(0)->cc);
    assert_int_equal(parent.n_new_subconns, 1);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(parent.heard,
                        "parent CONNECTING, child IDLE, parent READY, child READY");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_int_equal(parent.n_resolves, 1);
    assert_string_equal(lb_bench_log(&b), "new a"); /* it did not pass that on */
    lb_bench_fini(&b);
}

/* Whoever asked for it owns it, however many stood in between. */
TEST(a_subconn_that_passed_a_parent_goes_with_the_child)
{
    static const struct grebe_client_conn_ops *const all[] = {&intercepting,
                                                              &transparent};

    for (size_t i = 0; i < 2; i++) {
        struct grebe_client_conn *child;
        struct lb_bench b;

        start(&b, all[i]);
        assert_int_equal(
            grebe_client_conn_new_child(parent.child, &transparent, NULL, &child),
            GREBE_OK);
        new_subconn(&b, child);
        lb_bench_log(&b);
        grebe__env_enter(&b.lab.sim.env);
        grebe_client_conn_close(child);
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(lb_bench_log(&b), "drop a");
        assert_string_equal(parent.heard, ""); /* nobody is left to hear of it */
        lb_bench_fini(&b);
    }
}

TEST(what_a_parent_does_not_handle_goes_past_it)
{
    struct lb_bench b;

    start(&b, &transparent);
    new_subconn(&b, stub_at(0)->cc);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(parent.heard, "child CONNECTING, child READY");
    grebe__env_enter(&b.lab.sim.env);
    stub_publish(stub_at(0), GREBE_READY, "x");
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe_client_conn_watch_health(stub_at(0)->cc, &lab_subconn_at(&b.lab, 0)->base,
                                   on_childs_state, NULL);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "new a, watch a, READY, resolve");
    assert_string_equal(lb_bench_pick(&b), "fail: x");
    lb_bench_fini(&b);
}

/* ---- When one of them is gone ------------------------------------------------------------ */

TEST(what_a_child_said_last_dies_with_it)
{
    static const struct grebe_client_conn_ops *const all[] = {&intercepting,
                                                              &transparent};

    for (size_t i = 0; i < 2; i++) {
        struct lb_bench b;

        start(&b, all[i]);
        grebe__env_enter(&b.lab.sim.env);
        stub_publish(stub_at(0), GREBE_READY, "x");
        grebe_client_conn_resolve_now(stub_at(0)->cc);
        grebe_client_conn_close(parent.child);
        parent.child = NULL;
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(lb_bench_log(&b), "");
        assert_int_equal(parent.n_resolves, 0);
        assert_string_equal(stub_log(), "x.build, x.destroy");
        lb_bench_fini(&b);
    }
}

/* A parent that forgets its child would have it talk to nobody, and keep its subconns for
 * ever: the child goes with it, and the log says who forgot. */
TEST(a_child_that_its_parent_left_behind_is_closed_and_named)
{
    static const struct grebe_client_conn_ops *const all[] = {&intercepting,
                                                              &transparent};

    for (size_t i = 0; i < 2; i++) {
        struct lb_bench b;

        start(&b, all[i]);
        parent.forgets_child = true;
        new_subconn(&b, stub_at(0)->cc);
        lb_bench_log(&b);
        stub_log();
        grebe__env_enter(&b.lab.sim.env);
        stub_publish(stub_at(0), GREBE_READY, "x");
        grebe_client_conn_resolve_now(stub_at(0)->cc);
        grebe_client_conn_close(b.lab.root);
        b.lab.root = NULL;
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(stub_log(), "x.destroy");
        assert_string_equal(lb_bench_log(&b), "drop a");
        assert_string_equal(told,
                            "balancer \"parent\": it was destroyed and left a child "
                            "open\n");
        lb_bench_fini(&b);
    }
}

TEST(settled_comes_after_an_update_and_not_after_the_end)
{
    const struct grebe_balancer_update nothing = {0};
    struct lb_bench b;

    start(&b, &transparent);
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(grebe_client_conn_update(b.lab.root, &nothing), GREBE_OK);
    assert_int_equal(parent.n_settled, 0);
    grebe__env_leave(&b.lab.sim.env);
    assert_int_equal(parent.n_settled, 1);
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(grebe_client_conn_update(b.lab.root, &nothing), GREBE_OK);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    grebe__env_leave(&b.lab.sim.env);
    assert_int_equal(parent.n_settled, 1);
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_may_stand_between_a_child_and_its_subconns),
        cmocka_unit_test(a_subconn_that_passed_a_parent_goes_with_the_child),
        cmocka_unit_test(what_a_parent_does_not_handle_goes_past_it),
        cmocka_unit_test(what_a_child_said_last_dies_with_it),
        cmocka_unit_test(a_child_that_its_parent_left_behind_is_closed_and_named),
        cmocka_unit_test(settled_comes_after_an_update_and_not_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
