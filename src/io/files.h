/* SPDX-License-Identifier: Apache-2.0 */
/* io/files.h -- the port of a loop that reads files. */
#ifndef GREBE_IO_FILES_H
#define GREBE_IO_FILES_H

#include "core/env.h"

extern const struct grebe__files_ops grebe__files_port;

#endif
