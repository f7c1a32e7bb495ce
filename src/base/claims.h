/* SPDX-License-Identifier: Apache-2.0 */
/* base/claims.h -- places that threads claim, each for itself and for good: what is kept under a
 * place is written by its owner alone, and needs no atomic addition.
 *
 * A place belongs to a thread pointer, which no two threads have at a time.  That of a thread
 * which has ended goes to the next one that gets the same pointer, or to nobody.  Who is on
 * several threads, but on one at a time, may go by any address of his own instead.
 *
 * Threading   Any, but for init.
 */
#ifndef GREBE_BASE_CLAIMS_H
#define GREBE_BASE_CLAIMS_H

#include <stdint.h>

/* The owner of a place that is free. */
#define GREBE__CLAIMS_NOBODY UINTPTR_MAX

/* 0 where the compiler does not tell: such threads have no place. */
static inline uintptr_t grebe__thread_pointer(void)
{
#if (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv)) &&                 \
    __has_builtin(__builtin_thread_pointer)
    return (uintptr_t)__builtin_thread_pointer();
#else
    return 0;
#endif
}

void grebe__claims_init(uintptr_t *owners, unsigned n);

/* The place of `who`, from now on; n: he has none, and all are taken. */
unsigned grebe__claims_find(uintptr_t *owners, unsigned n, uintptr_t who);

#endif
