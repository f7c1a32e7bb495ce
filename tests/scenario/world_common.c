/* SPDX-License-Identifier: Apache-2.0 */
/* What both worlds say in the same words. */
#include "scenario/world.h"

static bool is_done(const void *arg)
{
    return grebe_call_is_done(arg);
}

int world_finish(struct world *world, struct grebe_call *call, char *peer)
{
    int code;

    world_until(world, is_done, call);
    code = grebe_call_status(call)->code;
    if (peer != NULL)
        *peer = world_name(grebe_call_peer(call));
    grebe_call_unref(call);
    return code;
}

struct wish {
    struct world *world;
    enum grebe_connectivity state;
};

static bool is_in_state(const void *arg)
{
    const struct wish *wish = arg;

    return world_state(wish->world) == wish->state;
}

void world_until_state(struct world *world, enum grebe_connectivity state)
{
    world_until(world, is_in_state, &(struct wish){world, state});
}
