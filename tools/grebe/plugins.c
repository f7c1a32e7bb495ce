/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins.h"

#include <stdio.h>
#include <string.h>

#include <grebe/plugin.h>

const struct option_spec plugin_options[] = {
    {OPTION_LIST, '\0', "load", offsetof(struct plugin_args, files), "FILE.so", NULL, 0,
     "a plug-in with policies or resolvers of its own; may be repeated"},
    {.kind = OPTION_END},
};

/* A name without a slash is a file here, as for every other option; the loader would look
 * for it among the system's libraries. */
static int load(const char *path, struct grebe_diag *diag)
{
    char here[4096];

    if (strchr(path, '/') != NULL)
        return grebe_plugin_load(path, diag);
    if (snprintf(here, sizeof here, "./%s", path) >= (int)sizeof here) {
        grebe_diag_set(diag, "%.64s...: the name is too long", path);
        return GREBE_ERR_INVALID;
    }
    return grebe_plugin_load(here, diag);
}

int plugins_load(const char *verb, const struct plugin_args *args)
{
    for (size_t i = 0; i < args->files.n; i++) {
        struct grebe_diag diag;
        int result = load(args->files.items[i], &diag);

        if (result == GREBE_ERR_NOMEM)
            return options_fail(verb, "--load: %s", diag.text);
        if (result != GREBE_OK)
            return options_complain(verb, "--load: %s", diag.text);
    }
    return EXIT_FINE;
}
