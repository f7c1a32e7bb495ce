/* SPDX-License-Identifier: Apache-2.0 */
/* Backends that take connections and never answer anything: they are not dialled without
 * end, whatever policies do with the subconns. */
#include "support/test.h"

#include "base/assert.h"
#include "core/churn.h"
#include "support/channel_bench.h"

/* ---- The count ------------------------------------------------------------------------------ */

static struct grebe_address *address_of(const char *text)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;

    assert_int_equal(grebe_address_new(NULL, text, &plain, &address), GREBE_OK);
    return address;
}

/* How many losses of `address` at `now_ns` are no failures. */
static unsigned free_losses(struct grebe__churn *churn, struct grebe_address *address,
                            uint64_t now_ns)
{
    unsigned n = 0;

    while (!grebe__churn_lost(churn, address, false, now_ns))
        n++;
    return n;
}

TEST(ten_losses_in_ten_seconds_are_free_for_each_address)
{
    struct grebe_address *a = address_of("a"), *same = address_of("a"),
                         *b = address_of("b");
    struct grebe__churn churn;

    grebe__churn_init(&churn, NULL);
    assert_int_equal(free_losses(&churn, a, SECOND), 10);
    assert_true(grebe__churn_lost(&churn, same, false, 11 * SECOND));
    assert_int_equal(free_losses(&churn, b, SECOND), 10);
    assert_int_equal(free_losses(&churn, a, 11 * SECOND + 1), 10); /* that was long ago */
    assert_false(grebe__churn_lost(&churn, a, true, 12 * SECOND));
    assert_int_equal(free_losses(&churn, a, 12 * SECOND), 10); /* it has answered since */
    grebe__churn_fini(&churn);
    grebe_address_unref(a);
    grebe_address_unref(same);
    grebe_address_unref(b);
}

TEST(of_more_addresses_than_it_remembers_the_oldest_is_forgotten)
{
    struct grebe__churn churn;

    grebe__churn_init(&churn, NULL);
    for (unsigned i = 0; i < 200; i++) {
        char text[16];
        struct grebe_address *address;

        snprintf(text, sizeof text, "%u", i);
        address = address_of(text);
        assert_int_equal(free_losses(&churn, address, SECOND), 10);
        grebe_address_unref(address);
    }
    assert_true(churn.n <= 64);
    grebe__churn_fini(&churn);
}

TEST(without_memory_nothing_counts)
{
    struct grebe_address *a = address_of("a");
    struct grebe__churn churn;
    struct test_mem mem;

    grebe__churn_init(&churn, test_mem_init(&mem));
    mem.fail_at = 1;
    assert_false(grebe__churn_lost(&churn, a, false, SECOND));
    assert_int_equal(churn.n, 0);
    assert_int_equal(free_losses(&churn, a, SECOND), 10);
    grebe__churn_fini(&churn);
    assert_int_equal(mem.n_live, 0);
    grebe_address_unref(a);
}

/* ---- In a channel ------------------------------------------------------------------------------ */

static void let_flap(struct channel_bench *b, const char *names)
{
    channel_bench_servers(b, names);
    grebe__list_foreach (link, &b->sim.servers) {
        grebe_container_of(link, struct sim_server, link)->drains_at_once = true;
    }
}

/* pick_first gives up all subconns but the one that was lost, so each comes anew. */
TEST(several_addresses_of_one_endpoint_do_not_keep_each_other_going)
{
    static const char *const policies[] = {"pick_first", "round_robin"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(policies); i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.policy = policies[i];
        b.resolves_to = "a+b+c";
        let_flap(&b, "a b c");
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
        /* pick_first rests in IDLE after each loss: the application keeps asking. */
        for (int n = 0; n < 100; n++)
            channel_bench_connect(&b);
        assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
        /* 11 of c's, each behind one of b's, these and 10 more behind one of a's. */
        assert_int_equal(b.sim.n_dials, 11 + 21 + 31);
        channel_bench_advance_ms(&b, 900);
        assert_int_equal(b.sim.n_dials, 63);
        channel_bench_fini(&b);
    }
}

/* More connections to a backend at its limit of streams, which takes them in vain. */
TEST(one_connection_more_is_not_dialled_without_end)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call;

    channel_bench_start(&b,
                        "{\"connectionScaling\":{\"maxConnectionsPerSubchannel\":4}}");
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    server = sim_server_find(&b.sim, "a");
    server->max_streams = 0;
    channel_bench_connect(&b);
    server->drains_at_once = true;
    call = channel_bench_call(&b, NULL);
    assert_int_equal(b.sim.n_dials, 12);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    server->drains_at_once = false;
    server->max_streams = 1;
    channel_bench_advance_ms(&b, 999);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_losses_in_ten_seconds_are_free_for_each_address),
        cmocka_unit_test(of_more_addresses_than_it_remembers_the_oldest_is_forgotten),
        cmocka_unit_test(without_memory_nothing_counts),
        cmocka_unit_test(several_addresses_of_one_endpoint_do_not_keep_each_other_going),
        cmocka_unit_test(one_connection_more_is_not_dialled_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
