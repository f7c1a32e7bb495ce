/* SPDX-License-Identifier: Apache-2.0 */
/* base/ip.h -- is this text an IP address?
 *
 * The answer is the same on every system because no system function is asked.  Addresses
 * are what Go's netip.ParseAddr accepts: dotted decimal without leading zeros, and
 * RFC 4291 2.2 with an optional "%zone" (RFC 4007 11), without brackets.
 */
#ifndef GREBE_BASE_IP_H
#define GREBE_BASE_IP_H

#include <stddef.h>

enum grebe__ip_family {
    GREBE__IP_NONE, /* a name, or nonsense */
    GREBE__IP_V4,
    GREBE__IP_V6,
};

enum grebe__ip_family grebe__ip_family_of(const char *text, size_t length);

#endif
