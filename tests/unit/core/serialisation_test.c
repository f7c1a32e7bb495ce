/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call whom from where: no request of a policy or a resolver runs inside the
 * function that made it, and none is lost.  The contract is that of grebe/balancer.h and
 * grebe/resolver.h; grpc-go keeps it with two serialisers. */
#include "support/test.h"

#include <grebe/registry.h>

#include "support/channel_bench.h"

/* ---- A policy that asks for things in the middle of everything ---------------------------- */

static struct {
    struct grebe_client_conn *cc;
    struct grebe_subconn *subconn;
    const char *name;
    char log[512];
    bool resolves_in_update, shuts_down_when_ready, shuts_down_in_destroy;
    bool makes_subconn_in_destroy;
    int made_in_destroy;
    int result;
} p;

static void note(const char *what)
{
    size_t used = strlen(p.log);

    snprintf(p.log + used, sizeof p.log - used, "%s%s", used > 0 ? ", " : "", what);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)arg;
    (void)error;
    note(grebe_connectivity_name(state));
    if (state == GREBE_READY && p.shuts_down_when_ready) {
        grebe_subconn_shutdown(subconn);
        note("asked");
    }
    if (state == GREBE_READY)
        grebe_client_conn_update_state(
            p.cc, state, grebe_picker_fixed(grebe_client_conn_mem(p.cc), subconn));
}

static int new_subconn(struct grebe_address *address, struct grebe_subconn **out)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;

    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    return grebe_client_conn_new_subconn(p.cc, &options, out);
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    (void)base;
    note("update");
    if (p.subconn == NULL && update->n_endpoints > 0) {
        assert_int_equal(
            new_subconn(grebe_endpoint_address(update->endpoints[0], 0), &p.subconn),
            GREBE_OK);
        grebe_subconn_connect(p.subconn);
    }
    if (p.resolves_in_update) {
        grebe_client_conn_resolve_now(p.cc);
        note("asked");
    }
    return p.result;
}

static void destroy(struct grebe_balancer *base)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn *subconn;
    struct grebe_address *address;

    note("destroy");
    if (p.shuts_down_in_destroy)
        grebe_subconn_shutdown(p.subconn);
    if (p.makes_subconn_in_destroy) {
        assert_int_equal(grebe_address_new(NULL, "b", &plain, &address), GREBE_OK);
        p.made_in_destroy = new_subconn(address, &subconn);
        grebe_address_unref(address);
    }
    p.subconn = NULL;
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops ops = {.update = update, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &ops);
    p.cc = cc;
    return GREBE_OK;
}

static const struct grebe_balancer_builder meddler = {
    .api = GREBE_BALANCER_API, .name = "meddler", .build = build};

static void start(struct channel_bench *b)
{
    memset(&p, 0, sizeof p);
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"meddler\":{}}]}");
    channel_bench_servers(b, "a b");
    b->resolves_to = "a";
}

/* ---- Tests -------------------------------------------------------------------------------- */

/* SER-1 */
TEST(a_subconn_asked_for_while_the_policy_is_closed_is_refused)
{
    struct channel_bench b;

    start(&b);
    p.makes_subconn_in_destroy = true;
    channel_bench_connect(&b);
    p.log[0] = '\0';
    channel_bench_close(&b);
    assert_int_equal(p.made_in_destroy, GREBE_ERR_CLOSED);
    assert_false(channel_bench_logged(&b, "after it was destroyed")); /* not yet */
    assert_string_equal(p.log, "destroy"); /* no listener is called any more */
    channel_bench_fini(&b);
}

/* SER-2 */
TEST(a_subconn_may_be_shut_down_from_its_own_listener)
{
    struct channel_bench b;

    start(&b);
    p.shuts_down_when_ready = true;
    channel_bench_connect(&b);
    assert_string_equal(p.log, "update, CONNECTING, READY, asked, SHUTDOWN");
    channel_bench_fini(&b);
}

/* SER-3 */
TEST(a_policy_that_is_replaced_may_shut_down_its_subconns)
{
    struct channel_bench b;

    start(&b);
    p.shuts_down_in_destroy = true;
    channel_bench_connect(&b);
    b.service_config = "{\"loadBalancingConfig\":[{\"pick_first\":{}}]}";
    channel_bench_resolve(&b, "b");
    assert_string_equal(p.log, "update, CONNECTING, READY, destroy");
    expect_echo(channel_bench_call(&b, NULL), "b");
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    channel_bench_fini(&b);
}

static void note_resolve_now(struct channel_bench *b)
{
    (void)b;
    note("resolve_now");
}

/* SER-4 */
TEST(the_resolver_is_asked_after_the_policy_has_returned)
{
    struct channel_bench b;

    start(&b);
    b.on_resolve_now = note_resolve_now;
    channel_bench_connect(&b);
    p.log[0] = '\0';
    p.resolves_in_update = true;
    channel_bench_resolve(&b, "a");
    assert_string_equal(p.log, "update, asked, resolve_now");
    channel_bench_fini(&b);
}

static void resolve_inline(struct channel_bench *b)
{
    note("resolve_now");
    p.resolves_in_update = false;
    channel_bench_resolve(b, "a");
    note("resolved");
}

/* SER-5 */
TEST(a_resolver_may_answer_from_inside_resolve_now)
{
    struct channel_bench b;

    start(&b);
    b.on_resolve_now = resolve_inline;
    channel_bench_connect(&b);
    p.log[0] = '\0';
    p.resolves_in_update = true;
    channel_bench_resolve(&b, "a");
    assert_string_equal(p.log, "update, asked, resolve_now, update, resolved");
    channel_bench_fini(&b);
}

/* SER-6 */
TEST(the_policys_result_is_the_resolvers)
{
    static const int results[] = {GREBE_OK, GREBE_ERR_BAD_RESOLVER_STATE,
                                  GREBE_ERR_NOMEM};

    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct channel_bench b;

        start(&b);
        channel_bench_connect(&b);
        p.result = results[i];
        assert_int_equal(channel_bench_resolve(&b, "a"), results[i]);
        channel_bench_fini(&b);
    }
}

/* ---- Picker before state --------------------------------------------------------------------- */

struct probe {
    struct grebe__state_waiter waiter;
    struct channel_bench *bench;
    struct grebe_picker *seen;
    enum grebe_connectivity state;
};

static void on_change(struct grebe__state_waiter *waiter)
{
    struct probe *probe = grebe_container_of(waiter, struct probe, waiter);

    probe->seen = probe->bench->channel->picker;
    probe->state = grebe__channel_get_state(probe->bench->channel);
}

/* SER-10 */
TEST(whoever_hears_of_a_state_meets_its_picker)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "new");
    struct probe probe = {.waiter = {.on_change = on_change}};
    struct grebe_picker *picker;
    struct channel_bench b;

    start(&b);
    channel_bench_connect(&b);
    probe.bench = &b;
    grebe__list_init(&probe.waiter.link);
    grebe__list_append(&b.channel->state_waiters, &probe.waiter.link);
    grebe__env_enter(&b.sim.env);
    picker = grebe_picker_failing(grebe_client_conn_mem(p.cc), &status);
    grebe_client_conn_update_state(p.cc, GREBE_TRANSIENT_FAILURE, picker);
    grebe__env_leave(&b.sim.env);
    assert_ptr_equal(probe.seen, picker);
    assert_int_equal(probe.state, GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subconn_asked_for_while_the_policy_is_closed_is_refused),
        cmocka_unit_test(a_subconn_may_be_shut_down_from_its_own_listener),
        cmocka_unit_test(a_policy_that_is_replaced_may_shut_down_its_subconns),
        cmocka_unit_test(the_resolver_is_asked_after_the_policy_has_returned),
        cmocka_unit_test(a_resolver_may_answer_from_inside_resolve_now),
        cmocka_unit_test(the_policys_result_is_the_resolvers),
        cmocka_unit_test(whoever_hears_of_a_state_meets_its_picker),
    };

    assert_int_equal(grebe_balancer_register(&meddler), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
