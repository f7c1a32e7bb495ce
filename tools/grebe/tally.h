/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h -- calls counted by backend.
 *
 * A load generator adds each call once, when it has ended, so adding is a few stores:
 * totals are summed up afterwards.  Backends that start to fail, recover, or get no calls
 * any more are told to the events.
 *
 * Threading   One thread at a time.
 */
#ifndef TOOL_TALLY_H
#define TOOL_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/status.h>

#include "events.h"
#include "histogram.h"
#include "overlap.h"

enum {
    TALLY_OTHER = GREBE_STATUS_UNAUTHENTICATED + 1, /* numbers that have no name */
    TALLY_CODES,
};

struct tally_backend {
    char address[128]; /* "" stands for calls that reached no backend */
    uint64_t n;
    uint64_t codes[TALLY_CODES];
    struct histogram latency;
    struct overlap overlap;
    uint64_t n_failures;       /* in a row */
    uint64_t failing_since_ns; /* valid if that is FAILING or more */
    uint64_t n_seen;           /* n at the last look for quiet ones */
    uint64_t quiet_since_ns;   /* 0: it gets calls */
};

struct tally {
    struct tally_backend **backends; /* as they became known */
    size_t n_backends;
    struct tally_slot *slots; /* peer pointer to backend; a power of two of them */
    size_t n_slots, n_used;
    uint64_t first_ns;     /* when the first call succeeded */
    struct events *events; /* borrowed; may be NULL */
};

/* One call.  `peer` is "" if there was none; picked_ns and done_ns are the library's. */
struct tally_call {
    const char *peer;
    const struct grebe_status *status;
    uint64_t latency_ns;
    uint64_t picked_ns, done_ns;
};

void tally_init(struct tally *tally, struct events *events);
void tally_fini(struct tally *tally);

/* A backend that ought to get calls, so that it is listed and weighed if it does not. */
bool tally_expect(struct tally *tally, const char *address);

/* False when out of memory: the call is not counted. */
bool tally_add(struct tally *tally, const struct tally_call *call);

/* Every half second or so: which backends have had no call since the last time, while
 * others had? */
void tally_look(struct tally *tally, uint64_t now_ns);

/* ---- Afterwards -------------------------------------------------------------------- */

/* All backends taken together, those that reached none included. */
struct tally_sum {
    uint64_t n, n_ok;
    uint64_t codes[TALLY_CODES];
    struct histogram latency;
    double max_over_mean; /* of calls by backend; 1 is even; 0 if there were none */
    double jain;          /* (sum x)^2 / (n sum x^2): 1 is even, 1/n is all on one */
};
void tally_sum(const struct tally *tally, struct tally_sum *out);

/* The backends sorted by address, *n of them, without the one that stands for none.  The
 * caller's to free; NULL when out of memory. */
struct tally_backend **tally_sorted(const struct tally *tally, size_t *n);

/* "UNAVAILABLE", or "OTHER". */
const char *tally_code_name(unsigned index);

#endif
