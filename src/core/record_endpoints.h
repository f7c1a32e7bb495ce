/* SPDX-License-Identifier: Apache-2.0 */
/* core/record_endpoints.h -- endpoints as a recording has them: as a script of the lab would
 * write them (lab/endpoints.h), with all that is known of their addresses as well. */
#ifndef GREBE_CORE_RECORD_ENDPOINTS_H
#define GREBE_CORE_RECORD_ENDPOINTS_H

#include <grebe/balancer.h>

#include "base/json_line.h"

/* The members "endpoints", "facts" if the update as a whole has any, and "unrecorded" for
 * the names of attributes that only their makers can read. */
void grebe__record_endpoints(struct grebe__line *out,
                             const struct grebe_balancer_update *update);

/* A list of addresses. */
void grebe__record_address_list(struct grebe__line *out, const char *key,
                                struct grebe_address *const *addresses, size_t n);

#endif
