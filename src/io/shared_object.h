/* SPDX-License-Identifier: Apache-2.0 */
/* io/shared_object.h -- code that is loaded while the program runs.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_IO_SHARED_OBJECT_H
#define GREBE_IO_SHARED_OBJECT_H

#include <grebe/error.h>

/* Load `path`, for good, with everything it refers to, and find `symbol` in it; *out is
 * NULL if it has none.  GREBE_ERR_SYSTEM: it cannot be loaded, and `diag` says why. */
int grebe__shared_object_symbol(const char *path, const char *symbol, void **out,
                                struct grebe_diag *diag);

#endif
