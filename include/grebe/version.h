/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/version.h -- which grebe this is. */
#ifndef GREBE_VERSION_H
#define GREBE_VERSION_H

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

/* Of the headers a program was compiled with. */
#define GREBE_VERSION_MAJOR 0
#define GREBE_VERSION_MINOR 1
#define GREBE_VERSION_PATCH 0
#define GREBE_VERSION       "0.1.0"

/* Of the library it runs with.  Threading: any. */
GREBE_API const char *grebe_version(void);

GREBE_END_DECLS

#endif
