/* SPDX-License-Identifier: Apache-2.0 */
/* lab/kit.h -- the conformance kit: does a policy keep the contract of grebe/balancer.h?
 *
 * A rule is one sentence of that contract, and a function that drives a fresh policy on the
 * bench until it is shown or broken.  All that happens to the policy is a line of a script:
 * whoever finds a rule broken has the lines that do it again under `grebe lab`.
 *
 * A bad policy may crash, or never return.  The kit cannot help that: run each rule in a
 * process of its own, with the script where that process leaves it.
 *
 * What every policy is given: endpoints 10.0.0.1:80 to 10.0.0.8:80 of weight 1 to 8, all of
 * one locality and with the path ["kit"] (gRFC A56's hierarchy), calls with a hash and with
 * metadata "kit".  A policy that needs a configuration gets the caller's, or the example of
 * lab/kit_examples.c.
 *
 * Like lab/session.h this header includes nothing but grebe/, for the tool.
 *
 * Threading   One thread, but for what in_threads() starts.
 */
#ifndef GREBE_LAB_KIT_H
#define GREBE_LAB_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>

struct kit_options {
    const char *policy; /* as registered */
    const char *config; /* JSON; NULL: that of the examples, else {} */
    /* A fresh policy begins: the lines so far are not part of what happens to it. */
    void (*on_start)(void *arg);
    /* Before it is done; without a newline. */
    void (*on_line)(void *arg, const char *line, size_t length);
    void *arg;
    /* Runs thread(arg, i) for each i below n on threads of their own, and main(arg) on this
     * one; returns when all have.  False: no threads were to be had.  NULL: rules about
     * threads do not apply. */
    bool (*in_threads)(unsigned n, void (*thread)(void *arg, unsigned i),
                       void (*main)(void *arg), void *arg);
    /* Bytes that malloc has given out, for configurations, which have no allocator.  NULL:
     * that they are freed is not looked at. */
    size_t (*heap_bytes)(void);
};

enum kit_verdict { KIT_HOLDS, KIT_BROKEN, KIT_NOT_APPLICABLE };

struct kit_result {
    enum kit_verdict verdict;
    char expected[256]; /* BROKEN; NOT_APPLICABLE: why */
    char seen[512];     /* BROKEN */
};

/* The rules, from 0. */
size_t kit_n_rules(void);
const char *kit_rule_id(size_t i);   /* "picks_ready_only" */
const char *kit_rule_text(size_t i); /* a sentence without its full stop */

/* The policy is there, and takes its configuration.  GREBE_ERR_CONFIG and `diag` if not;
 * GREBE_ERR_NOMEM. */
int kit_check(const struct kit_options *options,
              struct grebe_diag *diag) GREBE_MUST_CHECK;

/* GREBE_ERR_NOMEM: the kit's own memory was short, and there is no verdict. */
int kit_run(const struct kit_options *options, size_t rule,
            struct kit_result *out) GREBE_MUST_CHECK;

#endif
