/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h -- how long calls took, to within 1 %, in fixed memory.
 *
 * Log-linear: each power of two is divided into 64 equal buckets, so that a bucket is
 * at most 1/64 of its values wide and its middle is at most 1/128 = 0.78 % off.  Values
 * below 64 ns have a bucket each; values from 2^40 ns (18 minutes) on share the last
 * one.  Count, sum, smallest and largest are exact.
 *
 * Two histograms of the same calls, halved anyhow, merge into the same histogram.
 */
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 6, /* 64 buckets for each power of two */
    HISTOGRAM_TOP = 40, /* the first power of two that is not told apart any more */
    HISTOGRAM_BUCKETS = ((HISTOGRAM_TOP - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS) + 1,
};

struct histogram {
    uint64_t n;
    uint64_t sum_ns;
    uint64_t min_ns; /* valid if n > 0 */
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* All zero is empty; so is this. */
void histogram_clear(struct histogram *histogram);

/* Where `ns` is counted. */
static inline unsigned histogram_bucket(uint64_t ns)
{
    unsigned exponent;

    if (ns < UINT64_C(1) << HISTOGRAM_BITS)
        return (unsigned)ns;
    if (ns >> HISTOGRAM_TOP != 0)
        return HISTOGRAM_BUCKETS - 1;
    /* The leading bit is the one that is 2^HISTOGRAM_BITS after the shift. */
    exponent = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
    return (exponent << HISTOGRAM_BITS) + (unsigned)(ns >> exponent);
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
    if (histogram->n == 0 || ns < histogram->min_ns)
        histogram->min_ns = ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->n++;
    histogram->sum_ns += ns;
    histogram->buckets[histogram_bucket(ns)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that a share `q` of all values do not exceed, 0 < q <= 1: the middle of its
 * bucket, but never outside of what was seen.  0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

uint64_t histogram_mean(const struct histogram *histogram); /* 0 if there are none */

#endif
