/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in a channel: what a caller sees when they are switched, and of round_robin. */
#include "support/test.h"

#include <grebe/parent.h>
#include <grebe/registry.h>

#include "balancer/pick_first.h"
#include "balancer/round_robin.h"
#include "support/channel_bench.h"
#include "support/scripted_policy.h"

static const char round_robin[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";
static const char pick_first[] = "{\"loadBalancingConfig\":[{\"pick_first\":{}}]}";

/* `n` calls, all good; how many went to `name`. */
static unsigned share(struct channel_bench *b, unsigned n, const char *name)
{
    unsigned to_name = 0;

    while (n-- > 0) {
        struct grebe_call *call = channel_bench_call(b, NULL);

        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
        to_name += strcmp(grebe_call_peer(call), name) == 0;
        grebe_call_unref(call);
    }
    return to_name;
}

/* ---- Switching ---------------------------------------------------------------------------- */

/* GS-16 */
TEST(calls_follow_the_policy_that_the_config_names)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = pick_first;
    channel_bench_resolve(&b, "a b");
    assert_int_equal(share(&b, 6, "a"), 6);
    b.service_config = round_robin;
    channel_bench_resolve(&b, "a b");
    assert_int_equal(share(&b, 6, "a"), 3);
    b.service_config = pick_first;
    channel_bench_resolve(&b, "a b");
    assert_int_equal(share(&b, 6, "a"), 6);
    b.service_config = "{\"loadBalancingPolicy\":\"grpclb\"}";
    channel_bench_resolve(&b, "a b");
    assert_int_equal(share(&b, 6, "a"), 6);
    channel_bench_fini(&b);
}

/* GS-17 */
TEST(the_old_policy_serves_until_the_new_one_has_a_picker)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = pick_first;
    channel_bench_resolve(&b, "a");
    memset(&script, 0, sizeof script);
    script.kind = GREBE_PICK_COMPLETE;
    sim_server_find(&b.sim, "b")->connect_delay_ns = 100 * MS;
    b.service_config = "{\"loadBalancingConfig\":[{\"scripted\":{}}]}";
    channel_bench_resolve(&b, "b");
    assert_int_equal(share(&b, 5, "a"), 5);
    channel_bench_advance_ms(&b, 100);
    assert_int_equal(share(&b, 5, "b"), 5);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_fini(&b);
}

/* It waits for a stream on a subconn that goes with the old policy, when the new one has
 * published its picker already and has nothing to add. */
TEST(a_call_that_waits_for_a_stream_goes_on_with_the_new_policy)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->max_streams = 0;
    b.service_config = round_robin;
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a");
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    b.service_config = pick_first;
    channel_bench_resolve(&b, "b");
    expect_echo(call, "b");
    channel_bench_fini(&b);
}

static int build_wrapped(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    grebe_client_conn_log(cc, GREBE_LOG_INFO, "the wrapper was built");
    return grebe__round_robin.build(cc, options, out);
}

/* REG-13 */
TEST(a_policy_registered_over_a_built_in_is_the_one_that_runs)
{
    static const struct grebe_balancer_builder wrapper = {
        .api = GREBE_BALANCER_API, .name = "round_robin", .build = build_wrapped};
    struct channel_bench b;

    assert_int_equal(grebe_balancer_register(&wrapper), GREBE_OK);
    channel_bench_start(&b, round_robin);
    grebe_balancer_unregister("round_robin");
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    assert_true(channel_bench_logged(&b, "the wrapper was built"));
    assert_int_equal(share(&b, 4, "a"), 2);
    channel_bench_fini(&b);
}

/* ---- round_robin ---------------------------------------------------------------------------- */

/* RR-3 */
TEST(a_call_that_waits_through_an_empty_list_goes_to_the_new_backend)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, round_robin);
    channel_bench_servers(&b, "a b");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "");
    call = channel_bench_call(&b, &options);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "no children to pick from");
    expect_pending(call);
    channel_bench_resolve(&b, "b");
    expect_echo(call, "b");
    channel_bench_fini(&b);
}

/* RR-7 */
TEST(a_configuration_that_round_robin_does_not_know_is_accepted)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{\"x\":1}}]}");
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    assert_int_equal(share(&b, 4, "a"), 2);
    channel_bench_fini(&b);
}

/* RR-6 */
TEST(other_metadata_on_an_address_is_another_connection)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    const struct grebe_attributes *attributes = NULL;
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call;

    assert_int_equal(grebe_metadata_add(metadata, "shard", "7", 1), GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_METADATA,
                                           metadata, &attributes),
                     GREBE_OK);
    channel_bench_start(&b, round_robin);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    channel_bench_connect(&b);
    assert_int_equal(server->n_connections, 1);
    b.address_attributes = attributes;
    channel_bench_resolve(&b, "a");
    assert_int_equal(server->n_connections, 2);
    assert_int_equal(sim_server_n_open(server), 1);
    call = channel_bench_call(&b, NULL);
    assert_ptr_equal(sim_server_request(server)->stream->of_address, metadata);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
    grebe_attributes_unref(attributes);
    grebe_metadata_unref(metadata);
}

/* ---- Endpoint sharding that leaves idle children alone ----------------------------------------- */

struct patient {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_endpoint_sharding *sharding;
};

static struct grebe_endpoint_sharding *sharding_of(struct grebe_balancer *base)
{
    return ((struct patient *)base)->sharding;
}

/* All calls to the first child in the aggregate state. */
static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state_of_all,
                        const struct grebe_sharding_child *children, size_t n)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        if (children[i].state == state_of_all) {
            grebe_client_conn_update_state(cc, state_of_all,
                                           grebe_picker_ref(children[i].picker));
            return;
        }
    grebe_client_conn_update_state(cc, state_of_all, NULL);
}

static const struct grebe_endpoint_sharding_ops children_ops = {.on_children =
                                                                    on_children};

static int patient_update(struct grebe_balancer *base,
                          const struct grebe_balancer_update *update)
{
    return grebe_endpoint_sharding_update(sharding_of(base), update);
}

static void patient_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    grebe_endpoint_sharding_resolver_error(sharding_of(base), status);
}

static void patient_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(sharding_of(base));
}

static void patient_settled(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_settled(sharding_of(base));
}

static void patient_destroy(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_destroy(sharding_of(base));
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops patient_ops = {
    .update = patient_update,
    .resolver_error = patient_error,
    .exit_idle = patient_exit_idle,
    .settled = patient_settled,
    .destroy = patient_destroy,
};

static int patient_build(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    struct patient *patient = grebe_mem_zalloc(NULL, sizeof *patient);

    (void)options;
    grebe_balancer_init(&patient->base, &patient_ops);
    patient->cc = cc;
    how.child = &grebe__pick_first;
    how.ops = &children_ops;
    how.leaves_idle_alone = true;
    assert_int_equal(grebe_endpoint_sharding_new(cc, &how, &patient->sharding), GREBE_OK);
    *out = &patient->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder patient = {
    .api = GREBE_BALANCER_API, .name = "patient", .build = patient_build};
static const char patient_config[] = "{\"loadBalancingConfig\":[{\"patient\":{}}]}";

/* ES-4 */
TEST(a_child_that_lost_its_connection_stays_idle_and_calls_go_elsewhere)
{
    struct channel_bench b;

    channel_bench_start(&b, patient_config);
    b.resolves_to = "a+b c";
    channel_bench_servers(&b, "a b c");
    channel_bench_connect(&b);
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    channel_bench_advance_ms(&b, 5000);
    assert_int_equal(sim_server_find(&b.sim, "b")->n_dials, 0);
    assert_int_equal(sim_server_find(&b.sim, "a")->n_dials, 1);
    assert_int_equal(share(&b, 4, "c"), 4);
    channel_bench_fini(&b);
}

/* ES-5 */
TEST(an_only_child_that_is_idle_makes_the_channel_idle_until_it_is_asked)
{
    struct channel_bench b;

    channel_bench_start(&b, patient_config);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    channel_bench_advance_ms(&b, 5000);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY, IDLE");
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_follow_the_policy_that_the_config_names),
        cmocka_unit_test(the_old_policy_serves_until_the_new_one_has_a_picker),
        cmocka_unit_test(a_call_that_waits_for_a_stream_goes_on_with_the_new_policy),
        cmocka_unit_test(a_policy_registered_over_a_built_in_is_the_one_that_runs),
        cmocka_unit_test(a_call_that_waits_through_an_empty_list_goes_to_the_new_backend),
        cmocka_unit_test(a_configuration_that_round_robin_does_not_know_is_accepted),
        cmocka_unit_test(other_metadata_on_an_address_is_another_connection),
        cmocka_unit_test(
            a_child_that_lost_its_connection_stays_idle_and_calls_go_elsewhere),
        cmocka_unit_test(
            an_only_child_that_is_idle_makes_the_channel_idle_until_it_is_asked),
    };

    scripted_register();
    assert_int_equal(grebe_balancer_register(&patient), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
