/* SPDX-License-Identifier: Apache-2.0 */
/* sim/network.h -- the ports that a sim's network fills. */
#ifndef GREBE_SIM_NETWORK_H
#define GREBE_SIM_NETWORK_H

#include "sim/sim.h"

extern const struct grebe__connector_ops sim_connector_ops;
extern const struct grebe__dns_ops sim_dns_ops;

void sim_names_fini(struct sim *sim);

/* Frees servers and names; connections and lookups must be gone. */
void sim_network_fini(struct sim *sim);

#endif
