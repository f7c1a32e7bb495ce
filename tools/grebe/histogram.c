/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#include <string.h>

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->n == 0)
        return;
    if (into->n == 0 || from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    into->n += from->n;
    into->sum_ns += from->sum_ns;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

/* The inverse of histogram_bucket(). */
static uint64_t middle_of(unsigned bucket)
{
    unsigned exponent;
    uint64_t low;

    if (bucket < 2u << HISTOGRAM_BITS)
        return bucket; /* a nanosecond wide */
    exponent = (bucket >> HISTOGRAM_BITS) - 1;
    low = (uint64_t)(bucket - (exponent << HISTOGRAM_BITS)) << exponent;
    return low + (UINT64_C(1) << exponent) / 2;
}

/* How many values lie at or below the quantile: at least one, at most all. */
static uint64_t rank_of(double q, uint64_t n)
{
    double exact = q * (double)n;
    uint64_t rank = (uint64_t)exact;

    if ((double)rank < exact)
        rank++;
    return rank < 1 ? 1 : rank > n ? n : rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
    uint64_t rank, seen = 0;

    if (histogram->n == 0)
        return 0;
    rank = rank_of(q, histogram->n);
    if (rank == histogram->n)
        return histogram->max_ns;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            uint64_t value = middle_of(i);

            if (value < histogram->min_ns)
                return histogram->min_ns;
            return value < histogram->max_ns ? value : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return histogram->n == 0 ? 0 : histogram->sum_ns / histogram->n;
}
