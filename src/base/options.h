/* SPDX-License-Identifier: Apache-2.0 */
/* base/options.h -- reading the option structs of programs of another age.
 *
 * An option struct begins with the size it had when its program was compiled.  Members
 * that an older program does not know keep their defaults; those that a newer one added
 * are not looked at.
 */
#ifndef GREBE_BASE_OPTIONS_H
#define GREBE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* `to`, of `size` bytes, holds the defaults, and `from` what was asked for.  Afterwards
 * `to` is complete, its own size included. */
static inline void grebe__options_read(void *to, size_t size, const void *from)
{
    size_t known;

    memcpy(&known, from, sizeof known);
    memcpy(to, from, known < size ? known : size);
    memcpy(to, &size, sizeof size);
}

/* False for a struct that was zeroed instead of being filled by its _INIT macro or function:
 * reading it would ignore every member, a deadline for instance, without a word. */
static inline bool grebe__options_are_filled(const void *from)
{
    size_t known;

    memcpy(&known, from, sizeof known);
    return known > 0;
}

#endif
