/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_config.h -- what policies that hash calls are configured with.
 *
 * One struct for all of them: a policy reads the members it has on top of the common ones.
 */
#ifndef GREBE_BALANCER_HASH_CONFIG_H
#define GREBE_BALANCER_HASH_CONFIG_H

#include <stdint.h>

#include <grebe/balancer.h>

struct grebe__hash_config {
    uint64_t min_size; /* of the table that endpoints are laid out in; 0: there is none */
    uint64_t max_size;
    /* Slots that an endpoint has for a weight of 1, however large the table; 0: as many as
     * the sizes give it. */
    double entries_per_weight;
    uint32_t
        balance_factor; /* calls on one endpoint, in percent of the average; 0: any */
    char *header; /* whose values are hashed, lower case; NULL: calls bring their hash */
};

/* For a builder's parse_config(): reads requestHashHeader (gRFC A76), and has `read` (may
 * be NULL) do the rest. */
typedef int (*grebe__hash_config_fn)(const struct grebe_json *json,
                                     struct grebe_diag *diag,
                                     struct grebe__hash_config *config);
int grebe__hash_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                             grebe__hash_config_fn read, void **out) GREBE_MUST_CHECK;
void grebe__hash_config_free(void *config); /* for a builder; NULL: no-op */

/* Reads hashBalanceFactor, for policies that have it. */
int grebe__hash_config_bound(const struct grebe_json *json, struct grebe_diag *diag,
                             struct grebe__hash_config *config) GREBE_MUST_CHECK;

/* Numbers that are not negative, with the rules of grebe/json.h. */
int grebe__hash_config_size(const struct grebe_json *json, const char *name,
                            uint64_t *out, struct grebe_diag *diag) GREBE_MUST_CHECK;
int grebe__hash_config_number(const struct grebe_json *json, const char *name,
                              double *out, struct grebe_diag *diag) GREBE_MUST_CHECK;

#endif
