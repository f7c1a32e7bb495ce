/* SPDX-License-Identifier: Apache-2.0 */
/* deterministic_subsetting -- backends are dealt to clients as cards are, round by round.
 *
 *   n endpoints, subsets of k:  n / k clients make a round
 *   in each round the deck, sorted at first, is shuffled by the round's number
 *   client i is in round i / (n / k), and has the cards from (i mod (n / k)) * k on
 *
 * So within a round no backend is dealt twice, and n mod k are left over, others in each
 * round.  It takes clients that are numbered without gaps; and when the number of backends
 * changes, everything is dealt anew.
 *
 * Source: Beyer et al., "Site Reliability Engineering", chapter 20.
 */
#include "balancer/deterministic_subsetting.h"

#include <string.h>

#include "balancer/subsetting.h"
#include "base/rng.h"
#include "base/sort.h"

/* ---- The deck -------------------------------------------------------------------------- */

/* What an endpoint is called, in whatever order a resolver gives its addresses. */
static const char *name_of(const struct grebe_endpoint *endpoint)
{
    const char *first = grebe_address_text(grebe_endpoint_address(endpoint, 0));

    for (size_t i = 1; i < grebe_endpoint_n_addresses(endpoint); i++) {
        const char *text = grebe_address_text(grebe_endpoint_address(endpoint, i));

        if (strcmp(text, first) < 0)
            first = text;
    }
    return first;
}

static bool is_after(const void *a, const void *b)
{
    struct grebe_endpoint *const *first = a, *const *second = b;

    return strcmp(name_of(*first), name_of(*second)) > 0;
}

static void shuffle(struct grebe_endpoint **endpoints, uint32_t n, uint32_t round)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, round);
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(grebe__rng_next(&rng) % (i + 1));
        struct grebe_endpoint *other = endpoints[j];

        endpoints[j] = endpoints[i];
        endpoints[i] = other;
    }
}

static int choose(const struct grebe_mem *mem,
                  const struct grebe__subsetting_config *config, uint64_t seed,
                  struct grebe_endpoint **endpoints, uint32_t n, uint32_t *n_chosen)
{
    uint32_t size = config->subset_size, n_subsets = n / size;
    uint32_t round = config->client_index / n_subsets;
    uint32_t subset = config->client_index % n_subsets;
    struct grebe_endpoint **spare = grebe_mem_alloc(mem, (n + 1) / 2 * sizeof *spare);

    (void)seed;
    if (spare == NULL)
        return GREBE_ERR_NOMEM;
    grebe__sort(endpoints, spare, n, sizeof *endpoints, is_after);
    grebe_mem_free(mem, spare);
    shuffle(endpoints, n, round);
    memmove(endpoints, endpoints + (size_t)subset * size,
            size * sizeof(struct grebe_endpoint *));
    *n_chosen = size;
    return GREBE_OK;
}

/* ---- The policy ------------------------------------------------------------------------ */

static const struct grebe__subsetting how = {
    .policy = "deterministic_subsetting",
    .rule = "the endpoints dealt to this client, by the child policy",
    .choose = choose,
};

/* Without a number every client would be client 0, and all would meet at its backends. */
static int read_client_index(const struct grebe_json *json, struct grebe_diag *diag,
                             uint32_t *out)
{
    if (grebe_json_member(json, "clientIndex") == NULL) {
        grebe_diag_set(diag, "clientIndex: ClientIndex must be specified");
        return GREBE_ERR_CONFIG;
    }
    return grebe_json_get_uint32(json, "clientIndex", out, diag);
}

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    struct grebe__subsetting_config *config;
    int error = grebe__subsetting_config_new(json, diag, &config);

    if (error != GREBE_OK)
        return error;
    error = read_client_index(json, diag, &config->client_index);
    if (error != GREBE_OK) {
        grebe__subsetting_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__subsetting_build(cc, &how, out);
}

const struct grebe_balancer_builder grebe__deterministic_subsetting = {
    .api = GREBE_BALANCER_API,
    .name = "deterministic_subsetting",
    .parse_config = parse,
    .free_config = grebe__subsetting_config_free,
    .build = build,
};
