/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin -- each READY endpoint takes one call in turn.
 *
 * The petiole does everything else, and has the picker for it as well: other policies
 * need it for the time before their first endpoint is READY.
 */
#include "balancer/round_robin.h"

#include "balancer/petiole.h"

static int rr_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    return grebe__petiole_update(grebe__petiole_of(base), update, NULL);
}

static void rr_destroy(struct grebe_balancer *base)
{
    struct grebe__petiole *petiole = grebe__petiole_of(base);

    grebe__petiole_fini(petiole);
    grebe_mem_free(petiole->mem, petiole);
}

static const struct grebe_balancer_ops rr_ops = {
    .update = rr_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = rr_destroy,
};

static const struct grebe__petiole_ops rr_petiole_ops = {
    .policy = "round_robin",
    .new_picker = grebe__petiole_turns,
    .is_of_ready = true,
};

static int rr_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    struct grebe__petiole *petiole =
        grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *petiole);
    int result;

    (void)options;
    if (petiole == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe__petiole_init(petiole, cc, &rr_ops, &rr_petiole_ops);
    if (result != GREBE_OK) {
        grebe_mem_free(grebe_client_conn_mem(cc), petiole);
        return result;
    }
    *out = &petiole->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__round_robin = {
    .api = GREBE_BALANCER_API,
    .name = "round_robin",
    .build = rr_build,
};
