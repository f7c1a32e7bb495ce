/* SPDX-License-Identifier: Apache-2.0 */
/* base/log2.h -- the logarithm of a random number, the same bits on every machine.
 *
 * libm may round differently from one system to the next; what decides an order must not.
 * Here are integers alone: with the operand scaled into [1, 2), squaring it doubles its
 * logarithm, so whether the square reaches 2 is the next binary digit.
 *
 * Every squaring cuts off less than 2^-63 of its result, which is 2^-63 / ln 2 in the
 * logarithm and counts half as much with each digit: less than 2^-61 in all, far below the
 * last digit, 2^-53.  Squaring and cutting keep order, so a smaller operand never has the
 * larger logarithm.
 */
#ifndef GREBE_BASE_LOG2_H
#define GREBE_BASE_LOG2_H

#include <stdint.h>

enum {
    GREBE__LOG2_DIGITS = 53,   /* after the point: those of a double in [0.5, 1) */
    GREBE__LOG2_OF_ZERO = 1074 /* 2^-1074 is the smallest positive double */
};

/* -log2(u) * 2^53 for u = random / 2^64, rounded up; never 0.  u = 0, which has no
 * logarithm, reads as the smallest positive double. */
static inline uint64_t grebe__neg_log2(uint64_t random)
{
    uint64_t x, log2 = 0;
    unsigned shift;

    if (random == 0)
        return (uint64_t)GREBE__LOG2_OF_ZERO << GREBE__LOG2_DIGITS;
    shift = (unsigned)__builtin_clzll(random);
    x = random << shift; /* in [1, 2), 63 digits after the point */
    for (unsigned i = 0; i < GREBE__LOG2_DIGITS; i++) {
        __extension__ unsigned __int128 square = (unsigned __int128)x * x;
        unsigned digit = (unsigned)(square >> 127);

        log2 = log2 << 1 | digit;
        x = (uint64_t)(square >> (63 + digit));
    }
    return ((uint64_t)(shift + 1) << GREBE__LOG2_DIGITS) - log2;
}

#endif
