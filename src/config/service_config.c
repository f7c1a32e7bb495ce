/* SPDX-License-Identifier: Apache-2.0 */
#include "config/service_config.h"

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/ref.h"
#include "config/json.h"

/* "/service/method" or "/service/": a key of the table.  As something to look for it is
 * part of a call's path. */
struct name {
    const char *text;
    size_t length;
};

struct grebe__service_config {
    const struct grebe_mem *mem;
    uint32_t refs;
    struct grebe_lb_config *lb; /* a reference, or NULL */
    struct grebe__retry_throttling throttling;
    char *health_service;     /* owned; NULL: none */
    bool has_health_check;    /* with a service or without */
    uint32_t max_connections; /* 0: not said */
    struct grebe__method_config *methods;
    size_t n_methods;
    struct grebe__map by_name; /* owned struct name * to struct grebe__method_config * */
    const struct grebe__method_config *fallback; /* for names not in the table, or NULL */
};

/* ---- Names ------------------------------------------------------------------------- */

static uint64_t hash_name(const void *key)
{
    const struct name *name = key;

    return grebe__hash64(name->text, name->length, 0);
}

static bool is_same_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    return x->length == y->length && memcmp(x->text, y->text, x->length) == 0;
}

static const struct grebe__map_ops by_name_ops = {
    .hash = hash_name,
    .equal = is_same_name,
};

/* One block: the name and its text behind it. */
static struct name *new_name(const struct grebe_mem *mem, const char *service,
                             const char *method)
{
    size_t length = strlen(service) + strlen(method) + 2;
    struct name *made = grebe_mem_alloc(mem, sizeof *made + length + 1);
    char *text;

    if (made == NULL)
        return NULL;
    text = (char *)(made + 1);
    snprintf(text, length + 1, "/%s/%s", service, method);
    *made = (struct name){.text = text, .length = length};
    return made;
}

static int add_name(struct grebe__service_config *config, const char *service,
                    const char *method, struct grebe__method_config *value)
{
    struct name *name = new_name(config->mem, service, method);
    int error;

    if (name == NULL)
        return GREBE_ERR_NOMEM;
    error = GREBE_ERR_CONFIG;
    if (grebe__map_find(&config->by_name, name) == NULL)
        error = grebe__map_put(&config->by_name, name, value);
    if (error != GREBE_OK)
        grebe_mem_free(config->mem, name);
    return error;
}

/* No name at all stands for every method without a config of its own. */
static int add_fallback(struct grebe__service_config *config,
                        const struct grebe__method_config *value)
{
    if (config->fallback != NULL)
        return GREBE_ERR_CONFIG;
    config->fallback = value;
    return GREBE_OK;
}

/* The i-th of {"service": s, "method": m}, of which m may be missing, or both. */
static int parse_name(struct grebe__service_config *config,
                      const struct grebe_json *names, size_t i,
                      struct grebe__method_config *value, struct grebe_diag *diag)
{
    const struct grebe_json *json = grebe_json_element(names, i);
    const char *service = "", *method = "";
    int error = grebe_json_get_string(json, "service", &service, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(json, "method", &method, diag);
    if (error != GREBE_OK) {
        grebe_diag_prefix(diag, "name[%zu]", i);
        return error;
    }
    if (service[0] == '\0' && method[0] != '\0') {
        grebe__diag_quote(diag, method, strlen(method),
                          "name[%zu]: method without a service", i);
        return GREBE_ERR_CONFIG;
    }
    error = service[0] == '\0' ? add_fallback(config, value)
                               : add_name(config, service, method, value);
    if (error == GREBE_ERR_CONFIG)
        grebe__diag_quote(diag, service, strlen(service),
                          "name[%zu]: duplicated name, of service", i);
    return error;
}

static int parse_names(struct grebe__service_config *config,
                       const struct grebe_json *names, struct grebe__method_config *value,
                       struct grebe_diag *diag)
{
    int error = GREBE_OK;

    for (size_t i = 0; error == GREBE_OK && i < grebe_json_length(names); i++)
        error = parse_name(config, names, i, value, diag);
    return error;
}

/* ---- Sections ---------------------------------------------------------------------- */

static int parse_method(struct grebe__service_config *config,
                        const struct grebe_json *entry, struct grebe_diag *diag)
{
    struct grebe__method_config *value = &config->methods[config->n_methods];
    const struct grebe_json *names = NULL;
    int error = grebe_json_get_array(entry, "name", &names, diag);
    bool is_unused = grebe_json_length(names) == 0;

    if (error == GREBE_OK)
        error = grebe__method_config_parse(entry, is_unused, diag, value);
    if (error != GREBE_OK || is_unused)
        return error;
    config->n_methods++;
    return parse_names(config, names, value, diag);
}

static int parse_methods(struct grebe__service_config *config,
                         const struct grebe_json *root, struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    int error = grebe_json_get_array(root, "methodConfig", &list, diag);
    size_t n = grebe_json_length(list);

    if (error != GREBE_OK || n == 0)
        return error;
    config->methods = grebe_mem_alloc(config->mem, n * sizeof config->methods[0]);
    if (config->methods == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        error = parse_method(config, grebe_json_element(list, i), diag);
        if (error == GREBE_ERR_CONFIG)
            grebe_diag_prefix(diag, "methodConfig[%zu]", i);
        if (error != GREBE_OK)
            return error;
    }
    return GREBE_OK;
}

/* An error of a policy's own parser is an error of the whole text. */
static int parse_policy_list(struct grebe__service_config *config,
                             const struct grebe_json *list, struct grebe_diag *diag)
{
    int error = grebe_lb_config_parse(list, diag, &config->lb);

    if (error == GREBE_OK || error == GREBE_ERR_NOMEM)
        return error;
    grebe_diag_prefix(diag, "loadBalancingConfig");
    return GREBE_ERR_CONFIG;
}

/* The list wins over the name.  A name that is unknown is no error, as in grpc-go. */
static int parse_policy(struct grebe__service_config *config,
                        const struct grebe_json *root, struct grebe_diag *diag)
{
    const struct grebe_balancer_builder *builder;
    const struct grebe_json *list = NULL;
    const char *name = NULL;
    int error = grebe_json_get_string(root, "loadBalancingPolicy", &name, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_array(root, "loadBalancingConfig", &list, diag);
    if (error != GREBE_OK)
        return error;
    if (list != NULL)
        return parse_policy_list(config, list, diag);
    builder = name == NULL ? NULL : grebe_balancer_get(name);
    return builder == NULL ? GREBE_OK : grebe_lb_config_new(builder, &config->lb);
}

/* Three decimals are kept; the rest is cut (gRFC A6).  What is added before the cut makes
 * up for decimal fractions that binary ones fall short of: 1.001 is 1001, not 1000. */
static int get_milli(const struct grebe_json *object, const char *name, uint32_t *out,
                     struct grebe_diag *diag)
{
    double value = 0;
    int error = grebe_json_get_double(object, name, &value, diag);

    if (error != GREBE_OK)
        return error;
    if (!(value >= 0.001)) {
        grebe_diag_set(diag, "%s: missing, or less than 0.001", name);
        return GREBE_ERR_CONFIG;
    }
    *out = value >= 1000000 ? 1000000000 : (uint32_t)(value * 1000 + 1e-6);
    return GREBE_OK;
}

static int parse_throttling(struct grebe__service_config *config,
                            const struct grebe_json *root, struct grebe_diag *diag)
{
    struct grebe__retry_throttling *out = &config->throttling;
    const struct grebe_json *json = NULL;
    int error = grebe_json_get_object(root, "retryThrottling", &json, diag);

    if (error != GREBE_OK || json == NULL)
        return error;
    error = get_milli(json, "maxTokens", &out->max_milli_tokens, diag);
    if (error == GREBE_OK && out->max_milli_tokens > 1000 * 1000) {
        grebe_diag_set(diag, "maxTokens: more than 1000");
        error = GREBE_ERR_CONFIG;
    }
    if (error == GREBE_OK)
        error = get_milli(json, "tokenRatio", &out->milli_tokens_per_success, diag);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "retryThrottling");
    return error;
}

/* Without "serviceName" there is nothing to ask for (gRFC A17). */
static int parse_health(struct grebe__service_config *config,
                        const struct grebe_json *root, struct grebe_diag *diag)
{
    const struct grebe_json *json = NULL;
    const char *service = NULL;
    int error = grebe_json_get_object(root, "healthCheckConfig", &json, diag);

    if (error == GREBE_OK) {
        error = grebe_json_get_string(json, "serviceName", &service, diag);
        if (error != GREBE_OK)
            grebe_diag_prefix(diag, "healthCheckConfig");
    }
    config->has_health_check = json != NULL;
    if (error != GREBE_OK || service == NULL)
        return error;
    config->health_service = grebe_mem_strdup(config->mem, service);
    return config->health_service == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

/* gRFC A105.  How much a channel allows is not known here. */
static int parse_scaling(struct grebe__service_config *config,
                         const struct grebe_json *root, struct grebe_diag *diag)
{
    const struct grebe_json *json = NULL;
    int error = grebe_json_get_object(root, "connectionScaling", &json, diag);

    if (error != GREBE_OK || json == NULL)
        return error;
    error = grebe_json_get_uint32(json, "maxConnectionsPerSubchannel",
                                  &config->max_connections, diag);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "connectionScaling");
    return error;
}

static int parse_root(struct grebe__service_config *config, const struct grebe_json *root,
                      struct grebe_diag *diag)
{
    int error;

    if (grebe_json_type(root) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, "expected an object, found %s", grebe__json_type_text(root));
        return GREBE_ERR_CONFIG;
    }
    error = parse_policy(config, root, diag);
    if (error == GREBE_OK)
        error = parse_methods(config, root, diag);
    if (error == GREBE_OK)
        error = parse_throttling(config, root, diag);
    if (error == GREBE_OK)
        error = parse_health(config, root, diag);
    if (error == GREBE_OK)
        error = parse_scaling(config, root, diag);
    return error;
}

/* ---- The object -------------------------------------------------------------------- */

int grebe__service_config_parse(const struct grebe_mem *mem, const char *text,
                                struct grebe_diag *diag,
                                struct grebe__service_config **out)
{
    struct grebe__service_config *made;
    const struct grebe_json *root;
    int error = grebe__json_parse(text, strlen(text), diag, &root);

    if (error != GREBE_OK)
        return error;
    made = grebe_mem_alloc(mem, sizeof *made);
    if (made == NULL) {
        grebe_json_free(root);
        return GREBE_ERR_NOMEM;
    }
    *made = (struct grebe__service_config){.mem = mem, .refs = 1};
    grebe__map_init(&made->by_name, mem, &by_name_ops);
    error = parse_root(made, root, diag);
    grebe_json_free(root);
    if (error == GREBE_OK)
        *out = made;
    else
        grebe__service_config_unref(made);
    return error;
}

struct grebe__service_config *
grebe__service_config_ref(struct grebe__service_config *config)
{
    grebe__ref_get(&config->refs);
    return config;
}

void grebe__service_config_unref(struct grebe__service_config *config)
{
    struct grebe__map_entry *entry = NULL;

    if (config == NULL || !grebe__ref_put(&config->refs))
        return;
    while ((entry = grebe__map_next(&config->by_name, entry)) != NULL)
        grebe_mem_free(config->mem, (void *)(uintptr_t)entry->key);
    grebe__map_fini(&config->by_name);
    grebe_mem_free(config->mem, config->methods);
    grebe_mem_free(config->mem, config->health_service);
    grebe_lb_config_unref(config->lb);
    grebe_mem_free(config->mem, config);
}

const struct grebe_lb_config *
grebe__service_config_lb(const struct grebe__service_config *config)
{
    return config->lb;
}

struct grebe__retry_throttling
grebe__service_config_retry_throttling(const struct grebe__service_config *config)
{
    return config->throttling;
}

uint32_t grebe__service_config_max_connections(const struct grebe__service_config *config)
{
    return config->max_connections;
}

const char *
grebe__service_config_health_service(const struct grebe__service_config *config)
{
    return config->health_service;
}

bool grebe__service_config_lacks_health_service(
    const struct grebe__service_config *config)
{
    return config->has_health_check && config->health_service == NULL;
}

const struct grebe__method_config *
grebe__service_config_method(const struct grebe__service_config *config, const char *path)
{
    const struct grebe__method_config *found;
    struct name name = {.text = path};
    const char *slash;

    if (config->by_name.n == 0)
        return config->fallback;
    name.length = strlen(path);
    found = grebe__map_get(&config->by_name, &name);
    slash = strrchr(path, '/');
    if (found == NULL && slash != NULL) {
        name.length = (size_t)(slash - path) + 1;
        found = grebe__map_get(&config->by_name, &name);
    }
    return found != NULL ? found : config->fallback;
}
