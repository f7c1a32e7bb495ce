/* SPDX-License-Identifier: Apache-2.0 */
/* configs.h -- service configs as a plan draws them, and the text they stand for. */
#ifndef TORTURE_CONFIGS_H
#define TORTURE_CONFIGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

enum config_flaw {
    CONFIG_SOUND,
    CONFIG_ABSENT,         /* the resolver gives none */
    CONFIG_ERROR,          /* it says that it could not get one */
    CONFIG_MALFORMED,      /* no JSON */
    CONFIG_UNKNOWN_POLICY, /* that nobody registered */
    N_CONFIG_FLAWS
};

struct config_spec {
    uint8_t flaw;            /* enum config_flaw */
    uint8_t policy;          /* of policies[] (policies.h) */
    uint8_t max_connections; /* of a subconn; 0: not said */
    uint8_t wait_for_ready;  /* of calls that do not say: 0: not said, 1: no, 2: yes */
    bool checks_health;      /* of whoever listens to it */
    uint16_t timeout_ms;     /* of all calls; 0: none */
    uint16_t max_send_bytes; /* of their requests; 0: not said */
    uint32_t seed;           /* of the policy's own configuration, */
    uint64_t allowed;        /* in which policies[n] may be if bit n is set */
    uint32_t traits;         /* enum policy_trait: of all policies that are in it */
};

enum { CONFIG_BYTES = 4096 };

/* Whose health is checked. */
extern const char config_health_service[];

/* Mostly sound ones, with the policies that are `allowed`. */
struct config_spec config_draw(struct grebe__rng *rng, uint64_t allowed);
/* Nothing but a policy, with nothing to configure. */
struct config_spec config_plain(const char *policy);

/* JSON; NULL if there is none to give. */
const char *config_json(const struct config_spec *config, char buf[CONFIG_BYTES]);

/* For people. */
const char *config_text(const struct config_spec *config, char *buf, size_t size);

#endif
