/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/ip.h"

#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "resolver/fixed.h"
#include "resolver/host_port.h"
#include "resolver/target.h"

/* "[" address "%" zone "]:" port, with room to spare. */
enum { ADDRESS_BYTES = 128 };

static bool is_port_number(const char *text, size_t length)
{
    uint64_t port;

    return grebe__parse_u64(text, length, &port) && port >= 1 && port <= 65535;
}

static int add_entry(struct grebe__endpoint_list *list, enum grebe__ip_family family,
                     const char *entry, size_t length, struct grebe_diag *diag)
{
    char address[ADDRESS_BYTES];
    struct grebe__host_port parts;

    if (grebe__host_port_split(entry, length, "443", &parts) != NULL ||
        parts.family != family || !is_port_number(parts.port, parts.port_length) ||
        grebe__host_port_join(&parts, address, sizeof address) >= sizeof address) {
        grebe__diag_quote(diag, entry, length, "not an %s address with or without a port",
                          family == GREBE__IP_V4 ? "IPv4" : "IPv6");
        return GREBE_ERR_TARGET;
    }
    return grebe__endpoint_list_add(list, address, NULL);
}

static int add_entries(struct grebe__endpoint_list *list, enum grebe__ip_family family,
                       const char *entries, struct grebe_diag *diag)
{
    for (;;) {
        size_t length = strcspn(entries, ",");
        int error = add_entry(list, family, entries, length, diag);

        if (error != GREBE_OK || entries[length] == '\0')
            return error;
        entries += length + 1;
    }
}

static int build(enum grebe__ip_family family, const struct grebe_target *target,
                 struct grebe_resolver_conn *conn, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    struct grebe__endpoint_list list;
    int error;

    if (target->authority[0] != '\0') {
        grebe__diag_quote(diag, target->authority, strlen(target->authority),
                          "invalid (non-empty) authority");
        return GREBE_ERR_TARGET;
    }
    grebe__endpoint_list_init(&list, grebe_resolver_conn_mem(conn));
    error = add_entries(&list, family, target->endpoint, diag);
    if (error == GREBE_OK)
        error = grebe__fixed_resolver_new(conn, &list, out);
    grebe__endpoint_list_fini(&list);
    return error;
}

static int build_v4(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                    const struct grebe_resolver_options *options, struct grebe_diag *diag,
                    struct grebe_resolver **out)
{
    (void)options;
    return build(GREBE__IP_V4, target, conn, diag, out);
}

static int build_v6(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                    const struct grebe_resolver_options *options, struct grebe_diag *diag,
                    struct grebe_resolver **out)
{
    (void)options;
    return build(GREBE__IP_V6, target, conn, diag, out);
}

const struct grebe_resolver_builder grebe__ipv4_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "ipv4",
    .build = build_v4,
    .authority = grebe__authority_of_list,
};

const struct grebe_resolver_builder grebe__ipv6_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "ipv6",
    .build = build_v6,
    .authority = grebe__authority_of_list,
};
