/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of tools/grebe: what it promises about errors, exactly. */
#include "support/test.h"

#include <math.h>

#include "histogram.h"

/* Too large for a stack that sanitizers have padded; every test clears what it uses. */
static struct histogram histogram, other;

static double relative_error(uint64_t is, uint64_t want)
{
    return fabs((double)is - (double)want) / (double)want;
}

TEST(single_values_are_good_to_one_in_128)
{
    double worst = 0;

    for (double ns = 1; ns < 0x1p40; ns *= 1.001) {
        uint64_t value = (uint64_t)ns;

        /* With a larger and a smaller value beside it, nothing but the bucket decides. */
        histogram_clear(&histogram);
        histogram_add(&histogram, 1);
        histogram_add(&histogram, value);
        histogram_add(&histogram, UINT64_C(1) << 41);
        worst = fmax(worst, relative_error(histogram_quantile(&histogram, 0.5), value));
    }
    assert_true(worst <= 1.0 / 128);
    assert_true(worst > 0.9 / 128); /* or this test looks at nothing */
}

TEST(buckets_follow_each_other_without_gap)
{
    unsigned before = histogram_bucket(0);

    assert_int_equal(before, 0);
    for (uint64_t ns = 1; ns < 100000; ns++) {
        unsigned bucket = histogram_bucket(ns);

        assert_true(bucket == before || bucket == before + 1);
        before = bucket;
    }
    assert_int_equal(histogram_bucket((UINT64_C(1) << 40) - 1), HISTOGRAM_BUCKETS - 2);
    assert_int_equal(histogram_bucket(UINT64_C(1) << 40), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

/* Every whole microsecond once: the q-quantile is q times the largest. */
TEST(quantiles_of_a_uniform_distribution)
{
    static const double qs[] = {0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999};

    histogram_clear(&histogram);
    for (uint64_t us = 1; us <= 100000; us++)
        histogram_add(&histogram, us * 1000);
    for (size_t i = 0; i < sizeof qs / sizeof qs[0]; i++) {
        uint64_t want = (uint64_t)(qs[i] * 1e8 + 0.5);

        assert_true(relative_error(histogram_quantile(&histogram, qs[i]), want) <= 0.01);
    }
    assert_int_equal(histogram_mean(&histogram), 50000500);
}

/* The q-quantile of an exponential distribution is -ln(1 - q) times its mean. */
TEST(quantiles_of_an_exponential_distribution)
{
    enum { N = 200000 };

    histogram_clear(&histogram);
    for (int i = 0; i < N; i++)
        histogram_add(&histogram, (uint64_t)(-log(1 - (i + 0.5) / N) * 1e6));
    for (double q = 0.05; q < 1; q += 0.05)
        assert_true(relative_error(histogram_quantile(&histogram, q),
                                   (uint64_t)(-log(1 - q) * 1e6)) <= 0.01);
}

TEST(quantile_is_a_value_that_enough_values_do_not_exceed)
{
    histogram_clear(&histogram);
    for (int i = 0; i < 99; i++)
        histogram_add(&histogram, 10);
    histogram_add(&histogram, 60);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 10);
    assert_int_equal(histogram_quantile(&histogram, 0.991), 60);
    assert_int_equal(histogram_quantile(&histogram, 1), 60);
}

TEST(nothing_lies_outside_of_what_was_seen)
{
    histogram_clear(&histogram);
    histogram_add(&histogram, 1000001);
    histogram_add(&histogram, 1000002);
    assert_in_range(histogram_quantile(&histogram, 0.5), 1000001, 1000002);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 1000002);
    assert_int_equal(histogram.min_ns, 1000001);
    assert_int_equal(histogram.max_ns, 1000002);
}

TEST(empty_histogram_is_all_zero)
{
    histogram_clear(&histogram);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
    assert_int_equal(histogram_mean(&histogram), 0);
}

TEST(merging_halves_gives_the_whole)
{
    static struct histogram whole;

    histogram_clear(&whole);
    histogram_clear(&histogram);
    histogram_clear(&other);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t ns = i * i * 7 % 1000003;

        histogram_add(&whole, ns);
        histogram_add(i % 3 == 0 ? &histogram : &other, ns);
    }
    histogram_merge(&histogram, &other);
    assert_memory_equal(&histogram, &whole, sizeof whole);
    histogram_clear(&other);
    histogram_merge(&histogram, &other);
    assert_memory_equal(&histogram, &whole, sizeof whole);
    histogram_merge(&other, &whole);
    assert_memory_equal(&other, &whole, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_values_are_good_to_one_in_128),
        cmocka_unit_test(buckets_follow_each_other_without_gap),
        cmocka_unit_test(quantiles_of_a_uniform_distribution),
        cmocka_unit_test(quantiles_of_an_exponential_distribution),
        cmocka_unit_test(quantile_is_a_value_that_enough_values_do_not_exceed),
        cmocka_unit_test(nothing_lies_outside_of_what_was_seen),
        cmocka_unit_test(empty_histogram_is_all_zero),
        cmocka_unit_test(merging_halves_gives_the_whole),
    };

    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
