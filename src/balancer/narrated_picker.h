/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/narrated_picker.h -- a child's picker, and a word on it for those who ask.
 *
 * Parents that hand on one child's picker as it is have no say in a pick, yet a call that
 * asks why it went where it went wants to know of them.  Calls that do not ask pay one
 * comparison.
 */
#ifndef GREBE_BALANCER_NARRATED_PICKER_H
#define GREBE_BALANCER_NARRATED_PICKER_H

#include <grebe/balancer.h>

/* Picks as `child` does, to which it takes over the reference, and explains itself as
 * `policy` and `rule` (static storage) with the text as a note.  Never NULL: one that only
 * queues has nothing to explain, and out of memory the child goes without a word; either is
 * returned as it is. */
struct grebe_picker *grebe__narrated_picker(const struct grebe_mem *mem,
                                            struct grebe_picker *child,
                                            const char *policy, const char *rule,
                                            const char *format, ...) GREBE_PRINTF(5, 6);

#endif
