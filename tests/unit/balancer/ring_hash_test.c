/* SPDX-License-Identifier: Apache-2.0 */
/* ring_hash: its rings, compared with those of grpc-go, and its life on the bench. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/ring_hash.h>

#include "balancer/ring_hash.h"
#include "base/hash.h"
#include "base/rng.h"
#include "support/hash_bench.h"

/* ---- The ring ------------------------------------------------------------------------- */

static void open_ring(struct hash_bench *b, const char *keys, uint64_t min, uint64_t max)
{
    const struct grebe__hash_config config = {.min_size = min, .max_size = max};

    hash_bench_init(b, &grebe__ring_hash_policy, keys, &config);
}

/* Where an entry has to be: at the hash of its endpoint's key and its number. */
struct entry {
    uint64_t hash;
    const char *key;
    unsigned number;
};

static uint64_t hash_of(const char *key, unsigned number)
{
    char text[64];

    snprintf(text, sizeof text, "%s_%u", key, number);
    return grebe__hash64_text(text);
}

/* An entry is the first at its own hash, and no longer right behind it. */
static void expect_entry(const struct hash_bench *b, uint32_t slot, uint32_t n,
                         const struct entry *entry)
{
    struct grebe__hash_place at = hash_bench_place(b, entry->hash);
    struct grebe__hash_place behind = hash_bench_place(b, entry->hash + 1);

    assert_true(entry->hash == hash_of(entry->key, entry->number));
    assert_int_equal(at.slot, slot);
    assert_string_equal(b->members.list[at.member].key, entry->key);
    assert_int_equal(behind.slot, (slot + 1) % n);
}

static const struct entry ten[] = {
    {0x3991a6824c7153a5, "a", 2}, {0x3a24988080def0d8, "b", 2},
    {0x461afe862b8563d7, "c", 1}, {0x4e3d083a4cbbd78c, "b", 0},
    {0x5b0cfd75da0157cc, "b", 1}, {0x6d2cebf82cdbf7ac, "a", 0},
    {0x71005f193d29a49f, "c", 2}, {0xc9faa5220563fbac, "c", 3},
    {0xcd69c9d35c202bc2, "c", 0}, {0xfa0cc5004b3d4c53, "a", 1},
};

/* gRFC A42: The ring that is written down, entry by entry, whatever the resolver's order. */
TEST(ring_is_the_one_that_is_written_down)
{
    static const char *const orders[] = {"a*3 b*3 c*4", "c*4 a*3 b*3", "b*3 c*4 a*3"};

    for (size_t i = 0; i < 3; i++) {
        struct hash_bench b;

        open_ring(&b, orders[i], 10, 20);
        for (uint32_t k = 0; k < 10; k++)
            expect_entry(&b, k, 10, &ten[k]);
        hash_bench_fini(&b);
    }
}

/* to the first entry at or after the hash, and from the last to the first. */
TEST(hashes_fall_to_the_next_entry_and_round_the_end)
{
    static const struct {
        const char *text;
        uint32_t slot;
        const char *key;
    } lookups[] = {{"user-1", 7, "c"}, {"user-2", 7, "c"}, {"user-3", 7, "c"},
                   {"test", 4, "b"},   {"foo", 0, "a"},    {"bar", 3, "b"}};
    struct hash_bench b;

    open_ring(&b, "a*3 b*3 c*4", 10, 20);
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        uint64_t hash = grebe__hash64_text(lookups[i].text);

        assert_int_equal(hash_bench_place(&b, hash).slot, lookups[i].slot);
        assert_string_equal(hash_bench_find(&b, hash), lookups[i].key);
    }
    assert_int_equal(hash_bench_place(&b, 0).slot, 0);
    assert_int_equal(hash_bench_place(&b, UINT64_MAX).slot, 0);
    hash_bench_fini(&b);
}

/* How many entries a ring has, and each member of it. */
static uint32_t count_entries(const struct hash_bench *b, uint32_t *of_members)
{
    uint32_t n = 0;

    memset(of_members, 0, b->members.n * sizeof of_members[0]);
    for (uint32_t i = 0; i < b->members.n; i++)
        for (unsigned number = 0;; number++) {
            uint64_t hash = hash_of(b->members.list[i].key, number);

            if (hash_bench_place(b, hash).slot == hash_bench_place(b, hash + 1).slot)
                break; /* there is no such entry */
            of_members[i]++;
            n++;
        }
    return n;
}

static void expect_ring(const struct hash_bench *b, uint32_t n,
                        const uint32_t *of_members)
{
    uint32_t of[3];

    assert_int_equal(count_entries(b, of), n);
    for (uint32_t k = 0; k < b->members.n; k++)
        assert_int_equal(of[k], of_members[k]);
}

/* gRFC A42: Sizes: the lightest has a whole number of entries, if the largest size allows. */
TEST(sizes_follow_weights_and_limits)
{
    static const struct {
        const char *keys;
        uint64_t min, max;
        uint32_t n, of[3];
    } rings[] = {
        {"a*3 b*3 c*4", 3, 20, 4, {1, 1, 2}},
        {"a*3 b*3 c*4", 7, 20, 10, {3, 3, 4}},
        {"a*3 b*3 c*4", 8, 8, 8, {3, 2, 3}},
        {"a*1 b*1 c*2", 4, 20, 4, {1, 1, 2}},
        {"a b c", 1024, 4096, 1026, {342, 342, 342}},
        {"a", 1024, 4096, 1024, {1024}},
        {"a*1 b*999", 1024, 4096, 2000, {2, 1998}},
        {"a*1 b*9999", 1024, 4096, 4096, {1, 4095}},
        {"a*999 b*1", 1024, 4096, 2000, {1998, 2}},
        {"a b", 3, 3, 3, {2, 1}},
    };

    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        struct hash_bench b;

        open_ring(&b, rings[i].keys, rings[i].min, rings[i].max);
        expect_ring(&b, rings[i].n, rings[i].of);
        hash_bench_fini(&b);
    }
}

/* */
TEST(shares_of_entries_are_near_the_weights)
{
    static const uint64_t mins[] = {3, 4, 6, 8}, maxs[] = {20, 8};
    static const double ideal[] = {0.3, 0.3, 0.4};

    for (size_t i = 0; i < 8; i++) {
        struct hash_bench b;
        uint32_t n, of[3];

        open_ring(&b, "a*3 b*3 c*4", mins[i / 2], maxs[i % 2]);
        n = count_entries(&b, of);
        assert_in_range(n, mins[i / 2], maxs[i % 2]);
        for (size_t k = 0; k < 3; k++) {
            double share = (double)of[k] / n;

            assert_true(share >= ideal[k] * 0.75 && share <= ideal[k] * 1.25);
        }
        hash_bench_fini(&b);
    }
}

TEST(ring_of_three_real_addresses)
{
    static const struct entry first[] = {
        {0x00674c93dec902e6, "10.0.0.3:80", 154},
        {0x00d38a7bb147075a, "10.0.0.2:80", 77},
        {0x0126bb73cf2929fd, "10.0.0.2:80", 52},
    };
    static const struct {
        const char *text;
        uint32_t slot;
        const char *key;
    } lookups[] = {{"user-1", 672, "10.0.0.2:80"},
                   {"user-3", 706, "10.0.0.3:80"},
                   {"order-7", 776, "10.0.0.1:80"},
                   {"", 960, "10.0.0.2:80"}};
    struct hash_bench b;

    open_ring(&b, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80", 1024, 4096);
    for (uint32_t i = 0; i < 3; i++)
        expect_entry(&b, i, 1026, &first[i]);
    for (size_t i = 0; i < 4; i++) {
        uint64_t hash = grebe__hash64_text(lookups[i].text);

        assert_int_equal(hash_bench_place(&b, hash).slot, lookups[i].slot);
        assert_string_equal(hash_bench_find(&b, hash), lookups[i].key);
    }
    assert_true(grebe__hash64_text("user-1") == UINT64_C(0xa173746b114c6be8));
    assert_true(hash_of("10.0.0.2:80", 337) >= UINT64_C(0xa173746b114c6be8));
    assert_int_equal(hash_bench_place(&b, hash_of("10.0.0.2:80", 337)).slot, 672);
    assert_true(grebe__hash64_text("order-7") == UINT64_C(0xbe141ed2a1d913c9));
    hash_bench_fini(&b);
}

TEST(the_key_is_the_address_unless_there_is_one)
{
    struct hash_bench b;

    open_ring(&b, "a#c b# d", 16, 16);
    assert_string_equal(b.members.list[0].key, "b");
    assert_string_equal(b.members.list[1].key, "c");
    assert_string_equal(b.members.list[2].key, "d");
    hash_bench_fini(&b);
}

/* A second ring, laid out the plain way, to compare with. */
struct naive {
    struct entry entries[5000];
    uint32_t n;
};

static int by_hash(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    if (left->hash == right->hash)
        return 0;
    return left->hash < right->hash ? -1 : 1;
}

static void lay_out(struct naive *ring, const struct grebe__hash_members *members,
                    double min, double max)
{
    double sum = 0, lightest = 1, scale, target = 0, made = 0;

    for (uint32_t i = 0; i < members->n; i++)
        sum += members->list[i].weight;
    for (uint32_t i = 0; i < members->n; i++)
        if (members->list[i].weight / sum < lightest)
            lightest = members->list[i].weight / sum;
    scale = (double)(uint64_t)(lightest * min);
    if (scale < lightest * min)
        scale += 1;
    scale = scale / lightest < max ? scale / lightest : max;
    ring->n = 0;
    for (uint32_t i = 0; i < members->n; i++) {
        double part = scale * (members->list[i].weight / sum);

        target += part;
        for (unsigned k = 0; made < target; k++, made++)
            ring->entries[ring->n++] =
                (struct entry){hash_of(members->list[i].key, k), members->list[i].key, k};
    }
    qsort(ring->entries, ring->n, sizeof ring->entries[0], by_hash);
}

static const char *look_up(const struct naive *ring, uint64_t hash)
{
    for (uint32_t i = 0; i < ring->n; i++)
        if (ring->entries[i].hash >= hash)
            return ring->entries[i].key;
    return ring->entries[0].key;
}

TEST(random_rings_are_laid_out_like_plain_ones)
{
    static struct naive plain;
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 7);
    for (int round = 0; round < 40; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, 20);
        uint64_t max = 1 + grebe__rng_below(&rng, 4096);
        uint64_t min = 1 + grebe__rng_below(&rng, (uint32_t)max);
        char keys[1024];
        size_t used = 0;
        struct hash_bench b;

        for (uint32_t i = 0; i < n; i++)
            used += (size_t)snprintf(keys + used, sizeof keys - used, "10.0.0.%u:80*%u ",
                                     i, 1 + grebe__rng_below(&rng, 1U << round / 2));
        open_ring(&b, keys, min, max);
        lay_out(&plain, &b.members, (double)min, (double)max);
        for (int k = 0; k < 200; k++) {
            uint64_t hash = grebe__rng_next(&rng);

            assert_string_equal(hash_bench_find(&b, hash), look_up(&plain, hash));
        }
        hash_bench_fini(&b);
    }
}

/* No key of an endpoint that works moves, and of the one that fails no more than its share
 * and 5 %. */
TEST(an_endpoint_that_fails_moves_its_own_keys_alone)
{
    for (unsigned n = 2; n <= 50; n += 3) {
        struct hash_bench_moves moves =
            hash_bench_leave(&grebe__ring_hash_policy, n, NULL, true);

        assert_int_equal(moves.n_moved, moves.n_own);
        assert_true(moves.n_moved <= HASH_BENCH_KEYS * (1.0 / n + 0.05));
    }
}

/* The ring has as many entries as before, so each of the others has more of them, and the
 * new ones take keys too: with k before and l after, their share of the ring is 1 - k / l.
 * Keys are not spread evenly on so few entries: 2 % for that. */
TEST(an_endpoint_that_leaves_the_list_moves_keys_to_new_entries_too)
{
    for (unsigned n = 2; n <= 50; n += 3) {
        struct hash_bench_moves moves =
            hash_bench_leave(&grebe__ring_hash_policy, n, NULL, false);
        unsigned k = (1024 + n - 1) / n, l = (1024 + n - 2) / (n - 1);
        double n_others = moves.n_moved - moves.n_own;

        assert_true(moves.n_own <= HASH_BENCH_KEYS * (1.0 / n + 0.05));
        assert_true(n_others >= 0);
        assert_true(n_others <= HASH_BENCH_KEYS * (1 - (double)k / l + 0.02));
    }
}

/* ---- Entries by weight ---------------------------------------------------------------- */

static void open_fixed(struct hash_bench *b, const char *keys, double entries,
                       uint64_t max)
{
    const struct grebe__hash_config config = {
        .min_size = 1, .max_size = max, .entries_per_weight = entries};

    hash_bench_init(b, &grebe__ring_hash_policy, keys, &config);
}

/* The smallest size has no say.  Of the largest one the last ring of a pair is one short:
 * it is scaled down, as it would be if no number were given. */
TEST(entries_are_as_many_as_the_weight_says_while_there_is_room)
{
    static const struct {
        const char *keys;
        double entries;
        uint64_t max;
        uint32_t n, of[3];
    } rings[] = {
        {"a", 10, 4096, 10, {10}},
        {"a b*3", 10, 4096, 40, {10, 30}},
        {"a*3 b*3 c*4", 10, 100, 100, {30, 30, 40}},
        {"a*3 b*3 c*4", 10, 99, 99, {30, 30, 39}},
        {"a b*3 c*1000", 0.25, 4096, 252, {1, 1, 250}},
        {"a*2 b*4 c*5", 0.5, 4096, 6, {1, 2, 3}},
        {"a*3 b*3 c*4", 1, 9, 9, {3, 3, 3}},
        {"a*5 b", 0.5, 4, 4, {3, 1}},
        {"a*5 b", 0.5, 3, 3, {3, 0}},
        {"a b c", 0.001, 3, 3, {1, 1, 1}},
        {"a b c", 8388608, 30, 30, {10, 10, 10}},
        {"a*4294967295 b*4294967295", 8388608, 4, 4, {2, 2}},
    };

    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        struct hash_bench b;

        open_fixed(&b, rings[i].keys, rings[i].entries, rings[i].max);
        expect_ring(&b, rings[i].n, rings[i].of);
        hash_bench_fini(&b);
    }
}

/* With weights that leave fractions in every sum that a ring could be laid out by: who stays
 * has the same entries, and so every key that it had. */
TEST(entries_by_weight_are_nobody_elses_business)
{
    static const char *const all = "a*3 b*7 c*1 d*11 e*2 f*5 g*13",
                             *const without[] = {
                                 "b*7 c*1 d*11 e*2 f*5 g*13", "a*3 c*1 d*11 e*2 f*5 g*13",
                                 "a*3 b*7 d*11 e*2 f*5 g*13", "a*3 b*7 c*1 d*11 e*2 f*5"};
    static const char gone[] = "abcg";
    static const double entries[] = {0.3, 1, 2.7, 40};

    for (size_t i = 0; i < 4 * sizeof without / sizeof without[0]; i++) {
        struct hash_bench before, after;
        uint32_t n_own = 0;
        struct grebe__rng rng;

        open_fixed(&before, all, entries[i / 4], 4096);
        open_fixed(&after, without[i % 4], entries[i / 4], 4096);
        grebe__rng_seed(&rng, i);
        for (int k = 0; k < 2000; k++) {
            uint64_t hash = grebe__rng_next(&rng);
            const char *owner = hash_bench_find(&before, hash);

            if (owner[0] == gone[i % 4])
                n_own++;
            else
                assert_string_equal(hash_bench_find(&after, hash), owner);
        }
        assert_in_range(n_own, 1, 1000);
        hash_bench_fini(&before);
        hash_bench_fini(&after);
    }
}

/* Whether it fails or leaves the list: its own keys move, and no others. */
TEST(with_entries_by_weight_who_leaves_moves_its_own_keys_alone)
{
    const struct grebe__hash_config config = {
        .min_size = 1024, .max_size = 16384, .entries_per_weight = 200};

    for (unsigned n = 2; n <= 50; n += 3)
        for (int is_listed = 0; is_listed < 2; is_listed++) {
            struct hash_bench_moves moves =
                hash_bench_leave(&grebe__ring_hash_policy, n, &config, is_listed);

            assert_int_equal(moves.n_moved, moves.n_own);
            assert_true(moves.n_moved <= HASH_BENCH_KEYS * (1.0 / n + 0.05));
        }
}

/* ---- Configuration ---------------------------------------------------------------------- */

static void expect_sizes(const char *json, uint64_t min, uint64_t max)
{
    struct grebe__hash_config *config = hash_bench_config(&grebe__ring_hash, json);

    assert_int_equal(config->min_size, min);
    assert_int_equal(config->max_size, max);
    grebe__hash_config_free(config);
}

static void expect_flaw(const char *json, const char *flaw)
{
    assert_string_equal(hash_bench_flaw(&grebe__ring_hash, json), flaw);
}

/* */
TEST(sizes_have_defaults_and_limits)
{
    expect_sizes("{}", 1024, 4096);
    expect_sizes("{\"minRingSize\":1,\"maxRingSize\":2}", 1, 2);
    expect_sizes("{\"min_ring_size\":1,\"max_ring_size\":2}", 1, 2);
    expect_sizes("{\"maxRingSize\":2000}", 1024, 2000);
    expect_sizes("{\"minRingSize\":2000}", 2000, 4096);
    expect_sizes("{\"minRingSize\":0,\"maxRingSize\":0,\"unknown\":[]}", 1024, 4096);
    expect_sizes("{\"minRingSize\":1,\"maxRingSize\":6000}", 1, 4096);
    expect_sizes("{\"minRingSize\":5000,\"maxRingSize\":6000}", 4096, 4096);
    expect_flaw("{\"minRingSize\":10,\"maxRingSize\":2}",
                "minRingSize: 10 is more than maxRingSize, 2");
    expect_flaw("{\"minRingSize\":6000,\"maxRingSize\":5000}",
                "minRingSize: 6000 is more than maxRingSize, 5000");
    expect_flaw("{\"maxRingSize\":512}",
                "minRingSize: 1024 is more than maxRingSize, 512");
    expect_flaw("{\"minRingSize\":-1}", "minRingSize: -1 is negative");
    expect_flaw("{\"minRingSize\":\"10\"}",
                "minRingSize: expected an integer, found a string");
}

static void expect_entries(const struct grebe_balancer_builder *builder, const char *json,
                           double entries)
{
    struct grebe__hash_config *config = hash_bench_config(builder, json);

    assert_true(config->entries_per_weight == entries);
    assert_int_equal(config->min_size, 1024);
    assert_int_equal(config->max_size, 4096);
    grebe__hash_config_free(config);
}

TEST(entries_by_weight_are_off_unless_configured)
{
    static const struct grebe_balancer_builder *const all[] = {
        &grebe__ring_hash, &grebe__ring_hash_experimental,
        &grebe__bounded_load_ring_hash};

    for (size_t i = 0; i < 3; i++) {
        expect_entries(all[i], "{}", 0);
        expect_entries(all[i], "{\"entriesPerWeight\":0}", 0);
        expect_entries(all[i], "{\"entriesPerWeight\":200}", 200);
        expect_entries(all[i], "{\"entries_per_weight\":0.25}", 0.25);
        expect_entries(all[i], "{\"entriesPerWeight\":8388608}", 8388608);
    }
    assert_true(grebe__ring_hash_policy.defaults().entries_per_weight == 0);
    expect_flaw("{\"entriesPerWeight\":-0.5}", "entriesPerWeight: -0.5 is negative");
    expect_flaw("{\"entriesPerWeight\":8388609}",
                "entriesPerWeight: 8388609 is more than 8388608");
    expect_flaw("{\"entriesPerWeight\":\"many\"}",
                "entriesPerWeight: expected a number, found a string");
    expect_flaw(
        "{\"entriesPerWeight\":1,\"hashBalanceFactor\":1}",
        "hashBalanceFactor: 1 is less than 100: not all calls would have a place");
}

/* */
TEST(the_process_has_a_cap_on_sizes)
{
    grebe_ring_hash_set_cap(8000);
    expect_sizes("{\"minRingSize\":5000,\"maxRingSize\":6000}", 5000, 6000);
    expect_sizes("{\"minRingSize\":10000,\"maxRingSize\":10000}", 8000, 8000);
    grebe_ring_hash_set_cap(UINT64_MAX);
    expect_sizes("{\"minRingSize\":8388608,\"maxRingSize\":8388608}", 8388608, 8388608);
    for (uint64_t cap = 0; cap < 20000; cap += 10000) {
        grebe_ring_hash_set_cap(cap);
        expect_flaw("{\"minRingSize\":8388610,\"maxRingSize\":10}",
                    "minRingSize: 8388610 is more than 8388608");
        expect_flaw("{\"minRingSize\":10,\"maxRingSize\":8388610}",
                    "maxRingSize: 8388610 is more than 8388608");
    }
    grebe_ring_hash_set_cap(0);
    expect_sizes("{}", 1, 1);
    assert_int_equal(grebe__ring_hash_policy.defaults().max_size, 1);
    grebe_ring_hash_set_cap(4096);
    expect_sizes("{}", 1024, 4096);
}

static void expect_header(const char *json, const char *header)
{
    struct grebe__hash_config *config = hash_bench_config(&grebe__ring_hash, json);

    if (header == NULL)
        assert_null(config->header);
    else
        assert_string_equal(config->header, header);
    grebe__hash_config_free(config);
}

/* R-6, gRFC A76: but for the switch, which grebe does not have. */
TEST(header_to_hash_is_named_as_metadata_is)
{
    expect_header("{}", NULL);
    expect_header("{\"requestHashHeader\":\"\"}", NULL);
    expect_header("{\"requestHashHeader\":\"x-FOO\"}", "x-foo");
    expect_header("{\"request_hash_header\":\"a.b_c-9\"}", "a.b_c-9");
    expect_header("{\"requestHashHeader\":\"bin\"}", "bin");
    expect_flaw("{\"requestHashHeader\":\"!invalid\"}",
                "requestHashHeader: a header is made of a-z, 0-9, '-', '_' and '.': "
                "\"!invalid\"");
    expect_flaw("{\"requestHashHeader\":\":path\"}",
                "requestHashHeader: a header is made of a-z, 0-9, '-', '_' and '.': "
                "\":path\"");
    expect_flaw("{\"requestHashHeader\":\"header-with-BIN\"}",
                "requestHashHeader: a header that ends in -bin cannot be hashed: "
                "\"header-with-BIN\"");
    expect_flaw(
        "{\"requestHashHeader\":\"-bin\"}",
        "requestHashHeader: a header that ends in -bin cannot be hashed: \"-bin\"");
    expect_flaw("{\"requestHashHeader\":7}",
                "requestHashHeader: expected a string, found a number");
}

TEST(both_names_are_the_same_policy)
{
    assert_string_equal(grebe__ring_hash.name, "ring_hash");
    assert_string_equal(grebe__ring_hash_experimental.name, "ring_hash_experimental");
    assert_ptr_equal(grebe__ring_hash.build, grebe__ring_hash_experimental.build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_is_the_one_that_is_written_down),
        cmocka_unit_test(hashes_fall_to_the_next_entry_and_round_the_end),
        cmocka_unit_test(sizes_follow_weights_and_limits),
        cmocka_unit_test(shares_of_entries_are_near_the_weights),
        cmocka_unit_test(ring_of_three_real_addresses),
        cmocka_unit_test(the_key_is_the_address_unless_there_is_one),
        cmocka_unit_test(random_rings_are_laid_out_like_plain_ones),
        cmocka_unit_test(an_endpoint_that_fails_moves_its_own_keys_alone),
        cmocka_unit_test(an_endpoint_that_leaves_the_list_moves_keys_to_new_entries_too),
        cmocka_unit_test(entries_are_as_many_as_the_weight_says_while_there_is_room),
        cmocka_unit_test(entries_by_weight_are_nobody_elses_business),
        cmocka_unit_test(with_entries_by_weight_who_leaves_moves_its_own_keys_alone),
        cmocka_unit_test(sizes_have_defaults_and_limits),
        cmocka_unit_test(entries_by_weight_are_off_unless_configured),
        cmocka_unit_test(the_process_has_a_cap_on_sizes),
        cmocka_unit_test(header_to_hash_is_named_as_metadata_is),
        cmocka_unit_test(both_names_are_the_same_policy),
    };

    return cmocka_run_group_tests_name("ring_hash", tests, NULL, NULL);
}
