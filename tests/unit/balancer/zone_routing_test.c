/* SPDX-License-Identifier: Apache-2.0 */
/* How many calls stay in a zone, and who has room for the others. */
#include "support/test.h"

#include "balancer/zone_routing.h"
#include "base/rng.h"

enum { MOST = 6 };

static const struct {
    uint64_t clients[3], healthy[3];
    uint32_t client_shares[3], endpoint_shares[3], stay, rooms[3];
} worked[] = {
    {{40, 40, 20},
     {25, 50, 25},
     {4000, 4000, 2000},
     {2500, 5000, 2500},
     6250,
     {0, 1000, 500}},
    {{20, 40, 40},
     {25, 50, 25},
     {2000, 4000, 4000},
     {2500, 5000, 2500},
     10000,
     {0, 1000, 0}},
    {{50, 25, 25},
     {10, 45, 45},
     {5000, 2500, 2500},
     {1000, 4500, 4500},
     2000,
     {0, 2000, 2000}},
    {{1, 1, 1}, {1, 1, 1}, {3333, 3333, 3333}, {3333, 3333, 3333}, 10000, {0, 0, 0}},
    {{1, 0, 0}, {0, 1, 2}, {10000, 0, 0}, {0, 3333, 6666}, 0, {0, 3333, 6666}},
    {{0, 1, 1}, {0, 1, 1}, {0, 5000, 5000}, {0, 5000, 5000}, 10000, {0, 0, 0}},
    {{3, 1, 0}, {1, 1, 0}, {7500, 2500, 0}, {5000, 5000, 0}, 6666, {0, 2500, 0}},
};

TEST(worked_numbers)
{
    for (size_t i = 0; i < sizeof worked / sizeof worked[0]; i++) {
        struct grebe__zone_share zones[3];

        for (size_t k = 0; k < 3; k++)
            zones[k] = (struct grebe__zone_share){.n_clients = worked[i].clients[k],
                                                  .n_healthy = worked[i].healthy[k]};
        assert_int_equal(grebe__zone_routing(zones, 3), worked[i].stay);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(zones[k].clients, worked[i].client_shares[k]);
            assert_int_equal(zones[k].endpoints, worked[i].endpoint_shares[k]);
            assert_int_equal(zones[k].room, worked[i].rooms[k]);
        }
    }
}

/* What zone `own` sends where, of all calls of all clients; added to `load`. */
static void add_load(const struct grebe__zone_share *all, size_t n, size_t own,
                     double *load)
{
    struct grebe__zone_share zones[MOST];
    uint32_t stay;
    double calls, sum = 0;

    memcpy(zones, all, n * sizeof *zones);
    zones[0] = all[own];
    zones[own] = all[0];
    stay = grebe__zone_routing(zones, n);
    calls = zones[0].clients / 1e4;
    for (size_t i = 1; i < n; i++)
        sum += zones[i].room;
    load[own] += calls * stay / 1e4;
    for (size_t i = 1; i < n && sum > 0; i++)
        load[i == own ? 0 : i] += calls * (1 - stay / 1e4) * zones[i].room / sum;
}

/* If all clients do as this says, zones get calls as they have endpoints: what the rounding
 * of shares to 1/10000 takes from one another gets, at most 1/1000 of all calls here. */
TEST(all_clients_together_load_all_endpoints_alike)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 1000; round++) {
        size_t n = 2 + grebe__rng_below(&rng, MOST - 1);
        struct grebe__zone_share zones[MOST];
        double load[MOST] = {0};
        uint64_t n_all = 0;

        for (size_t i = 0; i < n; i++) {
            zones[i] = (struct grebe__zone_share){
                .n_clients = 1 + grebe__rng_below(&rng, 100),
                .n_healthy = 1 + grebe__rng_below(&rng, 100),
            };
            n_all += zones[i].n_healthy;
        }
        for (size_t own = 0; own < n; own++)
            add_load(zones, n, own, load);
        for (size_t i = 0; i < n; i++) {
            double off = load[i] - (double)zones[i].n_healthy / (double)n_all;

            assert_true(off < 1e-3 && off > -1e-3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_numbers),
        cmocka_unit_test(all_clients_together_load_all_endpoints_alike),
    };

    return cmocka_run_group_tests_name("zone_routing", tests, NULL, NULL);
}
