/* SPDX-License-Identifier: Apache-2.0 */
/* base/attributes.h -- sets of attributes, for those who have to name all that is in one. */
#ifndef GREBE_BASE_ATTRIBUTES_H
#define GREBE_BASE_ATTRIBUTES_H

#include <grebe/attributes.h>

/* The key of the i-th member; NULL beyond the last. */
const struct grebe_attribute_key *
grebe__attributes_key_at(const struct grebe_attributes *attributes, size_t i);

/* named_attributes.c: under which a set keeps those that only have a name. */
extern const struct grebe_attribute_key grebe__attribute_named;

#endif
