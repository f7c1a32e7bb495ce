/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints.h -- backends as a resolver gives them: addresses, and what else it knows.
 *
 * What it knows are tags, bits of a number that a server has: a path of three names out of
 * "a" and "b", so that each level of policies that go by paths has a child for it; one of
 * three zones; a weight; what its hash is made of.
 */
#ifndef TORTURE_ENDPOINTS_H
#define TORTURE_ENDPOINTS_H

#include <stddef.h>
#include <stdint.h>

#include <grebe/endpoint.h>

#include "plan.h"

struct world;

/* Up to MAX_LISTED; the caller's references. */
size_t endpoints_make(const struct world *world, listing list,
                      struct grebe_endpoint *out[MAX_LISTED]);

/* For people. */
const char *tags_text(uint32_t tags, char *buf, size_t size);

#endif
