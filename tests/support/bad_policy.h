/* SPDX-License-Identifier: Apache-2.0 */
/* support/bad_policy.h -- a policy that breaks its contract in the way that it is told to.
 *
 * Named "bad"; its configuration is {"does": DEED}.  It keeps one subconn to the first
 * address, connected, and a picker that always chooses it; the deed is done
 *
 *   in update()     keeps_subconn, keeps_client_conn, forgets_child, keeps_memory,
 *                   returns_nonsense
 *   in exit_idle()  gives_up_subconn, shuts_down, publishes_shutdown,
 *                   records_to_unknown
 *   on READY        watches_twice (and again in the health listener)
 *   in its pickers  picks_nothing, picks_stranger, fails_without_status,
 *                   answers_nonsense
 *   when a call of its ends, calls_late
 *
 * "bad_build" says that it made a balancer, and did not.
 */
#ifndef SUPPORT_BAD_POLICY_H
#define SUPPORT_BAD_POLICY_H

/* In main(), around all tests. */
void bad_policy_register(void);
void bad_policy_unregister(void);

#endif
