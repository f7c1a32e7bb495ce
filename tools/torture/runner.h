/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h -- many seeds, in several processes, and what was found. */
#ifndef TORTURE_RUNNER_H
#define TORTURE_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "attempt.h"

struct run_request {
    uint64_t first, last; /* seeds */
    uint32_t n_jobs;
    uint64_t seconds;      /* stop then; 0: do not */
    uint32_t max_failures; /* stop then */
    bool verifies;         /* play each seed twice and compare the traces */
    bool is_shrinking;     /* what was found */
};

struct run_result {
    uint64_t n_passed, n_failed;
};

/* Prints each failure.  SIGINT ends it early, with the result so far. */
struct run_result run_seeds(const struct run_request *request);

/* One seed, found wanting: what, how to see it again, and the least that shows it. */
void report_failure(const struct plan *plan, struct verdict *verdict, bool is_shrinking);

#endif
