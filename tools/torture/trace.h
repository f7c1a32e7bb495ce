/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h -- what happens in a run, line by line, and how a run fails.
 *
 * Every line goes into a hash, so that two runs of one seed can be compared, and the last
 * of them are kept for the one who has to find out what went wrong.  A process plays one
 * run at a time; a run that fails ends its process.
 */
#ifndef TORTURE_TRACE_H
#define TORTURE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/attr.h>

#include "core/env.h"

enum {
    EXIT_FOUND = 3, /* of a process whose run failed */
};

/* Lines from now on carry the time of `env`, counted from its present. */
void trace_start(const struct grebe__env *env);
/* Show lines on stdout as well. */
void trace_show(bool is_shown);
uint64_t trace_hash(void);

void trace(const char *format, ...) GREBE_PRINTF(1, 2);

/* The run has shown something that must not be.  `rule` names what was broken, in the
 * same words each time. */
_Noreturn void fail(const char *rule, const char *format, ...) GREBE_PRINTF(2, 3);

#endif
