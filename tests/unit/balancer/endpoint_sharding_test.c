/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoint sharding with stub children.  Source of the behaviour: grpc-go package
 * endpointsharding, gRFC A61. */
#include "support/test.h"

#include <grebe/parent.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

/* ---- A petiole policy that shows what it is told ------------------------------------------ */

struct petiole {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_endpoint_sharding *sharding;
};

static bool leaves_idle_alone;
static const struct grebe_balancer_builder *child_builder = &stub_x;
static struct grebe_client_conn *first_cc; /* of the first child, as told last */
static char told[256]; /* the last on_children: "READY a=READY b=IDLE" */
static unsigned n_told;

static struct petiole *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct petiole, base);
}

static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n)
{
    size_t used =
        (size_t)snprintf(told, sizeof told, "%s", grebe_connectivity_name(state));

    (void)arg;
    n_told++;
    first_cc = n == 0 ? NULL : children[0].cc;
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(
            told + used, sizeof told - used, " %s=%s",
            grebe_address_text(grebe_endpoint_address(children[i].endpoint, 0)),
            grebe_connectivity_name(children[i].state));
    grebe_client_conn_update_state(cc, state, grebe_picker_queueing());
}

static const struct grebe_endpoint_sharding_ops sharding_ops = {.on_children =
                                                                    on_children};

static int petiole_update(struct grebe_balancer *base,
                          const struct grebe_balancer_update *update)
{
    return grebe_endpoint_sharding_update(of(base)->sharding, update);
}

static void petiole_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    grebe_endpoint_sharding_resolver_error(of(base)->sharding, status);
}

static void petiole_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(of(base)->sharding);
}

static void petiole_settled(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_settled(of(base)->sharding);
}

static void petiole_destroy(struct grebe_balancer *base)
{
    struct petiole *petiole = of(base);

    grebe_endpoint_sharding_destroy(petiole->sharding);
    grebe_mem_free(grebe_client_conn_mem(petiole->cc), petiole);
}

static const struct grebe_balancer_ops petiole_ops = {
    .update = petiole_update,
    .resolver_error = petiole_error,
    .exit_idle = petiole_exit_idle,
    .settled = petiole_settled,
    .destroy = petiole_destroy,
};

static int petiole_build(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    struct petiole *petiole = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *petiole);
    int result;

    (void)options;
    if (petiole == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&petiole->base, &petiole_ops);
    petiole->cc = cc;
    how.child = child_builder;
    how.ops = &sharding_ops;
    how.leaves_idle_alone = leaves_idle_alone;
    result = grebe_endpoint_sharding_new(cc, &how, &petiole->sharding);
    if (result != GREBE_OK) {
        grebe_mem_free(grebe_client_conn_mem(cc), petiole);
        return result;
    }
    *out = &petiole->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder petiole = {
    .api = GREBE_BALANCER_API,
    .name = "petiole",
    .build = petiole_build,
};

/* ---- The bench ------------------------------------------------------------------------------ */

static void start(struct lb_bench *b)
{
    stub_reset();
    leaves_idle_alone = false;
    n_told = 0;
    assert_true(lb_bench_init(b, &petiole, 1));
}

static void publish(struct lb_bench *b, struct stub *stub, enum grebe_connectivity state)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub, state, "");
    grebe__env_leave(&b->lab.sim.env);
}

/* The child that serves the endpoint with this first address. */
static struct stub *child(const char *address)
{
    for (size_t i = stubs.n_built; i-- > 0;)
        if (stubs.live[i] != NULL && strcmp(stubs.live[i]->first_address, address) == 0)
            return stubs.live[i];
    fail_msg("no child for %s", address);
    return NULL;
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

/* ---- Tests ------------------------------------------------------------------------------------- */

/* ES-2, ES-10, C-4 */
TEST(each_endpoint_has_a_child_and_the_owner_hears_once)
{
    struct lb_bench b;

    start(&b);
    stubs.publishes_at_build = GREBE_CONNECTING;
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_OK);
    assert_int_equal(stubs.n_built, 3);
    assert_int_equal(n_told, 1);
    assert_int_equal(child("b")->n_endpoints, 1);
    lb_bench_fini(&b);
}

/* ES-10: with shards inside of shards each level waits for the one below it. */
TEST(owner_of_nested_children_hears_once)
{
    struct lb_bench b;

    child_builder = &petiole;
    start(&b);
    child_builder = &stub_x;
    stubs.publishes_at_build = GREBE_READY;
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    assert_int_equal(stubs.n_built, 2);
    assert_int_equal(b.n_published, 1);
    assert_int_equal(b.lab.state, GREBE_READY);
    lb_bench_fini(&b);
}

/* ES-7, C-1 */
TEST(child_of_a_listed_endpoint_is_kept_and_updated)
{
    struct lb_bench b;
    struct stub *kept;

    start(&b);
    lb_bench_update(&b, "a+b c", NULL);
    kept = child("a");
    stub_log();
    /* The same set in another order is the same endpoint, and the order is news to it. */
    lb_bench_update(&b, "b+a d", NULL);
    assert_ptr_equal(child("b"), kept);
    assert_int_equal(count_of(stub_log(), "x.destroy"), 1);
    lb_bench_fini(&b);
}

/* ES-8 */
TEST(endpoint_with_one_more_address_is_another_one)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a", NULL);
    stub_log();
    lb_bench_update(&b, "a+b", NULL);
    assert_string_equal(stub_log(), "x.build, x.destroy, x.update");
    lb_bench_fini(&b);
}

/* ES-6, C-2 */
TEST(duplicates_and_endpoints_without_addresses_are_passed_over)
{
    struct lb_bench b;

    start(&b);
    assert_int_equal(lb_bench_update(&b, "a+b - b+a c", NULL), GREBE_OK);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* ES-9 */
TEST(first_error_of_a_child_is_returned_after_all_were_updated)
{
    static const char *const names[] = {"a", "b", "c"};

    for (size_t i = 0; i < 3; i++) {
        struct lb_bench b;

        start(&b);
        lb_bench_update(&b, "a b c", NULL);
        stub_log();
        child(names[i])->update_result = GREBE_ERR_BAD_RESOLVER_STATE;
        assert_int_equal(lb_bench_update(&b, "a b c", NULL),
                         GREBE_ERR_BAD_RESOLVER_STATE);
        assert_int_equal(count_of(stub_log(), "x.update"), 3);
        lb_bench_fini(&b);
    }
}

/* The order is that in which the owner hears of them. */
TEST(of_several_errors_the_first_is_returned)
{
    static const char *const names[] = {"a", "b", "c"};
    static const int errors[] = {GREBE_ERR_NOMEM, GREBE_ERR_CONFIG, GREBE_ERR_TIMEOUT};
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a b c", NULL);
    for (size_t i = 0; i < 3; i++)
        child(names[i])->update_result = errors[i];
    for (size_t round = 0; round < 10; round++) {
        int error = lb_bench_update(&b, "a b c", NULL);

        assert_int_equal(error, errors[*(strchr(told, ' ') + 1) - 'a']);
    }
    lb_bench_fini(&b);
}

static const struct {
    enum grebe_connectivity a, b;
    const char *aggregate;
} aggregates[] = {
    {GREBE_READY, GREBE_TRANSIENT_FAILURE, "READY"},
    {GREBE_CONNECTING, GREBE_TRANSIENT_FAILURE, "CONNECTING"},
    {GREBE_IDLE, GREBE_CONNECTING, "CONNECTING"},
    {GREBE_IDLE, GREBE_TRANSIENT_FAILURE, "IDLE"},
    {GREBE_TRANSIENT_FAILURE, GREBE_TRANSIENT_FAILURE, "TRANSIENT_FAILURE"},
};

/* C-6 */
TEST(best_state_of_the_children_is_the_aggregate)
{
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        struct lb_bench b;

        start(&b);
        lb_bench_update(&b, "a b", NULL);
        publish(&b, child("a"), aggregates[i].a);
        publish(&b, child("b"), aggregates[i].b);
        assert_memory_equal(told, aggregates[i].aggregate,
                            strlen(aggregates[i].aggregate));
        assert_int_equal(n_told, 3);
        lb_bench_fini(&b);
    }
}

/* C-8 */
TEST(idle_child_is_woken_unless_it_is_to_be_left_alone)
{
    for (int alone = 0; alone < 2; alone++) {
        struct lb_bench b;

        stub_reset();
        leaves_idle_alone = alone;
        assert_true(lb_bench_init(&b, &petiole, 1));
        lb_bench_update(&b, "a", NULL);
        stub_log();
        publish(&b, child("a"), GREBE_IDLE);
        assert_string_equal(stub_log(), alone ? "" : "x.exit_idle");
        lb_bench_exit_idle(&b);
        assert_string_equal(stub_log(), "x.exit_idle");
        lb_bench_fini(&b);
    }
}

/* C-8: it says IDLE, and is gone before that is heard. */
TEST(idle_child_that_is_closed_in_the_same_turn_is_not_woken)
{
    struct grebe_balancer_update nothing = {0};
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a", NULL);
    stub_log();
    grebe__env_enter(&b.lab.sim.env);
    stub_publish(child("a"), GREBE_IDLE, "");
    assert_string_equal(stub_log(), ""); /* nobody is woken inside its own function */
    assert_int_equal(grebe_client_conn_update(b.lab.root, &nothing),
                     GREBE_ERR_BAD_RESOLVER_STATE);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(stub_log(), "x.destroy");
    lb_bench_fini(&b);
}

/* However much the children have to say to it. */
TEST(owner_hears_once_of_an_error_and_of_an_exit_from_idle)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a b c", NULL);
    stubs.answers = true;
    n_told = 0;
    lb_bench_resolver_error(&b, "gone");
    assert_int_equal(n_told, 1);
    lb_bench_exit_idle(&b);
    assert_int_equal(n_told, 2);
    lb_bench_fini(&b);
}

TEST(children_are_given_the_configuration_and_the_attributes_of_the_update)
{
    static const char config[] = "config";
    struct lb_bench b;

    start(&b);
    b.wants_health = true;
    assert_int_equal(lb_bench_update(&b, "a b", config), GREBE_OK);
    assert_ptr_equal(child("a")->config, config);
    assert_ptr_equal(child("b")->config, config);
    assert_true(child("b")->has_health);
    lb_bench_fini(&b);
}

TEST(resolver_error_reaches_every_child)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a b", NULL);
    stub_log();
    n_told = 0;
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(stub_log(), "x.error, x.error");
    assert_int_equal(n_told, 1);
    lb_bench_fini(&b);
}

/* C-3 */
TEST(no_endpoints_close_all_children)
{
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a b", NULL);
    stub_log();
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(stub_log(), "x.destroy, x.destroy");
    assert_string_equal(told, "TRANSIENT_FAILURE");
    lb_bench_fini(&b);
}

/* ES-1: So that clients that start together do not dial the backends in the same order.
 * Fifty seeds meet every rotation. */
TEST(children_are_made_in_a_rotated_order)
{
    unsigned n_by_rotation[5] = {0};

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct lb_bench b;
        int rotation;

        stub_reset();
        assert_true(lb_bench_init(&b, &petiole, seed));
        lb_bench_update(&b, "a b c d e", NULL);
        rotation = stub_at(0)->first_address[0] - 'a';
        for (int i = 0; i < 5; i++)
            assert_int_equal(stub_at((size_t)i)->first_address[0],
                             'a' + (rotation + i) % 5);
        n_by_rotation[rotation]++;
        lb_bench_fini(&b);
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(n_by_rotation[i] > 0);
}

/* ES-11 */
TEST(waking_a_child_that_is_gone_does_nothing)
{
    struct grebe_client_conn *gone;
    struct lb_bench b;

    start(&b);
    lb_bench_update(&b, "a", NULL);
    gone = grebe_client_conn_ref(first_cc);
    lb_bench_update(&b, "b", NULL);
    stub_log();
    grebe_client_conn_request_exit_idle(gone);
    sim_settle(&b.lab.sim);
    assert_string_equal(stub_log(), "");
    grebe_client_conn_unref(gone);
    lb_bench_fini(&b);
}

/* ES-13 */
TEST(endpoints_are_worth_an_update_if_any_has_an_address)
{
    struct grebe_address *addresses[1];
    struct grebe_endpoint *empty, *good, *list[2];
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_diag diag;

    assert_int_equal(grebe_address_new(NULL, "a", &plain, &addresses[0]), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, addresses, 1, NULL, &good), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, addresses, 0, NULL, &empty), GREBE_OK);
    assert_int_equal(grebe_endpoints_validate(list, 0, &diag),
                     GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(diag.text, "the list of endpoints is empty");
    list[0] = list[1] = empty;
    assert_int_equal(grebe_endpoints_validate(list, 2, &diag),
                     GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(diag.text, "none of 2 endpoints has an address");
    list[1] = good;
    assert_int_equal(grebe_endpoints_validate(list, 2, &diag), GREBE_OK);
    list[0] = good;
    assert_int_equal(grebe_endpoints_validate(list, 2, &diag), GREBE_OK);
    grebe_endpoint_unref(good);
    grebe_endpoint_unref(empty);
    grebe_address_unref(addresses[0]);
}

static void live_a_life(struct lb_bench *b)
{
    stub_reset();
    stubs.publishes_at_build = GREBE_IDLE;
    lb_bench_update(b, "a b", NULL);
    lb_bench_update(b, "b c d", NULL);
    lb_bench_exit_idle(b);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&petiole, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_endpoint_has_a_child_and_the_owner_hears_once),
        cmocka_unit_test(owner_of_nested_children_hears_once),
        cmocka_unit_test(child_of_a_listed_endpoint_is_kept_and_updated),
        cmocka_unit_test(endpoint_with_one_more_address_is_another_one),
        cmocka_unit_test(duplicates_and_endpoints_without_addresses_are_passed_over),
        cmocka_unit_test(first_error_of_a_child_is_returned_after_all_were_updated),
        cmocka_unit_test(of_several_errors_the_first_is_returned),
        cmocka_unit_test(best_state_of_the_children_is_the_aggregate),
        cmocka_unit_test(idle_child_is_woken_unless_it_is_to_be_left_alone),
        cmocka_unit_test(idle_child_that_is_closed_in_the_same_turn_is_not_woken),
        cmocka_unit_test(owner_hears_once_of_an_error_and_of_an_exit_from_idle),
        cmocka_unit_test(
            children_are_given_the_configuration_and_the_attributes_of_the_update),
        cmocka_unit_test(resolver_error_reaches_every_child),
        cmocka_unit_test(no_endpoints_close_all_children),
        cmocka_unit_test(children_are_made_in_a_rotated_order),
        cmocka_unit_test(waking_a_child_that_is_gone_does_nothing),
        cmocka_unit_test(endpoints_are_worth_an_update_if_any_has_an_address),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("endpoint_sharding", tests, NULL, NULL);
}
