/* SPDX-License-Identifier: Apache-2.0 */
/* base/expdecay.h -- e^-x, the same bits on every machine: how much of something that fades
 * is left.
 *
 * libm may round differently from one system to the next, and what decides where calls go
 * must not.  Here e^-x is 2^-(k + i/64) * e^-t: k goes into the exponent, i into a table of
 * 64 entries, and the rest, t < ln(2) / 64, into the first terms of the series, with
 * integers.  The terms that are left out are below t^5 / 120, so the result is true to
 * twelve digits; it takes four multiplications and no division.
 */
#ifndef GREBE_BASE_EXPDECAY_H
#define GREBE_BASE_EXPDECAY_H

#include <stdint.h>
#include <string.h>

/* 2^-(i/64) * 2^63, rounded. */
static const uint64_t grebe__expdecay_table[64] = {
    0x8000000000000000, 0x7e9f06067a4360ba, 0x7d41d96db915019d, 0x7be86fb985689ddc,
    0x7a92be8a92436616, 0x7940bb9e2cffd89d, 0x77f25ccdee6d7ae6, 0x76a7980f6cca15c2,
    0x75606373ee921c97, 0x741cb5281e25ee34, 0x72dc8373be41a454, 0x719fc4b95f452d29,
    0x70666f76154a7089, 0x6f307a412f074892, 0x6dfddbcbed791bab, 0x6cce8ae13c57ebdb,
    0x6ba27e656b4eb57a, 0x6a79ad55e7f6fd10, 0x69540ec8f895722d, 0x683199ed779592ca,
    0x6712460a8fc24072, 0x65f60a7f79393e2e, 0x64dcdec3371793d1, 0x63c6ba6455dcd8ae,
    0x62b39508aa836d6f, 0x61a3666d124bb204, 0x6096266533384a2b, 0x5f8bccdb3d398841,
    0x5e8451cfac061b5f, 0x5d7fad59099f22fe, 0x5c7dd7a3b17dcf75, 0x5b7ec8f19468bbc9,
    0x5a827999fcef3242, 0x5988e20954889245, 0x5891fac0e95612c8, 0x579dbc56b48521ba,
    0x56ac1f752150a563, 0x55bd1cdad49f699c, 0x54d0ad5a753e077c, 0x53e6c9da74b29ab5,
    0x52ff6b54d8a89c75, 0x521a8ad704f3404f, 0x513821818624b40c, 0x50582887dcb8a7e1,
    0x4f7a993048d088d7, 0x4e9f6cd3967fdba8, 0x4dc69cdceaa72a9c, 0x4cf022c9905bfd32,
    0x4c1bf828c6dc54b8, 0x4b4a169b900c2d00, 0x4a7a77d47f7b84b1, 0x49ad159789f37496,
    0x48e1e9b9d588e19b, 0x4818ee218a3358ee, 0x47521cc5a2e6a9e0, 0x468d6fadbf2dd4f3,
    0x45cae0f1f545eb73, 0x450a6abaa4b77ecd, 0x444c0740496d4294, 0x438fb0cb4f468808,
    0x42d561b3e6243d8a, 0x421d1461d66f2023, 0x4166c34c5615d0ec, 0x40b268f9de0183ba,
};

static inline uint64_t grebe__expdecay_high(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)(product >> 64);
}

/* x >= 0.  0 where the result would be below 2^-1000. */
static inline double grebe__expdecay(double x)
{
    double y = x * 0x1.71547652b82fep0; /* 1 / ln 2: e^-x is 2^-y */
    uint64_t whole, left, t, part, bits;
    unsigned i;
    double scale;

    if (!(y < 1000))
        return 0;
    whole = (uint64_t)y;
    left = (uint64_t)((y - (double)whole) * 0x1p64); /* exact */
    i = (unsigned)(left >> 58);
    left &= UINT64_MAX >> 6;
    t = grebe__expdecay_high(left, 0xb17217f7d1cf79ab); /* times ln 2, of 2^64 */
    /* 1 - t (1 - t (1/2 - t (1/6 - t/24))), of 2^63 */
    part = 0x1555555555555555 - grebe__expdecay_high(t, 0x0555555555555555);
    part = 0x4000000000000000 - grebe__expdecay_high(t, part);
    part = 0x8000000000000000 - grebe__expdecay_high(t, part);
    part = 0x8000000000000000 - grebe__expdecay_high(t, part);
    part = grebe__expdecay_high(part, grebe__expdecay_table[i]) << 1;
    bits = (1023 - whole) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return (double)part * 0x1p-63 * scale;
}

#endif
