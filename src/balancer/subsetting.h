/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/subsetting.h -- a parent that lets its only child see some of the endpoints.
 *
 * Where many clients and many servers meet, not everyone has to know everyone.  The two
 * policies that stand on this one differ in how they choose: random_subsetting draws,
 * deterministic_subsetting deals.  State, picker and all else are the child's, which a
 * graceful switch replaces when its policy changes.
 *
 * Configuration  subsetSize, greater than 0, and childPolicy; others are a policy's own.
 */
#ifndef GREBE_BALANCER_SUBSETTING_H
#define GREBE_BALANCER_SUBSETTING_H

#include <grebe/balancer.h>
#include <grebe/parent.h>

struct grebe__subsetting_config {
    uint32_t subset_size;
    uint32_t client_index;         /* deterministic_subsetting's */
    struct grebe_lb_config *child; /* a reference */
};

struct grebe__subsetting {
    const char *policy, *rule; /* for those who ask why */
    /* Moves those of `n` endpoints, each with an address, to the front that the child shall
     * have, in the order in which it shall have them, and sets *n_chosen.  `seed` was drawn
     * when the policy was built.  n is larger than the subset.  GREBE_ERR_NOMEM. */
    int (*choose)(const struct grebe_mem *mem,
                  const struct grebe__subsetting_config *config, uint64_t seed,
                  struct grebe_endpoint **endpoints, uint32_t n, uint32_t *n_chosen);
};

/* For parse_config(): subsetSize and childPolicy.  *out is freed with _config_free(). */
int grebe__subsetting_config_new(const struct grebe_json *json, struct grebe_diag *diag,
                                 struct grebe__subsetting_config **out);
void grebe__subsetting_config_free(void *config);

/* For build(); `how` is static storage. */
int grebe__subsetting_build(struct grebe_client_conn *cc,
                            const struct grebe__subsetting *how,
                            struct grebe_balancer **out);

#endif
