/* SPDX-License-Identifier: Apache-2.0 */
/* plugins.h -- the option of every verb that lets policies and resolvers be loaded. */
#ifndef TOOL_PLUGINS_H
#define TOOL_PLUGINS_H

#include "options.h"

struct plugin_args {
    struct text_list files; /* shared objects */
};

extern const struct option_spec plugin_options[]; /* --load FILE.so */

/* Before anything asks for a policy or a scheme by name.  What is wrong is said on stderr;
 * gives EXIT_FINE, EXIT_USAGE, or EXIT_FAILED for want of memory. */
int plugins_load(const char *verb, const struct plugin_args *args);

#endif
