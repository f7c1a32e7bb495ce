/* SPDX-License-Identifier: Apache-2.0 */
/* io/dns_order.h -- which family of a name's addresses is to be tried first.
 *
 * RFC 6724 orders addresses by what this machine would send from to reach them.  Asking
 * the system for that takes a socket for each address: for a thousand backends 60 ms in
 * which the loop does nothing else.  Inside a family the answer is nearly always the
 * same.  So one address of each is asked about and decides for its family; inside of it the
 * order stays that of the DNS server, which may well rotate it to spread load.
 *
 * Source      RFC 6724 6, rules 1, 2, 5 and 6, with the policy table of 2.1.
 */
#ifndef GREBE_IO_DNS_ORDER_H
#define GREBE_IO_DNS_ORDER_H

#include <netinet/in.h>
#include <stdbool.h>

/* An address, and what would be sent from to reach it.  IPv4 as ::ffff:a.b.c.d. */
struct grebe__dns_route {
    struct in6_addr to;
    struct in6_addr from;
    bool is_reachable; /* `from` is something */
};

/* `a` is to be tried before `b`.  False both ways: they are as good as each other. */
bool grebe__dns_route_is_better(const struct grebe__dns_route *a,
                                const struct grebe__dns_route *b);

/* Asks the system; no packet leaves. */
struct grebe__dns_route grebe__dns_route_to(const struct sockaddr *address);

#endif
