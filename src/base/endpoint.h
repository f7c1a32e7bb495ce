/* SPDX-License-Identifier: Apache-2.0 */
/* base/endpoint.h -- addresses from the inside, and maps (base/map.h) whose keys are
 * addresses or endpoints.
 *
 * Identity is that of grebe/endpoint.h.  Keys are borrowed: whoever puts one in holds a
 * reference to it for as long as it is there.
 */
#ifndef GREBE_BASE_ENDPOINT_H
#define GREBE_BASE_ENDPOINT_H

#include <grebe/endpoint.h>

#include "base/map.h"

extern const struct grebe__map_ops grebe__by_address;  /* struct grebe_address * */
extern const struct grebe__map_ops grebe__by_endpoint; /* struct grebe_endpoint * */

/* A Unix socket, by GREBE_ATTRIBUTE_NETWORK or by its text. */
bool grebe__address_is_local(const struct grebe_address *address);

/* By GREBE_ATTRIBUTE_WEIGHT; at least 1. */
uint32_t grebe__endpoint_weight(const struct grebe_endpoint *endpoint);

#endif
