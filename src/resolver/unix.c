/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/unix.h"

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "resolver/fixed.h"

static char network_unix[] = "unix";

/* Path or opaque part, unlike the endpoint, keep their leading slash. */
static int get_name(const struct grebe_target *target, struct grebe_diag *diag,
                    const char **out)
{
    const char *name = target->path[0] != '\0' ? target->path : target->opaque;

    if (target->authority[0] != '\0') {
        grebe__diag_quote(diag, target->authority, strlen(target->authority),
                          "invalid (non-empty) authority");
        return GREBE_ERR_TARGET;
    }
    if (name[0] == '\0') {
        grebe_diag_set(diag, "%s: missing name of the socket", target->scheme);
        return GREBE_ERR_TARGET;
    }
    *out = name;
    return GREBE_OK;
}

static int publish(struct grebe_resolver_conn *conn, const char *prefix, const char *name,
                   struct grebe_resolver **out)
{
    const struct grebe_mem *mem = grebe_resolver_conn_mem(conn);
    size_t size = strlen(prefix) + strlen(name) + 1;
    const struct grebe_attributes *attributes;
    char *address;
    int error = grebe_attributes_with(mem, NULL, &GREBE_ATTRIBUTE_NETWORK, network_unix,
                                      &attributes);

    if (error != GREBE_OK)
        return error;
    address = grebe_mem_alloc(mem, size);
    if (address == NULL) {
        grebe_attributes_unref(attributes);
        return GREBE_ERR_NOMEM;
    }
    snprintf(address, size, "%s%s", prefix, name);
    error = grebe__fixed_resolver_new_single(conn, address, attributes, out);
    grebe_mem_free(mem, address);
    grebe_attributes_unref(attributes);
    return error;
}

static int build_path(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                      const struct grebe_resolver_options *options,
                      struct grebe_diag *diag, struct grebe_resolver **out)
{
    const char *path;
    int error = get_name(target, diag, &path);

    (void)options;
    return error != GREBE_OK ? error : publish(conn, "", path, out);
}

static int build_abstract(const struct grebe_target *target,
                          struct grebe_resolver_conn *conn,
                          const struct grebe_resolver_options *options,
                          struct grebe_diag *diag, struct grebe_resolver **out)
{
    const char *name;
    int error = get_name(target, diag, &name);

    (void)options;
    return error != GREBE_OK ? error : publish(conn, "@", name, out);
}

static size_t authority(const struct grebe_target *target, char *buf, size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    (void)target;
    grebe__text_append(&text, "localhost", 9);
    return text.length;
}

const struct grebe_resolver_builder grebe__unix_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "unix",
    .build = build_path,
    .authority = authority,
};

const struct grebe_resolver_builder grebe__unix_abstract_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "unix-abstract",
    .build = build_abstract,
    .authority = authority,
};
