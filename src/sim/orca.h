/* SPDX-License-Identifier: Apache-2.0 */
/* sim/orca.h -- load reports as a backend writes them, and requests for them as it reads
 * them.
 *
 * Sources     gRFC A51; xds.data.orca.v3, xds.service.orca.v3.
 */
#ifndef GREBE_SIM_ORCA_H
#define GREBE_SIM_ORCA_H

#include <stddef.h>
#include <stdint.h>

#include <grebe/load_report.h>
#include <grebe/mem.h>

/* An OrcaLoadReport with all that `report` has, as it is: what the protocol says of ranges
 * is for clients.  *out is the caller's to free.  GREBE_ERR_NOMEM. */
int sim_orca_write(const struct grebe_mem *mem, const struct grebe_load_report *report,
                   unsigned char **out, size_t *length);

/* The interval that an OrcaLoadReportRequest asks for; 0 if it says none, or is no such
 * message. */
uint64_t sim_orca_interval_ns(const void *request, size_t length);

#endif
