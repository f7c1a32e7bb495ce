/* SPDX-License-Identifier: Apache-2.0 */
/* Health for a policy that listens: a producer, so that asking ends with the connection,
 * and that asks for nobody when nobody listens. */
#include <grebe/producer.h>

#include "core/health.h"
#include "core/subconn.h"
#include "core/tell.h"

struct health_producer {
    struct grebe_producer base;
    struct grebe__health *health;
    const struct grebe_mem *mem;
};

/* The state of the subconn does not show it. */
static void tell(struct grebe__subconn *subconn, enum grebe_connectivity verdict,
                 const struct grebe_status *error)
{
    static const struct grebe__phrase changes = {"Subchannel health change to ", ""};
    static const struct grebe__phrase fails = {
        "Subchannel health change to TRANSIENT_FAILURE, last error: ", ""};

    grebe__tell_change(&subconn->channel->host, subconn->entity, &changes, &fails,
                       verdict, error);
}

/* A listener that came in the meantime hears nothing of what was asked before it. */
static void on_verdict(struct grebe__subconn *subconn, enum grebe_connectivity verdict,
                       const struct grebe_status *error)
{
    tell(subconn, verdict, error);
    if (!grebe__effect_is_queued(&subconn->base.health_effect))
        grebe__subconn_deliver_health(&subconn->base, verdict, error);
}

static void close(struct grebe_producer *base)
{
    struct health_producer *producer =
        grebe_container_of(base, struct health_producer, base);

    grebe__health_free(producer->health);
    grebe_mem_free(producer->mem, producer);
}

static const struct grebe_producer_ops producer_ops = {.close = close};

static int build(struct grebe_subconn *base, struct grebe_producer **out)
{
    struct grebe__subconn *subconn =
        grebe_container_of(base, struct grebe__subconn, base);
    const struct grebe_mem *mem = subconn->channel->host.mem;
    struct health_producer *producer = grebe_mem_alloc(mem, sizeof *producer);
    int result;

    if (producer == NULL)
        return GREBE_ERR_NOMEM;
    grebe_producer_init(&producer->base, &producer_ops);
    producer->mem = mem;
    result = grebe__health_new(subconn, on_verdict, &producer->health);
    if (result != GREBE_OK) {
        grebe_mem_free(mem, producer);
        return result;
    }
    *out = &producer->base;
    return GREBE_OK;
}

static const struct grebe_producer_builder health_producer = {
    .api = GREBE_PRODUCER_API,
    .name = "health",
    .build = build,
};

void grebe__health_listen(struct grebe_subconn *base)
{
    struct grebe__subconn *subconn =
        grebe_container_of(base, struct grebe__subconn, base);

    grebe_producer_release(&subconn->health_hold);
    if (base->on_health == NULL || base->is_shutting_down)
        return;
    if (grebe__health_service(subconn->channel) != NULL) {
        if (grebe_subconn_get_producer(base, &health_producer, &subconn->health_hold) ==
            GREBE_OK)
            return;
        grebe__health_is_not_checked(subconn);
    }
    grebe__subconn_deliver_health(base, GREBE_READY, NULL);
}
