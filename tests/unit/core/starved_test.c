/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is short for a moment: whatever it was wanted for, a channel goes on as soon
 * as there is some again.  A call that waits is not forgotten. */
#include "support/test.h"

#include <grebe/base_balancer.h>
#include <grebe/lazy.h>
#include <grebe/registry.h>

#include "base/assert.h"
#include "support/channel_bench.h"

enum { ENOUGH = 1000 }; /* more than any script allocates */

/* ---- Policies that need memory, each in its own way ----------------------------------------- */

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    (void)arg;
    return n == 0 ? grebe_picker_queueing()
                  : grebe_picker_fixed(grebe_client_conn_mem(cc), ready[0].subconn);
}

static int build_base(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    struct grebe_base_balancer_options how = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    how.build_picker = build_picker;
    return grebe_base_balancer_new(cc, &how, out);
}

static int build_lazy(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, grebe_balancer_get("pick_first"), out);
}

static const struct grebe_balancer_builder base_builder = {
    .api = GREBE_BALANCER_API, .name = "test_base", .build = build_base};
static const struct grebe_balancer_builder lazy_builder = {
    .api = GREBE_BALANCER_API, .name = "test_lazy", .build = build_lazy};

static const char *const policies[] = {"pick_first", "round_robin", "test_base",
                                       "test_lazy"};

/* ---- One allocation fails --------------------------------------------------------------------- */

/* A channel that knows its backends from its target: nobody tells it twice.  With the only
 * one no other backend gives a policy occasion to ask for memory again. */
static const char both[] = "ipv4:10.0.0.1,10.0.0.2";
static const char *const targets[] = {"ipv4:10.0.0.1", both};

static void open_fixed(struct channel_bench *b, const char *policy, const char *target)
{
    channel_bench_init(b);
    b->options.policy = policy;
    b->options.idle_timeout_ns = 0;
    channel_bench_servers(b, "10.0.0.1:443 10.0.0.2:443");
    assert_int_equal(channel_bench_open(b, target), GREBE_OK);
}

/* The call has its answer, or ended because its own memory was short. */
static void expect_end(struct grebe_call *call)
{
    assert_true(grebe_call_is_done(call));
    if (grebe_call_status(call)->code != GREBE_STATUS_RESOURCE_EXHAUSTED)
        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
    grebe_call_unref(call);
}

/* False: nothing failed any more. */
static bool wait_through_failure(const char *policy, const char *target, uint32_t fail_at)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;
    struct grebe_call *call;
    bool has_failed;

    open_fixed(&b, policy, target);
    b.mem.fail_at = b.mem.n_allocs + fail_at;
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 10000);
    if (call != NULL)
        expect_end(call);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 10000);
    if (call != NULL)
        expect_end(call);
    has_failed = b.mem.has_failed;
    channel_bench_fini(&b);
    return has_failed;
}

/* With each policy and each target; the number of allocations that could fail in all. */
static uint32_t sweep(bool (*run)(const char *policy, const char *target,
                                  uint32_t fail_at))
{
    uint32_t n = 0;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(policies); i++) {
        for (size_t k = 0; k < GREBE_ARRAY_LEN(targets); k++) {
            uint32_t fail_at = 1;

            while (run(policies[i], targets[k], fail_at))
                assert_true(++fail_at < ENOUGH);
            n += fail_at - 1;
        }
    }
    return n;
}

TEST(a_call_that_waits_outlasts_any_allocation_that_fails)
{
    assert_true(sweep(wait_through_failure) > 160);
}

/* The same while the backend comes back, for a channel that has been READY before. */
static bool reconnect_through_failure(const char *policy, const char *target,
                                      uint32_t fail_at)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;
    struct grebe_call *call;
    bool has_failed;

    open_fixed(&b, policy, target);
    expect_end(channel_bench_call(&b, &options));
    sim_server_kill(sim_server_find(&b.sim, "10.0.0.1:443"), "reset");
    sim_server_kill(sim_server_find(&b.sim, "10.0.0.2:443"), "reset");
    b.mem.fail_at = b.mem.n_allocs + fail_at;
    sim_settle(&b.sim);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 10000);
    if (call != NULL)
        expect_end(call);
    has_failed = b.mem.has_failed;
    channel_bench_fini(&b);
    return has_failed;
}

TEST(a_lost_backend_comes_back_whatever_allocation_fails)
{
    assert_true(sweep(reconnect_through_failure) > 80);
}

/* ---- The watcher of states --------------------------------------------------------------------- */

static struct {
    enum grebe_connectivity last;
    unsigned n;
} heard;

static void on_state(void *arg, enum grebe_connectivity state)
{
    (void)arg;
    if (heard.n++ > 0)
        assert_int_not_equal(heard.last, state);
    heard.last = state;
}

TEST(a_watcher_misses_states_when_memory_is_short_but_not_the_last)
{
    uint32_t fail_at = 0;
    struct channel_bench b;
    bool has_failed;

    do {
        memset(&heard, 0, sizeof heard);
        open_fixed(&b, "pick_first", both);
        assert_int_equal(grebe__channel_watch_state(b.channel, on_state, NULL), GREBE_OK);
        b.mem.fail_at = b.mem.n_allocs + ++fail_at;
        channel_bench_connect(&b);
        sim_server_kill(sim_server_find(&b.sim, "10.0.0.1:443"), "reset");
        channel_bench_connect(&b);
        assert_int_equal(heard.last, grebe__channel_get_state(b.channel));
        has_failed = b.mem.has_failed;
        channel_bench_fini(&b);
        assert_int_equal(heard.last, GREBE_SHUTDOWN);
    } while (has_failed);
    assert_true(fail_at > 10);
}

/* ---- Messages ------------------------------------------------------------------------------------ */

TEST(a_service_config_without_memory_says_so)
{
    struct channel_bench b;
    uint32_t fail_at = 0;

    do {
        channel_bench_start(&b, NULL);
        channel_bench_connect(&b);
        b.service_config = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";
        b.log[0] = '\0';
        b.mem.fail_at = b.mem.n_allocs + ++fail_at;
        channel_bench_resolve(&b, "a");
        if (channel_bench_logged(&b, "service config is not used"))
            break;
        channel_bench_fini(&b);
    } while (fail_at < ENOUGH);
    assert_true(channel_bench_logged(&b, "service config is not used: out of memory"));
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "error parsing service config: out of memory");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_waits_outlasts_any_allocation_that_fails),
        cmocka_unit_test(a_lost_backend_comes_back_whatever_allocation_fails),
        cmocka_unit_test(a_watcher_misses_states_when_memory_is_short_but_not_the_last),
        cmocka_unit_test(a_service_config_without_memory_says_so),
    };

    assert_int_equal(grebe_balancer_register(&base_builder), GREBE_OK);
    assert_int_equal(grebe_balancer_register(&lazy_builder), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
