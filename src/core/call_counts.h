/* SPDX-License-Identifier: Apache-2.0 */
/* core/call_counts.h -- how many calls something carried, as channelz tells it. */
#ifndef GREBE_CORE_CALL_COUNTS_H
#define GREBE_CORE_CALL_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct grebe__call_counts {
    uint64_t n_started, n_succeeded, n_failed; /* those that run are in neither */
    uint64_t last_started_ns;                  /* valid if n_started */
};

static inline void grebe__call_counts_begin(struct grebe__call_counts *counts,
                                            uint64_t now_ns)
{
    counts->n_started++;
    counts->last_started_ns = now_ns;
}

static inline void grebe__call_counts_end(struct grebe__call_counts *counts,
                                          bool is_success)
{
    if (is_success)
        counts->n_succeeded++;
    else
        counts->n_failed++;
}

#endif
