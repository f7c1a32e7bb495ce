/* SPDX-License-Identifier: Apache-2.0 */
/* proxy_args.h -- the options about an HTTP proxy, and what the environment says of it.
 *
 * The library never looks into the environment: that is done here.
 */
#ifndef TOOL_PROXY_ARGS_H
#define TOOL_PROXY_ARGS_H

#include <stdbool.h>

#include <grebe/channel.h>

#include "options.h"

struct proxy_args {
    const char *proxy, *no_proxy; /* NULL: not given; "": none */
    bool resolves_locally;
};

extern const struct option_spec proxy_options[];

/* Puts them into `options`.  What is not given comes from HTTPS_PROXY and NO_PROXY, or the
 * same in lower case, if `uses_environment`. */
void proxy_apply(const struct proxy_args *args, bool uses_environment,
                 struct grebe_channel_options *options);

#endif
