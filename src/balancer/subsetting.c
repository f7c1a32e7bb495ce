/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/subsetting.h"

#include "balancer/child_policy.h"
#include "balancer/narrated_picker.h"

/* ---- Configuration -------------------------------------------------------------------- */

/* The size is looked at first, whatever else is wrong (gRFC A68). */
static int read_config(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__subsetting_config *config)
{
    int error = grebe_json_get_uint32(json, "subsetSize", &config->subset_size, diag);

    if (error != GREBE_OK)
        return error;
    if (config->subset_size == 0) {
        grebe_diag_set(diag, "subsetSize: SubsetSize must be greater than 0");
        return GREBE_ERR_CONFIG;
    }
    return grebe__child_policy_read(json, diag, &config->child);
}

int grebe__subsetting_config_new(const struct grebe_json *json, struct grebe_diag *diag,
                                 struct grebe__subsetting_config **out)
{
    struct grebe__subsetting_config *config = grebe_mem_zalloc(NULL, sizeof *config);
    int error;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    error = read_config(json, diag, config);
    if (error != GREBE_OK) {
        grebe__subsetting_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__subsetting_config_free(void *config)
{
    struct grebe__subsetting_config *last = config;

    grebe_lb_config_unref(last->child);
    grebe_mem_free(NULL, last);
}

/* ---- The child ------------------------------------------------------------------------- */

struct subsetting {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe__subsetting *how;
    uint64_t seed;                   /* of this client, for as long as the policy lives */
    struct grebe_client_conn *child; /* whose balancer is a graceful switch */
    size_t n_seen, n_of;             /* endpoints: the child's, and all with an address */
};

static struct subsetting *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct subsetting, base);
}

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct subsetting *subsetting = arg;

    picker = grebe__narrated_picker(grebe_client_conn_mem(subsetting->cc), picker,
                                    subsetting->how->policy, subsetting->how->rule,
                                    "%zu of %zu endpoints", subsetting->n_seen,
                                    subsetting->n_of);
    grebe_client_conn_update_state(subsetting->cc, state, picker);
}

static const struct grebe_client_conn_ops child_ops = {.update_state = on_update_state};

/* ---- Updates --------------------------------------------------------------------------- */

/* Those that have an address, borrowed, with room for all. */
static struct grebe_endpoint **copy_usable(const struct grebe_mem *mem,
                                           const struct grebe_balancer_update *update,
                                           uint32_t *n)
{
    struct grebe_endpoint **endpoints =
        grebe_mem_alloc(mem, (update->n_endpoints + 1) * sizeof *endpoints);

    *n = 0;
    if (endpoints == NULL)
        return NULL;
    for (size_t i = 0; i < update->n_endpoints; i++)
        if (grebe_endpoint_n_addresses(update->endpoints[i]) > 0)
            endpoints[(*n)++] = update->endpoints[i];
    return endpoints;
}

static int tell_child(struct subsetting *subsetting,
                      const struct grebe_balancer_update *update,
                      const struct grebe__subsetting_config *config,
                      struct grebe_endpoint **endpoints, uint32_t n)
{
    struct grebe_balancer_update for_child = *update;
    uint32_t n_chosen = n;
    int result = GREBE_OK;

    if (n > config->subset_size)
        result = subsetting->how->choose(grebe_client_conn_mem(subsetting->cc), config,
                                         subsetting->seed, endpoints, n, &n_chosen);
    if (result != GREBE_OK)
        return result;
    subsetting->n_of = n;
    subsetting->n_seen = n_chosen;
    for_child.endpoints = endpoints;
    for_child.n_endpoints = n_chosen;
    for_child.config = config->child;
    return grebe_client_conn_update(subsetting->child, &for_child);
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct subsetting *subsetting = of(base);
    const struct grebe_mem *mem = grebe_client_conn_mem(subsetting->cc);
    struct grebe_endpoint **endpoints;
    uint32_t n;
    int result;

    if (update->config == NULL)
        return grebe__child_policy_missing(subsetting->cc, subsetting->how->policy);
    endpoints = copy_usable(mem, update, &n);
    if (endpoints == NULL)
        return GREBE_ERR_NOMEM;
    result = tell_child(subsetting, update, update->config, endpoints, n);
    grebe_mem_free(mem, endpoints);
    return result;
}

static void on_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(of(base)->child, status);
}

static void on_exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(of(base)->child);
}

/* ---- Life ------------------------------------------------------------------------------ */

static void destroy(struct grebe_balancer *base)
{
    struct subsetting *subsetting = of(base);

    grebe_client_conn_close(subsetting->child);
    grebe_mem_free(grebe_client_conn_mem(subsetting->cc), subsetting);
}

static const struct grebe_balancer_ops ops = {
    .update = on_update,
    .resolver_error = on_resolver_error,
    .exit_idle = on_exit_idle,
    .destroy = destroy,
};

int grebe__subsetting_build(struct grebe_client_conn *cc,
                            const struct grebe__subsetting *how,
                            struct grebe_balancer **out)
{
    struct subsetting *subsetting =
        grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *subsetting);
    int result;

    if (subsetting == NULL)
        return GREBE_ERR_NOMEM;
    *subsetting = (struct subsetting){.cc = cc, .how = how};
    grebe_balancer_init(&subsetting->base, &ops);
    subsetting->seed = grebe_client_conn_random(cc);
    result = grebe_client_conn_new_child(cc, &child_ops, subsetting, &subsetting->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(subsetting->child, &grebe_graceful_switch);
    if (result != GREBE_OK) {
        destroy(&subsetting->base);
        return result;
    }
    *out = &subsetting->base;
    return GREBE_OK;
}
