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

/* ---- Text ------------------------------------------------------------------------- */

/* For keys whose values are text that is made at run time:
 *
 *   static const struct grebe_attribute_key rack = {
 *       "rack", grebe_attribute_text_equal, grebe_attribute_text_ref,
 *       grebe_attribute_text_unref};
 *
 * The value is then a `const char *`, counted, and compared by its bytes. */
GREBE_API bool grebe_attribute_text_equal(const void *a, const void *b);
GREBE_API void grebe_attribute_text_ref(void *text);
GREBE_API void grebe_attribute_text_unref(void *text);

/* As grebe_attributes_with(), for such a key; `text` is copied.  NULL and "" leave the key
 * out of the new set: *out is NULL if nothing else is in it. */
GREBE_API int grebe_attributes_with_text(
    const struct grebe_mem *mem, const struct grebe_attributes *base,
    const struct grebe_attribute_key *key, const char *text,
    const struct grebe_attributes **out) GREBE_MUST_CHECK;

/* ---- Named ------------------------------------------------------------------------ */

/* For facts whose names are only known at run time, as a file of endpoints has them:
 * {"version": "v2"}.  Name and value are text.  They stay apart from all keys, and in
 * grebe_attributes_equal() they count. */

/* A set like `base` (may be NULL) in which `name` has `value`; both copied, an earlier
 * value is replaced.  *out is the caller's to unref.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_attributes_with_named(
    const struct grebe_mem *mem, const struct grebe_attributes *base, const char *name,
    const char *value, const struct grebe_attributes **out) GREBE_MUST_CHECK;

/* The value of that name, borrowed; NULL if there is none. */
GREBE_API const char *grebe_attributes_named(const struct grebe_attributes *attributes,
                                             const char *name);

/* How many there are, and each, 0 <= i < n, in the order of their names' bytes. */
GREBE_API size_t grebe_attributes_n_named(const struct grebe_attributes *attributes);
GREBE_API const char *grebe_attributes_named_at(const struct grebe_attributes *attributes,
                                                size_t i, const char **name);

GREBE_END_DECLS

#endif
