/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t n_blocks;

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

static void *counted_realloc(void *ctx, void *block, size_t size)
{
    void *moved = realloc(block, size);

    (void)ctx;
    n_blocks += block == NULL && moved != NULL;
    return moved;
}

static void *counted_alloc(void *ctx, size_t size)
{
    return counted_realloc(ctx, NULL, size);
}

static void counted_free(void *ctx, void *block)
{
    (void)ctx;
    n_blocks -= block != NULL;
    free(block);
}

const struct grebe_mem fuzz_mem = {
    .alloc = counted_alloc,
    .realloc = counted_realloc,
    .free = counted_free,
};

void fuzz_none_left(void)
{
    fuzz_check(n_blocks == 0, "all memory is back");
}
