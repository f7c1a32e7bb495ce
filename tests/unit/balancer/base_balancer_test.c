/* SPDX-License-Identifier: Apache-2.0 */
/* The framework for policies that are nothing but a picker: grpc-go package
 * balancer/base. */
#include "support/test.h"

#include <grebe/base_balancer.h>

#include "support/lb_bench.h"

/* ---- A policy on top of it: calls go to the first READY subconn -------------------------- */

static char built[256]; /* what the last picker was built from, and how often */
static unsigned n_built, n_freed;
static bool has_no_memory;

static const struct grebe_attribute_key zone = {.name = "zone"};

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    assert_ptr_equal(arg, built);
    if (has_no_memory)
        return NULL;
    n_built++;
    built[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const char *of_zone =
            grebe_attributes_get(grebe_address_attributes(ready[i].address), &zone);
        size_t used = strlen(built);

        snprintf(built + used, sizeof built - used, "%s%s%s%s", i > 0 ? " " : "",
                 grebe_address_text(ready[i].address), of_zone == NULL ? "" : "@",
                 of_zone == NULL ? "" : of_zone);
    }
    return n == 0 ? grebe_picker_queueing()
                  : grebe_picker_fixed(grebe_client_conn_mem(cc), ready[0].subconn);
}

static void free_arg(void *arg)
{
    assert_ptr_equal(arg, built);
    n_freed++;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *o,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options options = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)o;
    options.build_picker = build_picker;
    options.free_arg = free_arg;
    options.arg = built;
    return grebe_base_balancer_new(cc, &options, out);
}

static const struct grebe_balancer_builder first_ready = {
    .api = GREBE_BALANCER_API,
    .name = "first_ready",
    .build = build,
};

static void start(struct lb_bench *b, const char *states)
{
    n_built = n_freed = 0;
    has_no_memory = false;
    built[0] = '\0';
    assert_true(lb_bench_init(b, &first_ready, 1));
    lb_bench_set(b, states);
    lb_bench_log(b);
}

/* ---- A policy that wants its configuration when it builds a picker ---------------------- */

static const char *configured[8]; /* what each picker was built with */
static unsigned n_configured;

static struct grebe_picker *build_configured(void *config, struct grebe_client_conn *cc,
                                             const struct grebe_ready_subconn *ready,
                                             size_t n)
{
    (void)cc, (void)ready, (void)n;
    configured[n_configured++] = config;
    return grebe_picker_queueing();
}

static int build_with_config(struct grebe_client_conn *cc,
                             const struct grebe_build_options *o,
                             struct grebe_balancer **out)
{
    struct grebe_base_balancer_options options = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)o;
    options.build_picker = build_configured;
    options.gives_config = true;
    options.wants_health_check = true;
    return grebe_base_balancer_new(cc, &options, out);
}

static const struct grebe_balancer_builder wants_config = {
    .api = GREBE_BALANCER_API,
    .name = "wants_config",
    .build = build_with_config,
};

/* ---- Tests -------------------------------------------------------------------------------- */

TEST(nothing_is_published_before_the_first_update)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &first_ready, 1));
    assert_int_equal(b.n_published, 0);
    lb_bench_fini(&b);
}

TEST(each_address_of_each_endpoint_has_a_subconn_that_connects)
{
    struct lb_bench b;

    n_freed = 0;
    assert_true(lb_bench_init(&b, &first_ready, 1));
    assert_int_equal(lb_bench_update(&b, "a b+c a -", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new a, new b, new c, connect a, connect b, "
                                          "connect c, CONNECTING");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_fini(&b);
    assert_int_equal(n_freed, 1);
}

/* BASE-5 */
TEST(picker_builder_sees_the_attributes_of_each_ready_address)
{
    static char east[] = "east", west[] = "west";
    char *const zones[] = {east, west};
    const char *const names[] = {"a", "b"};
    struct grebe_endpoint *endpoints[2];
    struct grebe_balancer_update update = {.endpoints = endpoints, .n_endpoints = 2};
    struct lb_bench b;

    start(&b, "");
    for (size_t i = 0; i < 2; i++) {
        struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
        struct grebe_address *address;

        assert_int_equal(
            grebe_attributes_with(NULL, NULL, &zone, zones[i], &options.attributes),
            GREBE_OK);
        assert_int_equal(grebe_address_new(NULL, names[i], &options, &address), GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoints[i]),
                         GREBE_OK);
        grebe_address_unref(address);
        grebe_attributes_unref(options.attributes);
    }
    grebe__env_enter(&b.lab.sim.env);
    assert_int_equal(grebe_client_conn_update(b.lab.root, &update), GREBE_OK);
    grebe__env_leave(&b.lab.sim.env);
    for (size_t i = 0; i < 2; i++) {
        lb_bench_subconn(&b, names[i], GREBE_CONNECTING, NULL);
        lb_bench_subconn(&b, names[i], GREBE_READY, NULL);
        grebe_endpoint_unref(endpoints[i]);
    }
    assert_string_equal(built, "a@east b@west");
    lb_bench_fini(&b);
}

/* BASE-6, gRFC A62 */
TEST(a_failed_subconn_counts_as_failed_until_it_is_ready)
{
    struct lb_bench b;

    start(&b, "a=T b=T");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "connect a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(lb_bench_log(&b), "");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

TEST(a_lost_connection_is_made_again_without_a_call)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "connect a, READY");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* Each letter is an endpoint. */
static void update_within_a_turn(struct lb_bench *b, const char *letters)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_endpoint *endpoints[4];
    struct grebe_balancer_update update = {.endpoints = endpoints};

    for (; letters[update.n_endpoints] != '\0'; update.n_endpoints++) {
        const char name[] = {letters[update.n_endpoints], '\0'};
        struct grebe_address *address;

        assert_int_equal(grebe_address_new(NULL, name, &plain, &address), GREBE_OK);
        assert_int_equal(
            grebe_endpoint_new(NULL, &address, 1, NULL, &endpoints[update.n_endpoints]),
            GREBE_OK);
        grebe_address_unref(address);
    }
    assert_int_equal(grebe_client_conn_update(b->lab.root, &update), GREBE_OK);
    while (update.n_endpoints > 0)
        grebe_endpoint_unref(endpoints[--update.n_endpoints]);
}

/* BASE-7: between the request and SHUTDOWN it still counts, whatever it says. */
TEST(a_removed_address_is_shut_down_and_counted_until_it_says_so)
{
    struct grebe_status refused = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "went away");
    struct lb_bench b;

    start(&b, "a=T b=R");
    grebe__env_enter(&b.lab.sim.env);
    update_within_a_turn(&b, "a");
    /* Not shut down yet: the request is an effect. */
    grebe__subconn_deliver(&lab_subconn_at(&b.lab, 1)->base, GREBE_TRANSIENT_FAILURE,
                           &refused);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "drop b, READY, TRANSIENT_FAILURE, "
                                          "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: last connection error: went away");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* Its SHUTDOWN comes later; whoever picks before that must not be sent there. */
TEST(a_removed_address_is_in_no_picker_from_the_update_on)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    grebe__env_enter(&b.lab.sim.env);
    update_within_a_turn(&b, "b");
    assert_string_equal(built, "b");
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(built, "b");
    lb_bench_fini(&b);
}

/* Two updates in one turn: the old subconn has not said SHUTDOWN when the new one comes. */
TEST(an_address_that_comes_back_in_the_same_turn_has_one_subconn)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    grebe__env_enter(&b.lab.sim.env);
    update_within_a_turn(&b, "b");
    update_within_a_turn(&b, "ba");
    update_within_a_turn(&b, "ba");
    grebe__env_leave(&b.lab.sim.env);
    assert_int_equal(lb_bench_n_live(&b), 2);
    assert_null(strstr(strstr(lb_bench_log(&b), "new a") + 1, "new a"));
    lb_bench_fini(&b);
}

TEST(members_that_are_gone_are_forgotten)
{
    struct lb_bench b;
    uint32_t n_blocks;

    start(&b, "a=R");
    n_blocks = b.lab.mem.n_blocks;
    for (int i = 0; i < 100; i++) {
        lb_bench_update(&b, "a b", NULL);
        lb_bench_update(&b, "a", NULL);
        lb_bench_log(&b);
    }
    assert_int_equal(b.lab.mem.n_blocks, n_blocks);
    lb_bench_fini(&b);
}

TEST(an_address_that_comes_back_has_a_new_subconn)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    lb_bench_update(&b, "b", NULL);
    assert_string_equal(built, "b");
    lb_bench_log(&b);
    lb_bench_update(&b, "b a", NULL);
    assert_string_equal(lb_bench_log(&b), "new a, connect a, READY");
    assert_string_equal(built, "b");
    lb_bench_fini(&b);
}

/* BASE-8 */
TEST(an_update_without_addresses_is_a_failure_and_is_refused)
{
    struct lb_bench b;

    start(&b, "a=R");
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(lb_bench_log(&b), "drop a, TRANSIENT_FAILURE, TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: last resolver error: produced zero addresses");
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* BASE-9 */
TEST(failing_calls_are_told_the_last_error_of_each_kind)
{
    struct lb_bench b;

    start(&b, "a=T");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: last connection error: connection refused");
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: last connection error: connection refused; last resolver "
                        "error: no such host");
    lb_bench_fini(&b);

    start(&b, "");
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick(&b), "fail: last resolver error: no such host");
    lb_bench_set(&b, "a=T"); /* an update, and the resolver is well again */
    assert_string_equal(lb_bench_pick(&b),
                        "fail: last connection error: connection refused");
    lb_bench_fini(&b);
}

/* BASE-10 */
TEST(a_resolver_error_while_ready_changes_nothing)
{
    struct lb_bench b;

    start(&b, "a=R b=T");
    lb_bench_resolver_error(&b, "timeout");
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

/* BASE-11 */
TEST(every_change_is_published_and_pickers_are_built_only_when_ready_ones_change)
{
    struct lb_bench b;
    unsigned n;

    start(&b, "a=R b=I");
    n = n_built;
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_int_equal(n_built, n);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_int_equal(n_built, n + 1);
    lb_bench_fini(&b);
}

TEST(without_memory_for_a_picker_the_last_one_serves)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    has_no_memory = true;
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "connect b, READY");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

TEST(a_picker_that_memory_was_short_for_is_built_a_second_later)
{
    struct lb_bench b;

    start(&b, "a=C");
    has_no_memory = true;
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "queue");
    has_no_memory = false;
    lb_bench_advance_ms(&b, 999);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_advance_ms(&b, 10000);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

/* Another one was built in the meantime: there is nothing left to do. */
TEST(a_picker_that_was_built_since_is_not_built_again)
{
    struct lb_bench b;

    start(&b, "a=R b=R");
    has_no_memory = true;
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    has_no_memory = false;
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_log(&b);
    lb_bench_advance_ms(&b, 10000);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

TEST(an_address_that_gets_no_subconn_is_left_out)
{
    struct lb_bench b;

    start(&b, "a=R");
    b.lab.refuses_subconns = true;
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "READY");
    b.lab.refuses_subconns = false;
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new b, connect b, READY");
    lb_bench_fini(&b);
}

static void script(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=T c=C");
    lb_bench_pick(b);
    lb_bench_update(b, "a d", NULL);
    lb_bench_resolver_error(b, "lost");
    lb_bench_update(b, "", NULL);
    lb_bench_pick(b);
}

TEST(survives_each_allocation_failing)
{
    has_no_memory = false;
    lb_bench_sweep(&first_ready, script);
}

TEST(a_picker_builder_is_required)
{
    struct grebe_base_balancer_options options = GREBE_BASE_BALANCER_OPTIONS_INIT;
    struct grebe_balancer *made = NULL;
    struct lb_bench b;

    start(&b, "");
    assert_int_equal(grebe_base_balancer_new(b.lab.root, &options, &made),
                     GREBE_ERR_INVALID);
    assert_null(made);
    lb_bench_fini(&b);
}

/* And subconns are made as the options say. */
TEST(pickers_are_built_with_the_configuration_in_force)
{
    static const char red[] = "red", blue[] = "blue";
    struct lb_bench b;

    n_configured = 0;
    assert_true(lb_bench_init(&b, &wants_config, 1));
    assert_int_equal(lb_bench_update(&b, "a", red), GREBE_OK);
    assert_true(lab_find_subconn(&b.lab, "a")->wants_health_check);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_int_equal(lb_bench_update(&b, "a", blue), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_int_equal(n_configured, 4);
    assert_ptr_equal(configured[0], red);
    assert_ptr_equal(configured[1], red);
    assert_ptr_equal(configured[2], blue);
    assert_null(configured[3]);
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_published_before_the_first_update),
        cmocka_unit_test(each_address_of_each_endpoint_has_a_subconn_that_connects),
        cmocka_unit_test(picker_builder_sees_the_attributes_of_each_ready_address),
        cmocka_unit_test(a_failed_subconn_counts_as_failed_until_it_is_ready),
        cmocka_unit_test(a_lost_connection_is_made_again_without_a_call),
        cmocka_unit_test(a_removed_address_is_shut_down_and_counted_until_it_says_so),
        cmocka_unit_test(a_removed_address_is_in_no_picker_from_the_update_on),
        cmocka_unit_test(an_address_that_comes_back_in_the_same_turn_has_one_subconn),
        cmocka_unit_test(members_that_are_gone_are_forgotten),
        cmocka_unit_test(an_address_that_comes_back_has_a_new_subconn),
        cmocka_unit_test(an_update_without_addresses_is_a_failure_and_is_refused),
        cmocka_unit_test(failing_calls_are_told_the_last_error_of_each_kind),
        cmocka_unit_test(a_resolver_error_while_ready_changes_nothing),
        cmocka_unit_test(
            every_change_is_published_and_pickers_are_built_only_when_ready_ones_change),
        cmocka_unit_test(without_memory_for_a_picker_the_last_one_serves),
        cmocka_unit_test(a_picker_that_memory_was_short_for_is_built_a_second_later),
        cmocka_unit_test(a_picker_that_was_built_since_is_not_built_again),
        cmocka_unit_test(an_address_that_gets_no_subconn_is_left_out),
        cmocka_unit_test(survives_each_allocation_failing),
        cmocka_unit_test(a_picker_builder_is_required),
        cmocka_unit_test(pickers_are_built_with_the_configuration_in_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
