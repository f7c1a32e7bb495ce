/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/attributes.h -- immutable facts on endpoints, addresses and updates.
 *
 * A set of (key, value) pairs.  A key is the address of a static descriptor, so two
 * modules never clash.  Adding makes a new set; a set never changes.  NULL is the empty
 * set, and only NULL is empty.
 *
 * Threading   Any thread; the reference count is atomic.
 * Sources     grpc-go package attributes.
 */
#ifndef GREBE_ATTRIBUTES_H
#define GREBE_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_attributes;

/* Describes the values kept under a key.  Static storage.  A missing `equal` compares the
 * pointers; a missing `ref` or `unref` means that nothing is counted, which suits numbers
 * cast to pointers and static objects. */
struct grebe_attribute_key {
    const char *name; /* for people only */
    bool (*equal)(const void *a, const void *b);
    void (*ref)(void *value);
    void (*unref)(void *value);
};

/* A set like `base` (borrowed, may be NULL) in which `key` has `value`; an earlier value
 * is replaced.  The set takes a reference to `value`.  *out is the caller's to unref. */
GREBE_API int grebe_attributes_with(const struct grebe_mem *mem,
                                    const struct grebe_attributes *base,
                                    const struct grebe_attribute_key *key, void *value,
                                    const struct grebe_attributes **out) GREBE_MUST_CHECK;

GREBE_API const struct grebe_attributes *
grebe_attributes_ref(const struct grebe_attributes *attributes); /* NULL: NULL */
GREBE_API void grebe_attributes_unref(const struct grebe_attributes *attributes);

/* The value under `key`, borrowed; NULL if there is none.  grebe_attributes_has tells a
 * NULL value from a missing one. */
GREBE_API void *grebe_attributes_get(const struct grebe_attributes *attributes,
                                     const struct grebe_attribute_key *key);
GREBE_API bool grebe_attributes_has(const struct grebe_attributes *attributes,
                                    const struct grebe_attribute_key *key);

/* Same keys with equal values; the order of insertion does not matter. */
GREBE_API bool grebe_attributes_equal(const struct grebe_attributes *a,
                                      const struct grebe_attributes *b);

GREBE_END_DECLS

#endif
