/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/plugin.h -- policies and resolvers that come in a shared object.
 *
 * The shared object includes this header, fills one struct, and exports one function:
 *
 *   static const struct grebe_balancer_builder *const balancers[] = {&sticky, NULL};
 *   static const struct grebe_plugin plugin = {
 *       .api = GREBE_PLUGIN_API, .name = "sticky", .balancers = balancers};
 *
 *   GREBE_PLUGIN_EXPORT const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api)
 *   {
 *       return host_api >= GREBE_PLUGIN_API ? &plugin : NULL;
 *   }
 *
 * It is linked without libgrebe: the library is that of the program that loads it.
 *
 * A program registers what is in there with grebe_plugin_load(); after that a service
 * config names its policies, and a target its schemes, as if they were built in.
 *
 * Versions    The function tells the two sides' layouts to each other: the host hands over
 *             the newest struct grebe_plugin it can read, and the plug-in says in `api`
 *             which one it filled.  Each builder carries the api of its own header.
 * Ownership   All of it is static storage of the shared object, which stays loaded until
 *             the process ends: policies, pickers and calls may outlive any moment at
 *             which it would be safe to unload it.
 * Threading   Any thread.
 */
#ifndef GREBE_PLUGIN_H
#define GREBE_PLUGIN_H

#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/balancer.h>
#include <grebe/error.h>
#include <grebe/resolver.h>

GREBE_BEGIN_DECLS

#define GREBE_PLUGIN_API 1 /* grows when struct grebe_plugin does */

struct grebe_plugin {
    uint32_t api;                                          /* GREBE_PLUGIN_API */
    const char *name;                                      /* for messages */
    const struct grebe_balancer_builder *const *balancers; /* ends with NULL; or NULL */
    const struct grebe_resolver_builder *const *resolvers; /* likewise */
};

/* What a plug-in exports.  NULL: it cannot work with this host. */
#define GREBE_PLUGIN_EXPORT __attribute__((visibility("default")))
GREBE_PLUGIN_EXPORT const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api);

/* Load the shared object `path` and register what it has, all of it or nothing.  A name
 * without a slash is looked for as the dynamic loader does.  Loading it again registers
 * it again.
 *
 * GREBE_ERR_SYSTEM: it could not be loaded.  GREBE_ERR_INVALID: it is no plug-in, or a
 * builder of it is not complete.  GREBE_ERR_UNSUPPORTED: one side is too old for the
 * other.  GREBE_ERR_NOMEM.  `diag` says which file, what, and how to mend it. */
GREBE_API int grebe_plugin_load(const char *path,
                                struct grebe_diag *diag) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
