/* SPDX-License-Identifier: Apache-2.0 */
/* base/assert.h -- contracts that are checked in release builds too.
 *
 * GREBE_ASSERT is for O(1) conditions that only a programmer's mistake can make false,
 * never for what bytes, DNS, configuration or the caller's data can.  No side effects.
 */
#ifndef GREBE_BASE_ASSERT_H
#define GREBE_BASE_ASSERT_H

_Noreturn void grebe__panic(const char *file, int line, const char *condition);

/* Called instead of abort(); it must not return.  NULL: abort().  For tests. */
void grebe__set_panic_hook(void (*hook)(const char *file, int line, const char *what));

#define GREBE_ASSERT(condition)                                                          \
    (__builtin_expect(!(condition), 0) ? grebe__panic(__FILE__, __LINE__, #condition)    \
                                       : (void)0)

#define GREBE_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
