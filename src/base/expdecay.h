/* SPDX-License-Identifier: Apache-2.0 */
/* base/expdecay.h -- e^-x, the same bits on every machine: how much of something that fades
 * is left.
 *
 * libm may round differently from one system to the next, and what decides where calls go
 * must not.  Here e^-x is 2^-(k/256) * 2^-(u/256): k, which is whole, goes into the exponent
 * and into a table of 256 entries, and the rest, |u| <= 1/2, into the first terms of the series.
 * All of that is done with additions and multiplications of doubles, which round alike
 * everywhere as long as no compiler makes one operation of two (-ffp-contract=off).  The terms
 * that are left out are below (ln(2) / 512)^4 / 24: the result is true to twelve digits.
 *
 * There is one way for all x, without a jump or a division.
 */
#ifndef GREBE_BASE_EXPDECAY_H
#define GREBE_BASE_EXPDECAY_H

#include <stdint.h>
#include <string.h>

/* 2^-(i/256), rounded. */
extern const double grebe__expdecay_table[256];

/* x >= 0.  0 where the result would be below 2^-1000. */
static inline double grebe__expdecay(double x)
{
    static const double whole = 0x1.8p+52; /* what is added to it is rounded, to even */
    double y = x * 0x1.71547652b82fep+8;   /* 256 / ln 2: e^-x is 2^-(y/256) */
    double rounded = y + whole;
    double u = y - (rounded - whole);
    double rest = (1 - u * 0x1.62e42fefa39efp-9) +
                  u * u * (0x1.ebfbdff82c58fp-19 - u * 0x1.c6b08d704a0cp-29);
    double power;
    uint64_t k, bits;

    if (!(y < 256000))
        return 0;
    memcpy(&k, &rounded, sizeof k); /* its lower bits are the number */
    memcpy(&bits, &grebe__expdecay_table[k & 255], sizeof bits);
    bits -= (k >> 8) << 52;
    memcpy(&power, &bits, sizeof power);
    return power * rest;
}

#endif
