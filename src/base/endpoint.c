/* SPDX-License-Identifier: Apache-2.0 */
/* base/endpoint.c -- grebe/endpoint.h.
 *
 * A channel may know ten thousand backends, so an address is one block of memory that
 * holds its text, and an endpoint one block that holds the pointers to its addresses.
 */
#include "base/endpoint.h"

#include <string.h>

#include <grebe/error.h>

#include "base/hash.h"
#include "base/options.h"
#include "base/ref.h"

/* ---- Well-known keys --------------------------------------------------------------- */

const struct grebe_attribute_key GREBE_ATTRIBUTE_NETWORK = {
    .name = "network",
    .equal = grebe_attribute_text_equal, /* static text: nothing is counted */
};
const struct grebe_attribute_key GREBE_ATTRIBUTE_WEIGHT = {.name = "weight"};
const struct grebe_attribute_key GREBE_ATTRIBUTE_HEALTH_LISTENER = {
    .name = "health listener",
};
const struct grebe_attribute_key GREBE_ATTRIBUTE_HASH_KEY = {
    .name = "hash key",
    .equal = grebe_attribute_text_equal,
    .ref = grebe_attribute_text_ref,
    .unref = grebe_attribute_text_unref,
};
const struct grebe_attribute_key GREBE_ATTRIBUTE_LOCALITY_NAME = {
    .name = "locality name",
    .equal = grebe_attribute_text_equal,
    .ref = grebe_attribute_text_ref,
    .unref = grebe_attribute_text_unref,
};
const struct grebe_attribute_key GREBE_ATTRIBUTE_BACKEND_SERVICE = {
    .name = "backend service",
    .equal = grebe_attribute_text_equal,
    .ref = grebe_attribute_text_ref,
    .unref = grebe_attribute_text_unref,
};
const struct grebe_attribute_key GREBE_ATTRIBUTE_HEALTH = {.name = "health"};
const struct grebe_attribute_key GREBE_ATTRIBUTE_REASON = {
    .name = "reason",
    .equal = grebe_attribute_text_equal,
    .ref = grebe_attribute_text_ref,
    .unref = grebe_attribute_text_unref,
};

static bool is_same_endpoint(const void *a, const void *b)
{
    return grebe_endpoint_equal(a, b);
}

static void ref_endpoint(void *endpoint)
{
    grebe_endpoint_ref(endpoint);
}

static void unref_endpoint(void *endpoint)
{
    grebe_endpoint_unref(endpoint);
}

const struct grebe_attribute_key GREBE_ATTRIBUTE_BALANCERS = {
    .name = "balancers",
    .equal = is_same_endpoint,
    .ref = ref_endpoint,
    .unref = unref_endpoint,
};

/* ---- Address ----------------------------------------------------------------------- */

struct grebe_address {
    const struct grebe_mem *mem;
    const struct grebe_attributes *attributes;          /* a reference */
    const struct grebe_attributes *balancer_attributes; /* a reference */
    uint32_t refs;
    uint32_t server_name; /* where it begins in `text`; 0: there is none */
    char text[];
};

int grebe_address_new(const struct grebe_mem *mem, const char *text,
                      const struct grebe_address_options *asked,
                      struct grebe_address **out)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    size_t length = strlen(text) + 1, name_length;
    struct grebe_address *made;

    if (asked != NULL)
        grebe__options_read(&options, sizeof options, asked);
    name_length = options.server_name == NULL ? 0 : strlen(options.server_name) + 1;
    if (length > UINT32_MAX / 2)
        return GREBE_ERR_TOO_LARGE;
    made = grebe_mem_alloc(mem, sizeof *made + length + name_length);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe_address){
        .mem = mem,
        .attributes = grebe_attributes_ref(options.attributes),
        .balancer_attributes = grebe_attributes_ref(options.balancer_attributes),
        .refs = 1,
    };
    memcpy(made->text, text, length);
    if (name_length > 0) {
        made->server_name = (uint32_t)length;
        memcpy(made->text + length, options.server_name, name_length);
    }
    *out = made;
    return GREBE_OK;
}

struct grebe_address *grebe_address_ref(struct grebe_address *address)
{
    grebe__ref_get(&address->refs);
    return address;
}

void grebe_address_unref(struct grebe_address *address)
{
    if (address == NULL || !grebe__ref_put(&address->refs))
        return;
    grebe_attributes_unref(address->attributes);
    grebe_attributes_unref(address->balancer_attributes);
    grebe_mem_free(address->mem, address);
}

const char *grebe_address_text(const struct grebe_address *address)
{
    return address->text;
}

const char *grebe_address_server_name(const struct grebe_address *address)
{
    return address->server_name == 0 ? NULL : address->text + address->server_name;
}

const struct grebe_attributes *
grebe_address_attributes(const struct grebe_address *address)
{
    return address->attributes;
}

const struct grebe_attributes *
grebe_address_balancer_attributes(const struct grebe_address *address)
{
    return address->balancer_attributes;
}

bool grebe_address_equal(const struct grebe_address *a, const struct grebe_address *b)
{
    const char *a_name, *b_name;

    if (a == b)
        return true;
    a_name = grebe_address_server_name(a);
    b_name = grebe_address_server_name(b);
    if ((a_name == NULL) != (b_name == NULL))
        return false;
    return strcmp(a->text, b->text) == 0 &&
           (a_name == NULL || strcmp(a_name, b_name) == 0) &&
           grebe_attributes_equal(a->attributes, b->attributes);
}

/* Attributes have no hash: addresses that differ in them alone meet in one slot. */
uint64_t grebe_address_hash(const struct grebe_address *address)
{
    uint64_t hash = grebe__hash64_text(address->text);
    const char *name = grebe_address_server_name(address);

    return name == NULL ? hash : grebe__hash64(name, strlen(name), hash);
}

bool grebe__address_is_local(const struct grebe_address *address)
{
    const char *network =
        grebe_attributes_get(address->attributes, &GREBE_ATTRIBUTE_NETWORK);

    return (network != NULL && strcmp(network, "unix") == 0) ||
           strncmp(address->text, "unix:", 5) == 0 ||
           strncmp(address->text, "unix-abstract:", 14) == 0;
}

/* ---- Endpoint ---------------------------------------------------------------------- */

struct grebe_endpoint {
    const struct grebe_mem *mem;
    const struct grebe_attributes *attributes; /* a reference */
    uint32_t refs;
    uint32_t n;
    struct grebe_address *addresses[]; /* n references */
};

int grebe_endpoint_new(const struct grebe_mem *mem,
                       struct grebe_address *const *addresses, size_t n,
                       const struct grebe_attributes *attributes,
                       struct grebe_endpoint **out)
{
    struct grebe_endpoint *made;

    if (n > UINT32_MAX / sizeof made->addresses[0])
        return GREBE_ERR_TOO_LARGE;
    made = grebe_mem_alloc(mem, sizeof *made + n * sizeof made->addresses[0]);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe_endpoint){
        .mem = mem,
        .attributes = grebe_attributes_ref(attributes),
        .refs = 1,
        .n = (uint32_t)n,
    };
    for (size_t i = 0; i < n; i++)
        made->addresses[i] = grebe_address_ref(addresses[i]);
    *out = made;
    return GREBE_OK;
}

struct grebe_endpoint *grebe_endpoint_ref(struct grebe_endpoint *endpoint)
{
    grebe__ref_get(&endpoint->refs);
    return endpoint;
}

void grebe_endpoint_unref(struct grebe_endpoint *endpoint)
{
    if (endpoint == NULL || !grebe__ref_put(&endpoint->refs))
        return;
    for (uint32_t i = 0; i < endpoint->n; i++)
        grebe_address_unref(endpoint->addresses[i]);
    grebe_attributes_unref(endpoint->attributes);
    grebe_mem_free(endpoint->mem, endpoint);
}

size_t grebe_endpoint_n_addresses(const struct grebe_endpoint *endpoint)
{
    return endpoint->n;
}

struct grebe_address *grebe_endpoint_address(const struct grebe_endpoint *endpoint,
                                             size_t i)
{
    GREBE_ASSERT(i < endpoint->n);
    return endpoint->addresses[i];
}

const struct grebe_attributes *
grebe_endpoint_attributes(const struct grebe_endpoint *endpoint)
{
    return endpoint->attributes;
}

static uint32_t count_text(const struct grebe_endpoint *endpoint, const char *text)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < endpoint->n; i++)
        n += strcmp(endpoint->addresses[i]->text, text) == 0;
    return n;
}

/* As unordered lists in which a text may repeat.  Quadratic, for lists of a few. */
bool grebe_endpoint_equal(const struct grebe_endpoint *a, const struct grebe_endpoint *b)
{
    if (a == b)
        return true;
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const char *text = a->addresses[i]->text;

        if (count_text(a, text) != count_text(b, text))
            return false;
    }
    return true;
}

/* A sum does not care about order. */
uint64_t grebe_endpoint_hash(const struct grebe_endpoint *endpoint)
{
    uint64_t sum = endpoint->n;

    for (uint32_t i = 0; i < endpoint->n; i++)
        sum += grebe__hash64_text(endpoint->addresses[i]->text);
    return grebe__hash64(&sum, sizeof sum, 0);
}

/* ---- Maps -------------------------------------------------------------------------- */

static uint64_t hash_address(const void *key)
{
    return grebe_address_hash(key);
}

static bool is_same_address(const void *a, const void *b)
{
    return grebe_address_equal(a, b);
}

const struct grebe__map_ops grebe__by_address = {
    .hash = hash_address,
    .equal = is_same_address,
};

static uint64_t hash_endpoint(const void *key)
{
    return grebe_endpoint_hash(key);
}

const struct grebe__map_ops grebe__by_endpoint = {
    .hash = hash_endpoint,
    .equal = is_same_endpoint,
};

static uint32_t weight_in(const struct grebe_attributes *attributes)
{
    return (uint32_t)(uintptr_t)grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_WEIGHT);
}

uint32_t grebe__endpoint_weight(const struct grebe_endpoint *endpoint)
{
    uint32_t weight = weight_in(endpoint->attributes);
    uint32_t largest = 1;

    if (weight != 0)
        return weight;
    for (uint32_t i = 0; i < endpoint->n; i++) {
        weight = weight_in(endpoint->addresses[i]->balancer_attributes);
        if (weight > largest)
            largest = weight;
    }
    return largest;
}
