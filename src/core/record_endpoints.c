/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record_endpoints.h"

#include <string.h>

#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/attributes.h"

/* ---- Facts -------------------------------------------------------------------------- */

static void write_text(struct grebe__line *out, const char *name, const void *text)
{
    grebe__line_text(out, name, text);
}

static void write_weight(struct grebe__line *out, const char *name, const void *value)
{
    grebe__line_number(out, name, (uintptr_t)value);
}

static void write_health(struct grebe__line *out, const char *name, const void *value)
{
    grebe__line_text(
        out, name,
        grebe_endpoint_health_name((enum grebe_endpoint_health)(uintptr_t)value));
}

static void write_locality(struct grebe__line *out, const char *name, const void *value)
{
    grebe__line_open_object(out, name);
    grebe__line_text(out, "region", grebe_locality_region(value));
    grebe__line_text(out, "zone", grebe_locality_zone(value));
    grebe__line_text(out, "sub_zone", grebe_locality_sub_zone(value));
    grebe__line_close_object(out);
}

static void write_path(struct grebe__line *out, const char *name, const void *value)
{
    grebe__line_open_list(out, name);
    for (const struct grebe_path *path = value; path != NULL;
         path = grebe_path_rest(path))
        grebe__line_text(out, NULL, grebe_path_first(path));
    grebe__line_close_list(out);
}

/* Keys whose values mean the same to everybody. */
static const struct fact {
    const struct grebe_attribute_key *key;
    const char *name;
    void (*write)(struct grebe__line *out, const char *name, const void *value);
} facts[] = {
    {&GREBE_ATTRIBUTE_WEIGHT, "weight", write_weight},
    {&GREBE_ATTRIBUTE_HASH_KEY, "hash_key", write_text},
    {&GREBE_ATTRIBUTE_LOCALITY, "locality", write_locality},
    {&GREBE_ATTRIBUTE_PATH, "path", write_path},
    {&GREBE_ATTRIBUTE_HEALTH, "health", write_health},
    {&GREBE_ATTRIBUTE_NETWORK, "network", write_text},
    {&GREBE_ATTRIBUTE_BACKEND_SERVICE, "backend_service", write_text},
};
enum { N_FACTS = sizeof facts / sizeof facts[0] };

/* A list of [name, value]: names may differ in nothing but case. */
static void write_named(struct grebe__line *out,
                        const struct grebe_attributes *attributes)
{
    size_t n = grebe_attributes_n_named(attributes);

    if (n == 0)
        return;
    grebe__line_open_list(out, "attributes");
    for (size_t i = 0; i < n; i++) {
        const char *name, *value = grebe_attributes_named_at(attributes, i, &name);

        grebe__line_open_list(out, NULL);
        grebe__line_text(out, NULL, name);
        grebe__line_text(out, NULL, value);
        grebe__line_close_list(out);
    }
    grebe__line_close_list(out);
}

static void write_facts(struct grebe__line *out,
                        const struct grebe_attributes *attributes)
{
    for (size_t i = 0; i < N_FACTS; i++)
        if (grebe_attributes_has(attributes, facts[i].key))
            facts[i].write(out, facts[i].name,
                           grebe_attributes_get(attributes, facts[i].key));
    write_named(out, attributes);
}

static bool is_recorded(const struct grebe_attribute_key *key)
{
    for (size_t i = 0; i < N_FACTS; i++)
        if (facts[i].key == key)
            return true;
    return key == &grebe__attribute_named;
}

/* ---- Addresses ---------------------------------------------------------------------- */

static void write_address(struct grebe__line *out, const struct grebe_address *address)
{
    const struct grebe_attributes *own = grebe_address_attributes(address);
    const struct grebe_attributes *of_policies =
        grebe_address_balancer_attributes(address);
    const char *server_name = grebe_address_server_name(address);

    if (own == NULL && of_policies == NULL && server_name == NULL) {
        grebe__line_text(out, NULL, grebe_address_text(address));
        return;
    }
    grebe__line_open_object(out, NULL);
    grebe__line_text(out, "address", grebe_address_text(address));
    if (server_name != NULL)
        grebe__line_text(out, "server_name", server_name);
    write_facts(out, own);
    if (of_policies != NULL) {
        grebe__line_open_object(out, "for_policies");
        write_facts(out, of_policies);
        grebe__line_close_object(out);
    }
    grebe__line_close_object(out);
}

void grebe__record_address_list(struct grebe__line *out, const char *key,
                                struct grebe_address *const *addresses, size_t n)
{
    grebe__line_open_list(out, key);
    for (size_t i = 0; i < n; i++)
        write_address(out, addresses[i]);
    grebe__line_close_list(out);
}

static void write_endpoint(struct grebe__line *out, const struct grebe_endpoint *endpoint)
{
    size_t n = grebe_endpoint_n_addresses(endpoint);

    grebe__line_open_object(out, NULL);
    grebe__line_open_list(out, "addresses");
    for (size_t i = 0; i < n; i++)
        write_address(out, grebe_endpoint_address(endpoint, i));
    grebe__line_close_list(out);
    write_facts(out, grebe_endpoint_attributes(endpoint));
    grebe__line_close_object(out);
}

/* ---- What cannot be written ---------------------------------------------------------- */

enum { MAX_UNRECORDED = 8 };

struct unrecorded {
    const struct grebe_attribute_key *keys[MAX_UNRECORDED];
    size_t n;
};

static void look_through(struct unrecorded *found,
                         const struct grebe_attributes *attributes)
{
    const struct grebe_attribute_key *key;

    for (size_t i = 0; (key = grebe__attributes_key_at(attributes, i)) != NULL; i++) {
        bool is_known = is_recorded(key);

        for (size_t k = 0; k < found->n; k++)
            is_known = is_known || found->keys[k] == key;
        if (!is_known && found->n < MAX_UNRECORDED)
            found->keys[found->n++] = key;
    }
}

static void look_through_endpoint(struct unrecorded *found,
                                  const struct grebe_endpoint *endpoint)
{
    look_through(found, grebe_endpoint_attributes(endpoint));
    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++) {
        const struct grebe_address *address = grebe_endpoint_address(endpoint, i);

        look_through(found, grebe_address_attributes(address));
        look_through(found, grebe_address_balancer_attributes(address));
    }
}

static void write_unrecorded(struct grebe__line *out,
                             const struct grebe_balancer_update *update)
{
    struct unrecorded found = {.n = 0};

    look_through(&found, update->attributes);
    for (size_t i = 0; i < update->n_endpoints; i++)
        look_through_endpoint(&found, update->endpoints[i]);
    if (found.n == 0)
        return;
    grebe__line_open_list(out, "unrecorded");
    for (size_t i = 0; i < found.n; i++)
        grebe__line_text(out, NULL, found.keys[i]->name);
    grebe__line_close_list(out);
}

void grebe__record_endpoints(struct grebe__line *out,
                             const struct grebe_balancer_update *update)
{
    grebe__line_open_list(out, "endpoints");
    for (size_t i = 0; i < update->n_endpoints; i++)
        write_endpoint(out, update->endpoints[i]);
    grebe__line_close_list(out);
    if (update->attributes != NULL) {
        grebe__line_open_object(out, "facts");
        write_facts(out, update->attributes);
        grebe__line_close_object(out);
    }
    write_unrecorded(out, update);
}
