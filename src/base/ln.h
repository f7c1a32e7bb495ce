/* SPDX-License-Identifier: Apache-2.0 */
/* base/ln.h -- the natural logarithm, the same bits on every machine.
 *
 * libm may round differently from one system to the next; what decides where a call goes
 * must not.  These are additions, multiplications and one division of doubles, which IEEE
 * 754 defines to the last bit; base/log2.h does without doubles, and takes ten times as
 * long.
 *
 * With the operand m * 2^e, m near 1, ln(m) = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1).
 * As m is between sqrt(1/2) and sqrt(2), s^2 is less than 0.0295, and what the twelfth term
 * and those after it would add is less than 2^-60 of the result.
 */
#ifndef GREBE_BASE_LN_H
#define GREBE_BASE_LN_H

#include <stdint.h>
#include <string.h>

/* x > 0, and not so small that it is denormal. */
static inline double grebe__ln(double x)
{
    static const double ln_of_2 = 0x1.62e42fefa39efp-1;
    uint64_t bits;
    double m, s, square, series = 1.0 / 23;
    int e;

    memcpy(&bits, &x, sizeof bits);
    e = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&m, &bits, sizeof m); /* in [1, 2) */
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    s = (m - 1) / (m + 1);
    square = s * s;
    for (int k = 21; k >= 1; k -= 2) {
        series *= square;
        series += 1.0 / k;
    }
    series *= 2 * s;
    return e * ln_of_2 + series;
}

#endif
