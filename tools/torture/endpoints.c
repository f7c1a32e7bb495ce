/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <stdio.h>

#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/assert.h"
#include "world.h"

/* ---- Tags ------------------------------------------------------------------------------ */

enum { PATH_NAMES = 3, N_ZONES = 3, N_WEIGHTS = 8, N_HASH_KEYS = 4 };

static const char *path_name(uint32_t tags, unsigned level)
{
    return tags >> level & 1 ? "b" : "a";
}

static uint32_t zone_of(uint32_t tags)
{
    return (tags >> 8) % N_ZONES;
}

/* 0: it has none. */
static uint32_t weight_of(uint32_t tags)
{
    return (tags >> 16) % N_WEIGHTS;
}

/* Some share one; 0: its address. */
static uint32_t hash_key_of(uint32_t tags)
{
    return (tags >> 24) % N_HASH_KEYS;
}

const char *tags_text(uint32_t tags, char *buf, size_t size)
{
    snprintf(buf, size, "path %s/%s/%s, zone %u, weight %u, hash key %u",
             path_name(tags, 0), path_name(tags, 1), path_name(tags, 2), zone_of(tags),
             weight_of(tags), hash_key_of(tags));
    return buf;
}

/* ---- Attributes ------------------------------------------------------------------------ */

static void put(const struct grebe_attributes **attributes,
                const struct grebe_attribute_key *key, void *value)
{
    const struct grebe_attributes *more;
    int result = grebe_attributes_with(NULL, *attributes, key, value, &more);

    GREBE_ASSERT(result == GREBE_OK);
    grebe_attributes_unref(*attributes);
    *attributes = more;
}

static void put_text(const struct grebe_attributes **attributes,
                     const struct grebe_attribute_key *key, const char *text)
{
    const struct grebe_attributes *more;
    int result = grebe_attributes_with_text(NULL, *attributes, key, text, &more);

    GREBE_ASSERT(result == GREBE_OK);
    grebe_attributes_unref(*attributes);
    *attributes = more;
}

static void put_path(const struct grebe_attributes **attributes, uint32_t tags)
{
    const char *names[PATH_NAMES];
    struct grebe_path *path;
    int result;

    for (unsigned i = 0; i < PATH_NAMES; i++)
        names[i] = path_name(tags, i);
    result = grebe_path_new(NULL, names, PATH_NAMES, &path);
    GREBE_ASSERT(result == GREBE_OK);
    put(attributes, &GREBE_ATTRIBUTE_PATH, path);
    grebe_path_unref(path);
}

static void put_locality(const struct grebe_attributes **attributes, uint32_t tags)
{
    static const char *const zones[N_ZONES] = {"z0", "z1", "z2"};
    struct grebe_locality *locality;
    int result = grebe_locality_new(NULL, "here", zones[zone_of(tags)], "", &locality);

    GREBE_ASSERT(result == GREBE_OK);
    put(attributes, &GREBE_ATTRIBUTE_LOCALITY, locality);
    grebe_locality_unref(locality);
}

static const struct grebe_attributes *attributes_of(uint32_t tags)
{
    static const char *const hash_keys[N_HASH_KEYS] = {"", "x", "y", "z"};
    const struct grebe_attributes *attributes = NULL;

    put_path(&attributes, tags);
    put_locality(&attributes, tags);
    if (weight_of(tags) != 0)
        put(&attributes, &GREBE_ATTRIBUTE_WEIGHT, (void *)(uintptr_t)weight_of(tags));
    if (hash_key_of(tags) != 0)
        put_text(&attributes, &GREBE_ATTRIBUTE_HASH_KEY, hash_keys[hash_key_of(tags)]);
    return attributes;
}

/* ---- Endpoints ------------------------------------------------------------------------- */

static struct grebe_address *new_address(const struct server *server)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;
    int result = grebe_address_new(NULL, server->address, &options, &address);

    GREBE_ASSERT(result == GREBE_OK);
    return address;
}

/* Takes over the addresses. */
static struct grebe_endpoint *new_endpoint(struct grebe_address **addresses, size_t n,
                                           uint32_t tags)
{
    const struct grebe_attributes *attributes = attributes_of(tags);
    struct grebe_endpoint *endpoint;
    int result = grebe_endpoint_new(NULL, addresses, n, attributes, &endpoint);

    GREBE_ASSERT(result == GREBE_OK);
    grebe_attributes_unref(attributes);
    while (n > 0)
        grebe_address_unref(addresses[--n]);
    return endpoint;
}

size_t endpoints_make(const struct world *world, listing list,
                      struct grebe_endpoint *out[MAX_LISTED])
{
    struct grebe_address *addresses[MAX_LISTED];
    size_t n_endpoints = 0, n = 0;

    for (unsigned i = 0; i < MAX_LISTED && listed_at(list, i) != 0; i++) {
        const struct server *server = &world->servers[listed_server(list, i)];

        addresses[n++] = new_address(server);
        if (i + 1 < MAX_LISTED && listed_at(list, i + 1) & LISTED_JOINED)
            continue;
        out[n_endpoints++] = new_endpoint(addresses, n, server->tags);
        n = 0;
    }
    return n_endpoints;
}
