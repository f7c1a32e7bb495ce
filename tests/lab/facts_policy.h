/* SPDX-License-Identifier: Apache-2.0 */
/* facts_policy.h -- a policy that tells, in its log, all that it is told.
 *
 * Named "facts": endpoints with their attributes, what calls come with, how they end; and
 * it records a few figures of its own, and watches the load.  exit_idle() ends one of its two
 * watches.  It chooses one subconn, to the first address.
 */
#ifndef LAB_FACTS_POLICY_H
#define LAB_FACTS_POLICY_H

/* 0: registered. */
int register_facts(void);

#endif
