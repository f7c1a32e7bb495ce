/* SPDX-License-Identifier: Apache-2.0 */
/* conformance.h -- grebe lab --conformance: which rules of its contract a policy keeps. */
#ifndef TOOL_CONFORMANCE_H
#define TOOL_CONFORMANCE_H

#include "options.h"

struct conformance_args {
    bool is_asked;
    const char *config;     /* JSON; NULL: the example for that policy, or {} */
    struct text_list rules; /* only these; empty: all */
};

extern const struct option_spec
    conformance_options[]; /* --conformance, --config, --rule */

/* Runs every rule and prints the verdicts; gives EXIT_FINE, EXIT_FAILED if one is broken,
 * or EXIT_USAGE.  `policy` NULL: it was not given. */
int conformance_run(const char *policy, const struct conformance_args *args,
                    bool is_json);

#endif
