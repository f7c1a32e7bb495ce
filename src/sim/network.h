/* SPDX-License-Identifier: Apache-2.0 */
/* sim/network.h -- the ports that a sim's network and its files fill. */
#ifndef GREBE_SIM_NETWORK_H
#define GREBE_SIM_NETWORK_H

#include "sim/sim.h"

extern const struct grebe__connector_ops sim_connector_ops;
extern const struct grebe__dns_ops sim_dns_ops;
extern const struct grebe__files_ops sim_files_ops;

void sim_names_fini(struct sim *sim);

/* Frees servers and names; connections and lookups must be gone. */
void sim_network_fini(struct sim *sim);

/* Frees files; nobody may watch them any more. */
void sim_files_fini(struct sim *sim);

#endif
