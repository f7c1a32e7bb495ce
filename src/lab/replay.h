/* SPDX-License-Identifier: Apache-2.0 */
/* lab/replay.h -- does a policy decide again as it did when it was recorded?
 *
 *   recorded inputs --> lab, driven --> policy --> requests, answers
 *                                                     |
 *   recorded requests and answers  ------ the same? --+
 *
 * The policy stands in a lab where nothing happens by itself.  Each recorded input is given
 * to it at its moment, after as many effects as had run then, with the numbers it drew then.
 * What it does is written down by the same code that wrote the recording, and compared line
 * by line.
 *
 * A pick that is decided otherwise is a difference, and the replay goes on.  When the policy
 * asks for something else than it did, or not, what follows has nothing to be compared with:
 * it is not followed from there on, nor after lines that were lost, until the recording has
 * the channel build its policy anew.
 *
 * This header includes nothing but grebe/, so that a tool may use it.
 *
 * Threading   One thread.
 */
#ifndef GREBE_LAB_REPLAY_H
#define GREBE_LAB_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>

struct lab_replay;

/* All borrowed for the call. */
struct lab_difference {
    uint32_t line;        /* of the recording, from 1 */
    bool is_pick;         /* decided otherwise; the replay goes on */
    const char *recorded; /* the line; "": the recording has nothing there */
    const char *now;      /* the line that it would be; "": nothing happens */
};

struct lab_replay_options {
    const struct grebe_mem *mem; /* NULL: malloc */
    void (*on_difference)(void *arg, const struct lab_difference *difference);
    void *arg;
};

struct lab_replay_result {
    const char *target; /* borrowed from the replay */
    const char *policy; /* the last one; "" before the first update */
    uint64_t span_ns;
    uint64_t n_lines;
    uint64_t n_picks, n_dones, n_other_inputs; /* that were given to the policy */
    uint64_t n_differences;
    uint64_t n_unfollowed; /* lines */
    uint64_t n_lost;       /* lines that the recording says it lost */
    bool has_end;          /* it was not cut off */
};

/* NULL: out of memory. */
struct lab_replay *lab_replay_new(const struct lab_replay_options *options);

/* The next line, without its newline.  GREBE_ERR_CONFIG: it is wrong, and `diag` says what;
 * GREBE_ERR_NOMEM. */
int lab_replay_line(struct lab_replay *replay, const char *text, size_t length,
                    struct grebe_diag *diag) GREBE_MUST_CHECK;

struct lab_replay_result lab_replay_result(const struct lab_replay *replay);

void lab_replay_destroy(struct lab_replay *replay); /* NULL: no-op */

#endif
