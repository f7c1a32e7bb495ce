/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/standing_picker.h -- a picker that stands for as long as the READY children it was made
 * of do.
 *
 * A child that is lost reports IDLE, CONNECTING and TRANSIENT_FAILURE, and the last one again
 * with each attempt that fails.  Only the first takes it out of the picker.  All others leave the
 * picker what it was, and its turns where they were: to make it anew would cost O(n) each, and
 * every order of turns would begin again.
 *
 * What a picker is made of is known by the pickers of the children.  It holds references to
 * them, so that no other one can have their addresses.
 *
 * Threading   The loop's.
 */
#ifndef GREBE_BALANCER_STANDING_PICKER_H
#define GREBE_BALANCER_STANDING_PICKER_H

#include <stdbool.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

/* Zeroed: none. */
struct grebe__standing_picker {
    struct grebe_picker *picker;    /* a reference; NULL: none */
    struct grebe_picker **children; /* n, in order; the picker owns them */
    uint32_t n;
};

/* Is there one, and are those of `n` children that are READY the ones it was made of? */
bool grebe__standing_picker_is_of(const struct grebe__standing_picker *standing,
                                  const struct grebe_sharding_child *children, size_t n);

/* Takes a reference to `picker`, which holds references to the pickers of all children that
 * are READY.  Without memory none stands. */
void grebe__standing_picker_put(struct grebe__standing_picker *standing,
                                const struct grebe_mem *mem, struct grebe_picker *picker,
                                const struct grebe_sharding_child *children, size_t n);

/* None stands any more. */
void grebe__standing_picker_drop(struct grebe__standing_picker *standing,
                                 const struct grebe_mem *mem);

#endif
