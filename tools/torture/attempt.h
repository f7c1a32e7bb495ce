/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h -- runs in processes of their own, so that whatever happens to one can be told.
 */
#ifndef TORTURE_ATTEMPT_H
#define TORTURE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

enum { RULE_BYTES = 160 };

/* How a process that played runs has ended, if not well. */
struct verdict {
    bool has_failed;
    char rule[RULE_BYTES]; /* what was broken: the same words for the same thing */
    char *text;            /* all that it had to say; owned, NULL if it has not failed */
};

/* Of `pid`, a child that begin_child() began. */
struct verdict verdict_of_child(pid_t pid, int said);
void verdict_free(struct verdict *verdict);

/* In a child, first of all: what it has to say goes to `said`, and a run that does not end
 * ends it. */
void begin_child(int said);
/* In a child, before each run. */
void begin_run(void);

/* A file for what a child has to say. */
int new_said(void);

/* Play the plan, or those of its events that `is_kept` has, in a child. */
struct verdict attempt(const struct plan *plan, const bool *is_kept);

#endif
