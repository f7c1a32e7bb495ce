/* SPDX-License-Identifier: Apache-2.0 */
/* demo.h -- what the parts of `grebe demo` share.
 *
 *   demo.c           the course: for each policy the same load and the same accident
 *   demo_backends.c  the backends
 *   demo_report.c    what is shown
 */
#ifndef TOOL_DEMO_H
#define TOOL_DEMO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench.h"
#include "output.h"
#include "term.h"

enum {
    DEMO_BACKENDS = 5,
    DEMO_SLOW_INDEX = 3,
    DEMO_KILLED_INDEX = 0, /* the one that pick_first likes best */
    DEMO_SLICES = 20,      /* of the time a policy is shown for */
    DEMO_POLICIES = 8,     /* at most */
};

enum demo_role { DEMO_STEADY, DEMO_SLOW, DEMO_KILLED };

struct demo_backend {
    const char *name; /* "b1" */
    enum demo_role role;
    char address[64];
};

/* What one policy made of it. */
struct demo_run {
    const char *policy;
    struct tally_sum sum;
    struct tally_backend shares[DEMO_BACKENDS];  /* in the order of the backends */
    uint32_t slices[DEMO_BACKENDS][DEMO_SLICES]; /* calls that ended well, by time */
    uint64_t n_lost;   /* calls that were on the killed backend */
    uint64_t n_errors; /* other failed calls: what a policy should not let happen */
};

struct demo {
    const struct demo_args *args;
    struct demo_backends *servers;
    struct demo_backend backends[DEMO_BACKENDS];
    char target[512];
    uint64_t run_ns, kill_ns, revive_ns; /* of one policy */
    double rate;
    uint64_t delay_ns, slow_delay_ns;
    struct demo_run *current; /* for the observer of calls */
    uint64_t current_began_ns;
    struct demo_run *runs;
    size_t n_runs;
};

void demo_print_title(const struct demo *demo, const struct term *term);
void demo_print_run(const struct demo *demo, const struct demo_run *run,
                    const struct term *term);
void demo_print_verdict(const struct demo *demo, const struct term *term);
json_t *demo_json(const struct demo *demo);

#endif
