/* SPDX-License-Identifier: Apache-2.0 */
/* Producers of a subconn: one of each kind, for as long as it is held and the subconn's
 * state stays what it is.
 *
 * A hold is the caller's handle and outlives what it holds: when a producer is closed all
 * its holds are left empty, so that a late release has nothing to do but to free the hold.
 *
 * Source: grpc-go acBalancerWrapper.GetOrBuildProducer.
 */
#include <grebe/producer.h>

#include "core/client_conn.h"

/* One kind of producer of one subconn. */
struct place {
    struct grebe__list link; /* on subconn->producers */
    const struct grebe_producer_builder *builder;
    struct grebe_producer *producer;
    struct grebe__list holds;
    const struct grebe_mem *mem;
};

struct grebe_producer_hold {
    struct grebe__list link; /* on place->holds; not linked: the producer is closed */
    struct place *place;     /* NULL likewise */
    const struct grebe_mem *mem;
};

static struct place *place_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct place, link);
}

static struct place *find(struct grebe_subconn *subconn,
                          const struct grebe_producer_builder *builder)
{
    grebe__list_foreach (link, &subconn->producers) {
        if (place_of(link)->builder == builder)
            return place_of(link);
    }
    return NULL;
}

static int build(struct grebe_subconn *subconn,
                 const struct grebe_producer_builder *builder, struct place **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(subconn->owner);
    struct place *place = grebe_mem_zalloc(mem, sizeof *place);
    int result;

    if (place == NULL)
        return GREBE_ERR_NOMEM;
    result = builder->build(subconn, &place->producer);
    if (result == GREBE_OK && place->producer == NULL)
        result = GREBE_ERR_INVALID; /* it said it made one */
    if (result != GREBE_OK) {
        grebe_mem_free(mem, place);
        return result;
    }
    place->builder = builder;
    place->mem = mem;
    grebe__list_init(&place->link);
    grebe__list_init(&place->holds);
    grebe__list_append(&subconn->producers, &place->link);
    *out = place;
    return GREBE_OK;
}

/* Off the list first: closing may lead back here. */
static void close(struct place *place)
{
    struct grebe__list *link;

    grebe__list_remove(&place->link);
    while ((link = grebe__list_shift(&place->holds)) != NULL)
        grebe_container_of(link, struct grebe_producer_hold, link)->place = NULL;
    place->producer->ops->close(place->producer);
    grebe_mem_free(place->mem, place);
}

int grebe_subconn_get_producer(struct grebe_subconn *subconn,
                               const struct grebe_producer_builder *builder,
                               struct grebe_producer_hold **out)
{
    struct grebe_producer_hold *hold;
    struct place *place;
    int result;

    if (builder->api == 0 || builder->api > GREBE_PRODUCER_API || builder->build == NULL)
        return GREBE_ERR_INVALID;
    if (subconn->is_shutting_down)
        return GREBE_ERR_CLOSED;
    hold = grebe_mem_alloc(grebe_client_conn_mem(subconn->owner), sizeof *hold);
    if (hold == NULL)
        return GREBE_ERR_NOMEM;
    place = find(subconn, builder);
    if (place == NULL) {
        result = build(subconn, builder, &place);
        if (result != GREBE_OK) {
            grebe_mem_free(grebe_client_conn_mem(subconn->owner), hold);
            return result;
        }
    }
    hold->place = place;
    hold->mem = place->mem;
    grebe__list_init(&hold->link);
    grebe__list_append(&place->holds, &hold->link);
    *out = hold;
    return GREBE_OK;
}

struct grebe_producer *grebe_producer_held(const struct grebe_producer_hold *hold)
{
    return hold == NULL || hold->place == NULL ? NULL : hold->place->producer;
}

void grebe_producer_release(struct grebe_producer_hold **slot)
{
    struct grebe_producer_hold *hold = *slot;
    struct place *place;

    *slot = NULL;
    if (hold == NULL)
        return;
    place = hold->place;
    grebe__list_remove(&hold->link);
    grebe_mem_free(hold->mem, hold);
    if (place != NULL && grebe__list_is_empty(&place->holds))
        close(place);
}

void grebe__subconn_close_producers(struct grebe_subconn *subconn)
{
    while (!grebe__list_is_empty(&subconn->producers))
        close(place_of(subconn->producers.next));
}

struct grebe_client_conn *grebe_subconn_client_conn(const struct grebe_subconn *subconn)
{
    return subconn->owner;
}
