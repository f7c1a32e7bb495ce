/* SPDX-License-Identifier: Apache-2.0 */
/* random_subsetting and deterministic_subsetting: who is in the subset (gRFC A68; Beyer et
 * al., "Site Reliability Engineering", chapter 20), and that all else is the child's. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/deterministic_subsetting.h"
#include "balancer/random_subsetting.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/witness_policy.h"

#define SIZE(n) "{\"subsetSize\": " #n ", \"childPolicy\": [{\"witness\": {}}]}"
#define ROUND_ROBIN(n)                                                                   \
    "{\"subsetSize\": " #n ", \"childPolicy\": [{\"round_robin\": {}}]}"

static const char ten[] =
    "endpoint-0 endpoint-1 endpoint-2 endpoint-3 endpoint-4 endpoint-5 endpoint-6 "
    "endpoint-7 endpoint-8 endpoint-9";

/* The seed of a generator whose first number is `wanted`: splitmix64 backwards. */
static uint64_t seed_that_draws(uint64_t wanted)
{
    struct grebe__rng rng;
    uint64_t z = wanted;

    z = (z ^ (z >> 31) ^ (z >> 62)) * 0x319642b2d24d8ec3u;
    z = (z ^ (z >> 27) ^ (z >> 54)) * 0x96de1b173f119089u;
    z = (z ^ (z >> 30) ^ (z >> 60)) - 0x9e3779b97f4a7c15u;
    grebe__rng_seed(&rng, z);
    assert_int_equal(grebe__rng_next(&rng), wanted);
    return z;
}

/* random_subsetting that hashes with `seed`. */
static void start(struct lb_bench *b, uint64_t seed, const char *config)
{
    memset(&witness, 0, sizeof witness);
    assert_true(lb_bench_init(b, &grebe__random_subsetting, seed_that_draws(seed)));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
}

/* ---- Configuration --------------------------------------------------------------------- */

static const struct {
    const char *json, *error;
} wrong[] = {
    {"{}", "subsetSize: SubsetSize must be greater than 0"},
    {"{\"subsetSize\": 0}", "subsetSize: SubsetSize must be greater than 0"},
    {"{\"childPolicy\": 7}", "subsetSize: SubsetSize must be greater than 0"},
    {"{\"subsetSize\": -1}", "subsetSize: -1 is not between 0 and 4294967295"},
    {"{\"subsetSize\": \"1\"}", "subsetSize: expected an integer, found a string"},
    {"{\"subsetSize\": 1}", "childPolicy: ChildPolicy must be specified"},
    {"{\"subsetSize\": 1, \"childPolicy\": null}",
     "childPolicy: ChildPolicy must be specified"},
    {"{\"subsetSize\": 1, \"childPolicy\": {}}",
     "childPolicy: expected a list, found an object"},
    {"{\"subsetSize\": 1, \"childPolicy\": []}",
     "childPolicy: no supported policies found in []"},
    {"{\"subsetSize\": 1, \"childPolicy\": [{\"nobody\": {}}]}",
     "childPolicy: no supported policies found in [nobody]"},
    {"{\"subsetSize\": 1, \"childPolicy\": [{\"witness\": {\"wait\": \"5m\"}}]}",
     "childPolicy[0].witness.wait: not a duration such as \"1.5s\": \"5m\""},
};

static void expect_wrong(const struct grebe_balancer_builder *builder, const char *json,
                         const char *error)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, builder, 1));
    assert_int_equal(lb_bench_config(&b, json), GREBE_ERR_CONFIG);
    assert_string_equal(b.text, error);
    lb_bench_fini(&b);
}

/* S-1, S-2 */
TEST(wrong_configurations_are_explained)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_wrong(&grebe__random_subsetting, wrong[i].json, wrong[i].error);
        expect_wrong(&grebe__random_subsetting_experimental, wrong[i].json,
                     wrong[i].error);
        expect_wrong(&grebe__deterministic_subsetting, wrong[i].json, wrong[i].error);
    }
    expect_wrong(&grebe__deterministic_subsetting, SIZE(1),
                 "clientIndex: ClientIndex must be specified");
    expect_wrong(&grebe__deterministic_subsetting,
                 "{\"subsetSize\": 1, \"clientIndex\": -1, \"childPolicy\": "
                 "[{\"witness\": {}}]}",
                 "clientIndex: -1 is not between 0 and 4294967295");
}

TEST(members_may_be_in_snake_case_and_unknown_ones_are_ignored)
{
    struct lb_bench b;

    start(&b, 0,
          "{\"subset_size\": 2, \"child_policy\": [{\"witness\": {}}], \"more\": 1}");
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_OK);
    assert_int_equal(witness.n, 2);
    lb_bench_fini(&b);
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("random_subsetting"), &grebe__random_subsetting);
    assert_ptr_equal(grebe_balancer_get("random_subsetting_experimental"),
                     &grebe__random_subsetting_experimental);
    assert_ptr_equal(grebe_balancer_get("deterministic_subsetting"),
                     &grebe__deterministic_subsetting);
}

/* S-9: what stands in a child's configuration arrives, a zero too that is no default. */
TEST(an_explicit_zero_of_the_child_arrives)
{
    struct lb_bench b;

    start(&b, 0,
          "{\"subsetSize\": 1, \"childPolicy\": [{\"witness\": {\"wait\": \"0s\"}}]}");
    lb_bench_update(&b, "a b", NULL);
    assert_int_equal(witness.wait_ns, 0);
    assert_int_equal(lb_bench_config(&b, SIZE(1)), GREBE_OK);
    lb_bench_update(&b, "a b", NULL);
    assert_int_equal(witness.wait_ns, 10 * SECOND);
    lb_bench_fini(&b);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__random_subsetting, 1));
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_CONFIG);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick(&b),
                        "fail: random_subsetting needs a configuration: name it in "
                        "loadBalancingConfig, with one");
    lb_bench_fini(&b);
}

/* ---- random_subsetting: the choice ----------------------------------------------------- */

/* S-3 */
TEST(no_more_endpoints_than_the_subset_pass_in_their_order)
{
    struct lb_bench b;

    start(&b, 0, SIZE(10));
    lb_bench_update(&b, "e b d a c", NULL);
    assert_string_equal(witness_seen(), "e b d a c");
    lb_bench_fini(&b);
    start(&b, 0, SIZE(5));
    lb_bench_update(&b, "e b d a c", NULL);
    assert_string_equal(witness_seen(), "e b d a c");
    lb_bench_fini(&b);
}

/* S-4 */
TEST(endpoints_without_an_address_are_not_chosen)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct lb_bench b;

        start(&b, seed, SIZE(2));
        lb_bench_update(&b, "a - b c", NULL);
        assert_int_equal(witness.n, 2);
        assert_null(strchr(witness_seen(), '-'));
        lb_bench_update(&b, "a - b", NULL);
        assert_string_equal(witness_seen(), "a b");
        lb_bench_fini(&b);
    }
}

static const struct {
    uint64_t seed;
    const char *config, *subset;
} vectors[] = {
    {0, SIZE(5), "endpoint-1 endpoint-3 endpoint-5 endpoint-2 endpoint-8"},
    {1, SIZE(5), "endpoint-2 endpoint-8 endpoint-6 endpoint-3 endpoint-0"},
    {42, SIZE(5), "endpoint-7 endpoint-9 endpoint-0 endpoint-3 endpoint-8"},
    {0, SIZE(9),
     "endpoint-1 endpoint-3 endpoint-5 endpoint-2 endpoint-8 endpoint-9 endpoint-4 "
     "endpoint-0 endpoint-6"}, /* the tenth is 7 */
};

/* S-5, and the worked numbers of other seeds and of the whole order. */
TEST(the_smallest_hashes_are_chosen_in_their_order)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct lb_bench b;

        start(&b, vectors[i].seed, vectors[i].config);
        for (int again = 0; again < 3; again++) {
            lb_bench_update(&b, ten, NULL);
            assert_string_equal(witness_seen(), vectors[i].subset);
        }
        lb_bench_fini(&b);
    }
}

/* S-6: with grpc-go's key, which is not the address alone, the same rule gives grpc-go's
 * subset. */
TEST(the_key_of_grpc_go_gives_its_subset)
{
    static const int wanted[] = {6, 0, 1, 7, 3};
    uint64_t hashes[10], last = 0;

    for (int i = 0; i < 10; i++) {
        char key[64];

        snprintf(key, sizeof key, "{Addr: \"endpoint-%d\", ServerName: \"\", }", i);
        hashes[i] = grebe__hash64(key, strlen(key), 0);
    }
    for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
        int best = -1;

        for (int i = 0; i < 10; i++)
            if ((k == 0 || hashes[i] > last) && (best < 0 || hashes[i] < hashes[best]))
                best = i;
        assert_int_equal(best, wanted[k]);
        last = hashes[best];
    }
}

/* S-7 */
TEST(one_that_leaves_is_replaced_by_one)
{
    struct lb_bench b;

    start(&b, 0, SIZE(5));
    lb_bench_update(&b, ten, NULL);
    lb_bench_update(&b,
                    "endpoint-0 endpoint-1 endpoint-2 endpoint-3 endpoint-4 endpoint-6 "
                    "endpoint-7 endpoint-8 endpoint-9",
                    NULL);
    assert_string_equal(witness_seen(),
                        "endpoint-1 endpoint-3 endpoint-2 endpoint-8 endpoint-9");
    lb_bench_fini(&b);
}

/* The order in which a resolver lists them, and what else it knows of them, are nothing to
 * the choice. */
TEST(neither_order_nor_attributes_matter)
{
    struct lb_bench b;

    start(&b, 0, SIZE(2));
    lb_bench_update(&b, "x>c@z1 a@z2 d b", NULL);
    assert_string_equal(witness_seen(), "d b");
    lb_bench_update(&b, "d a b c", NULL);
    assert_string_equal(witness_seen(), "d b");
    lb_bench_fini(&b);
}

/* S-8 */
TEST(each_client_has_a_subset_of_its_own)
{
    char first[64];
    unsigned n_other = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__random_subsetting, seed));
        assert_int_equal(lb_bench_config(&b, SIZE(3)), GREBE_OK);
        lb_bench_update(&b, ten, NULL);
        if (seed == 0)
            snprintf(first, sizeof first, "%s", witness_seen());
        n_other += strcmp(first, witness_seen()) != 0;
        lb_bench_fini(&b);
    }
    assert_int_equal(n_other, 19);
}

/* `n` endpoints: "00 01 02 ...". */
static const char *endpoints(unsigned n, char buf[LB_BENCH_TEXT])
{
    struct grebe__text text = grebe__text_init(buf, LB_BENCH_TEXT);

    for (unsigned i = 0; i < n; i++)
        grebe__text_printf(&text, "%s%03u", i > 0 ? " " : "", i);
    return buf;
}

static void add_seen(unsigned *counts)
{
    for (uint32_t i = 0; i < witness.n; i++) {
        unsigned at;

        assert_int_equal(sscanf(witness.addresses[i], "%3u", &at), 1);
        counts[at]++;
    }
}

/* gRFC A68: each server is in the subset of each client with probability k / n, so that m
 * clients give it a binomial number of connections: mean m k / n, sigma
 * sqrt(m k / n (1 - k / n)).  Of 100 servers none is 4 sigma off, which would happen by
 * chance in one of 160 such runs; the seeds are fixed. */
TEST(servers_get_binomial_shares_of_the_clients)
{
    enum { SERVERS = 100, CLIENTS = 1000, SUBSET = 20 };
    const double p = (double)SUBSET / SERVERS, mean = CLIENTS * p;
    const double variance = CLIENTS * p * (1 - p); /* sigma is 12.65 */
    unsigned counts[SERVERS] = {0}, n_beyond_sigma = 0;
    char all[LB_BENCH_TEXT];

    endpoints(SERVERS, all);
    for (uint64_t seed = 0; seed < CLIENTS; seed++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__random_subsetting, seed));
        assert_int_equal(lb_bench_config(&b, SIZE(20)), GREBE_OK);
        lb_bench_update(&b, all, NULL);
        add_seen(counts);
        lb_bench_fini(&b);
    }
    for (size_t i = 0; i < SERVERS; i++) {
        double off = counts[i] - mean;

        assert_true(off * off < 4 * 4 * variance);
        n_beyond_sigma += off * off > variance;
    }
    /* And they do vary: 32 of 100 are expected beyond one sigma, give or take 4.7. */
    assert_in_range(n_beyond_sigma, 32 - 14, 32 + 14);
}

static unsigned n_common(char (*before)[24], uint32_t n)
{
    unsigned n_found = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < witness.n; k++)
            n_found += strcmp(before[i], witness.addresses[k]) == 0;
    return n_found;
}

/* gRFC A68 */
TEST(one_endpoint_more_or_less_changes_at_most_one_of_the_subset)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        char before[10][24], all[LB_BENCH_TEXT];
        struct lb_bench b;

        start(&b, seed, SIZE(10));
        for (unsigned n = 12; n < 40; n++) {
            lb_bench_update(&b, endpoints(n, all), NULL);
            if (n > 12)
                assert_in_range(n_common(before, 10), 9, 10);
            memcpy(before, witness.addresses, sizeof before);
        }
        for (unsigned n = 39; n-- > 12;) {
            lb_bench_update(&b, endpoints(n, all), NULL);
            assert_in_range(n_common(before, 10), 9, 10);
            memcpy(before, witness.addresses, sizeof before);
        }
        lb_bench_fini(&b);
    }
}

/* ---- deterministic_subsetting: the deal ------------------------------------------------- */

static const char *deal(unsigned client, unsigned size, const char *all)
{
    char config[128];
    struct lb_bench b;

    snprintf(config, sizeof config,
             "{\"subsetSize\": %u, \"clientIndex\": %u, \"childPolicy\": [{\"witness\": "
             "{}}]}",
             size, client);
    assert_true(lb_bench_init(&b, &grebe__deterministic_subsetting, client));
    assert_int_equal(lb_bench_config(&b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, all, NULL), GREBE_OK);
    lb_bench_fini(&b);
    return witness_seen();
}

TEST(twelve_backends_are_dealt_as_worked_out)
{
    static const char *const hands[] = {
        "04 01 06", "08 00 05", "02 03 11", "09 10 07",
        "04 06 07", "09 11 03", "10 01 02", "00 08 05",
    };
    /* Not in order, which is nothing to the deal. */
    static const char all[] = "03 00 11 01 10 02 04 05 07 06 09 08";

    for (unsigned client = 0; client < 8; client++)
        assert_string_equal(deal(client, 3, all), hands[client]);
}

TEST(every_backend_serves_as_many_clients_as_every_other)
{
    unsigned counts[300] = {0};
    char all[LB_BENCH_TEXT];

    endpoints(300, all);
    for (unsigned client = 0; client < 300; client++) {
        deal(client, 30, all);
        add_seen(counts);
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(counts[i], 30);
}

/* 10 backends for subsets of 4: two clients a round, two backends left out. */
TEST(others_are_left_over_in_each_round)
{
    unsigned n_rounds_with_both = 0, left_out[10] = {0};

    for (unsigned round = 0; round < 50; round++) {
        unsigned counts[10] = {0}, n_out = 0;
        char all[LB_BENCH_TEXT];

        for (unsigned i = 0; i < 2; i++) {
            deal(2 * round + i, 4, endpoints(10, all));
            assert_int_equal(witness.n, 4);
            add_seen(counts);
        }
        for (size_t i = 0; i < 10; i++) {
            assert_true(counts[i] <= 1);
            n_out += counts[i] == 0;
            left_out[i] += counts[i] == 0;
        }
        n_rounds_with_both += n_out == 2;
    }
    assert_int_equal(n_rounds_with_both, 50);
    for (size_t i = 0; i < 10;
         i++) /* 10 are expected, sigma is sqrt(50 * .2 * .8) = 2.8 */
        assert_in_range(left_out[i], 1, 21);
}

TEST(too_few_backends_for_one_subset_are_all_used)
{
    assert_string_equal(deal(7, 5, "c a b"), "c a b");
    assert_string_equal(deal(7, 3, "c a b"), "c a b");
}

/* The same backend, whichever of its addresses comes first. */
TEST(the_deal_does_not_depend_on_the_order_of_addresses)
{
    char one[64];

    snprintf(one, sizeof one, "%s", deal(1, 2, "a+x b c+y d+z"));
    assert_string_equal(one, "a d");
    deal(1, 2, "x+a b y+c z+d");
    assert_string_equal(witness_seen(), "x z");
}

/* ---- All else is the child's ------------------------------------------------------------- */

TEST(state_and_picker_are_the_childs)
{
    struct lb_bench b;

    start(&b, 0, ROUND_ROBIN(2));
    lb_bench_update(&b, "a b c d", NULL);
    assert_int_equal(lb_bench_n_live(&b), 2);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_subconn(&b, "d", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "d", GREBE_READY, NULL);
    lb_bench_health(&b, "d", GREBE_READY, NULL);
    assert_int_equal(b.lab.state, GREBE_READY);
    assert_string_equal(lb_bench_cycle(&b), "d");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_health(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "b d");
    lb_bench_fini(&b);
}

TEST(what_is_said_of_the_update_as_a_whole_reaches_the_child)
{
    struct lb_bench b;

    start(&b, 0, SIZE(2));
    b.wants_health = true;
    assert_int_equal(lb_bench_update(&b, ten, NULL), GREBE_OK);
    assert_true(witness.wants_health);
    lb_bench_fini(&b);
}

TEST(errors_and_exit_idle_reach_the_child)
{
    struct lb_bench b;

    start(&b, 0, SIZE(2));
    lb_bench_update(&b, "a b c d", NULL);
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_int_equal(witness.n_errors, 1);
    assert_int_equal(witness.n_exit_idle, 1);
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(lb_bench_update(&b, "- -", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_fini(&b);
}

TEST(another_child_policy_takes_over_without_a_gap)
{
    struct lb_bench b;

    start(&b, 0, ROUND_ROBIN(2));
    lb_bench_set(&b, "a=I b=R c=I d=R");
    assert_string_equal(lb_bench_cycle(&b), "b d");
    assert_int_equal(
        lb_bench_config(&b,
                        "{\"subsetSize\": 2, \"childPolicy\": [{\"pick_first\": {}}]}"),
        GREBE_OK);
    lb_bench_update(&b, "a b c d", NULL);
    assert_string_equal(lb_bench_cycle(&b),
                        "b d"); /* the old one, until the new is ready */
    lb_bench_subconn(&b, "d", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "d", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "d");
    lb_bench_fini(&b);
}

TEST(a_call_is_told_of_the_subset)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\": [{\"random_subsetting\": "
                            "{\"subsetSize\": 1, \"childPolicy\": "
                            "[{\"round_robin\": {}}]}}]}");
    channel_bench_servers(&b, "a b c");
    b.resolves_to = "a b c";
    channel_bench_connect(&b);
    expect_explanation(
        &b, "random_subsetting: some of the endpoints, chosen by a hash, by the child "
            "policy (1 of 3 endpoints)\n"
            "  round_robin: each endpoint in turn\n"
            "    > a  READY  its turn\n");
    channel_bench_fini(&b);
}

/* ---- Out of memory ----------------------------------------------------------------------- */

static void live_a_life(struct lb_bench *b)
{
    if (b->n_configs == 0)
        assert_int_equal(
            lb_bench_config(b, b->builder == &grebe__random_subsetting
                                   ? ROUND_ROBIN(2)
                                   : "{\"subsetSize\": 2, \"clientIndex\": 1, "
                                     "\"childPolicy\": [{\"round_robin\": "
                                     "{}}]}"),
            GREBE_OK);
    lb_bench_update(b, "a b c d", NULL);
    for (const char *name = "abcd"; *name != '\0'; name++) {
        const char text[] = {*name, '\0'};

        if (lab_find_subconn(&b->lab, text) != NULL) {
            lb_bench_subconn(b, text, GREBE_CONNECTING, NULL);
            lb_bench_subconn(b, text, GREBE_READY, NULL);
        }
    }
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "a b c d e f", NULL);
    lb_bench_pick(b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__random_subsetting, live_a_life);
    lb_bench_sweep(&grebe__deterministic_subsetting, live_a_life);
}

/* What serves goes on serving. */
TEST(out_of_memory_keeps_the_subset)
{
    struct lb_bench b;

    start(&b, 0, ROUND_ROBIN(2));
    lb_bench_set(&b, "a=I b=R c=I d=R");
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&b, "a b c d e f g", NULL), GREBE_ERR_NOMEM);
    assert_string_equal(lb_bench_cycle(&b), "b d");
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_explained),
        cmocka_unit_test(members_may_be_in_snake_case_and_unknown_ones_are_ignored),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(an_explicit_zero_of_the_child_arrives),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(no_more_endpoints_than_the_subset_pass_in_their_order),
        cmocka_unit_test(endpoints_without_an_address_are_not_chosen),
        cmocka_unit_test(the_smallest_hashes_are_chosen_in_their_order),
        cmocka_unit_test(the_key_of_grpc_go_gives_its_subset),
        cmocka_unit_test(one_that_leaves_is_replaced_by_one),
        cmocka_unit_test(neither_order_nor_attributes_matter),
        cmocka_unit_test(each_client_has_a_subset_of_its_own),
        cmocka_unit_test(servers_get_binomial_shares_of_the_clients),
        cmocka_unit_test(one_endpoint_more_or_less_changes_at_most_one_of_the_subset),
        cmocka_unit_test(twelve_backends_are_dealt_as_worked_out),
        cmocka_unit_test(every_backend_serves_as_many_clients_as_every_other),
        cmocka_unit_test(others_are_left_over_in_each_round),
        cmocka_unit_test(too_few_backends_for_one_subset_are_all_used),
        cmocka_unit_test(the_deal_does_not_depend_on_the_order_of_addresses),
        cmocka_unit_test(state_and_picker_are_the_childs),
        cmocka_unit_test(what_is_said_of_the_update_as_a_whole_reaches_the_child),
        cmocka_unit_test(errors_and_exit_idle_reach_the_child),
        cmocka_unit_test(another_child_policy_takes_over_without_a_gap),
        cmocka_unit_test(a_call_is_told_of_the_subset),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(out_of_memory_keeps_the_subset),
    };
    int n_failed;

    assert_int_equal(grebe_balancer_register(&witness_policy), GREBE_OK);
    n_failed = cmocka_run_group_tests_name("subsetting", tests, NULL, NULL);
    grebe_balancer_unregister("witness");
    return n_failed;
}
