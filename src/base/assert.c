/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static void (*panic_hook)(const char *file, int line, const char *what);

void grebe__set_panic_hook(void (*hook)(const char *file, int line, const char *what))
{
    panic_hook = hook;
}

_Noreturn void grebe__panic(const char *file, int line, const char *condition)
{
    if (panic_hook != NULL)
        panic_hook(file, line, condition);
    fprintf(stderr, "grebe: %s:%d: contract broken: %s\n", file, line, condition);
    abort();
}
