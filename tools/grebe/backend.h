/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h -- what the parts of `grebe backend` share.
 *
 *   backend.c      options
 *   backend_run.c  the process: servers, signals, the end
 *   server/        one server
 */
#ifndef TOOL_BACKEND_H
#define TOOL_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "output.h"

struct backend_args {
    struct operands operands;
    struct output_args output;
    struct text_list listen;
    uint64_t count;
    const char *name;
    const char *cert, *key, *client_ca;
    uint64_t delay_ns, jitter_ns;
    double fail_rate;
    const char *fail_code;
    uint64_t seed;
    uint64_t capacity, max_streams, max_age_ns;
    struct text_list health;
    uint64_t toggled; /* whom signals are for; 0: all */
    const char *orca; /* NULL: no load reports */
    uint64_t orca_interval_ns;
    uint64_t drain_timeout_ns;
    const char *congestion;
};

/* How many backends the options ask for. */
size_t backend_count(const struct backend_args *args);

/* Serves until it is told to end; gives the exit code. */
int backend_run(const struct backend_args *args);

#endif
