/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/departed.c -- what subchannels that are gone have carried, by address.
 *
 * Backends come and go, and a channel that went idle makes all its subchannels anew: what
 * an address has carried is remembered beyond them, for so many addresses.  Those that
 * departed longest ago are forgotten first.
 */
#include <string.h>

#include "base/map.h"
#include "channelz/book.h"

enum { MAX_ADDRESSES = 1024 };

struct departed {
    struct grebe__call_counts counts;
    char address[];
};

struct grebe__departed {
    struct grebe__map by_address; /* in the order of their last departures */
};

static void drop(struct grebe__channel_entity *channel, struct departed *departed)
{
    grebe__map_remove(&channel->departed->by_address, departed->address);
    grebe_mem_free(channel->base.mem, departed);
}

static struct departed *make(const struct grebe_mem *mem, const char *address)
{
    size_t length = strlen(address) + 1;
    struct departed *departed = grebe_mem_zalloc(mem, sizeof *departed + length);

    if (departed != NULL)
        memcpy(departed->address, address, length);
    return departed;
}

/* The one for `address`, as the last to have departed; NULL: no memory. */
static struct departed *renew(struct grebe__channel_entity *channel, const char *address)
{
    struct grebe__map *map = &channel->departed->by_address;
    struct departed *departed = grebe__map_remove(map, address);

    if (departed == NULL)
        departed = make(channel->base.mem, address);
    if (departed == NULL)
        return NULL;
    if (grebe__map_put(map, departed->address, departed) != GREBE_OK) {
        grebe_mem_free(channel->base.mem, departed);
        return NULL;
    }
    if (map->n > MAX_ADDRESSES)
        drop(channel, grebe__map_next(map, NULL)->value);
    return departed;
}

static bool has_begun(struct grebe__channel_entity *channel)
{
    const struct grebe_mem *mem = channel->base.mem;

    if (channel->departed != NULL)
        return true;
    channel->departed = grebe_mem_alloc(mem, sizeof *channel->departed);
    if (channel->departed == NULL)
        return false;
    grebe__map_init(&channel->departed->by_address, mem, &grebe__by_text);
    return true;
}

void grebe__departed_add(struct grebe__channel_entity *channel,
                         const struct grebe__channel_entity *subchannel,
                         const struct grebe__call_counts *more)
{
    struct departed *departed;

    if (subchannel->address == NULL || (more->n_started == 0 && more->latency_ns == 0 &&
                                        more->n_succeeded + more->n_failed == 0))
        return;
    if (!has_begun(channel))
        return;
    departed = renew(channel, grebe_address_text(subchannel->address));
    if (departed == NULL)
        return;
    departed->counts.n_started += more->n_started;
    departed->counts.n_succeeded += more->n_succeeded;
    departed->counts.n_failed += more->n_failed;
    departed->counts.latency_ns += more->latency_ns;
}

void grebe__departed_free(struct grebe__channel_entity *channel)
{
    struct grebe__map_entry *entry = NULL;

    if (channel->departed == NULL)
        return;
    while ((entry = grebe__map_next(&channel->departed->by_address, entry)) != NULL)
        grebe_mem_free(channel->base.mem, entry->value);
    grebe__map_fini(&channel->departed->by_address);
    grebe_mem_free(channel->base.mem, channel->departed);
    channel->departed = NULL;
}

const char *grebe__departed_next(const struct grebe__channel_entity *channel,
                                 const char *address, struct grebe__call_counts *counts)
{
    const struct grebe__map *map;
    struct grebe__map_entry *entry = NULL;
    const struct departed *departed;

    if (channel->departed == NULL)
        return NULL;
    map = &channel->departed->by_address;
    if (address != NULL)
        entry = grebe__map_find(map, address);
    entry = grebe__map_next(map, entry);
    if (entry == NULL)
        return NULL;
    departed = entry->value;
    *counts = departed->counts;
    return departed->address;
}
