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
    char *header; /* whose values are hashed, lower case; NULL: calls bring their hash */
};

/* Reads the common members: requestHashHeader (gRFC A76).  *out is owned by the caller,
 * its sizes are 0. */
int grebe__hash_config_new(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__hash_config **out) GREBE_MUST_CHECK;
void grebe__hash_config_free(void *config); /* for a builder; NULL: no-op */

/* A whole number that is not negative, with the rules of grebe/json.h. */
int grebe__hash_config_size(const struct grebe_json *json, const char *name,
                            uint64_t *out, struct grebe_diag *diag) GREBE_MUST_CHECK;

#endif
