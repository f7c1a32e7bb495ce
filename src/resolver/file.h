/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/file.h -- file:/path, file:///path and file:relative/path: endpoints that stand
 * in a file, and change with it.  resolver/endpoint_file.h has the format.
 *
 *   the file            before any good list     after one
 *   good                the endpoints            the endpoints
 *   wrong, or empty     an error                 an error; the last good list is kept
 *   missing             an error                 the same
 *
 * Whatever is wrong now, the next change is looked at again.
 */
#ifndef GREBE_RESOLVER_FILE_H
#define GREBE_RESOLVER_FILE_H

#include <grebe/resolver.h>

extern const struct grebe_resolver_builder grebe__file_resolver;

#endif
