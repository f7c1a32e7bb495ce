/* SPDX-License-Identifier: Apache-2.0 */
/* base/options.h -- reading the option structs of programs of another age.
 *
 * An option struct begins with the size it had when its program was compiled.  Members
 * that an older program does not know keep their defaults; those that a newer one added
 * are not looked at.
 */
#ifndef GREBE_BASE_OPTIONS_H
#define GREBE_BASE_OPTIONS_H

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

#endif
