/* SPDX-License-Identifier: Apache-2.0 */
/* io/address.h -- from the text of an address to something connect() takes.
 *
 *   10.0.0.1:443   [2001:db8::1]:443   [fe80::1%eth0]:443       a socket address
 *   unix:path   unix:/path   unix:///path   unix-abstract:name  a socket address
 *   path   @abstract-name       the same, for addresses whose network is "unix"
 *   host:443   host:https       a name for the DNS, and a port
 *
 * Threading   Any thread.
 */
#ifndef GREBE_IO_ADDRESS_H
#define GREBE_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "channelz/counts.h"

struct grebe__socket_address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } as;
};

enum { GREBE__HOST_MAX = 255 };

struct grebe__destination {
    bool is_name;                        /* `host` and `port`; else `socket` */
    struct grebe__socket_address socket; /* ready for connect() */
    char host[GREBE__HOST_MAX + 1];
    uint16_t port;
};

/* `is_local`: the address is a Unix socket even if its text does not say so.  NULL, or
 * what is wrong with `text`: static, "the port is missing". */
const char *grebe__destination_parse(const char *text, bool is_local,
                                     struct grebe__destination *out);

/* `ip` as the DNS port gives it: "10.0.0.1", "fe80::1%eth0".  False if it is none. */
bool grebe__socket_address_of_ip(const char *ip, uint16_t port,
                                 struct grebe__socket_address *out);

/* What the book shows of it, and its text, which `out` refers to: "" for a socket without
 * a name. */
enum { GREBE__ADDRESS_TEXT = 128 };
void grebe__socket_address_show(const struct grebe__socket_address *address,
                                char text[GREBE__ADDRESS_TEXT],
                                struct grebe__socket_end *out);

#endif
