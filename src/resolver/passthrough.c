/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/passthrough.h"

#include "resolver/fixed.h"

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    if (target->endpoint[0] == '\0' && !options->has_dialer) {
        grebe_diag_set(diag, "passthrough: received empty target in Build()");
        return GREBE_ERR_TARGET;
    }
    return grebe__fixed_resolver_new_single(conn, target->endpoint, NULL, out);
}

const struct grebe_resolver_builder grebe__passthrough_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "passthrough",
    .build = build,
};
