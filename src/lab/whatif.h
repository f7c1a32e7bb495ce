/* SPDX-License-Identifier: Apache-2.0 */
/* lab/whatif.h -- what would another policy have done?
 *
 *   recording --> what is known of each backend ----+
 *      |            (latencies, codes, connections) |
 *      +--updates, arrivals of calls--> lab --------+--> another policy --> calls
 *
 * The other policy gets the recorded updates and the recorded calls at their moments, on a
 * clock that moves by itself.  What the network then does is not in the recording, because
 * other calls went elsewhere; it is taken from what is known of each backend.
 *
 *   A call takes as long as, and ends like, the one that was recorded nearest in time on the
 *     same backend.  It may be taken more than once.
 *   A connection takes as long as the recorded attempt nearest in time on the same address,
 *     and fails if that did; it is lost when a recorded one was; backoffs are as recorded.
 *   Health and load reports out of band come when they came.
 *   Of a backend without any record of the kind, the nearest record of all backends is taken.
 *   A call that waits asks again with each new picker; it fails at its deadline.  What was
 *     retried is not: attempts after the first were the recorded policy's doing.
 *
 * What this cannot know: that a backend is slower the more calls it gets.
 *
 * This header includes nothing but grebe/, so that a tool may use it.
 *
 * Threading   One thread, but for lab_whatif_stop().
 */
#ifndef GREBE_LAB_WHATIF_H
#define GREBE_LAB_WHATIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>

struct lab_whatif;

/* How a call went. */
struct lab_whatif_end {
    const char *address; /* "": to no backend */
    int code;            /* -1: it was under way when the recording ended */
    uint64_t latency_ns; /* of its attempt; without one, the time that it waited */
};

struct lab_whatif_call {
    uint64_t number; /* in the recording */
    uint64_t at_ns;  /* when it first asked */
    struct lab_whatif_end recorded, now;
};

struct lab_whatif_options {
    const struct grebe_mem *mem; /* NULL: malloc */
    /* Each call, when it has ended; borrowed. */
    void (*on_call)(void *arg, const struct lab_whatif_call *call);
    /* An address that was in an update; each once. */
    void (*on_backend)(void *arg, const char *address);
    void *arg;
};

struct lab_whatif_result {
    const char *target, *recorded_policy, *policy; /* borrowed */
    uint64_t span_ns;
    uint64_t n_calls;
    uint64_t n_retries;          /* recorded attempts that were left out */
    uint64_t n_assumed_calls;    /* ends taken from other backends */
    uint64_t n_assumed_connects; /* connections likewise */
    uint64_t n_lost;             /* lines that the recording says it lost */
    bool has_end;                /* it was not cut off */
};

/* NULL: out of memory. */
struct lab_whatif *lab_whatif_new(const struct lab_whatif_options *options);

/* The next line of the recording, without its newline.  GREBE_ERR_CONFIG: it is wrong, and
 * `diag` says what; GREBE_ERR_NOMEM. */
int lab_whatif_line(struct lab_whatif *whatif, const char *text, size_t length,
                    struct grebe_diag *diag) GREBE_MUST_CHECK;

/* After the last line, once: run it with this policy, "round_robin", or a
 * loadBalancingConfig as JSON, "[{\"round_robin\": {}}]" or one entry of it.
 * GREBE_ERR_CONFIG with `diag`, GREBE_ERR_NOMEM. */
int lab_whatif_run(struct lab_whatif *whatif, const char *policy,
                   struct grebe_diag *diag) GREBE_MUST_CHECK;

struct lab_whatif_result lab_whatif_result(const struct lab_whatif *whatif);

/* lab_whatif_run() ends early.  For signal handlers. */
void lab_whatif_stop(struct lab_whatif *whatif);

void lab_whatif_destroy(struct lab_whatif *whatif); /* NULL: no-op */

#endif
