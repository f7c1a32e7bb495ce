/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/plugin.h: everything is looked at before anything is registered. */
#include <grebe/plugin.h>

#include <grebe/registry.h>

#include "io/shared_object.h"

typedef const struct grebe_plugin *(*entry_fn)(uint32_t host_api);

/* A builder as the registry will take it, or why it will not. */
static int check_builder(const char *path, const char *kind, const char *name,
                         uint32_t api, uint32_t newest, bool has_build,
                         struct grebe_diag *diag)
{
    if (name == NULL || name[0] == '\0') {
        grebe_diag_set(diag, "%s: a %s of it has no name", path, kind);
        return GREBE_ERR_INVALID;
    }
    if (api > newest) {
        grebe_diag_set(
            diag,
            "%s: %s \"%s\" was compiled for interface %u and this grebe has %u: "
            "compile it with the headers of this grebe",
            path, kind, name, (unsigned)api, (unsigned)newest);
        return GREBE_ERR_UNSUPPORTED;
    }
    if (api == 0 || !has_build) {
        grebe_diag_set(diag, "%s: %s \"%s\" has no %s", path, kind, name,
                       api == 0 ? "api" : "build()");
        return GREBE_ERR_INVALID;
    }
    return GREBE_OK;
}

static int check(const char *path, const struct grebe_plugin *plugin,
                 struct grebe_diag *diag)
{
    int result = GREBE_OK;

    for (size_t i = 0;
         plugin->balancers != NULL && plugin->balancers[i] != NULL && result == GREBE_OK;
         i++) {
        const struct grebe_balancer_builder *it = plugin->balancers[i];

        result = check_builder(path, "balancer", it->name, it->api, GREBE_BALANCER_API,
                               it->build != NULL, diag);
    }
    for (size_t i = 0;
         plugin->resolvers != NULL && plugin->resolvers[i] != NULL && result == GREBE_OK;
         i++) {
        const struct grebe_resolver_builder *it = plugin->resolvers[i];

        result = check_builder(path, "resolver", it->scheme, it->api, GREBE_RESOLVER_API,
                               it->build != NULL, diag);
    }
    return result;
}

/* Out of memory half-way: what was registered is complete and may stay. */
static int register_all(const struct grebe_plugin *plugin)
{
    int result = GREBE_OK;

    for (size_t i = 0;
         plugin->balancers != NULL && plugin->balancers[i] != NULL && result == GREBE_OK;
         i++)
        result = grebe_balancer_register(plugin->balancers[i]);
    for (size_t i = 0;
         plugin->resolvers != NULL && plugin->resolvers[i] != NULL && result == GREBE_OK;
         i++)
        result = grebe_resolver_register(plugin->resolvers[i]);
    return result;
}

/* The struct that the plug-in filled; NULL, and *result says why, if there is none. */
static const struct grebe_plugin *open_plugin(const char *path, int *result,
                                              struct grebe_diag *diag)
{
    const struct grebe_plugin *plugin;
    void *symbol = NULL;
    entry_fn entry;

    *result = grebe__shared_object_symbol(path, "grebe_plugin_entry", &symbol, diag);
    if (*result != GREBE_OK)
        return NULL;
    if (symbol == NULL) {
        grebe_diag_set(diag,
                       "%s: it has no grebe_plugin_entry(), so it is no plug-in: "
                       "grebe/plugin.h says what one exports",
                       path);
        *result = GREBE_ERR_INVALID;
        return NULL;
    }
    *(void **)&entry = symbol; /* POSIX: how an object pointer becomes a function's */
    plugin = entry(GREBE_PLUGIN_API);
    if (plugin == NULL || plugin->api == 0 || plugin->api > GREBE_PLUGIN_API) {
        grebe_diag_set(diag,
                       "%s: it does not work with plug-in interface %d, which this grebe "
                       "has: compile it with the headers of this grebe",
                       path, GREBE_PLUGIN_API);
        *result = GREBE_ERR_UNSUPPORTED;
        return NULL;
    }
    return plugin;
}

int grebe_plugin_load(const char *path, struct grebe_diag *diag)
{
    int result;
    const struct grebe_plugin *plugin = open_plugin(path, &result, diag);

    if (plugin == NULL)
        return result;
    result = check(path, plugin, diag);
    if (result == GREBE_OK && (result = register_all(plugin)) != GREBE_OK)
        grebe_diag_set(diag, "%s: %s", path, grebe_strerror(result));
    return result;
}
