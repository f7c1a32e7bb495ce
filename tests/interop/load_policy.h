/* SPDX-License-Identifier: Apache-2.0 */
/* interop/load_policy.h -- a policy for one backend that writes down what it reports.
 *
 * Reports become text, with values in a fixed order and names as they came:
 *
 *   cpu=0.25 mem=0.5 app=1.5 qps=100 eps=2 util.disk=0.75 named.queue=-3 cost.rows=7
 *
 * There is one notebook for all channels: a case uses one channel, on its own thread.
 */
#ifndef INTEROP_LOAD_POLICY_H
#define INTEROP_LOAD_POLICY_H

#include <stdint.h>

#define LOAD_POLICY "interop_load"

struct load_notes {
    int n_calls;           /* that ended */
    char last_call[256];   /* what came with the last one; "" if nothing did */
    int n_reports;         /* out of band */
    char last_report[256]; /* "" if there was none */
};

extern struct load_notes load_notes;

/* Registers the policy, and begins anew.  Whoever is READY is watched with this interval;
 * 0: nobody is. */
void load_policy_begin(uint64_t interval_ns);

/* Stops watching and begins again, as a second consumer of reports would. */
void load_policy_watch_again(void);

#endif
