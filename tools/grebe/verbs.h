/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h -- what `grebe` can do; one file for each verb. */
#ifndef TOOL_VERBS_H
#define TOOL_VERBS_H

#include "options.h"

extern const struct verb backend_verb;
extern const struct verb bench_verb;
extern const struct verb call_verb;
extern const struct verb demo_verb;
extern const struct verb lab_verb;
extern const struct verb replay_verb;
extern const struct verb resolve_verb;

#endif
