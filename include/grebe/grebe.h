/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/grebe.h -- everything an application needs.
 *
 * Conventions
 *   Names       grebe_<noun>_<verb>; structs and enums by tag, no typedefs but callbacks.
 *   Lifetime    new/destroy: one owner.  ref/unref: shared, and the count is atomic.
 *               destroy and unref take NULL.
 *   Ownership   `const char *` and buffers are borrowed for the call unless it says copied
 *               or referenced; results of getters are borrowed from their object.
 *   Options     A struct with a struct_size, filled by its _INIT macro or function: new
 *               members get their defaults in programs compiled before they existed.
 *               Of channels, calls and credentials one that is zeroed instead is refused
 *               with GREBE_ERR_INVALID.
 *   Results     int: GREBE_OK or a negative GREBE_ERR_* (grebe/error.h).  `out` comes last
 *               and is untouched on failure.
 *   NULL        Not allowed where nothing says that it is.
 *   Time        Nanoseconds, monotonic, in names that end in _ns.
 *   Callbacks   End in `void *arg`, run on the loop's thread, never inside the function
 *               that caused them.
 *
 * To write a policy include grebe/balancer.h, to write a resolver grebe/resolver.h, to put
 * either into a shared object grebe/plugin.h.
 */
#ifndef GREBE_GREBE_H
#define GREBE_GREBE_H

#include <grebe/call.h>
#include <grebe/channel.h>
#include <grebe/channelz.h>
#include <grebe/connectivity.h>
#include <grebe/credentials.h>
#include <grebe/error.h>
#include <grebe/log.h>
#include <grebe/loop.h>
#include <grebe/mem.h>
#include <grebe/memory_recorder.h>
#include <grebe/metadata.h>
#include <grebe/registry.h>
#include <grebe/status.h>
#include <grebe/version.h>

#endif
