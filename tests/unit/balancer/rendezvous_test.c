/* SPDX-License-Identifier: Apache-2.0 */
/* rendezvous: its scores, compared with those of the specification. */
#include "support/test.h"

#include "balancer/rendezvous.h"
#include "base/hash.h"
#include "support/hash_bench.h"

static void open_hosts(struct hash_bench *b, const char *keys)
{
    hash_bench_init(b, &grebe__rendezvous_policy, keys, NULL);
}

/* Six digits of the score that the i-th member has for a text. */
static void expect_score(const struct hash_bench *b, const char *text, uint32_t i,
                         double expected)
{
    const struct grebe__hash_place place = {.member = i};
    double score = b->policy->layout->score(b->table, grebe__hash64_text(text), &place);

    assert_true(score > expected - 6e-7 && score < expected + 6e-7);
}

TEST(scores_are_the_ones_that_are_written_down)
{
    static const struct {
        const char *text;
        double scores[3];
        const char *winner;
    } calls[] = {
        {"user-1", {1.596620, 2.623638, 3.685993}, "c"},
        {"user-2", {.684858, .681801, 62.681801}, "c"},
        {"user-3", {.346372, 5.059295, 2.272970}, "b"},
    };
    struct hash_bench b;

    open_hosts(&b, "a b c*2");
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < 3; k++)
            expect_score(&b, calls[i].text, k, calls[i].scores[k]);
        assert_string_equal(hash_bench_find_text(&b, calls[i].text), calls[i].winner);
    }
    hash_bench_fini(&b);
}

static uint32_t count(const struct hash_bench *b, const char *key)
{
    uint32_t n = 0;
    char text[16];

    for (unsigned i = 0; i < HASH_BENCH_KEYS; i++) {
        snprintf(text, sizeof text, "k%u", i);
        n += strcmp(hash_bench_find_text(b, text), key) == 0;
    }
    return n;
}

TEST(twenty_thousand_keys_are_shared_as_is_written_down)
{
    struct hash_bench b;

    open_hosts(&b, "c*2 a b");
    assert_int_equal(count(&b, "a"), 4916);
    assert_int_equal(count(&b, "b"), 4913);
    assert_int_equal(count(&b, "c"), 10171);
    hash_bench_fini(&b);
}

/* Equal weights are compared without logarithms: the winners are the same. */
TEST(equal_weights_need_no_logarithm)
{
    struct hash_bench even, scored;

    open_hosts(&even, "a b c d e f g");
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t hash = grebe__hash64(&i, sizeof i, 0);
        uint32_t winner = hash_bench_place(&even, hash).member;

        for (uint32_t k = 0; k < 7; k++) {
            const struct grebe__hash_place mine = {.member = k},
                                           best = {.member = winner};

            assert_true(even.policy->layout->score(even.table, hash, &mine) <=
                        even.policy->layout->score(even.table, hash, &best));
        }
    }
    hash_bench_fini(&even);
    /* Weights that are so close make the same winners by the long way. */
    open_hosts(&even, "a*4000000000 b*4000000000");
    open_hosts(&scored, "a*4000000000 b*3999999999");
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t hash = grebe__hash64(&i, sizeof i, 0);

        assert_string_equal(hash_bench_find(&even, hash), hash_bench_find(&scored, hash));
    }
    hash_bench_fini(&even);
    hash_bench_fini(&scored);
}

/* Of equal scores the smaller key's wins; a chance of 0 is the lowest score there is. */
TEST(ties_go_to_the_smaller_key)
{
    struct hash_bench b;

    open_hosts(&b, "a a b");
    for (unsigned i = 0; i < 100; i++) {
        uint32_t winner = hash_bench_place(&b, grebe__hash64(&i, sizeof i, 0)).member;

        assert_true(winner == 0 || winner == 2);
    }
    /* Equal hashes leave nothing to mix. */
    assert_true(b.policy->layout->score(b.table, grebe__hash64_text("b"),
                                        &(struct grebe__hash_place){.member = 2}) == 0);
    assert_string_equal(hash_bench_find_text(&b, "b"), "a");
    hash_bench_fini(&b);
}

/* A call whose hash is that of the key: no score could be lower. */
TEST(the_lowest_score_is_a_score)
{
    struct hash_bench b;

    open_hosts(&b, "a");
    expect_score(&b, "a", 0, 0);
    assert_string_equal(hash_bench_find_text(&b, "a"), "a");
    hash_bench_fini(&b);
    open_hosts(&b, "a b*2");
    assert_string_equal(hash_bench_find_text(&b, "a"), "b");
    b.states[1] = GREBE_TRANSIENT_FAILURE;
    assert_string_equal(hash_bench_find_text(&b, "a"), "a");
    hash_bench_fini(&b);
}

TEST(when_nobody_will_do_nobody_is_found)
{
    struct hash_bench b;
    struct grebe__hash_place place;

    open_hosts(&b, "a b");
    b.states[0] = b.states[1] = GREBE_CONNECTING;
    assert_false(b.policy->layout->find(
        b.table, 1,
        &(struct grebe__hash_filter){.states = b.states, .wanted = 1 << GREBE_READY},
        &place));
    hash_bench_fini(&b);
}

/* Whether it fails or leaves the list: its own keys move, and no others. */
TEST(an_endpoint_that_leaves_moves_its_own_keys_alone)
{
    for (unsigned n = 2; n <= 50; n += 3)
        for (int is_listed = 0; is_listed < 2; is_listed++) {
            struct hash_bench_moves moves =
                hash_bench_leave(&grebe__rendezvous_policy, n, NULL, is_listed);

            assert_int_equal(moves.n_moved, moves.n_own);
            assert_true(moves.n_moved <= HASH_BENCH_KEYS * (1.0 / n + 0.05));
        }
}

TEST(configuration_is_the_header)
{
    struct grebe__hash_config *config = hash_bench_config(
        &grebe__rendezvous, "{\"requestHashHeader\":\"X-User\",\"hashBalanceFactor\":1}");

    assert_string_equal(config->header, "x-user");
    assert_int_equal(config->balance_factor, 0);
    grebe__hash_config_free(config);
    assert_string_equal(
        hash_bench_flaw(&grebe__rendezvous, "{\"requestHashHeader\":\"x-bin\"}"),
        "requestHashHeader: a header that ends in -bin cannot be hashed: \"x-bin\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_ones_that_are_written_down),
        cmocka_unit_test(twenty_thousand_keys_are_shared_as_is_written_down),
        cmocka_unit_test(equal_weights_need_no_logarithm),
        cmocka_unit_test(ties_go_to_the_smaller_key),
        cmocka_unit_test(the_lowest_score_is_a_score),
        cmocka_unit_test(when_nobody_will_do_nobody_is_found),
        cmocka_unit_test(an_endpoint_that_leaves_moves_its_own_keys_alone),
        cmocka_unit_test(configuration_is_the_header),
    };

    return cmocka_run_group_tests_name("rendezvous", tests, NULL, NULL);
}
