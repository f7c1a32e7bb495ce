/* SPDX-License-Identifier: Apache-2.0 */
/* base/expdecay.h -- e^-x, the same bits on every machine: how much of something that fades
 * is left.
 *
 * libm may round differently from one system to the next, and what decides where calls go
 * must not.  Here e^-x is 2^-(k/64) * e^-t: k / 64 goes into the exponent and into a table of
 * 64 entries, and the rest, at most ln(2) / 128, into the first terms of the series.  All of
 * that is done with additions and multiplications of doubles, which round alike everywhere as
 * long as no compiler makes one operation of two (-ffp-contract=off).  The terms that are
 * left out are below t^5 / 120.  Where next to nothing has faded, as on a path that many calls
 * take, x itself goes into four terms, and what is left out is below x^4 / 24.  Either way the
 * result is true to twelve digits.
 */
#ifndef GREBE_BASE_EXPDECAY_H
#define GREBE_BASE_EXPDECAY_H

/* The same for x that are not near 0. */
double grebe__expdecay_far(double x);

/* x >= 0.  0 where the result would be below 2^-1000. */
static inline double grebe__expdecay(double x)
{
    static const double near = 1e-3;

    return x < near ? 1 - x + x * x * (0.5 - x * (1.0 / 6)) : grebe__expdecay_far(x);
}

#endif
