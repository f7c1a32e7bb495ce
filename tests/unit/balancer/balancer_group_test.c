/* SPDX-License-Identifier: Apache-2.0 */
/* Named children that come, go, and come back: grpc-go package internal/balancergroup. */
#include "support/test.h"

#include <grebe/balancer_group.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

/* ---- A policy that is nothing but its group ------------------------------------------------ */

struct owner {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_balancer_group *group;
};

static struct grebe_balancer_group *group; /* of the only one */
static uint64_t park_ns;
static char told[256]; /* "east READY, west IDLE" */
static bool hears_resolve;

static void on_state(void *arg, const char *name, enum grebe_connectivity state,
                     struct grebe_picker *picker)
{
    size_t used = strlen(told);
    struct owner *owner = arg;

    snprintf(told + used, sizeof told - used, "%s%s %s", used > 0 ? ", " : "", name,
             grebe_connectivity_name(state));
    grebe_client_conn_update_state(owner->cc, state, grebe_picker_ref(picker));
}

static void note_resolve(void *arg, const char *name)
{
    size_t used = strlen(told);

    (void)arg;
    snprintf(told + used, sizeof told - used, "%s wants to resolve", name);
}

static const char *told_so_far(void)
{
    static char text[sizeof told];

    memcpy(text, told, sizeof text);
    told[0] = '\0';
    return text;
}

static int update_nothing(struct grebe_balancer *base,
                          const struct grebe_balancer_update *update)
{
    (void)base, (void)update;
    return GREBE_OK;
}

static void pass_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    (void)base;
    grebe_balancer_group_resolver_error(group, status);
}

static void pass_exit_idle(struct grebe_balancer *base)
{
    (void)base;
    grebe_balancer_group_exit_idle(group);
}

static void destroy(struct grebe_balancer *base)
{
    struct owner *owner = grebe_container_of(base, struct owner, base);

    grebe_balancer_group_destroy(owner->group);
    group = NULL;
    grebe_mem_free(grebe_client_conn_mem(owner->cc), owner);
}

static const struct grebe_balancer_ops ops = {
    .update = update_nothing,
    .resolver_error = pass_error,
    .exit_idle = pass_exit_idle,
    .destroy = destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *o,
                 struct grebe_balancer **out)
{
    struct grebe_balancer_group_options options = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    struct owner *owner = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *owner);

    (void)o;
    if (owner == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&owner->base, &ops);
    owner->cc = cc;
    options.on_state = on_state;
    options.arg = owner;
    options.park_ns = park_ns;
    options.on_resolve_now = hears_resolve ? note_resolve : NULL;
    if (grebe_balancer_group_new(cc, &options, &owner->group) != GREBE_OK) {
        grebe_mem_free(grebe_client_conn_mem(cc), owner);
        return GREBE_ERR_NOMEM;
    }
    group = owner->group;
    *out = &owner->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API, .name = "group", .build = build};

/* ---- The bench ------------------------------------------------------------------------------ */

static void start(struct lb_bench *b, uint64_t parked_ms)
{
    stub_reset();
    told[0] = '\0';
    park_ns = parked_ms * MS;
    assert_true(lb_bench_init(b, &builder, 1));
}

static int add(struct lb_bench *b, const char *name,
               const struct grebe_balancer_builder *policy)
{
    int result;

    grebe__env_enter(&b->lab.sim.env);
    result = grebe_balancer_group_add(group, name, policy);
    grebe__env_leave(&b->lab.sim.env);
    return result;
}

static void drop(struct lb_bench *b, const char *name)
{
    grebe__env_enter(&b->lab.sim.env);
    grebe_balancer_group_remove(group, name);
    grebe__env_leave(&b->lab.sim.env);
}

static int update(struct lb_bench *b, const char *name,
                  const struct grebe_balancer_builder *policy)
{
    struct grebe_balancer_update update = {0};
    struct grebe_lb_config *config;
    int result;

    if (grebe_lb_config_new(policy, &config) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    update.config = config;
    grebe__env_enter(&b->lab.sim.env);
    result = grebe_balancer_group_update(group, name, &update);
    grebe__env_leave(&b->lab.sim.env);
    grebe_lb_config_unref(config);
    return result;
}

static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state,
                    const char *text)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

TEST(each_child_is_heard_under_its_name)
{
    enum grebe_connectivity last;
    struct grebe_picker *picker;
    struct lb_bench b;

    start(&b, 0);
    assert_int_equal(add(&b, "east", &stub_x), GREBE_OK);
    assert_int_equal(add(&b, "west", &stub_y), GREBE_OK);
    assert_int_equal(update(&b, "east", &stub_x), GREBE_OK);
    assert_int_equal(update(&b, "west", &stub_y), GREBE_OK);
    assert_string_equal(stub_log(), "x.build, x.update, y.build, y.update");
    assert_true(grebe_balancer_group_state(group, "east", &last, &picker));
    assert_int_equal(last, GREBE_CONNECTING);
    publish(&b, 0, GREBE_READY, "x");
    publish(&b, 1, GREBE_IDLE, "y");
    assert_string_equal(told_so_far(), "east READY, west IDLE");
    assert_true(grebe_balancer_group_state(group, "west", &last, &picker));
    assert_int_equal(last, GREBE_IDLE);
    assert_ptr_equal(picker, stub_at(1)->last_picker);
    lb_bench_fini(&b);
    assert_string_equal(stub_log(), "x.destroy, y.destroy");
}

TEST(errors_and_exit_idle_go_to_all_children_or_to_one)
{
    struct lb_bench b;

    start(&b, 0);
    add(&b, "east", &stub_x);
    add(&b, "west", &stub_y);
    update(&b, "east", &stub_x);
    update(&b, "west", &stub_y);
    stub_log();
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.error, y.error, x.exit_idle, y.exit_idle");
    grebe__env_enter(&b.lab.sim.env);
    grebe_balancer_group_exit_idle_one(group, "west");
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(stub_log(), "y.exit_idle");
    lb_bench_fini(&b);
}

TEST(each_child_may_change_its_policy_without_a_gap)
{
    struct lb_bench b;

    start(&b, 0);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    update(&b, "east", &stub_y);
    publish(&b, 1, GREBE_CONNECTING, "y");
    assert_string_equal(told_so_far(), "east READY");
    publish(&b, 1, GREBE_READY, "y");
    assert_string_equal(told_so_far(), "east READY");
    assert_string_equal(stub_log(), "x.build, x.update, y.build, y.update, x.destroy");
    lb_bench_fini(&b);
}

/* BG-1 */
TEST(names_that_are_unknown_are_ignored)
{
    enum grebe_connectivity last;
    struct grebe_picker *picker;
    struct lb_bench b;

    start(&b, 0);
    assert_int_equal(update(&b, "nobody", &stub_x), GREBE_ERR_CLOSED);
    drop(&b, "nobody");
    grebe__env_enter(&b.lab.sim.env);
    grebe_balancer_group_exit_idle_one(group, "nobody");
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_resolver_error(&b, "gone"); /* nobody to hear it */
    assert_false(grebe_balancer_group_state(group, "nobody", &last, &picker));
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    drop(&b, "east");
    assert_string_equal(stub_log(), "x.build, x.update, x.destroy");
    assert_int_equal(update(&b, "east", &stub_x), GREBE_ERR_CLOSED);
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "");
    lb_bench_fini(&b);
    grebe_balancer_group_destroy(NULL);
}

/* BG-2 */
TEST(a_child_that_comes_back_in_time_goes_on_as_it_was)
{
    enum grebe_connectivity last;
    struct grebe_picker *picker;
    struct lb_bench b;

    start(&b, 1000);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    publish(&b, 0, GREBE_READY, "x");
    told_so_far();
    stub_log();
    drop(&b, "east");
    drop(&b, "east");
    assert_int_equal(update(&b, "east", &stub_x), GREBE_ERR_CLOSED);
    assert_false(grebe_balancer_group_state(group, "east", &last, &picker));
    publish(&b, 0, GREBE_IDLE, "while away"); /* not heard, but remembered */
    assert_string_equal(told_so_far(), "");
    lb_bench_resolver_error(&b, "gone");
    lb_bench_advance_ms(&b, 999);
    assert_string_equal(stub_log(), "");
    assert_int_equal(add(&b, "east", &stub_x), GREBE_OK);
    assert_true(grebe_balancer_group_state(group, "east", &last, &picker));
    assert_int_equal(last, GREBE_IDLE);
    assert_ptr_equal(picker, stub_at(0)->last_picker);
    lb_bench_advance_ms(&b, 10000); /* the end of the parking is off */
    update(&b, "east", &stub_x);
    assert_string_equal(stub_log(), "x.update");
    lb_bench_fini(&b);
}

/* BG-2: what is parked asks for nothing and is asked for nothing. */
TEST(a_parked_child_neither_resolves_nor_exits_idle)
{
    struct lb_bench b;

    start(&b, 1000);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "resolve");
    drop(&b, "east");
    stub_log();
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b.lab.sim.env);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(stub_log(), "");
    lb_bench_fini(&b);
}

TEST(a_child_may_be_dropped_parked_or_not)
{
    struct lb_bench b;

    start(&b, 1000);
    grebe_balancer_group_drop(group, "nobody");
    for (int is_parked = 0; is_parked < 2; is_parked++) {
        add(&b, "east", &stub_x);
        update(&b, "east", &stub_x);
        if (is_parked)
            drop(&b, "east");
        stub_log();
        grebe__env_enter(&b.lab.sim.env);
        grebe_balancer_group_drop(group, "east");
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(stub_log(), "x.destroy");
    }
    lb_bench_advance_ms(&b, 2000);
    lb_bench_fini(&b);
}

TEST(the_owner_may_hear_who_wants_names_to_be_resolved_again)
{
    struct lb_bench b;

    hears_resolve = true;
    start(&b, 1000);
    hears_resolve = false;
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    for (int is_parked = 0; is_parked < 2; is_parked++) {
        grebe__env_enter(&b.lab.sim.env);
        grebe_client_conn_resolve_now(stub_at(0)->cc);
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(told_so_far(), is_parked ? "" : "east wants to resolve");
        drop(&b, "east");
    }
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

TEST(a_child_that_is_there_is_not_made_again)
{
    struct lb_bench b;

    start(&b, 0);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    stub_log();
    assert_int_equal(add(&b, "east", &stub_y), GREBE_OK);
    update(&b, "east", &stub_x);
    assert_string_equal(stub_log(), "x.update");
    lb_bench_fini(&b);
}

/* BG-2 */
TEST(a_child_of_another_policy_does_not_come_back)
{
    struct lb_bench b;

    start(&b, 1000);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    drop(&b, "east");
    stub_log();
    assert_int_equal(add(&b, "east", &stub_y), GREBE_OK);
    assert_string_equal(stub_log(), "x.destroy");
    update(&b, "east", &stub_y);
    assert_string_equal(stub_log(), "y.build, y.update");
    lb_bench_fini(&b);
}

/* BG-2 */
TEST(parking_ends_after_its_time)
{
    struct lb_bench b;

    start(&b, 1000);
    add(&b, "east", &stub_x);
    update(&b, "east", &stub_x);
    drop(&b, "east");
    stub_log();
    lb_bench_advance_ms(&b, 1000);
    assert_string_equal(stub_log(), "x.destroy");
    assert_int_equal(add(&b, "east", &stub_x), GREBE_OK);
    update(&b, "east", &stub_x);
    assert_string_equal(stub_log(), "x.build, x.update");
    lb_bench_fini(&b);
}

TEST(a_listener_is_required)
{
    struct grebe_balancer_group_options options = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    struct grebe_balancer_group *made = NULL;
    struct lb_bench b;

    start(&b, 0);
    assert_int_equal(grebe_balancer_group_new(b.lab.root, &options, &made),
                     GREBE_ERR_INVALID);
    assert_null(made);
    lb_bench_fini(&b);
}

static void script(struct lb_bench *b)
{
    stub_reset();
    stubs.publishes_at_build = GREBE_READY;
    add(b, "east", &stub_x);
    add(b, "west", &stub_y);
    update(b, "east", &stub_x);
    update(b, "west", &stub_y);
    drop(b, "east");
    add(b, "east", &stub_x);
    drop(b, "west");
    add(b, "west", &stub_x);
    update(b, "west", &stub_x);
    lb_bench_resolver_error(b, "gone");
    lb_bench_advance_ms(b, 5000);
}

TEST(survives_each_allocation_failing)
{
    park_ns = SECOND;
    lb_bench_sweep(&builder, script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_child_is_heard_under_its_name),
        cmocka_unit_test(errors_and_exit_idle_go_to_all_children_or_to_one),
        cmocka_unit_test(each_child_may_change_its_policy_without_a_gap),
        cmocka_unit_test(names_that_are_unknown_are_ignored),
        cmocka_unit_test(a_child_that_comes_back_in_time_goes_on_as_it_was),
        cmocka_unit_test(a_parked_child_neither_resolves_nor_exits_idle),
        cmocka_unit_test(a_child_may_be_dropped_parked_or_not),
        cmocka_unit_test(the_owner_may_hear_who_wants_names_to_be_resolved_again),
        cmocka_unit_test(a_child_that_is_there_is_not_made_again),
        cmocka_unit_test(a_child_of_another_policy_does_not_come_back),
        cmocka_unit_test(parking_ends_after_its_time),
        cmocka_unit_test(a_listener_is_required),
        cmocka_unit_test(survives_each_allocation_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
