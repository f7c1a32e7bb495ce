/* SPDX-License-Identifier: Apache-2.0 */
/* base/apart.h -- functions that are not drawn into the one that calls them.
 *
 * For the long way beside a short one that nearly always does: a function with both in it
 * sets out for the long one each time, with registers saved and room on the stack.
 */
#ifndef GREBE_BASE_APART_H
#define GREBE_BASE_APART_H

#define GREBE__APART __attribute__((noinline))

#endif
