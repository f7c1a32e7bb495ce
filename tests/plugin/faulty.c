/* SPDX-License-Identifier: Apache-2.0 */
/* faulty.c -- plug-ins that must be refused: one for each FAULT_* it is compiled with. */
#include <grebe/plugin.h>

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)cc, (void)options, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

static const struct grebe_balancer_builder good = {
    .api = GREBE_BALANCER_API,
    .name = "good_half",
    .build = build,
};

static const struct grebe_balancer_builder bad = {
#if defined(FAULT_newer_balancer)
    .api = GREBE_BALANCER_API + 1,
#else
    .api = GREBE_BALANCER_API,
#endif
#if !defined(FAULT_nameless)
    .name = "bad_half",
#endif
#if !defined(FAULT_half)
    .build = build,
#endif
};

static const struct grebe_balancer_builder *const balancers[] = {&good, &bad, NULL};
static const struct grebe_plugin plugin = {
#if defined(FAULT_newer_plugin)
    .api = GREBE_PLUGIN_API + 1,
#else
    .api = GREBE_PLUGIN_API,
#endif
    .name = "faulty",
    .balancers = balancers,
};

#if defined(FAULT_unresolved)
void function_that_nobody_has(void);
#endif

#if defined(FAULT_no_entry)
GREBE_PLUGIN_EXPORT const struct grebe_plugin *some_other_entry(uint32_t host_api);
#define grebe_plugin_entry some_other_entry
#endif

const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api)
{
#if defined(FAULT_unresolved)
    function_that_nobody_has();
#endif
#if defined(FAULT_refuses)
    host_api = 0; /* as if it were too old */
#endif
    return host_api >= 1 ? &plugin : NULL;
}
