/* SPDX-License-Identifier: Apache-2.0 */
/* base/ip.h -- is this text an IP address?
 *
 * The answer is the same on every system because no system function is asked.  Addresses
 * are what Go's netip.ParseAddr accepts: dotted decimal without leading zeros, and
 * RFC 4291 2.2 with an optional "%zone" (RFC 4007 11), without brackets.
 */
#ifndef GREBE_BASE_IP_H
#define GREBE_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>

enum grebe__ip_family {
    GREBE__IP_NONE, /* a name, or nonsense */
    GREBE__IP_V4,
    GREBE__IP_V6,
};

enum grebe__ip_family grebe__ip_family_of(const char *text, size_t length);

/* An address as numbers, without its zone. */
struct grebe__ip {
    enum grebe__ip_family family;
    unsigned char bytes[16]; /* 4 of them, or all; the others are 0 */
};

/* What `text` says; the family is NONE if it is no address. */
struct grebe__ip grebe__ip_parse(const char *text, size_t length);

/* The same family, and the first n_bits are the same: RFC 4632 3.1.  Of different families
 * no address is in the other's block, not even ::ffff:10.0.0.1 in 10.0.0.0/8. */
bool grebe__ip_is_in(const struct grebe__ip *address, const struct grebe__ip *block,
                     unsigned n_bits);

/* 127.0.0.0/8, ::1, and ::ffff:127.0.0.0/104. */
bool grebe__ip_is_loopback(const struct grebe__ip *address);

#endif
