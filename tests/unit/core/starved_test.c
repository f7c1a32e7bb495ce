/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is short for a moment: whatever it was wanted for, a channel goes on as soon
 * as there is some again.  A call that waits is not forgotten. */
#include "support/test.h"

#include "support/channel_bench.h"

enum { ENOUGH = 1000 }; /* more than any script allocates */

/* A channel that knows its backends from its target: nobody tells it twice. */
static void open_fixed(struct channel_bench *b, const char *policy)
{
    channel_bench_init(b);
    b->options.policy = policy;
    b->options.idle_timeout_ns = 0;
    channel_bench_servers(b, "10.0.0.1:443 10.0.0.2:443");
    assert_int_equal(channel_bench_open(b, "ipv4:10.0.0.1,10.0.0.2"), GREBE_OK);
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
        open_fixed(&b, "pick_first");
        grebe__channel_set_watcher(b.channel, on_state, NULL);
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
        cmocka_unit_test(a_watcher_misses_states_when_memory_is_short_but_not_the_last),
        cmocka_unit_test(a_service_config_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
