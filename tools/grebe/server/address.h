/* SPDX-License-Identifier: Apache-2.0 */
/* server/address.h -- what a backend listens on: an IP address and a port, or a path. */
#ifndef TOOL_SERVER_ADDRESS_H
#define TOOL_SERVER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    char text[128];             /* "127.0.0.1:50051", "[::1]:0" or "unix:/path" */
    struct sockaddr_storage ip; /* AF_UNSPEC for a unix socket */
};

/* False, and *out is not to be used, if it is too long or not like the three above: names
 * are for clients. */
bool listen_address_parse(const char *text, struct listen_address *out);

/* The path of a unix socket; NULL for the others. */
const char *listen_address_path(const struct listen_address *address);

/* The text follows address->ip, whose port the system may have picked. */
void listen_address_format(struct listen_address *address);

#endif
