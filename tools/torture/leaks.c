/* SPDX-License-Identifier: Apache-2.0 */
#include "leaks.h"

#include "sanitizer.h"

#ifdef HAS_ADDRESS_SANITIZER

#include <sanitizer/lsan_interface.h>

#include "trace.h"

void leaks_check(void)
{
    if (__lsan_do_recoverable_leak_check() != 0)
        fail("nothing is lost", "memory was that is not a channel's own");
}

#else

void leaks_check(void)
{
}

#endif
