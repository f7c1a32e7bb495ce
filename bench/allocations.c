/* SPDX-License-Identifier: Apache-2.0 */
/* bench/allocations.c -- preloaded into a client under measurement: counts what it
 * allocates and writes the number to the file named by BENCH_ALLOCATIONS when it ends.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_ullong n_allocations;

/* glibc's own names: dlsym() would allocate before we could answer. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

static void count(void)
{
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *ptr, size_t size)
{
    count();
    return __libc_realloc(ptr, size);
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("BENCH_ALLOCATIONS");
    FILE *file = path == NULL ? NULL : fopen(path, "w");

    if (file == NULL)
        return;
    fprintf(file, "%llu\n", atomic_load(&n_allocations));
    fclose(file);
}
