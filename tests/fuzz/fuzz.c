/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/mem.h"

static struct test_mem counted;

void fuzz_check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    fuzz_check(text != NULL, "there is memory");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const struct grebe_mem *fuzz_mem(void)
{
    return counted.interface.alloc == NULL ? test_mem_init(&counted) : &counted.interface;
}

void fuzz_none_left(void)
{
    fuzz_check(counted.n_live == 0, "all memory is back");
}
