/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/locality.h -- where a backend is: region, zone, sub-zone.
 *
 * The value of GREBE_ATTRIBUTE_LOCALITY.  Immutable and counted; each part is text, ""
 * where it is not known.
 *
 * Threading   Any thread; the reference count is atomic.
 * Sources     xDS Locality; gRFC A27; gRFC A78 (the label).
 */
#ifndef GREBE_LOCALITY_H
#define GREBE_LOCALITY_H

#include <stdbool.h>

#include <grebe/attr.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_locality;

/* Copies the texts; NULL stands for "".  GREBE_ERR_NOMEM. */
GREBE_API int grebe_locality_new(const struct grebe_mem *mem, const char *region,
                                 const char *zone, const char *sub_zone,
                                 struct grebe_locality **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_locality *grebe_locality_ref(struct grebe_locality *locality);
GREBE_API void grebe_locality_unref(struct grebe_locality *locality); /* NULL: no-op */

/* Its parts, borrowed, never NULL. */
GREBE_API const char *grebe_locality_region(const struct grebe_locality *locality);
GREBE_API const char *grebe_locality_zone(const struct grebe_locality *locality);
GREBE_API const char *grebe_locality_sub_zone(const struct grebe_locality *locality);

/* {region="R", zone="Z", sub_zone="S"}: a name for logs and the label of metrics, quotes
 * and backslashes in it escaped.  Borrowed. */
GREBE_API const char *grebe_locality_label(const struct grebe_locality *locality);

/* The same three texts. */
GREBE_API bool grebe_locality_equal(const struct grebe_locality *a,
                                    const struct grebe_locality *b);

GREBE_END_DECLS

#endif
