/* SPDX-License-Identifier: Apache-2.0 */
/* core/picker.h -- pickers that always give the same answer, seen from outside. */
#ifndef GREBE_CORE_PICKER_H
#define GREBE_CORE_PICKER_H

#include <stdbool.h>

#include <grebe/balancer.h>

/* Is `picker` one of those that the library makes to answer every call alike?  Then *out is
 * the kind of its answer. */
bool grebe__picker_is_constant(const struct grebe_picker *picker,
                               enum grebe_pick_kind *out);

#endif
