/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/path.h -- which child of which child an endpoint is for.
 *
 * A tree of policies gets one flat list of endpoints.  Each endpoint says in
 * GREBE_ATTRIBUTE_PATH which way down it takes: ["primary", "eu-west"] goes to the child
 * "primary" of the policy on top, and from there to that one's child "eu-west".  A parent
 * groups its endpoints by the first name and hands each group down with the rest; an
 * endpoint whose path is empty is for none of its children.
 *
 * The rest of a path is a path of its own, shared and not copied.  Immutable and counted.
 * NULL is the empty path, and only NULL is empty.
 *
 * Threading   Any thread; the reference count is atomic.
 * Sources     grpc-go package hierarchy; gRFC A56.
 */
#ifndef GREBE_PATH_H
#define GREBE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/attr.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_path;

/* `n` names, the topmost first; copied.  *out is NULL if n is 0.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_path_new(const struct grebe_mem *mem, const char *const *names,
                             size_t n, struct grebe_path **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_path *grebe_path_ref(struct grebe_path *path); /* NULL: NULL */
GREBE_API void grebe_path_unref(struct grebe_path *path);             /* NULL: no-op */

/* The first name, and the path without it.  Borrowed; NULL for the empty path. */
GREBE_API const char *grebe_path_first(const struct grebe_path *path);
GREBE_API struct grebe_path *grebe_path_rest(const struct grebe_path *path);

/* The same names in the same order. */
GREBE_API bool grebe_path_equal(const struct grebe_path *a, const struct grebe_path *b);

GREBE_END_DECLS

#endif
