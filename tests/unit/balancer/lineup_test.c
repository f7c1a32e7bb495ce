/* SPDX-License-Identifier: Apache-2.0 */
/* The order of endpoints, by the hash of their addresses, as a policy that does nothing else
 * finds it in its updates. */
#include "support/test.h"

#include "balancer/lineup.h"
#include "base/assert.h"
#include "support/lb_bench.h"

/* ---- The policy ------------------------------------------------------------------------- */

static uint64_t seed;
static char found[1024]; /* the first address of each, as the last update has it */

struct keeper {
    struct grebe_balancer base;
    const struct grebe_mem *mem;
    struct grebe__lineup lineup;
};

static int keep(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct keeper *keeper = grebe_container_of(base, struct keeper, base);
    struct grebe__lineup before = keeper->lineup;
    int result = grebe__lineup_init(&keeper->lineup, keeper->mem, update, seed);

    if (result != GREBE_OK) {
        assert_ptr_equal(keeper->lineup.endpoints, before.endpoints);
        return result;
    }
    grebe__lineup_fini(&before, keeper->mem);
    found[0] = '\0';
    for (uint32_t i = 0; i < keeper->lineup.n; i++) {
        size_t length = strlen(found);

        snprintf(
            found + length, sizeof found - length, "%s%s", i > 0 ? " " : "",
            grebe_address_text(grebe_endpoint_address(keeper->lineup.endpoints[i], 0)));
    }
    return GREBE_OK;
}

static void destroy(struct grebe_balancer *base)
{
    struct keeper *keeper = grebe_container_of(base, struct keeper, base);

    grebe__lineup_fini(&keeper->lineup, keeper->mem);
    grebe_mem_free(keeper->mem, keeper);
}

static const struct grebe_balancer_ops ops = {.update = keep, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct keeper *keeper = grebe_mem_zalloc(grebe_client_conn_mem(cc), sizeof *keeper);

    (void)options;
    if (keeper == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&keeper->base, &ops);
    keeper->mem = grebe_client_conn_mem(cc);
    *out = &keeper->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder keeper_builder = {
    .api = GREBE_BALANCER_API,
    .name = "keeper",
    .build = build,
};

static void expect(uint64_t of_seed, const char *endpoints, const char *order)
{
    struct lb_bench b;

    seed = of_seed;
    assert_true(lb_bench_init(&b, &keeper_builder, 1));
    assert_int_equal(lb_bench_update(&b, endpoints, NULL), GREBE_OK);
    assert_string_equal(found, order);
    lb_bench_fini(&b);
}

/* ---- The order ---------------------------------------------------------------------------- */

/* Those that random_subsetting orders with the same seed are in the same order. */
TEST(order_is_that_of_the_hashes)
{
    static const char order[] =
        "endpoint-1 endpoint-3 endpoint-5 endpoint-2 endpoint-8 endpoint-9 endpoint-4 "
        "endpoint-0 endpoint-6 endpoint-7";

    expect(0,
           "endpoint-0 endpoint-1 endpoint-2 endpoint-3 endpoint-4 endpoint-5 endpoint-6 "
           "endpoint-7 endpoint-8 endpoint-9",
           order);
    expect(0,
           "endpoint-9 endpoint-8 endpoint-7 endpoint-6 endpoint-5 endpoint-4 endpoint-3 "
           "endpoint-2 endpoint-1 endpoint-0",
           order);
    expect(0, "endpoint-6 endpoint-5 endpoint-3", "endpoint-3 endpoint-5 endpoint-6");
    expect(0, "endpoint-7", "endpoint-7");
    expect(0, "", "");
}

TEST(another_seed_is_another_order)
{
    expect(1, "endpoint-0 endpoint-2 endpoint-3 endpoint-6 endpoint-8",
           "endpoint-2 endpoint-8 endpoint-6 endpoint-3 endpoint-0");
    expect(42, "endpoint-0 endpoint-3 endpoint-7 endpoint-8 endpoint-9",
           "endpoint-7 endpoint-9 endpoint-0 endpoint-3 endpoint-8");
}

/* It counts for the smallest of their hashes, that of endpoint-1. */
TEST(order_of_addresses_does_not_matter)
{
    expect(0, "endpoint-3 endpoint-7+endpoint-1", "endpoint-7 endpoint-3");
    expect(0, "endpoint-3 endpoint-1+endpoint-7", "endpoint-1 endpoint-3");
    expect(0, "endpoint-3 endpoint-7", "endpoint-3 endpoint-7");
}

/* Twice the same, in whatever order its addresses are; and two that share one, and with it
 * their hash, the same again between them. */
TEST(each_endpoint_is_there_once)
{
    expect(0, "endpoint-7 endpoint-1 endpoint-7 endpoint-1 endpoint-1",
           "endpoint-1 endpoint-7");
    expect(0,
           "endpoint-1+endpoint-2 endpoint-3+endpoint-1 endpoint-2+endpoint-1 "
           "endpoint-1+endpoint-3",
           "endpoint-1 endpoint-3");
}

TEST(endpoints_without_an_address_are_not_there)
{
    expect(0, "- endpoint-7 - endpoint-1", "endpoint-1 endpoint-7");
    expect(0, "-", "");
}

static void update_twice(struct lb_bench *b)
{
    lb_bench_update(b, "a b c", NULL);
    lb_bench_update(b, "b d", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&keeper_builder, update_twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_the_hashes),
        cmocka_unit_test(another_seed_is_another_order),
        cmocka_unit_test(order_of_addresses_does_not_matter),
        cmocka_unit_test(each_endpoint_is_there_once),
        cmocka_unit_test(endpoints_without_an_address_are_not_there),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("lineup", tests, NULL, NULL);
}
