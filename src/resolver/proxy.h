/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/proxy.h -- which proxy there is, and who is reached without it.
 *
 *   proxy      http://user:password@host:port   scheme, credentials, port may be missing;
 *                                               the port is 80 then
 *   no_proxy   a list, with commas:
 *              *                                everybody
 *              example.com                      that host and those below it
 *              .example.com, *.example.com      those below it alone
 *              10.0.0.9, 10.0.0.0/8, ::1        addresses, as far as they are written so
 *              example.com:8080                 any of them, but that port alone
 *
 * Whatever the list says, "localhost", names below it, and loopback addresses are this
 * machine, and no proxy is asked for it.
 *
 * Sources     What Go's net/http and curl take from HTTPS_PROXY and NO_PROXY; RFC 7617
 *             (Basic); RFC 6761 6.3 (localhost).
 */
#ifndef GREBE_RESOLVER_PROXY_H
#define GREBE_RESOLVER_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/error.h>
#include <grebe/mem.h>

struct grebe__proxy {
    char *address;       /* "host:port", perhaps a name */
    char *authorization; /* "Basic ..."; NULL: none */
    char *no_proxy;      /* as it was given; NULL: none */
    bool resolves_here;  /* names are looked up on this side, and not by the proxy */
};

/* GREBE_ERR_INVALID with `diag`, which never shows credentials, or GREBE_ERR_NOMEM.
 * `no_proxy` may be NULL.  *out is to be freed if it went well. */
int grebe__proxy_init(struct grebe__proxy *out, const struct grebe_mem *mem,
                      const char *url, const char *no_proxy, struct grebe_diag *diag);
void grebe__proxy_fini(struct grebe__proxy *proxy, const struct grebe_mem *mem);

/* Is `host`, an address or a name, reached without the proxy?  `port` is its number as
 * text. */
bool grebe__proxy_spares(const struct grebe__proxy *proxy, const char *host,
                         size_t host_length, const char *port, size_t port_length);

#endif
