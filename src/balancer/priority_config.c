/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priority_config.h"

#include <string.h>

#include "base/diag.h"

static int read_ignoring(const struct grebe_json *json, struct grebe_diag *diag,
                         struct grebe__named_child *child)
{
    return grebe_json_get_bool(json, "ignoreReresolutionRequests",
                               &child->ignores_reresolution, diag);
}

static const struct grebe__named_children_format format = {
    .policy = "config",
    .read_more = read_ignoring,
};

/* ---- The order -------------------------------------------------------------------------- */

static size_t place_of(const struct grebe__priority_config *config, size_t n,
                       const struct grebe__named_child *child)
{
    size_t i = 0;

    while (i < n && config->order[i] != child)
        i++;
    return i;
}

static int add_priority(struct grebe__priority_config *config, size_t i, const char *name,
                        struct grebe_diag *diag)
{
    const struct grebe__named_child *child;

    if (name == NULL) {
        grebe_diag_set(diag, ": expected the name of a child");
        return GREBE_ERR_CONFIG;
    }
    child = grebe__named_children_find(&config->children, name);
    if (child == NULL) {
        grebe__diag_quote(diag, name, strlen(name), ": is not among the children");
        return GREBE_ERR_CONFIG;
    }
    if (place_of(config, i, child) < i) {
        grebe__diag_quote(diag, name, strlen(name), ": is there twice");
        return GREBE_ERR_CONFIG;
    }
    config->order[i] = child;
    return GREBE_OK;
}

static int check_children(const struct grebe__priority_config *config, size_t n,
                          struct grebe_diag *diag)
{
    for (size_t i = 0; i < config->children.n; i++) {
        const struct grebe__named_child *child = &config->children.list[i];

        if (place_of(config, n, child) < n)
            continue;
        grebe__diag_quote(diag, child->name, strlen(child->name),
                          "children: one is not among the priorities");
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

/* No name can be there twice, so a list that is longer than the children ends in an error
 * before there is no room. */
static int read_order(struct grebe__priority_config *config,
                      const struct grebe_json *list, struct grebe_diag *diag)
{
    size_t n = grebe_json_length(list);

    config->order =
        grebe_mem_alloc(NULL, (config->children.n + 1) * sizeof(config->order[0]));
    if (config->order == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        int error =
            add_priority(config, i, grebe_json_string(grebe_json_element(list, i)), diag);

        if (error != GREBE_OK) {
            grebe_diag_prefix(diag, "priorities[%zu]", i);
            return error;
        }
    }
    return check_children(config, n, diag);
}

/* ---- All of it -------------------------------------------------------------------------- */

static int read(struct grebe__priority_config *config, const struct grebe_json *json,
                struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    int error =
        grebe__named_children_read(json, "children", &format, diag, &config->children);

    if (error == GREBE_OK)
        error = grebe_json_get_array(json, "priorities", &list, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_bool(json, "cacheRemovedChildren", &config->caches_removed,
                                    diag);
    return error == GREBE_OK ? read_order(config, list, diag) : error;
}

int grebe__priority_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out)
{
    struct grebe__priority_config *config;
    int error;

    config = grebe_mem_zalloc(NULL, sizeof *config);
    if (config == NULL)
        return GREBE_ERR_NOMEM;
    error = read(config, json, diag);
    if (error != GREBE_OK) {
        grebe__priority_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__priority_config_free(void *config)
{
    struct grebe__priority_config *last = config;

    grebe__named_children_free(&last->children);
    grebe_mem_free(NULL, last->order);
    grebe_mem_free(NULL, last);
}
