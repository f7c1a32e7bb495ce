/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.h -- many deadlines on one alarm: a binary heap.
 *
 * Deadlines are embedded in what they are for.  They fire in order, ties in any order.
 */
#ifndef TOOL_DEADLINE_H
#define TOOL_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "alarm.h"

struct deadline {
    uint64_t at_ns;
    size_t place; /* in the heap, from 1; 0: it does not run */
    void (*on_due)(struct deadline *deadline);
};

struct deadlines {
    struct alarm alarm;
    struct deadline **heap; /* heap[1] is the earliest; heap[0] is not used */
    size_t n, size;
};

int deadlines_init(struct deadlines *deadlines, uv_loop_t *loop);
/* No deadline runs any more.  `deadlines` is in use until on_closed. */
void deadlines_close(struct deadlines *deadlines, uv_close_cb on_closed);

/* (Re)starts; false, and it does not run, when out of memory. */
bool deadline_start(struct deadlines *deadlines, struct deadline *deadline,
                    uint64_t at_ns);

void deadline_cancel(struct deadlines *deadlines, struct deadline *deadline);

#endif
