/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dns_order.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/attr.h>

/* The scopes of RFC 4291 2.7; for unicast, RFC 6724 3.1 and 3.2. */
enum { SCOPE_LINK = 0x2, SCOPE_SITE = 0x5, SCOPE_GLOBAL = 0xe };

static bool has_prefix(const struct in6_addr *address, const struct in6_addr *prefix,
                       unsigned bits)
{
    unsigned bytes = bits / 8, mask = (0xff00u >> bits % 8) & 0xff;

    return memcmp(address, prefix, bytes) == 0 &&
           (mask == 0 ||
            ((address->s6_addr[bytes] ^ prefix->s6_addr[bytes]) & mask) == 0);
}

static unsigned scope_of(const struct in6_addr *address)
{
    const uint8_t *bytes = address->s6_addr;

    if (IN6_IS_ADDR_MULTICAST(address))
        return bytes[1] & 0xf;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        bool is_link = bytes[12] == 127 || (bytes[12] == 169 && bytes[13] == 254);

        return is_link ? SCOPE_LINK : SCOPE_GLOBAL;
    }
    if (IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_LOOPBACK(address))
        return SCOPE_LINK;
    return IN6_IS_ADDR_SITELOCAL(address) ? SCOPE_SITE : SCOPE_GLOBAL;
}

struct policy {
    struct in6_addr prefix;
    unsigned bits, precedence, label;
};

#define BYTES(...)                                                                       \
    {                                                                                    \
        .s6_addr = { __VA_ARGS__ }                                                       \
    }

/* Longest prefix first, so that the first match is the one that counts. */
static const struct policy policies[] = {
    {BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 128, 50, 0}, /* ::1 */
    {BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 96, 35, 4},        /* IPv4 */
    {BYTES(0), 96, 1, 3},           /* IPv4-compatible */
    {BYTES(0x20, 1), 32, 5, 5},     /* Teredo */
    {BYTES(0x20, 2), 16, 30, 2},    /* 6to4 */
    {BYTES(0x3f, 0xfe), 16, 1, 12}, /* 6bone */
    {BYTES(0xfe, 0xc0), 10, 1, 11}, /* site-local */
    {BYTES(0xfc), 7, 3, 13},        /* unique local */
    {BYTES(0), 0, 40, 1},
};

static const struct policy *policy_of(const struct in6_addr *address)
{
    const struct policy *policy = policies;

    while (!has_prefix(address, &policy->prefix, policy->bits))
        policy++;
    return policy;
}

/* One digit for each rule, the most important first. */
static unsigned rank(const struct grebe__dns_route *route)
{
    const struct policy *to = policy_of(&route->to);
    unsigned rank = to->precedence;

    if (!route->is_reachable)
        return rank;
    rank += policy_of(&route->from)->label == to->label ? 100 : 0;
    rank += scope_of(&route->from) == scope_of(&route->to) ? 200 : 0;
    return rank + 400;
}

bool grebe__dns_route_is_better(const struct grebe__dns_route *a,
                                const struct grebe__dns_route *b)
{
    return rank(a) > rank(b);
}

/* ---- The system ---------------------------------------------------------------------- */

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static struct in6_addr as_v6(const union any_address *address)
{
    struct in6_addr mapped = policies[1].prefix;

    if (address->any.sa_family == AF_INET6)
        return address->v6.sin6_addr;
    memcpy(mapped.s6_addr + 12, &address->v4.sin_addr, 4);
    return mapped;
}

/* Connecting a datagram socket chooses a source, and that is all it does. */
static bool find_source(const union any_address *to, union any_address *from)
{
    socklen_t length = to->any.sa_family == AF_INET ? sizeof to->v4 : sizeof to->v6;
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_found;

    if (fd < 0)
        return false;
    is_found = connect(fd, &to->any, length) == 0;
    length = sizeof *from;
    is_found = is_found && getsockname(fd, &from->any, &length) == 0;
    close(fd);
    return is_found;
}

struct grebe__dns_route grebe__dns_route_to(const struct sockaddr *address)
{
    struct grebe__dns_route route = {.is_reachable = false};
    union any_address to = {0}, from = {0};
    const in_port_t port = htons(53); /* any: 0 is no port to connect to */

    if (address->sa_family == AF_INET) {
        memcpy(&to.v4, address, sizeof to.v4);
        to.v4.sin_port = port;
    } else {
        memcpy(&to.v6, address, sizeof to.v6);
        to.v6.sin6_port = port;
    }
    route.to = as_v6(&to);
    route.is_reachable = find_source(&to, &from);
    if (route.is_reachable)
        route.from = as_v6(&from);
    return route;
}
