/* SPDX-License-Identifier: Apache-2.0 */
/* How calls are shared by priorities: the arithmetic, in whole numbers. */
#include "support/test.h"

#include "balancer/priority_shares.h"

enum { MOST = 3 };

static const struct {
    struct {
        uint32_t n_healthy, n_endpoints;
    } given[MOST];
    uint32_t threshold;
    uint32_t health[MOST], load[MOST];
    bool in_panic[MOST], total;
} rows[] = {
    /* Envoy's examples, with the factor 140 */
    {{{10, 10}, {10, 10}}, 50, {100, 100}, {100, 0}, {false, false}, false},
    {{{71, 100}, {100, 100}}, 50, {99, 100}, {99, 1}, {false, false}, false},
    {{{50, 100}, {100, 100}}, 50, {70, 100}, {70, 30}, {false, false}, false},
    {{{0, 100}, {50, 100}}, 50, {0, 70}, {0, 100}, {true, false}, false},
    {{{25, 100}, {25, 100}}, 50, {35, 35}, {50, 50}, {true, true}, true},
    {{{25, 100}, {20, 100}}, 50, {35, 28}, {50, 50}, {true, true}, true},
    {{{3, 10}, {2, 10}, {1, 10}},
     50,
     {42, 28, 14},
     {34, 33, 33},
     {true, true, true},
     true},

    /* The same without panic: what is left over goes to the first that has some health. */
    {{{25, 100}, {20, 100}}, 0, {35, 28}, {56, 44}, {false, false}, false},
    {{{3, 10}, {2, 10}, {1, 10}},
     0,
     {42, 28, 14},
     {51, 33, 16},
     {false, false, false},
     false},
    {{{0, 10}, {2, 10}, {1, 10}},
     0,
     {0, 28, 14},
     {0, 67, 33},
     {false, false, false},
     false},
    {{{0, 10}, {0, 10}}, 0, {0, 0}, {100, 0}, {false, false}, false},
    {{{0, 0}, {0, 0}}, 0, {0, 0}, {100, 0}, {false, false}, false},

    /* Together they can bear it, so nobody panics, however few a priority has. */
    {{{0, 10}, {8, 10}}, 50, {0, 100}, {0, 100}, {false, false}, false},
    {{{40, 100}, {40, 100}}, 50, {56, 56}, {56, 44}, {false, false}, false},
    /* At the threshold is not below it. */
    {{{35, 100}, {34, 100}}, 35, {49, 47}, {52, 48}, {false, true}, false},
    {{{60, 100}}, 61, {84}, {100}, {true}, true},
    {{{60, 100}}, 60, {84}, {100}, {false}, false},
    {{{71, 100}}, 100, {99}, {100}, {true}, true},
    {{{72, 100}}, 100, {100}, {100}, {false}, false},

    /* Nobody is there: in panic, and no reason for the others to be. */
    {{{0, 0}, {10, 10}}, 50, {0, 100}, {0, 100}, {false, false}, false},
    {{{0, 0}, {5, 10}}, 50, {0, 70}, {0, 100}, {true, false}, false},
    {{{0, 0}, {1, 10}, {1, 5}}, 50, {0, 14, 28}, {0, 67, 33}, {true, true, true}, true},
    {{{0, 0}, {0, 0}}, 50, {0, 0}, {100, 0}, {true, true}, true},
    /* Healthy, and yet less than one in a hundred. */
    {{{1, 200}, {1, 600}}, 1, {0, 0}, {25, 75}, {true, true}, true},
};

static size_t n_of(size_t row)
{
    size_t n = 0;

    while (n < MOST && (n == 0 || rows[row].load[n] + rows[row].health[n] > 0 ||
                        rows[row].given[n].n_endpoints > 0))
        n++;
    return n;
}

TEST(shares_are_those_of_the_table)
{
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct grebe__priority_share shares[MOST] = {{0}};
        size_t n = n_of(row);

        for (size_t i = 0; i < n; i++)
            shares[i] = (struct grebe__priority_share){
                .n_endpoints = rows[row].given[i].n_endpoints,
                .n_healthy = rows[row].given[i].n_healthy,
                .is_usable = true,
            };
        assert_int_equal(grebe__priority_shares(shares, n, 140, rows[row].threshold),
                         rows[row].total);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(shares[i].health, rows[row].health[i]);
            assert_int_equal(shares[i].load, rows[row].load[i]);
            assert_int_equal(shares[i].is_in_panic, rows[row].in_panic[i]);
        }
    }
}

TEST(a_larger_factor_keeps_calls_together)
{
    struct grebe__priority_share shares[] = {
        {.n_endpoints = 4, .n_healthy = 2, .is_usable = true},
        {.n_endpoints = 4, .n_healthy = 4, .is_usable = true}};

    grebe__priority_shares(shares, 2, 100, 50);
    assert_int_equal(shares[0].load, 50);
    assert_int_equal(shares[1].load, 50);
    grebe__priority_shares(shares, 2, 200, 50);
    assert_int_equal(shares[0].load, 100);
    grebe__priority_shares(shares, 2, UINT32_MAX, 50); /* nothing overflows */
    assert_int_equal(shares[0].load, 100);
    assert_int_equal(shares[1].load, 0);
}

/* 10, 10 and 20 endpoints, the first of which nobody has a connection to. */
TEST(in_panic_those_share_that_are_usable)
{
    struct grebe__priority_share shares[] = {
        {.n_endpoints = 10, .is_usable = false},
        {.n_endpoints = 10, .n_healthy = 1, .is_usable = true},
        {.n_endpoints = 20, .n_healthy = 1, .is_usable = true}};

    assert_true(grebe__priority_shares(shares, 3, 140, 50));
    assert_int_equal(shares[0].load, 0);
    assert_int_equal(shares[1].load, 34);
    assert_int_equal(shares[2].load, 66);
    /* and if they have no endpoints the first of them takes all */
    shares[1] = (struct grebe__priority_share){.is_usable = true};
    shares[2] = (struct grebe__priority_share){.is_usable = true};
    assert_true(grebe__priority_shares(shares, 3, 140, 50));
    assert_int_equal(shares[0].load, 0);
    assert_int_equal(shares[1].load, 100);
    assert_int_equal(shares[2].load, 0);
}

TEST(without_panic_what_nobody_can_bear_goes_where_it_is_of_use)
{
    struct grebe__priority_share shares[] = {{.n_endpoints = 10, .is_usable = false},
                                             {.n_endpoints = 10, .is_usable = true},
                                             {.n_endpoints = 10, .is_usable = true}};

    assert_false(grebe__priority_shares(shares, 3, 140, 0));
    assert_int_equal(shares[0].load, 0);
    assert_int_equal(shares[1].load, 100);
    assert_int_equal(shares[2].load, 0);
}

/* Whatever is given, all of the calls go somewhere, and if not all are in panic they go where
 * somebody is healthy, unless nobody is. */
TEST(all_calls_are_shared_out)
{
    enum { N = 6 };

    for (uint32_t at = 0; at < N * N * N * N * 3; at++) {
        struct grebe__priority_share shares[] = {
            {.n_endpoints = at % N, .is_usable = true},
            {.n_endpoints = at / N % N, .is_usable = true}};
        uint32_t threshold = at / (N * N * N * N) * 50;
        bool is_total;

        shares[0].n_healthy = at / (N * N) % N % (shares[0].n_endpoints + 1);
        shares[1].n_healthy = at / (N * N * N) % N % (shares[1].n_endpoints + 1);
        is_total = grebe__priority_shares(shares, 2, 140, threshold);
        assert_int_equal(shares[0].load + shares[1].load, 100);
        if (is_total || shares[0].n_healthy + shares[1].n_healthy == 0)
            continue;
        for (size_t i = 0; i < 2; i++)
            assert_true(shares[i].load == 0 || shares[i].n_healthy > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_the_table),
        cmocka_unit_test(a_larger_factor_keeps_calls_together),
        cmocka_unit_test(in_panic_those_share_that_are_usable),
        cmocka_unit_test(without_panic_what_nobody_can_bear_goes_where_it_is_of_use),
        cmocka_unit_test(all_calls_are_shared_out),
    };

    return cmocka_run_group_tests_name("priority_shares", tests, NULL, NULL);
}
