/* SPDX-License-Identifier: Apache-2.0 */
/* ring_hash -- calls with the same hash go to the same endpoint.
 *
 * balancer/hash_ring.h says to which one, balancer/hash_family.h does everything else.  Left
 * here: how large the ring is, by its own size or by that of a share, and whether it has
 * bounds on the load of an endpoint, which is all that bounded_load_ring_hash is.
 *
 * Sources: gRFC A42, A76; grpc-go package balancer/ringhash.
 */
#include "balancer/ring_hash.h"

#include <inttypes.h>

#include <grebe/ring_hash.h>

#include "balancer/hash_family.h"
#include "balancer/hash_ring.h"

enum {
    SIZE_MAX_EVER = 8388608,
    CAP_AT_FIRST = 4096,
    FACTOR_OF_BOUNDED = 150 /* percent of the average load */
};

static uint64_t cap = CAP_AT_FIRST; /* atomic */

void grebe_ring_hash_set_cap(uint64_t entries)
{
    if (entries < 1)
        entries = 1;
    if (entries > SIZE_MAX_EVER)
        entries = SIZE_MAX_EVER;
    __atomic_store_n(&cap, entries, __ATOMIC_RELAXED);
}

static uint64_t at_most_cap(uint64_t size)
{
    uint64_t most = __atomic_load_n(&cap, __ATOMIC_RELAXED);

    return size < most ? size : most;
}

/* ---- Configuration -------------------------------------------------------------------------- */

static int get_size(const struct grebe_json *json, const char *name,
                    uint64_t unless_given, struct grebe_diag *diag, uint64_t *out)
{
    int result;

    *out = 0;
    result = grebe__hash_config_size(json, name, out, diag);
    if (result != GREBE_OK)
        return result;
    if (*out > SIZE_MAX_EVER) {
        grebe_diag_set(diag, "%s: %" PRIu64 " is more than %d", name, *out,
                       SIZE_MAX_EVER);
        return GREBE_ERR_CONFIG;
    }
    if (*out == 0)
        *out = unless_given;
    return GREBE_OK;
}

/* Ours: grpc-go does not know it, and ignores it. */
static int get_entries(const struct grebe_json *json, struct grebe_diag *diag,
                       double *out)
{
    int result = grebe__hash_config_number(json, "entriesPerWeight", out, diag);

    if (result != GREBE_OK || *out <= SIZE_MAX_EVER)
        return result;
    grebe_diag_set(diag, "entriesPerWeight: %.10g is more than %d", *out, SIZE_MAX_EVER);
    return GREBE_ERR_CONFIG;
}

/* The cap comes last: what is wrong with a config does not depend on the process. */
static int read_config(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__hash_config *config)
{
    int result = get_size(json, "minRingSize", 1024, diag, &config->min_size);

    if (result == GREBE_OK)
        result = get_size(json, "maxRingSize", 4096, diag, &config->max_size);
    if (result != GREBE_OK)
        return result;
    if (config->min_size > config->max_size) {
        grebe_diag_set(diag,
                       "minRingSize: %" PRIu64 " is more than maxRingSize, %" PRIu64,
                       config->min_size, config->max_size);
        return GREBE_ERR_CONFIG;
    }
    result = get_entries(json, diag, &config->entries_per_weight);
    if (result != GREBE_OK)
        return result;
    config->min_size = at_most_cap(config->min_size);
    config->max_size = at_most_cap(config->max_size);
    return grebe__hash_config_bound(json, diag, config);
}

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    return grebe__hash_config_parse(json, diag, read_config, out);
}

/* ---- ring_hash ------------------------------------------------------------------------ */

static struct grebe__hash_config defaults(void)
{
    return (struct grebe__hash_config){.min_size = at_most_cap(1024),
                                       .max_size = at_most_cap(4096)};
}

const struct grebe__hash_policy grebe__ring_hash_policy = {
    .name = "ring_hash",
    .layout = &grebe__hash_ring,
    .defaults = defaults,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__hash_family_new(cc, &grebe__ring_hash_policy, out);
}

const struct grebe_balancer_builder grebe__ring_hash = {
    .api = GREBE_BALANCER_API,
    .name = "ring_hash",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};

const struct grebe_balancer_builder grebe__ring_hash_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "ring_hash_experimental",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};

/* ---- bounded_load_ring_hash ----------------------------------------------------------- */

static int read_bounded(const struct grebe_json *json, struct grebe_diag *diag,
                        struct grebe__hash_config *config)
{
    int result = read_config(json, diag, config);

    if (result == GREBE_OK && config->balance_factor == 0)
        config->balance_factor = FACTOR_OF_BOUNDED;
    return result;
}

static int parse_bounded(const struct grebe_json *json, struct grebe_diag *diag,
                         void **out)
{
    return grebe__hash_config_parse(json, diag, read_bounded, out);
}

static struct grebe__hash_config bounded_defaults(void)
{
    struct grebe__hash_config config = defaults();

    config.balance_factor = FACTOR_OF_BOUNDED;
    return config;
}

static const struct grebe__hash_policy bounded_policy = {
    .name = "bounded_load_ring_hash",
    .layout = &grebe__hash_ring,
    .defaults = bounded_defaults,
};

static int build_bounded(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    (void)options;
    return grebe__hash_family_new(cc, &bounded_policy, out);
}

const struct grebe_balancer_builder grebe__bounded_load_ring_hash = {
    .api = GREBE_BALANCER_API,
    .name = "bounded_load_ring_hash",
    .parse_config = parse_bounded,
    .free_config = grebe__hash_config_free,
    .build = build_bounded,
};
