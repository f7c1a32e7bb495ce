/* SPDX-License-Identifier: Apache-2.0 */
/* hostile/measure.h -- what an attack cost this process. */
#ifndef HOSTILE_MEASURE_H
#define HOSTILE_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#define MAX_GROWTH_KB (8 * 1024) /* of the process, by one attack */

/* The most there ever was. */
static inline long max_rss_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static inline uint64_t cpu_ms(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Sanitizers keep what was freed, and are slow, so neither figure says anything there. */
static inline bool measures(void)
{
    const char *sanitize = getenv("GREBE_SANITIZE");

    return sanitize == NULL || sanitize[0] == '\0';
}

#endif
