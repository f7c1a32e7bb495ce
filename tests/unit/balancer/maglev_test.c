/* SPDX-License-Identifier: Apache-2.0 */
/* maglev: its tables, compared with those of the specification. */
#include "support/test.h"

#include "balancer/maglev.h"
#include "base/hash.h"
#include "base/rng.h"
#include "support/hash_bench.h"

/* ---- Tables ------------------------------------------------------------------------------- */

static void open_table(struct hash_bench *b, const char *keys, uint64_t size)
{
    hash_bench_init(b, &grebe__maglev_policy, keys,
                    &(struct grebe__hash_config){.min_size = size});
}

/* The last letters of the keys, slot by slot: hash i is in slot i. */
static const char *slots(const struct hash_bench *b, uint32_t n)
{
    static char text[64];

    for (uint32_t i = 0; i < n; i++) {
        const char *key = hash_bench_find(b, i);

        assert_int_equal(hash_bench_place(b, i).slot, i);
        text[i] = key[strlen(key) - 1];
    }
    text[n] = '\0';
    return text;
}

static void expect_table(const char *keys, uint64_t size, uint32_t n,
                         const char *expected)
{
    struct hash_bench b;

    open_table(&b, keys, size);
    assert_string_equal(slots(&b, n), expected);
    hash_bench_fini(&b);
}

TEST(small_tables_are_the_ones_that_are_written_down)
{
    expect_table("a b c", 7, 7, "acabbca");
    expect_table("c b a", 7, 7, "acabbca");
    expect_table("a c", 7, 7, "acacaca");
    expect_table("a*3 b*3 c*4", 11, 11, "baacabcabcc");
    expect_table("a*1 b*2 c*3", 13, 13, "cccbbbaabbcca");
}

static void count_slots(const struct hash_bench *b, uint32_t n, uint32_t *of_members)
{
    for (uint32_t i = 0; i < b->members.n; i++)
        of_members[i] = 0;
    for (uint32_t i = 0; i < n; i++)
        of_members[hash_bench_place(b, i).member]++;
}

TEST(the_table_of_five_backends)
{
    static const char *const four = "backend-0 backend-1 backend-2 backend-3";
    static const char *const five = "backend-0 backend-1 backend-2 backend-3 backend-4";
    struct hash_bench b, after;
    uint32_t of[5], n_moved = 0;

    open_table(&b, five, 65537);
    assert_string_equal(slots(&b, 12), "412432231231");
    count_slots(&b, 65537, of);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(of[i], i < 2 ? 13108 : 13107);
    assert_int_equal(hash_bench_place(&b, grebe__hash64_text("user-1")).slot, 11668);
    assert_string_equal(hash_bench_find_text(&b, "user-1"), "backend-4");
    assert_int_equal(hash_bench_place(&b, grebe__hash64_text("user-2")).slot, 31810);
    assert_string_equal(hash_bench_find_text(&b, "user-2"), "backend-0");
    assert_int_equal(hash_bench_place(&b, grebe__hash64_text("foo")).slot, 11620);
    assert_string_equal(hash_bench_find_text(&b, "foo"), "backend-4");

    /* When the last one leaves, 59 slots of others move beside its own. */
    open_table(&after, four, 65537);
    for (uint32_t i = 0; i < 65537; i++)
        n_moved += strcmp(hash_bench_find(&b, i), hash_bench_find(&after, i)) != 0;
    assert_int_equal(n_moved, 13107 + 59);
    hash_bench_fini(&b);
    hash_bench_fini(&after);
}

/* The remainder without a division, for sizes and hashes of all kinds. */
TEST(a_hash_is_in_the_slot_of_its_remainder)
{
    static const uint64_t sizes[] = {2, 3, 7, 251, 65537, 5000011};
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct hash_bench b;

        open_table(&b, "a", sizes[i]);
        for (uint64_t k = 0; k < 1000; k++) {
            uint64_t random = grebe__rng_next(&rng);
            uint64_t multiple = random - random % sizes[i];

            assert_int_equal(hash_bench_place(&b, random).slot, random % sizes[i]);
            assert_int_equal(hash_bench_place(&b, multiple).slot, 0);
            assert_int_equal(hash_bench_place(&b, multiple - 1).slot, sizes[i] - 1);
            assert_int_equal(hash_bench_place(&b, UINT64_MAX - k).slot,
                             (UINT64_MAX - k) % sizes[i]);
        }
        hash_bench_fini(&b);
    }
}

/* To the slot: shares are rounded, and that is all. */
TEST(shares_are_the_weights)
{
    static const uint32_t weights[] = {1, 10, 100, 1000};
    struct hash_bench b;
    uint32_t of[4];

    open_table(&b, "a*1 b*10 c*100 d*1000", 65537);
    count_slots(&b, 65537, of);
    for (uint32_t i = 0; i < 4; i++) {
        double ideal = 65537.0 * weights[i] / 1111;

        assert_true(of[i] >= ideal - 1 && of[i] <= ideal + 1);
    }
    hash_bench_fini(&b);
}

/* Turn by turn, as the specification tells it: passes over all, in which some wait. */
static void lay_out(const struct grebe__hash_members *members, uint32_t n,
                    uint32_t *slots)
{
    double target[64] = {0}, weight[64], heaviest = 0;
    uint64_t next[64] = {0};
    uint32_t n_claimed = 0;

    for (uint32_t i = 0; i < n; i++)
        slots[i] = UINT32_MAX;
    for (uint32_t i = 0; i < members->n; i++) {
        weight[i] = members->list[i].weight / (double)members->weight;
        heaviest = weight[i] > heaviest ? weight[i] : heaviest;
    }
    for (uint64_t pass = 1; n_claimed < n; pass++)
        for (uint32_t i = 0; i < members->n && n_claimed < n; i++) {
            const char *key = members->list[i].key;
            uint64_t offset = grebe__hash64(key, strlen(key), 0) % n;
            uint64_t skip = grebe__hash64(key, strlen(key), 1) % (n - 1) + 1, slot;

            if ((double)pass * weight[i] < target[i])
                continue;
            target[i] += heaviest;
            do
                slot = (offset + skip * next[i]++) % n;
            while (slots[slot] != UINT32_MAX);
            slots[slot] = i;
            n_claimed++;
        }
}

TEST(random_tables_are_laid_out_like_plain_ones)
{
    static uint32_t plain[1009];
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 5);
    for (int round = 0; round < 60; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, 64);
        char keys[2048];
        size_t used = 0;
        struct hash_bench b;

        for (uint32_t i = 0; i < n; i++)
            used += (size_t)snprintf(
                keys + used, sizeof keys - used, "10.0.0.%u:80*%u ", i,
                i == 7 ? 64U << round / 3 : 1 + grebe__rng_below(&rng, 1U << round / 3));
        open_table(&b, keys, 1009);
        lay_out(&b.members, 1009, plain);
        for (uint32_t i = 0; i < 1009; i++)
            assert_int_equal(hash_bench_place(&b, i).member, plain[i]);
        hash_bench_fini(&b);
    }
}

TEST(more_endpoints_than_slots_is_no_endless_loop)
{
    struct hash_bench b;

    open_table(&b, "a b c d e f g h", 3);
    slots(&b, 3);
    hash_bench_fini(&b);
}

/* Beside its own, an endpoint that leaves the list moves few keys; one that fails, none. */
TEST(an_endpoint_that_leaves_moves_few_keys_of_others)
{
    for (unsigned n = 2; n <= 50; n += 3) {
        struct hash_bench_moves failed =
            hash_bench_leave(&grebe__maglev_policy, n, NULL, true);
        struct hash_bench_moves left =
            hash_bench_leave(&grebe__maglev_policy, n, NULL, false);

        assert_int_equal(failed.n_moved, failed.n_own);
        assert_true(left.n_moved >= left.n_own);
        assert_true(left.n_moved <= HASH_BENCH_KEYS * (1.0 / n + 0.05));
    }
}

/* ---- Configuration ---------------------------------------------------------------------- */

static void expect_config(const char *json, uint64_t size, uint32_t factor)
{
    struct grebe__hash_config *config = hash_bench_config(&grebe__maglev, json);

    assert_int_equal(config->min_size, size);
    assert_int_equal(config->balance_factor, factor);
    grebe__hash_config_free(config);
}

static void expect_flaw(const char *json, const char *flaw)
{
    assert_string_equal(hash_bench_flaw(&grebe__maglev, json), flaw);
}

TEST(tables_have_a_prime_size)
{
    expect_config("{}", 65537, 0);
    expect_config("{\"tableSize\":0}", 65537, 0);
    expect_config("{\"tableSize\":2}", 2, 0);
    expect_config("{\"table_size\":5000011,\"hashBalanceFactor\":120}", 5000011, 120);
    expect_flaw("{\"tableSize\":1}", "tableSize: 1 is not a prime number");
    expect_flaw("{\"tableSize\":961}", "tableSize: 961 is not a prime number");
    expect_flaw("{\"tableSize\":65536}", "tableSize: 65536 is not a prime number");
    expect_flaw("{\"tableSize\":251001}", "tableSize: 251001 is not a prime number");
    expect_flaw("{\"tableSize\":5000017}", "tableSize: 5000017 is more than 5000011");
    expect_flaw("{\"tableSize\":-7}", "tableSize: -7 is negative");
    expect_flaw("{\"hashBalanceFactor\":99}", "hashBalanceFactor: 99 is less than 100: "
                                              "not all calls would have a place");
    expect_flaw("{\"requestHashHeader\":\"a b\"}",
                "requestHashHeader: a header is made of a-z, 0-9, '-', '_' and '.': "
                "\"a b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_tables_are_the_ones_that_are_written_down),
        cmocka_unit_test(the_table_of_five_backends),
        cmocka_unit_test(a_hash_is_in_the_slot_of_its_remainder),
        cmocka_unit_test(shares_are_the_weights),
        cmocka_unit_test(random_tables_are_laid_out_like_plain_ones),
        cmocka_unit_test(more_endpoints_than_slots_is_no_endless_loop),
        cmocka_unit_test(an_endpoint_that_leaves_moves_few_keys_of_others),
        cmocka_unit_test(tables_have_a_prime_size),
    };

    return cmocka_run_group_tests_name("maglev", tests, NULL, NULL);
}
