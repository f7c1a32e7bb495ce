/* SPDX-License-Identifier: Apache-2.0 */
/* lab/kit_rules.h -- the rules of the kit, one function each; the table of kit.c has their
 * sentences.
 *
 * A rule that finds nothing broken just returns.
 */
#ifndef GREBE_LAB_KIT_RULES_H
#define GREBE_LAB_KIT_RULES_H

#include "lab/kit_stage.h"

typedef void (*kit_rule_fn)(struct kit *kit);

/* ---- kit_states.c: what it publishes ------------------------------------------------- */

void kit__publishes(struct kit *kit);
void kit__empty_update(struct kit *kit);
void kit__early_resolver_error(struct kit *kit);
void kit__calls_wait(struct kit *kit);
void kit__connects(struct kit *kit);
void kit__ready(struct kit *kit);
void kit__ready_picker(struct kit *kit);
void kit__failure_says_why(struct kit *kit);
void kit__recovers(struct kit *kit);
void kit__late_resolver_error(struct kit *kit);
void kit__health(struct kit *kit);

/* ---- kit_endpoints.c: what it makes of updates ---------------------------------------- */

void kit__duplicates(struct kit *kit);
void kit__keeps_connections(struct kit *kit);
void kit__drops_removed(struct kit *kit);

/* ---- kit_config.c: how it reads its configuration ------------------------------------- */

void kit__unknown_members(struct kit *kit);
void kit__wrong_types(struct kit *kit);
void kit__configs_are_freed(struct kit *kit);

/* ---- kit_calls.c: picks, and what becomes of them ------------------------------------- */

void kit__picks_ready_only(struct kit *kit);
void kit__pick_allocates_nothing(struct kit *kit);
void kit__done_after_replacement(struct kit *kit);
void kit__done_after_destroy(struct kit *kit);
void kit__explains(struct kit *kit);

/* ---- kit_threads.c ---------------------------------------------------------------------- */

void kit__picks_on_threads(struct kit *kit);
void kit__done_on_threads(struct kit *kit);

/* ---- kit_memory.c: short of it, and the end ------------------------------------------- */

void kit__failed_update(struct kit *kit);
void kit__no_memory(struct kit *kit);
void kit__destroyed_anywhere(struct kit *kit);
void kit__deterministic(struct kit *kit);

#endif
