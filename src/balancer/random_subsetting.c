/* SPDX-License-Identifier: Apache-2.0 */
/* random_subsetting -- each client balances over a few backends of its own, chosen by a hash.
 *
 * The first address of each endpoint is hashed under a seed that the client has drawn for
 * itself; the endpoints with the smallest hashes are its subset.  So the choice is stable:
 * one endpoint that comes or goes changes at most one of the subset.
 *
 * Hashed is the address as text, as the proposal has it; grpc-go hashes its debug format,
 * in which attributes stand too.
 *
 * Source: gRFC A68.
 */
#include "balancer/random_subsetting.h"

#include <string.h>

#include "balancer/subsetting.h"
#include "base/hash.h"
#include "base/race.h"

/* A race in which all have the same weight puts the smallest hash first. */
static int choose(const struct grebe_mem *mem,
                  const struct grebe__subsetting_config *config, uint64_t seed,
                  struct grebe_endpoint **endpoints, uint32_t n, uint32_t *n_chosen)
{
    struct grebe__runner *runners = grebe_mem_alloc(mem, n * sizeof *runners);
    struct grebe_endpoint **all = grebe_mem_alloc(mem, n * sizeof *all);

    if (runners == NULL || all == NULL) {
        grebe_mem_free(mem, runners);
        grebe_mem_free(mem, all);
        return GREBE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        const char *text = grebe_address_text(grebe_endpoint_address(endpoints[i], 0));

        all[i] = endpoints[i];
        runners[i] = (struct grebe__runner){
            .neg_log2 = grebe__hash64(text, strlen(text), seed),
            .weight = 1,
            .index = i,
        };
    }
    grebe__race_run(runners, n);
    for (uint32_t i = 0; i < config->subset_size; i++)
        endpoints[i] = all[runners[i].index];
    *n_chosen = config->subset_size;
    grebe_mem_free(mem, runners);
    grebe_mem_free(mem, all);
    return GREBE_OK;
}

static const struct grebe__subsetting how = {
    .policy = "random_subsetting",
    .rule = "some of the endpoints, chosen by a hash, by the child policy",
    .choose = choose,
};

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    struct grebe__subsetting_config *config;
    int error = grebe__subsetting_config_new(json, diag, &config);

    if (error == GREBE_OK)
        *out = config;
    return error;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__subsetting_build(cc, &how, out);
}

const struct grebe_balancer_builder grebe__random_subsetting = {
    .api = GREBE_BALANCER_API,
    .name = "random_subsetting",
    .parse_config = parse,
    .free_config = grebe__subsetting_config_free,
    .build = build,
};

/* As grpc-go and the proposal have it. */
const struct grebe_balancer_builder grebe__random_subsetting_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "random_subsetting_experimental",
    .parse_config = parse,
    .free_config = grebe__subsetting_config_free,
    .build = build,
};
