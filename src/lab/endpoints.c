/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/endpoints.h"

#include <string.h>

#include <grebe/error.h>
#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/diag.h"
#include "config/json.h"
#include "lab/fields.h"

/* A set of attributes on its way to an endpoint, and the object that tells them. */
struct facts {
    const struct grebe_mem *mem;
    const struct grebe_json *json;
    const struct grebe_attributes *set; /* a reference */
};

/* ---- Facts -------------------------------------------------------------------------- */

static int add(struct facts *facts, const struct grebe_attribute_key *key, void *value)
{
    const struct grebe_attributes *before = facts->set;
    int error = grebe_attributes_with(facts->mem, before, key, value, &facts->set);

    if (error == GREBE_OK)
        grebe_attributes_unref(before);
    return error;
}

static int add_weight(struct facts *facts, struct grebe_diag *diag)
{
    uint32_t weight = 0;
    int error = grebe_json_get_uint32(facts->json, "weight", &weight, diag);

    if (error != GREBE_OK || weight == 0)
        return error;
    return add(facts, &GREBE_ATTRIBUTE_WEIGHT, (void *)(uintptr_t)weight);
}

static int add_text(struct facts *facts, const char *name,
                    const struct grebe_attribute_key *key, struct grebe_diag *diag)
{
    const struct grebe_attributes *before = facts->set;
    const char *text = NULL;
    int error = grebe_json_get_string(facts->json, name, &text, diag);

    if (error != GREBE_OK || text == NULL)
        return error;
    error = grebe_attributes_with_text(facts->mem, before, key, text, &facts->set);
    if (error == GREBE_OK)
        grebe_attributes_unref(before);
    return error;
}

static int add_hash_key(struct facts *facts, struct grebe_diag *diag)
{
    return add_text(facts, "hash_key", &GREBE_ATTRIBUTE_HASH_KEY, diag);
}

static int add_backend_service(struct facts *facts, struct grebe_diag *diag)
{
    return add_text(facts, "backend_service", &GREBE_ATTRIBUTE_BACKEND_SERVICE, diag);
}

/* Its values are static text. */
static int add_network(struct facts *facts, struct grebe_diag *diag)
{
    static char tcp[] = "tcp", un[] = "unix";
    const char *name = NULL;
    int error = grebe_json_get_string(facts->json, "network", &name, diag);

    if (error != GREBE_OK || name == NULL)
        return error;
    if (strcmp(name, tcp) == 0)
        return add(facts, &GREBE_ATTRIBUTE_NETWORK, tcp);
    if (strcmp(name, un) == 0)
        return add(facts, &GREBE_ATTRIBUTE_NETWORK, un);
    grebe__diag_quote(diag, name, strlen(name), "network: expected tcp or unix, found");
    return GREBE_ERR_CONFIG;
}

static int add_named(struct facts *facts, struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    int error = grebe_json_get_array(facts->json, "attributes", &list, diag);

    for (size_t i = 0; error == GREBE_OK && i < grebe_json_length(list); i++) {
        const struct grebe_json *pair = grebe_json_element(list, i);
        const char *name = grebe_json_string(grebe_json_element(pair, 0));
        const char *value = grebe_json_string(grebe_json_element(pair, 1));
        const struct grebe_attributes *before = facts->set;

        if (name == NULL || value == NULL || grebe_json_length(pair) != 2) {
            grebe_diag_set(diag, "attributes[%zu]: expected a name and a value", i);
            return GREBE_ERR_CONFIG;
        }
        error = grebe_attributes_with_named(facts->mem, before, name, value, &facts->set);
        if (error == GREBE_OK)
            grebe_attributes_unref(before);
    }
    return error;
}

static int read_locality(const struct grebe_mem *mem, const struct grebe_json *json,
                         struct grebe_diag *diag, struct grebe_locality **out)
{
    static const char *const names[] = {"region", "zone", "sub_zone", NULL};
    const char *texts[3] = {NULL, NULL, NULL};
    int error = lab_fields_check(json, names, diag);

    for (size_t i = 0; error == GREBE_OK && i < 3; i++)
        error = grebe_json_get_string(json, names[i], &texts[i], diag);
    if (error == GREBE_OK)
        return grebe_locality_new(mem, texts[0], texts[1], texts[2], out);
    grebe_diag_prefix(diag, "locality");
    return error;
}

static int add_locality(struct facts *facts, struct grebe_diag *diag)
{
    const struct grebe_json *json = NULL;
    struct grebe_locality *locality;
    int error = grebe_json_get_object(facts->json, "locality", &json, diag);

    if (error != GREBE_OK || json == NULL)
        return error;
    error = read_locality(facts->mem, json, diag, &locality);
    if (error != GREBE_OK)
        return error;
    error = add(facts, &GREBE_ATTRIBUTE_LOCALITY, locality);
    grebe_locality_unref(locality);
    return error;
}

/* Text in a list; `name` and `i` are for the explanation. */
static int read_element(const struct grebe_json *list, size_t i, const char *name,
                        const char **out, struct grebe_diag *diag)
{
    const struct grebe_json *element = grebe_json_element(list, i);

    *out = grebe_json_string(element);
    if (*out != NULL && (*out)[0] != '\0')
        return GREBE_OK;
    grebe_diag_set(diag, "%s[%zu]: expected text, found %s", name, i,
                   grebe_json_type(element) == GREBE_JSON_STRING
                       ? "an empty string, or one with a NUL inside"
                       : grebe__json_type_text(element));
    return GREBE_ERR_CONFIG;
}

static int check_length(const struct grebe_json *list, size_t max, const char *name,
                        struct grebe_diag *diag)
{
    if (grebe_json_length(list) <= max)
        return GREBE_OK;
    grebe_diag_set(diag, "%s: %zu are too many, %zu are allowed", name,
                   grebe_json_length(list), max);
    return GREBE_ERR_CONFIG;
}

static int add_path(struct facts *facts, struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    const char *names[LAB_PATH_MAX];
    struct grebe_path *path;
    int error = grebe_json_get_array(facts->json, "path", &list, diag);

    if (error == GREBE_OK)
        error = check_length(list, LAB_PATH_MAX, "path", diag);
    for (size_t i = 0; error == GREBE_OK && i < grebe_json_length(list); i++)
        error = read_element(list, i, "path", &names[i], diag);
    if (error != GREBE_OK || grebe_json_length(list) == 0)
        return error;
    error = grebe_path_new(facts->mem, names, grebe_json_length(list), &path);
    if (error != GREBE_OK)
        return error;
    error = add(facts, &GREBE_ATTRIBUTE_PATH, path);
    grebe_path_unref(path);
    return error;
}

static int add_health(struct facts *facts, struct grebe_diag *diag)
{
    const char *name = NULL;
    int health, error = grebe_json_get_string(facts->json, "health", &name, diag);

    if (error != GREBE_OK || name == NULL)
        return error;
    health = grebe_endpoint_health_parse(name);
    if (health >= 0)
        return add(facts, &GREBE_ATTRIBUTE_HEALTH, (void *)(uintptr_t)health);
    grebe__diag_quote(diag, name, strlen(name),
                      "health: expected UNKNOWN, HEALTHY, UNHEALTHY, DRAINING, TIMEOUT "
                      "or DEGRADED, found");
    return GREBE_ERR_CONFIG;
}

static int read_facts(struct facts *facts, struct grebe_diag *diag)
{
    static int (*const adders[])(struct facts *, struct grebe_diag *) = {
        add_weight, add_hash_key, add_locality,        add_path,
        add_health, add_network,  add_backend_service, add_named,
    };
    int error = GREBE_OK;

    for (size_t i = 0; error == GREBE_OK && i < sizeof adders / sizeof adders[0]; i++)
        error = adders[i](facts, diag);
    return error;
}

#define FACTS                                                                            \
    "weight", "hash_key", "locality", "path", "health", "network", "backend_service",    \
        "attributes"

/* ---- Addresses ------------------------------------------------------------------------ */

static int read_for_policies(struct facts *facts, const struct grebe_json *address,
                             struct grebe_diag *diag)
{
    static const char *const names[] = {FACTS, NULL};
    int error = grebe_json_get_object(address, "for_policies", &facts->json, diag);

    if (error != GREBE_OK || facts->json == NULL)
        return error;
    error = lab_fields_check(facts->json, names, diag);
    if (error == GREBE_OK)
        error = read_facts(facts, diag);
    if (error == GREBE_ERR_CONFIG)
        grebe_diag_prefix(diag, "for_policies");
    return error;
}

/* One of which more is said than its text. */
static int read_full_address(const struct grebe_mem *mem, const struct grebe_json *json,
                             struct grebe_diag *diag, struct grebe_address **out)
{
    static const char *const names[] = {"address", "server_name", "for_policies", FACTS,
                                        NULL};
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct facts own = {.mem = mem, .json = json}, of_policies = {.mem = mem};
    const char *text = NULL;
    int error = lab_fields_check(json, names, diag);

    if (error == GREBE_OK)
        error = lab_fields_text(json, "address", &text, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_string(json, "server_name", &options.server_name, diag);
    if (error == GREBE_OK)
        error = read_facts(&own, diag);
    if (error == GREBE_OK)
        error = read_for_policies(&of_policies, json, diag);
    if (error == GREBE_OK) {
        options.attributes = own.set;
        options.balancer_attributes = of_policies.set;
        error = grebe_address_new(mem, text, &options, out);
    }
    grebe_attributes_unref(own.set);
    grebe_attributes_unref(of_policies.set);
    return error;
}

static int read_address(const struct grebe_mem *mem, const struct grebe_json *list,
                        size_t i, struct grebe_diag *diag, struct grebe_address **out)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_json *element = grebe_json_element(list, i);
    const char *text;
    int error;

    if (grebe_json_type(element) != GREBE_JSON_OBJECT) {
        error = read_element(list, i, "addresses", &text, diag);
        return error == GREBE_OK ? grebe_address_new(mem, text, &options, out) : error;
    }
    error = read_full_address(mem, element, diag, out);
    if (error == GREBE_ERR_CONFIG)
        grebe_diag_prefix(diag, "addresses[%zu]", i);
    return error;
}

static int read_addresses(const struct grebe_mem *mem, const struct grebe_json *list,
                          struct grebe_diag *diag, struct grebe_address **out, size_t *n)
{
    int error = check_length(list, LAB_ADDRESSES_MAX, "addresses", diag);

    for (size_t i = 0; error == GREBE_OK && i < grebe_json_length(list); i++) {
        error = read_address(mem, list, i, diag, &out[*n]);
        if (error == GREBE_OK)
            ++*n;
    }
    return error;
}

/* ---- One endpoint ------------------------------------------------------------------- */

static int read_endpoint(const struct grebe_mem *mem, const struct grebe_json *json,
                         struct grebe_diag *diag, struct grebe_endpoint **out)
{
    static const char *const names[] = {"addresses", FACTS, NULL};
    struct grebe_address *addresses[LAB_ADDRESSES_MAX];
    struct facts facts = {.mem = mem, .json = json};
    const struct grebe_json *list = NULL;
    size_t n = 0;
    int error;

    if (grebe_json_type(json) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, ": expected an object, found %s",
                       grebe__json_type_text(json));
        return GREBE_ERR_CONFIG;
    }
    error = lab_fields_check(json, names, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_array(json, "addresses", &list, diag);
    if (error == GREBE_OK && list == NULL) {
        grebe_diag_set(diag, "addresses is missing");
        error = GREBE_ERR_CONFIG;
    }
    if (error == GREBE_OK)
        error = read_addresses(mem, list, diag, addresses, &n);
    if (error == GREBE_OK)
        error = read_facts(&facts, diag);
    if (error == GREBE_OK)
        error = grebe_endpoint_new(mem, addresses, n, facts.set, out);
    while (n > 0)
        grebe_address_unref(addresses[--n]);
    grebe_attributes_unref(facts.set);
    return error;
}

/* ---- All of them -------------------------------------------------------------------- */

int lab_endpoints_parse(const struct grebe_mem *mem, const struct grebe_json *array,
                        struct grebe_diag *diag, struct lab_endpoints *out)
{
    struct lab_endpoints made = {.mem = mem};
    size_t n = grebe_json_length(array);
    int error = check_length(array, LAB_ENDPOINTS_MAX, "endpoints", diag);

    if (error != GREBE_OK)
        return error;
    made.list = grebe_mem_alloc(mem, n * sizeof(struct grebe_endpoint *));
    if (made.list == NULL)
        return GREBE_ERR_NOMEM;
    while (error == GREBE_OK && made.n < n) {
        error = read_endpoint(mem, grebe_json_element(array, made.n), diag,
                              &made.list[made.n]);
        if (error == GREBE_OK)
            made.n++;
    }
    if (error == GREBE_OK) {
        *out = made;
        return GREBE_OK;
    }
    grebe_diag_prefix(diag, "endpoints[%zu]", made.n);
    lab_endpoints_free(&made);
    return error;
}

void lab_endpoints_free(struct lab_endpoints *endpoints)
{
    while (endpoints->n > 0)
        grebe_endpoint_unref(endpoints->list[--endpoints->n]);
    grebe_mem_free(endpoints->mem, endpoints->list);
}
